"""Ends idle clients: those to and from which no byte moves. One task watches all of them.

A relay reports when bytes have moved, which is cheap. But bytes may have come that it has not
received yet, and bytes that it has sent may take minutes to reach a client behind a slow link. So
before a client is ended, the system is asked how many bytes have arrived and how many the peer has
acknowledged. What counts is what moves between the two systems.

A silent client is looked at several times within its limit. The first look after a move has nothing
to compare with. If bytes are on their way then, the next look decides.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from .tcp_info import is_on_its_way, progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .tcp_info import Socket

# How often a silent client is looked at within its limit. An acknowledgment is noticed up to this
# part of the limit late, and so is the end of a client that has received some of its echo.
_LOOKS = 8

# How many clients to look at before other tasks get their turn.
_BATCH = 256


class IdleWatch:
    """Ends clients when no byte has moved to or from them for some time.

    Args:
        limit: that time in seconds.

    Attributes:
        limit: as given.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._pause = limit / _LOOKS
        # The client that was looked at, or moved, the longest time ago comes first.
        self._clients: OrderedDict[WatchedClient, None] = OrderedDict()
        self._came = trio.Event()

    def add(self, sock: Socket, scope: trio.CancelScope) -> WatchedClient:
        """Watch a client from now on.

        Args:
            sock: its connection.
            scope: cancelled when the client has been idle for too long.
        """
        client = WatchedClient(sock, scope, self._clients)
        client.moved()
        self._came.set()
        return client

    async def run(self) -> None:
        """Watch, until cancelled."""
        while True:
            while not self._clients:  # one that came may have left already
                self._came = trio.Event()
                await self._came.wait()
            await trio.sleep_until(next(iter(self._clients)).looked_at + self._pause)
            now = trio.current_time()
            for _ in range(min(len(self._clients), _BATCH)):
                client = next(iter(self._clients))
                if now < client.looked_at + self._pause:
                    break
                if self._is_idle(client, now):
                    client.scope.cancel()
                client.looked_at = now
                self._clients.move_to_end(client)

    def _is_idle(self, client: WatchedClient, now: float) -> bool:
        before, client.progress = client.progress, progress(client.sock)
        if before is not None and client.progress != before:
            client.moved_at = now
        if now < client.moved_at + self.limit:
            return False
        return before is not None or not is_on_its_way(client.sock)


class WatchedClient:
    """A client of an `IdleWatch`.

    Attributes:
        sock: its connection.
        scope: cancelled when it has been idle for too long.
        moved_at: when bytes last moved, as far as we know.
        looked_at: when it was last looked at, or bytes last moved.
        progress: what the last look saw. `None` if the relay has moved bytes since then.
    """

    __slots__ = ("_order", "looked_at", "moved_at", "progress", "scope", "sock")

    def __init__(
        self,
        sock: Socket,
        scope: trio.CancelScope,
        order: OrderedDict[WatchedClient, None],
    ) -> None:
        self.sock = sock
        self.scope = scope
        self._order = order

    def moved(self) -> None:
        """Note that bytes have moved just now."""
        self.moved_at = self.looked_at = trio.current_time()
        self.progress: object = None
        self._order[self] = None
        self._order.move_to_end(self)

    def leave(self) -> None:
        """Stop being watched."""
        self._order.pop(self, None)


@asynccontextmanager
async def open_idle_watch(limit: float) -> AsyncIterator[IdleWatch | None]:
    """Run an idle watch during a block; `None` if there is no limit."""
    if limit == math.inf:
        yield None
        return
    async with trio.open_nursery() as nursery:
        watch = IdleWatch(limit)
        nursery.start_soon(watch.run, name="idle watch")
        yield watch
        nursery.cancel_scope.cancel()
