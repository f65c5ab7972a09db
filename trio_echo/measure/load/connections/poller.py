"""Which sockets are ready: plain epoll on Linux, `selectors` elsewhere.

`selectors.EpollSelector` makes an object for each ready socket, which costs the load generator a
tenth of its rate. Other systems have no epoll; on Windows, `select()` takes at most `MOST_SOCKETS`
connections a process.
"""

from __future__ import annotations

import select
import selectors
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_SOCKETS = 511 if sys.platform == "win32" else None
"""The most connections that a process can wait for, beside the socket that wakes it."""

EMPTY_TURN = 50_000
"""The most nanoseconds that a turn takes in which nothing is ready or due. If it took longer, this
process had no processor for a while."""

if sys.platform == "linux":
    READ, WRITE = select.EPOLLIN, select.EPOLLOUT

    def open_poller() -> select.epoll:
        """Make a poller: `register`, `modify`, `unregister`, `poll`, `close`, as epoll has them."""
        return select.epoll()

else:
    READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

    class _Poller:
        """This system's selector with the methods of epoll."""

        def __init__(self) -> None:
            self._selector = selectors.DefaultSelector()
            self.register = self._selector.register
            self.modify = self._selector.modify
            self.unregister = self._selector.unregister
            self.close = self._selector.close

        def poll(self, timeout: float, _most: int) -> Sequence[tuple[int, int]]:
            return [(key.fd, events) for key, events in self._selector.select(timeout)]

    def open_poller() -> _Poller:
        """Make a poller: `register`, `modify`, `unregister`, `poll`, `close`, as epoll has them."""
        return _Poller()
