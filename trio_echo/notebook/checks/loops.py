"""Checks for notebook 07, from select to Trio."""

from __future__ import annotations

import errno
import selectors
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

from . import Verdict, call, failed, said, shown, unfinished, unusable

if TYPE_CHECKING:
    from collections.abc import Callable

Client: TypeAlias = "Callable[[selectors.BaseSelector, socket.socket], object]"
Rest: TypeAlias = "Callable[[Any, bytes], object]"

_READABLE = {
    "a": (False, "Its bytes were received, and its peer has not closed: recv() would wait."),
    "b": (True, "Three of its bytes are left. select() reports a state, not an event."),
    "c": (True, "Its stream has ended: recv() returns b'' without waiting."),
    "d": (False, "Its only client was accepted: accept() would wait for the next one."),
    "e": (True, "recv() raises an error there, and does not wait for that."),
}
# Seconds to wait for what was sent over loopback.
_PATIENCE = 5.0


def readable(answer: object) -> Verdict:
    """Which of five sockets are readable."""
    if (verdict := unfinished(answer)) is not None:
        return verdict
    if not isinstance(answer, str | list | tuple | set | frozenset | dict):
        return Verdict(False, f"{shown(answer)} is not a set of letters.")
    letters = {one.lower() for one in answer if isinstance(one, str)}
    if unknown := sorted(one for one in letters - _READABLE.keys() if one.isalpha()):
        return Verdict(False, f"There is no socket {shown(unknown[0])}.")
    for letter, (right, hint) in _READABLE.items():
        if (letter in letters) != right:
            return Verdict(False, f"Look at {letter} again. {hint}")
    return Verdict(True, "Bytes, the end of a stream and an error: in all three, recv() returns.")


def client(answer: Client) -> Verdict:
    """A function that serves one readable client of an event loop."""
    if (verdict := unusable(answer, awaits=False)) is not None:
        return verdict
    for case in (_nothing_there, _echoes, _closed, _reset):
        near, far = _connected()
        other, quiet = _connected()
        with near, far, other, quiet, selectors.DefaultSelector() as selector:
            for one in (near, other):
                selector.register(one, selectors.EVENT_READ)
            if (verdict := case(answer, selector, near, far)) is not None:
                return verdict
            if not _registered(selector, other) or other.fileno() == -1:
                return Verdict(False, "Your function removed a client that it was not called for.")
    return Verdict(True, "It echoes, and each client that closes or fails leaves alone.")


def rest(answer: Rest) -> Verdict:
    """A function that sends what fits, and returns the rest."""
    if (verdict := unusable(answer, awaits=False)) is not None:
        return verdict
    for room in (100, 2, 0, 5):
        kernel = _Buffer(room)
        got = call(answer, kernel, b"hello")
        case = f"With room for {room} bytes in the buffer, and b'hello' waiting"
        if (verdict := failed(case, got)) is not None:
            return verdict
        wanted = b"hello"[room:]
        if not isinstance(got, bytes | bytearray | memoryview) or bytes(got) != wanted:
            return Verdict(False, f"{case}: the rest is {wanted!r}, but {said(got)}.")
        if kernel.taken != b"hello"[:room]:
            return Verdict(False, f"{case}: {kernel.taken!r} was sent.")
    return Verdict(True, "No byte is lost, and none is sent twice, however small the buffer is.")


def _connected() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    near.setblocking(False)
    far.settimeout(_PATIENCE)
    return near, far


def _wait(sock: socket.socket) -> None:
    """Wait until a socket is readable: not every system delivers over loopback at once."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        selector.select(_PATIENCE)


def _nothing_there(
    answer: Client, selector: selectors.BaseSelector, near: socket.socket, _far: socket.socket
) -> Verdict | None:
    got = call(answer, selector, near)
    if isinstance(got, BaseException):
        return Verdict(False, f"Nothing was there to receive: {said(got)}.")
    return _stays(selector, near, "Nothing was there to receive yet")


def _echoes(
    answer: Client, selector: selectors.BaseSelector, near: socket.socket, far: socket.socket
) -> Verdict | None:
    far.sendall(b"hello")
    _wait(near)
    got = call(answer, selector, near)
    if isinstance(got, BaseException):
        return Verdict(False, f"A client sent b'hello': {said(got)}.")
    if (verdict := _stays(selector, near, "A client sent b'hello'")) is not None:
        return verdict
    near.shutdown(socket.SHUT_WR)  # so that an echo that never comes is not waited for
    if (echo := far.recv(100)) != b"hello":
        return Verdict(False, f"A client sent b'hello' and received {echo!r}.")
    return None


def _closed(
    answer: Client, selector: selectors.BaseSelector, near: socket.socket, far: socket.socket
) -> Verdict | None:
    far.close()
    _wait(near)
    return _leaves(answer, selector, near, "A client closed its connection")


def _reset(
    answer: Client, selector: selectors.BaseSelector, near: socket.socket, far: socket.socket
) -> Verdict | None:
    linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    far.close()
    _wait(near)
    return _leaves(answer, selector, near, "A client reset its connection")


def _registered(selector: selectors.BaseSelector, sock: socket.socket) -> bool:
    # Not `in`: it raises an error for a socket that is closed.
    return any(key.fileobj is sock for key in selector.get_map().values())


def _stays(selector: selectors.BaseSelector, near: socket.socket, case: str) -> Verdict | None:
    if near.fileno() == -1:
        return Verdict(False, f"{case}, and your function closed it.")
    if not _registered(selector, near):
        return Verdict(False, f"{case}, and your function removed it from the selector.")
    return None


def _leaves(
    answer: Client, selector: selectors.BaseSelector, near: socket.socket, case: str
) -> Verdict | None:
    got = call(answer, selector, near)
    if isinstance(got, BaseException):
        return Verdict(False, f"{case}: {said(got)}, which ends the loop.")
    if _registered(selector, near):
        return Verdict(False, f"{case}, but the selector still has its socket.")
    if near.fileno() != -1:
        return Verdict(False, f"{case}, but your function did not close its socket.")
    return None


class _Buffer:
    """Stands for a non-blocking socket whose send buffer has little room."""

    def __init__(self, room: int) -> None:
        self.taken = b""
        self._room = room

    def send(self, data: bytes, _flags: int = 0) -> int:
        fits = bytes(data)[: self._room]
        if data and not fits:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        self.taken += fits
        self._room -= len(fits)
        return len(fits)

    def sendall(self, data: bytes, _flags: int = 0) -> None:
        while data:
            data = data[self.send(data) :]
