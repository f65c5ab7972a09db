"""The events of a server, to wait for."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TypeVar

from trio_echo.events import ServerEvent

_EventT = TypeVar("_EventT", bound=ServerEvent)


class EventList(list[ServerEvent]):
    """The events of a server so far, in order; a test can wait for the next ones.

    The server's thread appends to it. It is a list, to compare, search or `clear()`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._arrived = threading.Condition()

    def append(self, event: ServerEvent) -> None:
        """Add an event, and wake those who wait for it."""
        with self._arrived:
            super().append(event)
            self._arrived.notify_all()

    def of(self, kind: type[_EventT]) -> list[_EventT]:
        """Return the events of a kind, such as `trio_echo.events.ClientClosed`."""
        return [event for event in [*self] if isinstance(event, kind)]

    def wait_for(self, kind: type[_EventT], number: int = 1, *, timeout: float = 10.0) -> _EventT:
        """Return an event of a kind, as soon as it is here.

        It blocks the thread, and so an event loop. In an async test, call it by
        `trio.to_thread.run_sync` or `asyncio.to_thread`.

        Args:
            kind: its class.
            number: which one of that kind: 1 for the first.
            timeout: how many seconds to wait.

        Raises:
            TimeoutError: it did not come; the message says what did.
        """
        __tracebackhide__ = True  # pytest then shows the line of the test
        with self._arrived:
            if self._arrived.wait_for(lambda: len(self.of(kind)) >= number, timeout):
                return self.of(kind)[number - 1]
            seen = Counter(type(event).__name__ for event in self)
        wanted = kind.__name__ if number == 1 else f"{kind.__name__} number {number}"
        came = ", ".join(f"{count} {name}" for name, count in seen.items()) or "no event"
        raise TimeoutError(f"no {wanted} within {timeout:g} s; there were: {came}")
