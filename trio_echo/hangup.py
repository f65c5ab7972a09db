"""Notices that peers have reset their connections, without receiving from them.

On Linux, an epoll set (epoll(7)) holds the sockets and asks for no events. It reports only what it
always reports: an error, and the end of both directions. On other systems nothing is reported.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

if sys.platform == "linux":
    import select

    class _Lookout:
        """The epoll set of a Trio run, and what to call."""

        def __init__(self) -> None:
            self._epoll = select.epoll()
            self._calls: dict[int, Callable[[], object]] = {}

        async def run(self) -> None:
            """Make the calls of connections that are over, until the run ends."""
            with self._epoll as epoll:
                while True:
                    await trio.lowlevel.wait_readable(epoll.fileno())
                    for descriptor, _ in epoll.poll(0):
                        call = self._calls.get(descriptor)
                        if call is not None:
                            self.remove(descriptor, call)
                            call()

        def add(self, descriptor: int, call: Callable[[], object]) -> None:
            # A forked process may keep a socket in the set that was closed here. It cannot be
            # removed any more, and is reported only once.
            self._epoll.register(descriptor, select.EPOLLONESHOT)
            self._calls[descriptor] = call

        def remove(self, descriptor: int, call: Callable[[], object]) -> None:
            # A closed socket has left the set, and its number may belong to another one.
            if self._calls.get(descriptor) is call:
                del self._calls[descriptor]
                with suppress(OSError):
                    self._epoll.unregister(descriptor)

    _lookouts: trio.lowlevel.RunVar[_Lookout] = trio.lowlevel.RunVar("trio_echo.hangup")

    @contextmanager
    def called_at_hangup(
        sock: trio.socket.SocketType, call: Callable[[], object]
    ) -> Iterator[None]:
        """Call something once if a connection is reset, or breaks, during a `with` block.

        Raises:
            OSError: `epoll_create()` or `epoll_ctl()` failed.
        """
        descriptor = sock.fileno()
        if descriptor == -1:  # it is closed; the next call on it raises
            yield
            return
        try:
            lookout = _lookouts.get()
        except LookupError:
            lookout = _Lookout()
            _lookouts.set(lookout)
            trio.lowlevel.spawn_system_task(lookout.run)
        lookout.add(descriptor, call)
        try:
            yield
        finally:
            lookout.remove(descriptor, call)

else:

    @contextmanager
    def called_at_hangup(
        _sock: trio.socket.SocketType, _call: Callable[[], object]
    ) -> Iterator[None]:
        """There is no portable way to wait for that."""
        yield
