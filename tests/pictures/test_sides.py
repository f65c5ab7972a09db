"""The lecture's drawing, filled in from a snapshot."""

from __future__ import annotations

import socket
import sys
from dataclasses import replace

import pytest
from layout import texts
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.text import Text

from trio_echo import Endpoint
from trio_echo.observe.kernel.snapshot import snapshot
from trio_echo.observe.kernel.sockets import Snapshot, SocketRow
from trio_echo.pictures.sides import sides

V4 = Endpoint("127.0.0.1", 65535)
V6 = Endpoint("2001:db8:1111:2222:3333:4444:5555:6666", 65535)


def listener(local: Endpoint = V4, accept_queue: int | None = 2, backlog: int = 3) -> SocketRow:
    return SocketRow(
        family=socket.AF_INET6 if ":" in local.host else socket.AF_INET,
        state="LISTEN",
        local=local,
        name="listen_sock",
        owned=True,
        accept_queue=accept_queue,
        backlog=None if accept_queue is None else backlog,
    )


def connection(state: str, number: int = 0, server: Endpoint = V4) -> list[SocketRow]:
    """Both ends of one: the server's, not accepted yet, and the client's."""
    client = Endpoint(server.host, 40000 + number)
    end = SocketRow(family=socket.AF_INET, state=state, local=server, remote=client, owned=False)
    return [end, replace(end, local=client, remote=server, owned=True)]


ROWS = {
    "nothing": [],
    "a fresh socket": [SocketRow(family=socket.AF_INET, state="CLOSE", name="sock")],
    "a full queue": [listener(), *connection("ESTABLISHED"), *connection("ESTABLISHED", 1)],
    "an unknown queue": [listener(accept_queue=None)],
    "a huge queue": [listener(accept_queue=4000, backlog=4096)],
    "much waits": [
        replace(one, receive_queue=123456, send_queue=2345678) for one in connection("ESTABLISHED")
    ],
    "long addresses": [listener(V6), *connection("FIN_WAIT2", server=V6)],
    "many": [listener(), *(end for n in range(30) for end in connection("ESTABLISHED", n))],
    "the end": connection("TIME_WAIT")[1:],
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_it_is_legible(rows: list[SocketRow]) -> None:
    assert {"server", "client"} <= set(texts(sides(Snapshot(tuple(rows)), server=["sock"])))


def test_an_unknown_fact_is_a_question_mark() -> None:
    fresh = SocketRow(family=socket.AF_INET, state="CLOSE", name="sock")
    assert texts(sides(Snapshot((fresh,)))).count("?") == 2
    bound = replace(fresh, local=V4)
    assert texts(sides(Snapshot((bound,)))).count("?") == 1
    assert str(V4) in texts(sides(Snapshot((bound,))))


def test_the_two_ends_of_a_connection_face_each_other() -> None:
    picture = sides(Snapshot((listener(), *connection("ESTABLISHED"))))
    assert len(picture.figure.findobj(FancyArrowPatch)) == 1
    heights = {
        one.get_text(): one.get_position()[1]
        for one in picture.figure.findobj(Text)
        if one.get_text() in ("not accepted yet", "a socket")
    }
    assert len(set(heights.values())) == 1
    assert "server" in picture.description


def test_occupied_places_of_the_queue_are_filled() -> None:
    picture = sides(Snapshot((listener(accept_queue=2, backlog=3),)))
    places = [one for one in picture.figure.findobj(Rectangle) if one.get_width() < 1]
    colours = [one.get_facecolor() for one in places]
    assert len(colours) == 4  # Linux's queue holds one more than the backlog
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert "accept queue:\n2 of 4 wait" in texts(picture)
    assert "…" not in texts(picture)


def test_a_long_queue_is_drawn_in_part() -> None:
    picture = sides(Snapshot((listener(accept_queue=2, backlog=99),)))
    places = [one for one in picture.figure.findobj(Rectangle) if one.get_width() < 1]
    assert len(places) == 13
    assert "…" in texts(picture)


@pytest.mark.parametrize(
    ("state", "owned", "title"),
    [
        ("ESTABLISHED", False, "not accepted yet"),
        ("TIME_WAIT", False, "kept only by the kernel"),
        ("ESTABLISHED", True, "a socket"),
        ("ESTABLISHED", None, "a socket"),
    ],
)
def test_a_socket_without_an_owner_says_so(state: str, owned: bool | None, title: str) -> None:
    row = replace(connection(state)[0], owned=owned)
    assert title in texts(sides(Snapshot((row,))))


def test_more_than_fit_are_counted() -> None:
    assert "… and 23 more" in texts(sides(Snapshot(tuple(ROWS["many"]))))


def test_a_socket_without_a_port_is_on_the_side_that_was_named() -> None:
    fresh = SocketRow(family=socket.AF_INET, state="CLOSE", name="sock")
    assert sides(Snapshot((fresh,)), server=["sock"]).description.startswith("server: sock CLOSE")
    assert "client: sock CLOSE" in sides(Snapshot((fresh,))).description


def test_a_real_connection_is_drawn(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((host, 0), family=family) as listen_sock,
        socket.create_connection(listen_sock.getsockname()[:2]) as sock,
    ):
        picture = sides(snapshot(listen_sock=listen_sock, sock=sock))
    shown = texts(picture)
    assert {"listen_sock", "sock", "LISTEN", "ESTABLISHED"} <= set(shown)
    if sys.platform == "linux":
        assert "not accepted yet" in shown
    assert repr(picture) == f"<picture: {picture.description}>"
