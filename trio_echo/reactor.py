"""The relay for all sockets of a server from one task, on Linux: it waits for none of them.

A Trio task that echoes by itself costs, for each message, a `recv` that finds nothing, a change of
Trio's epoll set, and two passes of the scheduler. Here an epoll set (epoll(7)) of our own holds the
sockets of all clients. A single task waits for it, receives from each socket that is ready, and
sends back at once. A client's own task sleeps meanwhile. It is woken for what needs waiting or a
decision: a full send buffer, the end of the stream, an error.

Why that is safe:

- A descriptor is in the epoll set exactly while its client's task sleeps in `SocketRelay.run`,
  which puts it there. Whoever wakes the task takes it out first, be it the reactor or a
  cancellation. So only one of the two works with the socket at any time, and its own task closes
  it, once it is out.
- From one wait to the next the reactor runs without a checkpoint. No task can close a descriptor or
  open one meanwhile, so no event is of a number that was given out anew. What a callback cancels
  amid a batch is out of the set at once, and the rest of the batch passes over it.
- epoll is level-triggered here: what is not received now is told again. Nothing hangs on how much
  one `recv` brings.
- Each ready socket has one `recv` and one `send` in its turn, and after a millisecond Trio's other
  tasks have theirs, so that a client that floods the server keeps nobody from being served. Every
  event of a batch is dealt with: epoll_wait(2) goes round those that are ready, so what is told and
  dropped could be passed over for ever.
- What a tap raises ends its relay, unless it is no `Exception`. That, and a KeyboardInterrupt that
  comes at any point, ends the reactor and so the whole server; `remove` takes back what was half
  done then.
"""

from __future__ import annotations

import select
import socket
import sys
import time
from contextlib import asynccontextmanager, closing, suppress
from typing import TYPE_CHECKING, Any

import trio

from .errors import SocketCallError, naming
from .relay import BaseRelay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
# As much as Trio's own streams receive at once.
_BUFFER = 64 * 1024
# Bytes that a socket may hold unsent before it counts as full, as in `trio.SocketStream`.
_STEP = 16 * 1024
# How many sockets one look at the epoll set tells of.
_EVENTS = 256
# Seconds until Trio's other tasks have their turn, though there is more to echo.
_TURN = 0.001
# So many clients are accepted before others have their turn.
_ACCEPTED = 64

if sys.platform != "linux":
    _READABLE = 0
    _OPTIONS: tuple[tuple[int, int], ...] = ()

    def _open_epoll() -> Any:
        raise NotImplementedError("epoll is Linux's")

else:
    _READABLE = select.EPOLLIN
    # Those that `trio.SocketStream` sets.
    _OPTIONS = ((socket.TCP_NODELAY, 1), (socket.TCP_NOTSENT_LOWAT, _STEP))

    def _open_epoll() -> select.epoll:
        return select.epoll()


class SocketRelay(BaseRelay):
    """Sends back what a socket delivers, until its end, by way of a reactor.

    Args:
        sock: connected, not blocking. It is not closed here, and nobody may close it or use it
            while the relay runs.
        reactor: is running.
        tap: called with each piece as it arrives, before it is sent back.
        moved: called for each piece as it arrives, and whenever some of one that had to wait for
            room goes back.

    Attributes:
        sock: as given.
        descriptor: its number.
        task: sleeps while the reactor echoes; the other attributes are what it wakes to.
        failure: what went wrong.
        rest: what was received and could not be sent at once; empty at the end of the stream.
    """

    __slots__ = ("_reactor", "descriptor", "failure", "rest", "sock", "task")

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

    async def run(self) -> None:
        """Echo until the peer ends its side; everything it sent has been sent back by then.

        At most one piece of 64 KiB is held: a peer that sends without receiving is received from
        no further than that, and TCP's flow control stops it.

        Raises:
            SocketCallError: of `recv()` or `send()`: the connection broke. Of `epoll_ctl()`: the
                system watches no more sockets.
        """
        self.task = trio.lowlevel.current_task()
        while True:
            self._reactor.add(self)
            try:
                await trio.lowlevel.wait_task_rescheduled(self._abort)
            finally:  # a tap may cancel this task, and fail as well
                self._raise_failure()
            if not self.rest:
                return
            await self._send_rest()

    def _raise_failure(self) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # its traceback refers to this frame, which would refer to it

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
            except BlockingIOError:
                continue
            except OSError as exc:
                raise SocketCallError("send()", exc) from exc
            rest = rest[sent:]
            self.echoed += sent
            if self.moved is not None:
                self.moved()


class Reactor:
    """Echoes on the sockets of the relays that are with it; `run` is the task that does it."""

    def __init__(self) -> None:
        self._epoll = _open_epoll()
        self._relays: dict[int, SocketRelay] = {}

    def add(self, relay: SocketRelay) -> None:
        """Take over a socket, whose task goes to sleep now.

        Raises:
            SocketCallError: of `epoll_ctl()`.
        """
        with naming("epoll_ctl()"):  # it has the limit `max_user_watches`, see epoll(7)
            self._epoll.register(relay.descriptor, _READABLE)
        self._relays[relay.descriptor] = relay

    def remove(self, relay: SocketRelay) -> None:
        """Give a socket back, to a task that was woken; nothing is done if it is not here."""
        if self._relays.get(relay.descriptor) is relay:
            del self._relays[relay.descriptor]
            with suppress(OSError):  # somebody closed the socket, and so took it out
                self._epoll.unregister(relay.descriptor)

    async def run(self) -> None:
        """Echo, until cancelled."""
        relays, poll, clock = self._relays, self._epoll.poll, time.perf_counter
        buffer = memoryview(bytearray(_BUFFER))
        while True:
            await trio.lowlevel.wait_readable(self._epoll.fileno())
            turn_ends = clock() + _TURN
            while events := poll(0, _EVENTS):
                for descriptor, _ in events:
                    relay = relays.get(descriptor)
                    if relay is None:  # removed amid this batch
                        continue
                    try:
                        count = relay.sock.recv_into(buffer)
                    except BlockingIOError:
                        continue
                    except OSError as exc:
                        self._wake(relay, failure=SocketCallError("recv()", exc))
                        continue
                    if not count:
                        self._wake(relay)
                        continue
                    data = buffer[:count]
                    if relay.tap is not None or relay.moved is not None:
                        self._tell(relay, data)
                        if descriptor not in relays:
                            continue
                    try:
                        sent = relay.sock.send(data)
                    except BlockingIOError:
                        sent = 0
                    except OSError as exc:
                        self._wake(relay, failure=SocketCallError("send()", exc))
                        continue
                    relay.echoed += sent
                    if sent < count:
                        self._wake(relay, rest=bytes(data[sent:]))
                if clock() > turn_ends:
                    break

    def close(self) -> None:
        """Close the epoll set, once `run` has ended."""
        self._epoll.close()

    def _tell(self, relay: SocketRelay, data: memoryview) -> None:
        """Tell those who watch a relay that a piece came; it may be removed because of that."""
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
    """Run a reactor for the length of a block; `None` where the system has no epoll.

    Raises:
        SocketCallError: of `epoll_create()`.
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


def open_queue(listener: trio.SocketListener) -> socket.socket:
    """Open a listener's queue once more, for `accept_waiting`."""
    sock = socket.fromfd(listener.socket.fileno(), listener.socket.family, socket.SOCK_STREAM)
    sock.setblocking(False)
    return sock


def accept_waiting(listener: socket.socket) -> Iterator[socket.socket]:
    """Accept what waits in a listener's queue, up to a batch of it.

    The sockets have the options that `trio.SocketStream` sets. They could have them of their
    listener, but for those that connected before it had got them.

    Args:
        listener: not blocking.
    """
    with suppress(OSError):  # nobody waits, or `trio.serve_listeners` will meet the same error
        for _ in range(_ACCEPTED):
            sock, _ = listener.accept()
            sock.setblocking(False)
            for option, value in _OPTIONS:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
            yield sock
