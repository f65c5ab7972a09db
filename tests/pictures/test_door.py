"""The picture of a listener's door."""

from __future__ import annotations

import select
import socket
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from layout import texts

from trio_echo.observe import kernel
from trio_echo.pictures.door import door

if TYPE_CHECKING:
    from trio_echo.pictures.canvas import Picture


def crowd(backlog: int, clients: int, accepts: int) -> Picture:
    """Let clients come, and accept the first of them."""
    with ExitStack() as made:
        listener = made.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(backlog)
        names = {}
        for number in range(1, clients + 1):
            sock = names[f"client{number}"] = made.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
            if number <= accepts + backlog + 1:
                select.select([], [sock], [])
            if number <= accepts:
                made.enter_context(listener.accept()[0])
        return door(kernel.snapshot(listener=listener, **names), list(names))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the queue")
def test_each_client_is_drawn_in_its_state() -> None:
    picture = crowd(backlog=1, clients=5, accepts=1)
    assert "accepted: 1 (client1);" in picture.description
    assert "listen(1): 2 in the accept queue (client2, client3);" in picture.description
    assert "outside, in SYN_SENT: 2 (client4, client5)" in picture.description
    shown = texts(picture)
    assert all(f"client{number}" in shown for number in range(1, 6))
    assert "free" not in shown


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the backlog")
def test_many_clients_and_places_are_counted() -> None:
    shown = texts(crowd(backlog=3, clients=1, accepts=0))
    assert shown.count("free") == 3
    shown = texts(crowd(backlog=1000, clients=1, accepts=0))
    assert shown.count("free") == 14
    assert "… 986 free" in shown
    picture = crowd(backlog=60, clients=40, accepts=0)
    shown = texts(picture)
    assert {"client15", "… 25 more", "… 21 free"} <= set(shown)
    assert "client16" not in shown
    assert "client40" in picture.description


def test_an_empty_group_says_nobody() -> None:
    picture = crowd(backlog=0, clients=0, accepts=0)
    assert picture.description.count("(nobody)") == 3
    # Linux's listen(0) has one place, which is drawn; elsewhere the places are unknown.
    free = 1 if sys.platform == "linux" else 0
    assert texts(picture).count("free") == free
    assert texts(picture).count("nobody") == 3 - free


@pytest.mark.parametrize("clients", [0, 10])
def test_everything_is_inside_the_picture(clients: int) -> None:
    assert texts(crowd(backlog=12, clients=clients, accepts=min(clients, 1)))


def test_a_snapshot_without_a_listener_is_an_error() -> None:
    with pytest.raises(ValueError, match="nobody listens"):
        door(kernel.Snapshot(()), ["client"])


def test_a_closed_client_is_left_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as sock:
        sock.close()
        picture = door(kernel.snapshot(listener=listener, gone=sock), ["gone"])
        assert "gone" not in texts(picture)
