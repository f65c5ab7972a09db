"""On Linux, one task echoes for all clients of a server, and never waits for one of them.

If each client's task echoes by itself, each message costs a `recv` that finds nothing, a change of
Trio's epoll set, and two passes of the scheduler. The reactor has an epoll set (epoll(7)) of its
own with the sockets of all clients. It waits for that set, receives from each ready socket, and
sends back at once. The client's task sleeps until something needs a decision or has to wait: a full
send buffer, the end of the stream, an error.

Why this is safe:

- A descriptor is in the epoll set exactly while its client's task sleeps in `SocketRelay.run`,
  which puts it there. The reactor or a cancellation takes it out before it wakes the task. So only
  one of the two works with the socket at any time, and the task closes it once it is out.
- From one wait to the next, the reactor has no checkpoint. No task can close or open a descriptor
  in between, so no event belongs to a number that has been reused. If a callback cancels a client
  during a batch, its socket leaves the set at once, and the rest of the batch skips it.
- epoll is level-triggered here: what is not received now is reported again. It does not matter how
  much one `recv` returns.
- Each ready socket gets one `recv` and one `send` in turn, and Trio's other tasks run after a
  millisecond. So a client that floods the server holds up nobody. Every event of a batch is
  handled: epoll_wait(2) rotates among the ready sockets, so a dropped event might never come back.
- With TLS, one `recv` takes one record, at most 16 KiB. The buffer is larger, so OpenSSL never
  holds decrypted bytes that epoll could not report.
- If a tap raises an `Exception`, its relay ends. Anything else, such as a KeyboardInterrupt at any
  point, ends the reactor and so the whole server. `remove` then undoes what was half done.
"""

from __future__ import annotations

import select
import ssl
import sys
import time
from contextlib import asynccontextmanager, closing, suppress
from typing import TYPE_CHECKING, Any

import trio

from .errors import SocketCallError, naming
from .relay import BaseRelay

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable

# What a call raises that would have to wait. An `ssl.SSLSocket` has its own errors for that.
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# How many bytes to receive at once, as Trio's own streams do.
_BUFFER = 64 * 1024
# How many events to take from the epoll set at once.
_EVENTS = 256
# Seconds after which Trio's other tasks get their turn, even if there is more to echo.
_TURN = 0.001

if sys.platform != "linux":
    _READABLE = 0

    def _open_epoll() -> Any:
        raise NotImplementedError("epoll is Linux's")

else:
    _READABLE = select.EPOLLIN

    def _open_epoll() -> select.epoll:
        return select.epoll()


class SocketRelay(BaseRelay):
    """Sends back what a socket delivers, until its end, with the help of a reactor.

    Args:
        sock: connected and non-blocking, perhaps an `ssl.SSLSocket` after its handshake. It is left
            open; nobody may use or close it while the relay runs.
        reactor: must be running.
        tap: called with each piece as it arrives, before it is sent back.
        moved: called for each piece as it arrives. If a piece has to wait for room, also each time
            a part of it is sent.

    Attributes:
        sock: as given.
        descriptor: the socket's number.
        task: sleeps while the reactor echoes. The reactor leaves it the attributes below.
        failure: what went wrong.
        rest: what was received and could not be sent at once; empty at the end of the stream.
    """

    __slots__ = ("_early", "_reactor", "descriptor", "failure", "rest", "sock", "task")

    def __init__(
        self,
        sock: socket.socket,
        reactor: Reactor,
        tap: Callable[[bytes], object] | None = None,
        moved: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(tap, moved)
        self._reactor = reactor
        self.sock = sock
        self.descriptor = sock.fileno()
        self.task: trio.lowlevel.Task
        self.failure: Exception | None = None
        self.rest = b""
        self._early: bytes | None = None

    def begin(self) -> None:
        """Receive what has come already, for `run`: most clients send at once.

        Raises:
            OSError: the peer has reset the connection.
        """
        buffer = self._reactor.buffer
        try:
            count = self.sock.recv_into(buffer)
        except _NOT_NOW:
            return
        self._early = bytes(buffer[:count])

    async def run(self) -> None:
        """Echo until the peer ends its side and everything it sent has been sent back.

        At most one piece of 64 KiB is held. A peer that sends without receiving is stopped by
        TCP's flow control.

        Raises:
            SocketCallError: `recv()` or `send()` failed: the connection broke. Or `epoll_ctl()`
                failed: the system does not watch any more sockets.
        """
        self.task = trio.lowlevel.current_task()
        if self._early is not None and not await self._echo_early():
            return
        while True:
            self._reactor.add(self)
            try:
                await trio.lowlevel.wait_task_rescheduled(self._abort)
            finally:  # a tap may both cancel this task and fail
                self._raise_failure()
            if not self.rest:
                return
            await self._send_rest()

    async def _echo_early(self) -> bool:
        """Echo what `begin` received; return `False` if that was the end of the stream."""
        early, self._early = self._early, None
        if not early:
            return False
        if self.moved is not None:
            self.moved()
        if self.tap is not None:
            self.tap(early)
            await trio.lowlevel.checkpoint_if_cancelled()  # the tap may have cancelled this client
        try:
            sent = self.sock.send(early)
        except _NOT_NOW:
            sent = 0
        except OSError as exc:
            raise SocketCallError.wrap("send()", exc) from exc
        self.echoed += sent
        self.rest = early[sent:]
        if self.rest:
            await self._send_rest()
        return True

    def _raise_failure(self) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # its traceback refers to this frame: no cycle

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._reactor.remove(self)
        return trio.lowlevel.Abort.SUCCEEDED

    async def _send_rest(self) -> None:
        """Send what the reactor could not, as the peer makes room for it."""
        rest, self.rest = memoryview(self.rest), b""
        while rest:
            await trio.lowlevel.wait_writable(self.sock)
            try:
                sent = self.sock.send(rest)
            except _NOT_NOW:
                continue
            except OSError as exc:
                raise SocketCallError.wrap("send()", exc) from exc
            rest = rest[sent:]
            self.echoed += sent
            if self.moved is not None:
                self.moved()


class Reactor:
    """Echoes for all relays that were added; `run` is its task.

    Attributes:
        buffer: for what is received; nobody keeps anything in it beyond a checkpoint.
    """

    def __init__(self) -> None:
        self.buffer = memoryview(bytearray(_BUFFER))
        self._epoll = _open_epoll()
        self._relays: dict[int, SocketRelay] = {}

    def add(self, relay: SocketRelay) -> None:
        """Take over a relay's socket; its task goes to sleep next.

        Raises:
            SocketCallError: `epoll_ctl()` failed.
        """
        with naming("epoll_ctl()"):  # it has the limit `max_user_watches`, see epoll(7)
            self._epoll.register(relay.descriptor, _READABLE)
        self._relays[relay.descriptor] = relay

    def remove(self, relay: SocketRelay) -> None:
        """Give a socket back to its task, if it is here."""
        if self._relays.get(relay.descriptor) is relay:
            del self._relays[relay.descriptor]
            with suppress(OSError):  # it was closed, and so it has left the set
                self._epoll.unregister(relay.descriptor)

    async def run(self) -> None:
        """Echo, until cancelled."""
        relays, poll, clock = self._relays, self._epoll.poll, time.perf_counter
        buffer = self.buffer
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            turn_ends = clock() + _TURN
            while events := poll(0, _EVENTS):
                for descriptor, _ in events:
                    relay = relays.get(descriptor)
                    if relay is None:  # removed during this batch
                        continue
                    try:
                        count = relay.sock.recv_into(buffer)
                    except _NOT_NOW:
                        continue
                    except OSError as exc:
                        self._wake(relay, failure=SocketCallError.wrap("recv()", exc))
                        continue
                    if not count:
                        self._wake(relay)
                        continue
                    data = buffer[:count]
                    if relay.tap is not None or relay.moved is not None:
                        self._announce(relay, data)
                        if descriptor not in relays:
                            continue
                    try:
                        sent = relay.sock.send(data)
                    except _NOT_NOW:
                        sent = 0
                    except OSError as exc:
                        self._wake(relay, failure=SocketCallError.wrap("send()", exc))
                        continue
                    relay.echoed += sent
                    if sent < count:
                        self._wake(relay, rest=bytes(data[sent:]))
                if clock() > turn_ends:
                    break

    def close(self) -> None:
        """Close the epoll set, once `run` has ended."""
        self._epoll.close()

    def _announce(self, relay: SocketRelay, data: memoryview) -> None:
        """Call a relay's `moved` and `tap`; one of them may cancel it, which removes it."""
        try:
            if relay.moved is not None:
                relay.moved()
            if relay.tap is not None:
                relay.tap(bytes(data))
        except Exception as exc:  # noqa: BLE001  raised in the relay's own task
            if self._relays.get(relay.descriptor) is relay:
                self._wake(relay, failure=exc)
            else:
                relay.failure = exc

    def _wake(
        self, relay: SocketRelay, *, rest: bytes = b"", failure: Exception | None = None
    ) -> None:
        self.remove(relay)
        relay.rest, relay.failure = rest, failure
        trio.lowlevel.reschedule(relay.task)


@asynccontextmanager
async def open_reactor() -> AsyncIterator[Reactor | None]:
    """Run a reactor during a block; `None` if the system has no epoll.

    Raises:
        SocketCallError: `epoll_create()` failed.
    """
    if sys.platform != "linux":
        yield None
        return
    with naming("epoll_create()"):
        reactor = Reactor()
    with closing(reactor):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reactor.run, name="reactor")
            yield reactor
            nursery.cancel_scope.cancel()
