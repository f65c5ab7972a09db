"""On Linux, one task echoes for all clients of a server, and never waits for one of them.

If each client's task echoes by itself, each message costs a `recv` that finds nothing, a change of
Trio's epoll set, and two passes of the scheduler. The reactor has an epoll set (epoll(7)) of its
own with the sockets of all clients. It waits for that set, receives from each ready socket, and
sends back at once. If a send buffer is full, it keeps the rest, and receives nothing more from that
client until the rest is sent. The client's task sleeps until the end of the stream, or an error.

A pass of Trio's scheduler costs ten times what an echo costs here. So if messages follow each other
within a millisecond, the reactor waits for the next one in its own epoll set, up to a millisecond.
It does so only if nobody else waits for something that could happen meanwhile: Trio's statistics
have said so for some turns, and a client that comes to a listener ends the wait. What comes from
outside may be late by three milliseconds: a call from another thread, bytes for a task that already
waited for a socket when the reactor was opened, and, in a guest run, the events of the host loop.

Why this is safe:

- A descriptor is in the epoll set exactly while its client's task sleeps in `SocketRelay.run`,
  which puts it there. The reactor or a cancellation takes it out before it wakes the task. So only
  one of the two works with the socket at any time, and the task closes it once it is out.
- From one wait to the next, the reactor has no checkpoint. No task can close or open a descriptor
  in between, so no event belongs to a number that has been reused. If a callback cancels a client
  during a batch, its socket leaves the set at once, and the rest of the batch skips it.
- epoll is level-triggered here: what is not received now is reported again. It does not matter how
  much one `recv` returns.
- Each ready socket gets one `recv` and one `send` in turn, and Trio's other tasks run after two
  milliseconds and a batch. So clients that flood the server hold up nobody. Every event of a batch
  is handled, as epoll_wait(2) rotates among the ready sockets: a dropped event might never come
  back. So a batch is limited, both in sockets and in bytes.
- With TLS, whole records that were received are decrypted and sent back, up to 64 in a turn. If
  OpenSSL then holds more that epoll could not report, or the end of the stream, or an error, the
  reactor waits until there is room for more: epoll reports that at once.
- If a tap raises an `Exception`, its relay ends. Anything else, such as a KeyboardInterrupt at any
  point, ends the reactor and so the whole server. `remove` then undoes what was half done.
"""

from __future__ import annotations

import math
import os
import select
import ssl
import sys
import time
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import trio

from .errors import SocketCallError, naming
from .relay import lines_in
from .socket_relay import NOT_NOW, PIECE

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from .socket_relay import SocketRelay

# How many bytes to receive at once.
_BUFFER = 256 * 1024
# How many events to take from the epoll set at once, and up to how many may receive a whole buffer
# each. Receiving 256 KiB takes a tenth of a millisecond, and the last of the batch waits for all.
_EVENTS, _FEW = 64, 16
# Seconds after which Trio's other tasks get their turn, even if there is more to echo.
_TURN = 0.002
# The longest wait in seconds for more to echo.
_PATIENCE = 0.001
# How many times in a row nobody else must be ready to run. Trio takes the tasks of a pass out of
# its queue, and runs them in either order: one that comes after the reactor is not seen then.
_SURE = 8
# To fall asleep and to wake up takes longer than some clients need for their next message. So if a
# message came within this many seconds, look this many times before waiting for the next one.
_SOON, _LOOKS = 60e-6, 60

# How many reactors this run of Trio has. The clients of one would be late while another one waits.
_reactors: trio.lowlevel.RunVar[int] = trio.lowlevel.RunVar("trio_echo.reactor", 0)

if sys.platform != "linux":
    _READABLE = _WRITABLE = _COMING = 0

    def _open_epoll() -> Any:
        raise NotImplementedError("epoll is Linux's")

    def _readv(_descriptor: int, _buffers: Sequence[memoryview]) -> int:
        raise NotImplementedError("Windows has no readv()")

    def _waiting() -> int:
        raise NotImplementedError("other systems count otherwise")

else:
    _READABLE = select.EPOLLIN
    _WRITABLE = select.EPOLLOUT
    # Reported once for each client that comes, even if nobody accepts it.
    _COMING = select.EPOLLIN | select.EPOLLET
    _readv = os.readv

    def _open_epoll() -> select.epoll:
        return select.epoll()

    def _waiting() -> int:
        """Count the tasks that wait for sockets in Trio's own loop."""
        waiting = trio.lowlevel.current_statistics().io_statistics
        return waiting.tasks_waiting_read + waiting.tasks_waiting_write


class Reactor:
    """Echoes for all relays that were added; `run` is its task."""

    def __init__(self) -> None:
        self._epoll = _open_epoll()
        self._relays: dict[int, SocketRelay] = {}
        # How many tasks may wait for sockets in Trio's own loop, and hear from them a little later:
        # those from before, such as Trio's own for calls from other threads, and the listeners'.
        self._unhurried = _waiting()
        # How many seconds to wait for more, before Trio's other tasks get their turn. None: that
        # is decided when there is nothing left to echo.
        self._patience: float | None = 0.0
        # How many times in a row nobody else was seen.
        self._alone = 0
        # Whether the latest message came soon after the one before.
        self._soon = False

    def add(self, relay: SocketRelay) -> None:
        """Take over a relay's socket; its task goes to sleep next.

        Raises:
            SocketCallError: `epoll_ctl()` failed.
        """
        with naming("epoll_ctl()"):  # it has the limit `max_user_watches`, see epoll(7)
            self._epoll.register(relay.descriptor, _READABLE if relay.rest is None else _WRITABLE)
        self._relays[relay.descriptor] = relay

    def remove(self, relay: SocketRelay) -> None:
        """Give a socket back to its task, if it is here."""
        self._patience = 0.0
        if self._relays.get(relay.descriptor) is relay:
            del self._relays[relay.descriptor]
            with suppress(OSError):  # it was closed, and so it has left the set
                self._epoll.unregister(relay.descriptor)

    @contextmanager
    def watching(self, listener: socket.socket) -> Iterator[None]:
        """During a block, let a client that comes to a listener end the reactor's wait for bytes.

        Raises:
            SocketCallError: `epoll_ctl()` failed.
        """
        with naming("epoll_ctl()"):
            self._epoll.register(listener, _COMING)
        self._unhurried += 1
        try:
            yield
        finally:
            self._unhurried -= 1
            self._epoll.unregister(listener)

    async def run(self) -> None:
        """Echo, until cancelled."""
        relays, clock = self._relays, time.perf_counter
        readv, read, write = _readv, os.read, os.write
        poll: Callable[[float, int], list[tuple[int, int]]] = self._epoll.poll
        received = bytearray(_BUFFER)
        buffer = memoryview(received)
        whole, piece = [buffer], [buffer[:PIECE]]
        view, size = buffer, len(buffer)
        events: list[tuple[int, int]] = []
        ended = -math.inf
        while True:
            if events:
                await trio.lowlevel.checkpoint()
            else:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
            began = clock()
            self._patience = None if began - ended < _PATIENCE else 0.0
            while events := poll(0, _EVENTS) or self._wait():
                room = whole if len(events) <= _FEW else piece
                for descriptor, _ in events:
                    try:
                        relay = relays[descriptor]
                    except KeyError:  # a listener, or removed during this batch
                        self._patience = 0.0
                        continue
                    tap, tls = relay.tap, relay.tls
                    if (rest := relay.rest) is not None:
                        self._send_rest(relay, rest)
                        if relay.rest is not None or tls is None or not tls.ready:
                            continue
                    source: bytearray | bytes
                    data: memoryview | bytes
                    try:
                        # An eighth of an echo faster than a socket's methods.
                        if tls is not None:
                            source = data = tls.receive()
                            count = len(data)
                        elif tap is not None:
                            source = data = read(descriptor, PIECE)
                            count = len(data)
                        else:
                            count = readv(descriptor, room)
                            if count != size:  # making a view takes 0.1 µs
                                view, size = buffer[:count], count
                            source, data = received, view
                    except ssl.SSLWantWriteError:
                        self._keep(relay, b"")
                        continue
                    except NOT_NOW:
                        continue
                    except OSError as exc:
                        self._wake(relay, SocketCallError.wrap("recv()", exc))
                        continue
                    if not count:
                        self._wake(relay)
                        continue
                    if relay.counts_lines:
                        relay.lines += lines_in(source, count)
                    if tap is not None or relay.moved is not None:
                        try:
                            if relay.moved is not None:
                                relay.moved()
                            if tap is not None:
                                self._patience = 0.0  # it may have work for another task
                                tap(bytes(data))
                        except Exception as exc:  # noqa: BLE001  raised in the relay's own task
                            self._fail(relay, exc)
                        if descriptor not in relays:
                            continue  # it failed, or cancelled the relay
                    try:
                        sent = write(descriptor, data) if tls is None else tls.send_back()
                    except NOT_NOW:
                        sent = 0
                    except OSError as exc:
                        self._wake(relay, SocketCallError.wrap("send()", exc))
                        continue
                    relay.echoed += sent
                    if sent < count or (tls is not None and tls.ready):
                        self._keep(relay, bytes(data[sent:]))
                # Clients only came or left, as far as the ends of the batch say. Their tasks run.
                if events[0][0] not in relays and events[-1][0] not in relays:
                    events = []
                    break
                if clock() - began > _TURN:
                    self._alone = 0  # nobody has looked in this turn
                    break
            ended = clock()

    def close(self) -> None:
        """Close the epoll set, once `run` has ended."""
        self._epoll.close()

    def _wait(self) -> list[tuple[int, int]]:
        """Wait for what epoll reports, as long as patience lasts."""
        if self._patience is None:
            self._patience = _PATIENCE if self._is_surely_alone() else 0.0
        if not self._patience:
            return []
        poll: Callable[[float, int], list[tuple[int, int]]] = self._epoll.poll
        began = time.perf_counter()
        if self._soon:
            for _ in range(_LOOKS):
                if events := poll(0, _EVENTS):
                    return events
        events = poll(self._patience, _EVENTS)
        self._soon = time.perf_counter() - began < _SOON
        return events

    def _is_surely_alone(self) -> bool:
        """Return whether a short wait delays nobody else, as far as several looks can say."""
        self._alone = self._alone + 1 if self._is_alone() else 0
        return self._alone >= _SURE

    def _is_alone(self) -> bool:
        """Return whether a short wait delays nobody else in this loop."""
        now = trio.lowlevel.current_statistics()
        return (
            _reactors.get() == 1
            and not now.tasks_runnable
            and now.seconds_to_next_deadline > _PATIENCE
            and _waiting() <= self._unhurried
        )

    def _fail(self, relay: SocketRelay, failure: Exception) -> None:
        """End a relay whose `moved` or `tap` failed; it may have cancelled the relay before."""
        if self._relays.get(relay.descriptor) is relay:
            self._wake(relay, failure)
        else:
            relay.failure = failure

    def _keep(self, relay: SocketRelay, rest: bytes) -> None:
        """Wait for room at a client, and not for more to receive."""
        relay.rest = memoryview(rest)
        self._epoll.modify(relay.descriptor, _WRITABLE)

    def _send_rest(self, relay: SocketRelay, rest: memoryview) -> None:
        """Send more of what there was no room for; after all of it, receive again."""
        try:
            sent = relay.sock.send(rest) if relay.tls is None else relay.tls.send_back()
        except NOT_NOW:
            return
        except OSError as exc:
            self._wake(relay, SocketCallError.wrap("send()", exc))
            return
        relay.echoed += sent
        if relay.moved is not None:
            relay.moved()
        if sent < len(rest) or (relay.tls is not None and relay.tls.unsent):
            relay.rest = rest[sent:]
        else:
            relay.rest = None
            self._epoll.modify(relay.descriptor, _READABLE)

    def _wake(self, relay: SocketRelay, failure: Exception | None = None) -> None:
        self.remove(relay)
        relay.failure = failure
        trio.lowlevel.reschedule(relay.task)


@contextmanager
def _counted() -> Iterator[None]:
    _reactors.set(_reactors.get() + 1)
    try:
        yield
    finally:
        _reactors.set(_reactors.get() - 1)


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
    with closing(reactor), _counted():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reactor.run, name="reactor")
            yield reactor
            nursery.cancel_scope.cancel()
