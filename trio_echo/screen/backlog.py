"""A queue of events for a reader slower than the echo: a screen, or another process.

Clients decide how many events there are, so when too many wait, some are dropped and counted.
Each client has its share of the memory and of the reader's time, whatever the others send.
"""

from __future__ import annotations

from collections import deque
from itertools import chain
from typing import TYPE_CHECKING, Generic, TypeVar

from trio_echo.events import ClientConnected, ClientsWaiting, DataReceived, LinesMissing
from trio_echo.relay import lines_in

from .folding import ClientsFolded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_echo.addresses import Endpoint
    from trio_echo.events import Connection

ItemT = TypeVar("ItemT")

# At most 16 MiB wait: what a fast terminal shows in some seconds, and little memory. Most of it is
# for data. The rest is reserved, so that no flood of data drops who connected and disconnected.
_DATA_BYTES = 12 * 1024 * 1024
_OTHER_BYTES = 4 * 1024 * 1024
_EVENT_BYTES = 512

# How much of one client may be in the queue, ahead of what others send later: one large piece.
_QUEUED_BYTES = 64 * 1024

# Clients decide how many of these there are, so they are not always kept.
_OF_CLIENTS = (ClientsFolded, ClientsWaiting)


class _Gap:
    """Marks where lines are missing: of one client, or of several."""

    def __init__(self, connection: Connection | None) -> None:
        self.connection = connection
        self.lines = 0

    def event(self) -> LinesMissing:
        return LinesMissing(self.lines, self.connection)


class _Share(Generic[ItemT]):
    """The waiting items of one client.

    Attributes:
        queued: bytes in the queue.
        data: bytes of `DataReceived`, in the queue and aside.
        gap: the client's last item, if it is a gap.
        aside: items that join the queue when fewer of this client are in it.
    """

    queued = 0
    data = 0
    gap: _Gap | None = None
    aside: deque[tuple[ItemT | _Gap, int, _Share[ItemT] | None]] | None = None

    def __init__(self, peer: Endpoint) -> None:
        self.peer = peer


class Backlog(Generic[ItemT]):
    """A queue that replaces events of clients by a `LinesMissing` when too many wait.

    Items come out in the order they came in, with one exception: when a client has much in the
    queue, the rest is set aside, so that others need not wait for all of it. Each client's own
    events stay in order. A client may hold as much data as there is room left for everybody: one
    alone gets half of the room, two get a third each.

    Items without a client are always kept, unless clients decide how many there are.
    """

    def __init__(self) -> None:
        # Each item with its size in bytes and the share of its client.
        self._queue: deque[tuple[ItemT | _Gap, int, _Share[ItemT] | None]] = deque()
        self._shares: dict[Endpoint, _Share[ItemT]] = {}
        self._late: dict[Endpoint, _Share[ItemT]] = {}  # clients with items aside
        self._data_bytes = 0
        self._other_bytes = 0
        self.dropped = 0
        """How many lines were only counted."""

    def __bool__(self) -> bool:
        return bool(self._queue)

    def __iter__(self) -> Iterator[ItemT | LinesMissing]:
        asides = (share.aside or () for share in self._late.values())
        for item, _, _ in chain(self._queue, *asides):
            yield item.event() if isinstance(item, _Gap) else item

    @property
    def size(self) -> int:
        """How many bytes the items take."""
        return self._data_bytes + self._other_bytes

    def put(self, item: ItemT, *, in_order: bool = True) -> None:
        """Add an item at the end, or only count its lines.

        Args:
            item: anything, without `connection` or with one.
            in_order: if it has no client, it comes out after everything put before it. Otherwise
                it need not wait for what clients have aside.
        """
        connection: Connection | None = getattr(item, "connection", None)
        if connection is not None:
            self._put_of_client(connection, item)
        elif isinstance(item, LinesMissing):
            self._count_missing(item.lines)
        elif isinstance(item, _OF_CLIENTS) and not self._has_room():
            self._count_missing(lines_of(item))
        else:
            if in_order and not isinstance(item, _OF_CLIENTS):
                self._queue_all()
            self._add(item, _EVENT_BYTES, None)

    def first(self) -> ItemT | LinesMissing | None:
        """Return the next item without removing it; `None` if the queue is empty."""
        if not self._queue:
            return None
        item = self._queue[0][0]
        return item.event() if isinstance(item, _Gap) else item

    def take(self) -> ItemT | LinesMissing:
        """Remove the next item and return it."""
        item, size, share = self._queue.popleft()
        is_data = isinstance(item, DataReceived)
        if is_data:
            self._data_bytes -= size
        else:
            self._other_bytes -= size
        if share is not None:
            share.queued -= size
            if is_data:
                share.data -= size
            elif item is share.gap:
                share.gap = None
            if share.aside:
                self._queue_more(share)
            if not share.queued:
                del self._shares[share.peer]
        return item.event() if isinstance(item, _Gap) else item

    def _put_of_client(self, connection: Connection, item: ItemT) -> None:
        share = self._shares.get(connection.remote)
        if isinstance(item, DataReceived):
            size = _EVENT_BYTES + len(item.data)
            held = 0 if share is None else share.data
            fits = held + size <= _DATA_BYTES - self._data_bytes
        else:
            size = _EVENT_BYTES
            fits = self._has_room()
        if share is None:
            if not fits:
                self._count_missing(lines_of(item))
                return
            share = self._shares[connection.remote] = _Share(connection.remote)
        if fits and not isinstance(item, LinesMissing):
            share.gap = None
            self._add(item, size, share)
            return
        if share.gap is None:
            share.gap = _Gap(connection)
            self._add(share.gap, _EVENT_BYTES, share)
        share.gap.lines += lines_of(item)
        self.dropped += lines_of(item)

    def _has_room(self) -> bool:
        return self._other_bytes + _EVENT_BYTES <= _OTHER_BYTES

    def _count_missing(self, lines: int) -> None:
        """Count lines of clients that have no share."""
        last = self._queue[-1][0] if self._queue else None
        if not (isinstance(last, _Gap) and last.connection is None):
            last = _Gap(None)
            self._add(last, _EVENT_BYTES, None)
        last.lines += lines
        self.dropped += lines

    def _add(self, item: ItemT | _Gap, size: int, share: _Share[ItemT] | None) -> None:
        entry = (item, size, share)
        if isinstance(item, DataReceived):
            self._data_bytes += size
        else:
            self._other_bytes += size
        if share is not None:
            if isinstance(item, DataReceived):
                share.data += size
            if share.aside or (share.queued and share.queued + size > _QUEUED_BYTES):
                if not share.aside:
                    share.aside = deque()
                    self._late[share.peer] = share
                share.aside.append(entry)
                return
            share.queued += size
        self._queue.append(entry)

    def _queue_more(self, share: _Share[ItemT]) -> None:
        """Move items set aside to the end of the queue, as far as the client's share allows."""
        while share.aside:
            size = share.aside[0][1]
            if share.queued and share.queued + size > _QUEUED_BYTES:
                return
            share.queued += size
            self._queue.append(share.aside.popleft())
        del self._late[share.peer]

    def _queue_all(self) -> None:
        for share in self._late.values():
            while share.aside:
                share.queued += share.aside[0][1]
                self._queue.append(share.aside.popleft())
        self._late.clear()


def lines_of(event: object) -> int:
    """Count the lines that an event takes on the screen."""
    match event:
        case DataReceived(data=data):
            return lines_in(data, len(data))
        case LinesMissing(lines):
            return lines
        case ClientConnected():
            return 2  # with the blank line before it
        case _:
            return 1
