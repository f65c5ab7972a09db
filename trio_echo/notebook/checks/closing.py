"""Checks for notebook 05, closing."""

from __future__ import annotations

import re
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

import trio
from trio.testing import wait_all_tasks_blocked

from trio_echo.addresses import Endpoint
from trio_echo.observe import kernel

from . import Verdict, call_async, failed, said, same, shown, unfinished, unusable, wanted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# Seconds. No right answer takes this long.
_PATIENCE = 5.0
# More than one receive returns, less than two sockets' buffers hold.
_STATES = {
    "CLOSE",
    "CLOSE_WAIT",
    "CLOSING",
    "ESTABLISHED",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "LAST_ACK",
    "LISTEN",
    "SYN_RECV",
    "SYN_SENT",
    "TIME_WAIT",
}
_NAMES = {name.replace("_", ""): name for name in _STATES} | {"CLOSED": "CLOSE"}
_QUESTION = bytes(range(256)) * 1024


def states(a: object, b: object, c: object) -> Verdict:
    """Three pairs of states: after a half-close, after the server closed first, after a reset."""
    right = {
        "a": ("FIN_WAIT2", "CLOSE_WAIT"),
        "b": ("CLOSE", "TIME_WAIT"),
        "c": ("CLOSE", "CLOSE"),
    }
    hints = {
        "a": "The client has sent its FIN and waits for the server's, which is not sent yet.",
        "b": "The end that closed first waits. The other end has nothing to wait for.",
        "c": "Closing with unread data is not a normal close. What is sent then?",
    }
    if (verdict := unfinished(a, b, c)) is not None:
        return verdict
    for (name, pair), given in zip(right.items(), (a, b, c), strict=True):
        answer = _in_linux_names(given)
        for one in answer if isinstance(answer, tuple) else ():
            if isinstance(one, str) and one not in _STATES:
                return Verdict(False, f"{name}: {shown(one)} is not the name of a state.")
        if pair[::-1] != pair and same(answer, pair[::-1]):
            return Verdict(
                False, f"{name}: the states are right, but the client's must come first."
            )
        if not same(answer, pair):
            wrong = f"{name} is not {shown(given)}{wanted(answer, pair)}."
            return Verdict(False, f"{wrong} {hints[name]}")
    return Verdict(True, "You know who waits for whom.")


def _in_linux_names(pair: object) -> object:
    """Translate the names of the RFC and of Windows: FIN-WAIT-1, CLOSED, TIME WAIT."""
    if not isinstance(pair, list | tuple) or not all(isinstance(one, str) for one in pair):
        return pair
    return tuple(_NAMES.get(re.sub(r"[\s_-]", "", one.upper()), one) for one in pair)


async def asks(answer: Callable[[trio.SocketStream, bytes], Awaitable[object]]) -> Verdict:
    """A function that sends everything, ends its stream, and receives the whole answer."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    with ExitStack() as made:
        listener = made.enter_context(trio.socket.socket())
        await listener.bind(("127.0.0.1", 0))
        listener.listen()
        sock = made.enter_context(trio.socket.socket())
        await sock.connect(listener.getsockname())
        accepted = made.enter_context((await listener.accept())[0])
        server = _Answerer(trio.SocketStream(accepted))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.run)
            got = await call_async(_PATIENCE, answer, trio.SocketStream(sock), _QUESTION)
            # What was sent has arrived, on this machine. Let the server receive it.
            await wait_all_tasks_blocked(0.05)
            nursery.cancel_scope.cancel()
    if (verdict := failed("Given a stream and a question", got)) is not None:
        return Verdict(False, f"{verdict.why}{server.saw()}")
    right = _QUESTION[::-1]
    if same(got, right):
        return Verdict(True, f"All {len(right)} bytes of the answer came back.")
    if isinstance(got, bytes | bytearray) and got and right.startswith(got):
        why = f"You returned the first {len(got)} of the answer's {len(right)} bytes."
        return Verdict(False, f"{why}{server.saw()}")
    found = f"{shown(got, 60)}{wanted(got, right)}"
    return Verdict(False, f"This is not the answer: {found}.{server.saw()}")


class _Answerer:
    """A server that answers at the end of the stream, with the same bytes in reverse order."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._heard = 0
        self._knew_the_end = False
        self._has_answered = False

    async def run(self) -> None:
        question = b""
        try:
            async for chunk in self._stream:
                question += chunk
                self._heard = len(question)
            self._knew_the_end = True
            await self._stream.send_all(question[::-1])
            await self._stream.aclose()
            self._has_answered = True
        except trio.BrokenResourceError:
            pass  # the learner's function has closed: the check judges its result

    def saw(self) -> str:
        """Return a space and what the server knows of a wrong answer's cause; "" if nothing."""
        if self._heard != len(_QUESTION):
            return f" The server received {self._heard} of the question's {len(_QUESTION)} bytes."
        if not self._knew_the_end:
            return " The server has received everything, but does not know that this was all."
        return " The server has sent its whole answer and has closed." if self._has_answered else ""


async def restarts(answer: Callable[[int], Awaitable[object]]) -> Verdict:
    """A function that listens on a port even if the port's last server closed first."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    port = 0
    for time in ("the first time", "again, with a connection of the last server in TIME_WAIT"):
        listener = await call_async(_PATIENCE, answer, port)
        if (verdict := failed(f"Called {time}", listener)) is not None:
            return verdict
        if not isinstance(listener, trio.socket.SocketType):
            return Verdict(False, f"Called {time}, {said(listener)}, which is not a Trio socket.")
        with listener:
            if listener.fileno() == -1:
                return Verdict(False, "It returned a closed socket.")
            row = kernel.snapshot(listener=listener)["listener"]
            if row.state != "LISTEN" or row.local is None:
                return Verdict(False, "It returned a socket that does not listen.")
            if row.local.host != "127.0.0.1" or port not in (0, row.local.port):
                where = f"127.0.0.1, port {port}" if port else "127.0.0.1"
                return Verdict(False, f"It listens on {row.local}, not on {where}.")
            port = row.local.port
            client = await _serve_one(listener)
        with trio.move_on_after(_PATIENCE) as limit:
            await kernel.until(partial(_remembers, row.local, client), port)
        if limit.cancelled_caught:
            return Verdict(False, "Its client's connection left no TIME_WAIT. Was it reset?")
    return Verdict(True, "It listened again while the kernel still kept a connection in TIME_WAIT.")


def _remembers(server: Endpoint, client: Endpoint, now: kernel.Snapshot) -> bool:
    """Return whether this connection is in TIME_WAIT on the server's side.

    The port may have others, of an earlier server that had the same number.
    """
    return any(
        (row.state, row.local, row.remote) == ("TIME_WAIT", server, client) for row in now.rows
    )


async def _serve_one(listener: trio.socket.SocketType) -> Endpoint:
    """Accept one client, close its connection first, and return the client's address."""
    with trio.socket.socket() as sock:
        await sock.connect(listener.getsockname())
        client = Endpoint(*sock.getsockname())
        accepted, _ = await listener.accept()
        accepted.close()
        with suppress(ConnectionResetError):  # then there is no TIME_WAIT, which the check reports
            await sock.recv(1)
    return client
