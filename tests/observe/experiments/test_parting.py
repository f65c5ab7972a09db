"""How a connection ends."""

from __future__ import annotations

import socket

import pytest
from layout import texts

from trio_echo import pictures
from trio_echo.observe.experiments.parting import Parting, Side, Step

OTHER: dict[Side, Side] = {"client": "server", "server": "client"}


def states(step: Step, side: Side) -> tuple[str, str]:
    """Return the states of one side and of the other."""
    pair = step.client, step.server
    return pair if side == "client" else pair[::-1]


@pytest.mark.parametrize("first", OTHER)
def test_the_end_that_closes_first_waits(first: Side) -> None:
    with Parting() as parting:
        parting.do(first, "close")
        parting.do(OTHER[first], "recv", 100)
        parting.do(OTHER[first], "close")
    assert [states(step, first) for step in parting.steps] == [
        ("FIN_WAIT2", "CLOSE_WAIT"),
        ("FIN_WAIT2", "CLOSE_WAIT"),
        ("TIME_WAIT", "CLOSE"),
    ]
    assert parting.steps[1].call == "recv(100)"
    assert parting.steps[1].outcome == "returned b''"
    assert texts(pictures.parting(parting.steps)).count("FIN") == 2
    assert "RST" not in texts(pictures.parting(parting.steps))


@pytest.mark.parametrize("first", OTHER)
def test_a_half_close_leaves_the_other_direction_open(first: Side) -> None:
    with Parting() as parting:
        parting.do(first, "shutdown", socket.SHUT_WR, shown="shutdown(SHUT_WR)")
        parting.do(OTHER[first], "send", b"bye")
        parting.do(OTHER[first], "close")
        parting.do(first, "recv", 100)
        parting.do(first, "close")
    assert parting.steps[3].outcome == "returned b'bye'"
    assert states(parting.steps[-1], first) == ("TIME_WAIT", "CLOSE")
    shown = texts(pictures.parting(parting.steps))
    assert shown.count("FIN") == 2
    assert shown.count("data") == 1
    assert "shutdown(SHUT_WR)" in shown


@pytest.mark.parametrize("first", OTHER)
def test_a_reset_leaves_nothing(first: Side) -> None:
    with Parting() as parting:
        parting.abort(first)
        parting.do(OTHER[first], "recv", 100)
    assert states(parting.steps[0], first) == ("CLOSE", "CLOSE")
    assert parting.steps[1].outcome == "raised ConnectionResetError"
    assert texts(pictures.parting(parting.steps)).count("RST") == 1


def test_closing_with_unread_data_is_a_reset() -> None:
    with Parting() as parting:
        parting.do("client", "send", b"hello")
        parting.do("server", "close")
    assert (parting.steps[1].client, parting.steps[1].server) == ("CLOSE", "CLOSE")
    assert texts(pictures.parting(parting.steps)).count("RST") == 1


def test_data_for_a_peer_that_has_closed_is_answered_with_a_reset() -> None:
    with Parting() as parting:
        parting.do("client", "close")
        parting.do("server", "send", b"bye")
    shown = texts(pictures.parting(parting.steps))
    assert [shown.count(what) for what in ("FIN", "data", "RST")] == [1, 1, 1]


def test_the_picture_is_described_and_nothing_leaves_it() -> None:
    with Parting() as parting:
        parting.abort("server")
        parting.do("client", "recv", 100)
        parting.do("client", "send", b"bye")
    picture = pictures.parting(parting.steps)
    assert "server close(), linger 0: client CLOSE, server CLOSE" in picture.description
    assert "RST" in texts(picture)


def test_without_a_step_both_ends_are_established() -> None:
    with Parting() as parting:
        pass
    assert pictures.parting(parting.steps).description == "how a connection ended: it did not"
    assert texts(pictures.parting(parting.steps)).count("ESTABLISHED") == 2
