"""Which sockets are ready: epoll by itself where there is one, `selectors` elsewhere.

`selectors.EpollSelector` makes an object for each ready socket, which costs the load generator a
tenth of its rate. What it gains elsewhere is that it runs at all: on Windows with at most
`MOST_SOCKETS` connections a process, which is what `select()` takes there.
"""

from __future__ import annotations

import select
import selectors
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_SOCKETS = 511 if sys.platform == "win32" else None
"""How many connections a process can wait for, beside the socket that wakes it."""

if sys.platform == "linux":
    READ, WRITE = select.EPOLLIN, select.EPOLLOUT

    def open_poller() -> select.epoll:
        """Make a poller: `register`, `modify`, `unregister`, `poll`, `close`, as epoll has them."""
        return select.epoll()

else:
    READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

    class _Poller:
        """What this system has, in the words of epoll."""

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
