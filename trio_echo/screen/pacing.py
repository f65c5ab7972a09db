"""On a terminal, as many lines as a person can follow; the others are counted in their place.

There is room for some hundred lines a second, and for as many at once after a pause. A client whose
lines find room is shown at once. When there is none left, its next few lines wait, and the rest is
only counted: no event is made for them, so a flood costs the echo little. Ten times a second, those
that wait have their turn: quiet clients first, then those that were not shown for longest. So:

- Clients that flood share the room, and each has its turn.
- Part of the room is kept for the others, so their lines appear at once beside a flood.
- Lines about a client that came and left may wait. They are left out only if hundreds wait.
- Each client's lines stay in order, whole, and none is missing without being counted.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import trio

from trio_echo.events import (
    ClientClosed,
    ClientsRefused,
    ClientsWaiting,
    DataReceived,
    HandshakeFailed,
    LinesMissing,
    Stopped,
    WorkerDied,
)
from trio_echo.relay import lines_in

from .backlog import lines_of
from .folding import ClientsFolded
from .paced_client import PacedClient, first_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_echo.events import Connection, ServerEvent
    from trio_echo.relay import BaseRelay

# Seconds between two turns.
_TICK = 0.1
# Lines that there is room for in that time. More than 300 a second cannot be followed.
_LINES = 30
# Lines that there is room for after a pause.
_MOST = 300
# Of these, the lines kept from clients that flood, and from clients that have just come.
_KEPT = 100
_KEPT_FROM_NEW = 50
# Lines of a quiet client that are shown, or wait, even if there is less room.
_LEAST = 10
# Lines and bytes that may wait for their turn. Of hundreds of clients that come and leave at once,
# none is left out.
_WAITING_LINES = 1200
# Of these, the lines kept for quiet clients, and for clients that wait already to be shown whole.
_KEPT_WAITING = 300
_WAITING_BYTES = 8 * 1024 * 1024
# Every so many bytes, a long line takes the room of one more line.
_LONG = 1024


class Pacing:
    """Passes events on, as fast as a person can follow. `run` is its task.

    Args:
        show: called with each event that is to be shown.
    """

    def __init__(self, show: Callable[[ServerEvent | ClientsFolded], object]) -> None:
        self._show = show
        self._room = _MOST  # below 0 after a long line
        self._turns = count()
        self._clients: dict[Connection, PacedClient] = {}
        self._behind: dict[PacedClient, None] = {}  # those of which something waits or is missing
        self._new_behind = 0  # how many of these are new
        self._share = _LINES  # for each of those that were behind at the last turns
        self._lines = 0
        self._bytes = 0
        self._missing = 0  # lines of clients that are not behind
        self._used = trio.Event()

    def put(self, event: ServerEvent | ClientsFolded) -> None:
        """Show an event now or later, or count its lines."""
        connection = getattr(event, "connection", None)
        match event:
            case Stopped() | WorkerDied():
                self.flush()
                self._show(event)
            case ClientsFolded() | ClientsRefused() | ClientsWaiting() | LinesMissing(_, None):
                if isinstance(event, LinesMissing) or self._room <= 0:
                    self._count(lines_of(event))
                else:
                    self._show_now(event)
            case _ if connection is None:
                self._show(event)
            case HandshakeFailed():  # the only event of its client
                self._put_of(PacedClient(connection, next(self._turns)), event)
            case ClientClosed():
                self._put_of(self._leaving(connection), event)
            case DataReceived(_, data):
                self._put_data(self._client(connection), data)
            case LinesMissing(lines):
                self._add_missing(self._client(connection), lines)
            case _:
                self._put_of(self._client(connection), event)

    def take_over(self, connection: Connection, relay: BaseRelay) -> None:
        """Show what else a client sends, or count it, without an event for each piece.

        Args:
            connection: the client's.
            relay: its `tap` is set or replaced by a count, as there is room.
        """
        client = self._client(connection)
        client.relay = relay
        self._let_speak(client)
        if client.missing:
            client.mute()

    def flush(self) -> None:
        """Show what waits, and how many lines are missing."""
        for client in sorted(self._behind, key=_rank):
            if self._room > -_WAITING_LINES:
                self._take_turn(client)
            else:
                self._give_up(client, 0)
        self._report_missing()
        self._clients.clear()  # those of a worker that died have no last event

    async def run(self) -> None:
        """Give turns, until cancelled."""
        while True:
            await self._used.wait()
            self._used = trio.Event()
            while self._room < _MOST or self._behind or self._missing:
                await trio.sleep(_TICK)
                self._room = min(_MOST, self._room + _LINES)
                self._share = _LINES // max(1, len(self._behind))
                for client in sorted(self._behind, key=_rank):
                    if self._room > (0 if client.is_quiet else _KEPT):
                        self._take_turn(client)
                if self._room > 0:
                    self._report_missing()

    def _client(self, connection: Connection) -> PacedClient:
        client = self._clients.get(connection)
        if client is None:
            client = self._clients[connection] = PacedClient(connection, next(self._turns))
        return client

    def _leaving(self, connection: Connection) -> PacedClient:
        client = self._client(connection)
        del self._clients[connection]
        client.collect()
        client.relay = None
        return client

    def _put_data(self, client: PacedClient, data: bytes) -> None:
        """Show a piece, or let its first lines wait, and count the others."""
        if client.missing:
            client.missing += lines_in(data, len(data))
            return
        is_free = self._has_room(client)
        least = _LEAST if client.is_quiet else 1
        if is_free:
            room = max(least, self._room)
        elif self._may_wait(client) and self._bytes + len(data) <= _WAITING_BYTES:
            others = len(self._behind) - (client in self._behind)
            share = min(self._share, _LINES // (others + 1))
            room = max(least, share) - client.data_lines
        else:
            room = 0
        first = first_lines(data, room)
        if first:
            event = DataReceived(client.connection, first)
            if is_free:
                self._show_of(client, event)
            else:
                self._let_wait(client, event)
        if len(first) < len(data):
            self._add_missing(client, lines_in(data[len(first) :], len(data) - len(first)))

    def _put_of(self, client: PacedClient, event: ServerEvent) -> None:
        """Show an event that is not data, let it wait, or count it if hundreds wait."""
        if self._has_room(client):
            self._show_of(client, event)
        elif self._may_wait(client):
            client.close_gap()
            self._let_wait(client, event)
        elif client.waiting:
            client.missing += lines_of(event)
        else:
            self._give_up(client, lines_of(event))

    def _has_room(self, client: PacedClient) -> bool:
        """Return whether an event of a client can be shown at once."""
        if client in self._behind or client.floods:
            return False
        if client.is_new:
            return self._room > _KEPT_FROM_NEW and not self._new_behind
        return self._room > 0

    def _may_wait(self, client: PacedClient) -> bool:
        kept = 0 if client.is_quiet or client.waiting else _KEPT_WAITING
        return self._lines < _WAITING_LINES - kept

    def _show_of(self, client: PacedClient, event: ServerEvent) -> None:
        client.turn = next(self._turns)
        client.is_new = False
        self._show_now(event)

    def _show_now(self, event: ServerEvent | ClientsFolded) -> None:
        self._show(event)
        self._room -= 1 if isinstance(event, LinesMissing) else lines_of(event)
        if isinstance(event, DataReceived):
            self._room -= len(event.data) // _LONG
        self._used.set()

    def _let_wait(self, client: PacedClient, event: ServerEvent) -> None:
        lines, size = client.lines, client.bytes
        client.add(event)
        self._lines += client.lines - lines
        self._bytes += client.bytes - size
        self._fall_behind(client)

    def _add_missing(self, client: PacedClient, lines: int) -> None:
        client.missing += lines
        client.floods = True
        self._fall_behind(client)
        client.mute()

    def _fall_behind(self, client: PacedClient) -> None:
        if client not in self._behind:
            self._behind[client] = None
            self._new_behind += client.is_new
        self._used.set()

    def _take_turn(self, client: PacedClient) -> None:
        """Show what waits of a client, and how much is missing."""
        client.close_gap()
        client.floods = client.is_muted
        for event in client.waiting:
            self._show_now(event)
        self._leave_queue(client)
        client.turn = next(self._turns)
        client.is_new = False
        self._let_speak(client)

    def _give_up(self, client: PacedClient, lines: int) -> None:
        """Count what waits of a client, and some lines more, as missing without its name."""
        client.close_gap()
        self._count(sum(map(lines_of, client.waiting)) + lines)
        self._leave_queue(client)
        self._let_speak(client)

    def _leave_queue(self, client: PacedClient) -> None:
        if client in self._behind:
            del self._behind[client]
            self._new_behind -= client.is_new
        self._lines -= client.lines
        self._bytes -= client.bytes
        client.clear()

    def _let_speak(self, client: PacedClient) -> None:
        client.let_speak(lambda data: self._put_data(client, data))

    def _count(self, lines: int) -> None:
        self._missing += lines
        self._used.set()

    def _report_missing(self) -> None:
        if self._missing:
            self._show_now(LinesMissing(self._missing))
            self._missing = 0


def _rank(client: PacedClient) -> tuple[bool, int]:
    return not client.is_quiet, client.turn
