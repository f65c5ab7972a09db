"""Waits until the peers of sockets have reset their connections, without receiving from them.

On Linux, one epoll set (epoll(7)) for all sockets of a Trio run is asked for no events: it
reports just those that it always reports, an error and the end of both directions. Other systems
have no such thing; there, nothing is ever reported.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform == "linux":
    import select

    class _Lookout:
        """The epoll set of a Trio run, and whom to wake."""

        def __init__(self) -> None:
            self._epoll = select.epoll()
            self._events: dict[int, trio.Event] = {}

        async def run(self) -> None:
            """Wake those whose connection is over, until the run ends."""
            with self._epoll as epoll:
                while True:
                    await trio.lowlevel.wait_readable(epoll.fileno())
                    for descriptor, _ in epoll.poll(0):
                        self._events[descriptor].set()
                        self.remove(descriptor, self._events[descriptor])

        def add(self, descriptor: int, event: trio.Event) -> None:
            self._epoll.register(descriptor, 0)
            self._events[descriptor] = event

        def remove(self, descriptor: int, event: trio.Event) -> None:
            # A socket that was closed is out of the set, and its number may be another's.
            if self._events.get(descriptor) is event:
                del self._events[descriptor]
                with suppress(OSError):
                    self._epoll.unregister(descriptor)

    _lookouts: trio.lowlevel.RunVar[_Lookout] = trio.lowlevel.RunVar("trio_echo.hangup")

    @contextmanager
    def set_at_hangup(sock: trio.socket.SocketType, event: trio.Event) -> Iterator[None]:
        """Have an event set if a connection is reset, or breaks, during a `with` block.

        Raises:
            OSError: of `epoll_create()` or `epoll_ctl()`.
        """
        descriptor = sock.fileno()
        if descriptor == -1:  # somebody has closed it, as the next call on it will say
            yield
            return
        try:
            lookout = _lookouts.get()
        except LookupError:
            lookout = _Lookout()
            _lookouts.set(lookout)
            trio.lowlevel.spawn_system_task(lookout.run)
        lookout.add(descriptor, event)
        try:
            yield
        finally:
            lookout.remove(descriptor, event)

else:

    @contextmanager
    def set_at_hangup(_sock: trio.socket.SocketType, _event: trio.Event) -> Iterator[None]:
        """There is no portable way to wait for that."""
        yield
