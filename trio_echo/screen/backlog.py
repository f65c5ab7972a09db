"""Events that wait for somebody slower than the echo: a screen, or another process.

Clients decide how many events there are, so some are left out where too many wait, and counted.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientFailed,
    ClientIdle,
    ClientReset,
    ClientsWaiting,
    DataReceived,
    LinesMissing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

ItemT = TypeVar("ItemT")

# Clients decide how many of these there are, so these are what a slow reader loses. 16 MiB of
# them may wait: seconds of a fast terminal, and little of a computer's memory.
_DROPPABLE = (
    ClientsWaiting,
    ClientConnected,
    DataReceived,
    ClientFailed,
    ClientIdle,
    ClientReset,
    ClientClosed,
)
_WAITING_BYTES = 16 * 1024 * 1024
_EVENT_BYTES = 512


class Backlog(Generic[ItemT]):
    """A queue in which events of clients give way to a `LinesMissing` where too many wait.

    Items that are no such events are always kept.
    """

    def __init__(self) -> None:
        self._items: deque[ItemT | LinesMissing] = deque()
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._items)

    def __iter__(self) -> Iterator[ItemT | LinesMissing]:
        return iter(self._items)

    def put(self, item: ItemT) -> None:
        """Add an item at the end, or count its lines there."""
        size = _bytes(item)
        too_many = self._size + size > _WAITING_BYTES and isinstance(item, _DROPPABLE)
        if too_many or isinstance(item, LinesMissing):
            missing = lines_of(item)
            last = self._items[-1] if self._items else None
            if isinstance(last, LinesMissing):
                missing += last.lines
                self._items.pop()
            self._items.append(LinesMissing(missing))
        else:
            self._items.append(item)
            self._size += size

    def first(self) -> ItemT | LinesMissing | None:
        """Look at the item that is next; `None` if there is none."""
        return self._items[0] if self._items else None

    def take(self) -> ItemT | LinesMissing:
        """Remove the item that is next."""
        item = self._items.popleft()
        self._size -= _bytes(item)
        return item


def lines_of(event: object) -> int:
    """Count the lines of the screen that an event stands for."""
    match event:
        case DataReceived(data=data):
            return data.count(b"\n") + (not data.endswith(b"\n"))
        case LinesMissing(lines):
            return lines
        case ClientConnected():
            return 2  # a blank line stands before it
        case _:
            return 1


def _bytes(item: object) -> int:
    if isinstance(item, DataReceived):
        return _EVENT_BYTES + len(item.data)
    # There is at most one more of these than of the others.
    return 0 if isinstance(item, LinesMissing) else _EVENT_BYTES
