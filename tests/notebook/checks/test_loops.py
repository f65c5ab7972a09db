"""Checks of notebook 07: right and wrong answers."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from trio_echo.notebook.checks import NO_ANSWER, loops

if TYPE_CHECKING:
    import selectors
    import socket


@pytest.mark.parametrize(
    ("answer", "right", "why"),
    [
        ({"b", "c", "e"}, True, ""),
        (["e", "c", "b"], True, ""),
        ("b, c, e", True, ""),
        (..., None, ""),
        ({"a", "b", "c", "e"}, False, "Look at a again. Its bytes were received"),
        ({"c", "e"}, False, "Look at b again. Three"),
        ({"b", "e"}, False, "Look at c again. Its stream has ended"),
        ({"b", "c", "d", "e"}, False, "Look at d again. Its only client"),
        ({"b", "c"}, False, "Look at e again. recv() raises"),
        (3, False, "3 is not a set of letters."),
        (set(), False, "Look at b again."),
        ({"b", "c", "e", "x"}, False, "There is no socket 'x'."),
        ({"B", "C", "E"}, True, ""),
    ],
)
def test_readable(answer: object, right: bool | None, why: str) -> None:
    verdict = loops.readable(answer)
    assert verdict.right is right
    assert why in verdict.why


def right_client(selector: selectors.BaseSelector, sock: socket.socket) -> None:
    try:
        data = sock.recv(512)
        sock.send(data)
    except BlockingIOError:
        return
    except OSError:
        data = b""
    if not data:
        selector.unregister(sock)
        sock.close()


def closes_first(selector: selectors.BaseSelector, sock: socket.socket) -> None:
    """Another right one."""
    with suppress(BlockingIOError):
        try:
            while data := sock.recv(2):
                sock.sendall(data)
        except ConnectionError:
            pass
        sock.close()
        selector.unregister(sock)


@pytest.mark.parametrize("answer", [right_client, closes_first])
def test_a_right_client(answer: loops.Client) -> None:
    verdict = loops.client(answer)
    assert verdict.right, verdict.why


def overlooks_not_yet(selector: selectors.BaseSelector, sock: socket.socket) -> None:
    if data := sock.recv(512):
        sock.send(data)
    else:
        selector.unregister(sock)
        sock.close()


def takes_not_yet_for_an_error(selector: selectors.BaseSelector, sock: socket.socket) -> None:
    try:
        data = sock.recv(512)
        sock.send(data)
    except OSError:
        data = b""
    if not data:
        selector.unregister(sock)
        sock.close()


def overlooks_a_reset(selector: selectors.BaseSelector, sock: socket.socket) -> None:
    with suppress(BlockingIOError):
        overlooks_not_yet(selector, sock)


def removes_nobody(_selector: selectors.BaseSelector, sock: socket.socket) -> None:
    with suppress(BlockingIOError):
        sock.send(sock.recv(512))


def only_unregisters(selector: selectors.BaseSelector, sock: socket.socket) -> None:
    with suppress(BlockingIOError):
        if data := sock.recv(512):
            sock.send(data)
        else:
            selector.unregister(sock)


def only_closes(_selector: selectors.BaseSelector, sock: socket.socket) -> None:
    with suppress(BlockingIOError):
        if data := sock.recv(512):
            sock.send(data)
        else:
            sock.close()


def does_not_echo(_selector: selectors.BaseSelector, sock: socket.socket) -> None:
    with suppress(BlockingIOError):
        sock.recv(512)


def serves_only_once(selector: selectors.BaseSelector, sock: socket.socket) -> None:
    with suppress(BlockingIOError):
        sock.send(sock.recv(512))
        selector.unregister(sock)


def removes_all(selector: selectors.BaseSelector, sock: socket.socket) -> None:
    with suppress(BlockingIOError):
        if data := sock.recv(512):
            sock.send(data)
        else:
            for key in list(selector.get_map().values()):
                selector.unregister(key.fileobj)
            sock.close()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (overlooks_not_yet, "Nothing was there to receive: it raised BlockingIOError"),
        (takes_not_yet_for_an_error, "Nothing was there to receive yet, and your function closed"),
        (overlooks_a_reset, "reset its connection: it raised ConnectionResetError"),
        (removes_nobody, "A client closed its connection, but the selector still has its socket."),
        (only_unregisters, "A client closed its connection, but your function did not close"),
        (only_closes, "A client closed its connection, but the selector still has its socket."),
        (does_not_echo, "A client sent b'hello' and received b''."),
        (serves_only_once, "A client sent b'hello', and your function removed it"),
        (removes_all, "removed a client that it was not called for"),
    ],
)
def test_wrong_clients(answer: loops.Client, why: str) -> None:
    verdict = loops.client(answer)
    assert verdict.right is False
    assert why in verdict.why


def right_rest(sock: Any, waiting: bytes) -> bytes:
    try:
        sent = sock.send(waiting)
    except BlockingIOError:
        sent = 0
    return waiting[sent:]


def until_full(sock: Any, waiting: bytes) -> memoryview:
    """Another right one."""
    left = memoryview(waiting)
    with suppress(BlockingIOError):
        while left:
            left = left[sock.send(left) :]
    return left


@pytest.mark.parametrize("answer", [right_rest, until_full])
def test_a_right_rest(answer: loops.Rest) -> None:
    assert loops.rest(answer).right


def all_or_nothing(sock: Any, waiting: bytes) -> bytes:
    try:
        sock.sendall(waiting)
    except BlockingIOError:
        return waiting
    return b""


def overlooks_a_full_buffer(sock: Any, waiting: bytes) -> bytes:
    return waiting[sock.send(waiting) :]


def sends_byte_by_byte_but_loses_count(sock: Any, waiting: bytes) -> bytes:
    right_rest(sock, waiting)
    return right_rest(sock, waiting)


def says_how_many(sock: Any, waiting: bytes) -> object:
    return sock.send(waiting)


def returns_nothing(sock: Any, waiting: bytes) -> None:
    right_rest(sock, waiting)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (all_or_nothing, "2 bytes in the buffer, and b'hello' waiting: the rest is b'llo', but it"),
        (
            overlooks_a_full_buffer,
            "0 bytes in the buffer, and b'hello' waiting, it raised BlockingIOErr",
        ),
        (sends_byte_by_byte_but_loses_count, "b'hellohello' was sent"),
        (says_how_many, "the rest is b'', but it returned 5"),
        (returns_nothing, "Is a `return` missing?"),
    ],
)
def test_wrong_rests(answer: loops.Rest, why: str) -> None:
    verdict = loops.rest(answer)
    assert verdict.right is False
    assert why in verdict.why


def nothing(*_: object) -> None: ...


def test_no_answer_yet() -> None:
    assert loops.client(nothing) is NO_ANSWER
    assert loops.rest(nothing) is NO_ANSWER
