"""Counts of the system calls that this thread makes for its sockets.

They come from Python's profiler (`sys.setprofile`, the event `c_call`), without privilege or a
tracer: each of these functions makes one system call. `strace -c -f -p PID` counts them from
outside, in any program.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Any, Self

_NAMES = {
    "socket.recv": "recv",
    "socket.recv_into": "recv",
    "socket.send": "send",
    "epoll.poll": "epoll_wait",
    "epoll.register": "epoll_ctl",
    "epoll.modify": "epoll_ctl",
    "epoll.unregister": "epoll_ctl",
    "kqueue.control": "kevent",
}


class Calls:
    """A context manager that counts the calls that move bytes and that wait for them.

    Calls that fail because there is nothing to receive yet count too. On Windows, Trio waits with
    its own functions, which are not seen. Counting a call takes longer than the call: do not
    measure speed at the same time.

    Attributes:
        counts: calls so far, by the names of the system calls.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        if sys.getprofile() is not None:
            raise RuntimeError("another profiler is active in this thread")
        sys.setprofile(self._profile)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        sys.setprofile(None)

    def per(self, messages: int) -> dict[str, float]:
        """Divide the counts by a number of messages.

        Raises:
            ValueError: there were no messages.
        """
        if messages < 1:
            raise ValueError("there were no messages to divide by")
        return {name: count / messages for name, count in sorted(self.counts.items())}

    def _profile(self, _frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call":
            name = _NAMES.get(getattr(function, "__qualname__", ""))
            if name is not None:
                self.counts[name] += 1
