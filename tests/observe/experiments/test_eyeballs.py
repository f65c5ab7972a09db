"""Happy eyeballs: which addresses are tried, when, and with what outcome."""

from __future__ import annotations

import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trio

from trio_echo import AddressError, BackgroundServer, Endpoint
from trio_echo.observe.experiments.eyeballs import (
    CONNECTED,
    GIVEN_UP,
    REFUSED,
    Attempt,
    Race,
    race,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def good() -> Iterator[Endpoint]:
    with BackgroundServer(hosts=["127.0.0.1"]) as server:
        yield server.addresses[0]


@contextmanager
def closed(host: str) -> Iterator[Endpoint]:
    """Return an endpoint on which nobody listens."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as holder:
        holder.bind((host, 0))
        yield Endpoint.from_sockaddr(holder.getsockname())


@contextmanager
def silent() -> Iterator[Endpoint]:
    """Return an endpoint that does not answer: its queue is full."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.listen(0)
        with socket.create_connection(listener.getsockname()):
            yield Endpoint.from_sockaddr(listener.getsockname())


def outcomes(one: Race) -> list[tuple[Endpoint, str]]:
    return [(attempt.endpoint, attempt.outcome) for attempt in one.attempts]


async def test_the_first_that_answers_is_taken_and_no_other_is_tried() -> None:
    with good() as server, closed("127.0.0.1") as other:
        seen = await race(server, other)
    assert outcomes(seen) == [(server, CONNECTED)]


async def test_a_refusal_lets_the_next_one_begin_before_the_delay(host: str) -> None:
    with good() as server, closed(host) as first:
        seen = await race(first, server, delay=3600)  # it would time out
    assert outcomes(seen) == [(first, REFUSED), (server, CONNECTED)]
    refused, connected = seen.attempts
    assert 0 <= refused.began <= refused.ended <= connected.began <= connected.ended


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue may refuse")
async def test_a_silent_address_is_given_up_for_a_later_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with good() as server, silent() as first:
        seen = await race(first, server, delay=30)
    assert outcomes(seen) == [(first, GIVEN_UP), (server, CONNECTED)]
    silence, connected = seen.attempts
    assert connected.began >= silence.began + 30
    assert silence.ended >= connected.ended


async def test_when_all_fail_each_failure_is_listed() -> None:
    with closed("127.0.0.1") as one, closed("127.0.0.1") as other:
        seen = await race(one, other)
    assert outcomes(seen) == [(one, REFUSED), (other, REFUSED)]


async def test_another_error_is_shown_by_its_text() -> None:
    with good() as server:
        seen = await race(("224.0.0.1", 9), server)
    assert seen.attempts[0].outcome not in (CONNECTED, REFUSED, GIVEN_UP)
    assert seen.attempts[1].outcome == CONNECTED


async def test_names_and_sockets_are_restored_afterwards() -> None:
    with good() as server:
        await race(server)
        (found,) = await trio.socket.getaddrinfo("127.0.0.1", 9, type=socket.SOCK_STREAM)
        assert found[4] == ("127.0.0.1", 9)
        with trio.socket.socket() as sock:
            assert "connect" not in vars(sock)
    assert trio.socket.set_custom_hostname_resolver(None) is None
    assert trio.socket.set_custom_socket_factory(None) is None


async def test_a_cancelled_run_leaves_nothing() -> None:
    with trio.move_on_after(0):
        await race(("127.0.0.1", 9))
    assert trio.socket.set_custom_hostname_resolver(None) is None


async def test_a_race_needs_an_endpoint() -> None:
    with pytest.raises(ValueError, match="at least one"):
        await race()


@pytest.mark.parametrize("endpoint", [("localhost", 9), ("127.0.0.1", 65536 + 9)])
async def test_what_is_not_a_numeric_endpoint_is_refused(endpoint: tuple[str, int]) -> None:
    with pytest.raises(AddressError, match=r"is not a (numeric address|port number)"):
        await race(endpoint)


SEEN = Race(
    (
        Attempt(Endpoint("::1", 9000), 0.0002, 0.2512, GIVEN_UP),
        Attempt(Endpoint("127.0.0.1", 9000), 0.2505, 0.2512, CONNECTED),
    ),
    0.25,
)


def test_it_is_shown_as_a_table() -> None:
    assert repr(SEEN).splitlines() == [
        "tried           began (ms)  ended (ms)  outcome",
        "[::1]:9000             0.2       251.2  given up",
        "127.0.0.1:9000       250.5       251.2  connected",
    ]
    assert "<td" in SEEN._repr_html_()
