"""Clients that come and leave without a word, such as a balancer's health checks, share a line.

The first one of a host is shown whole. Those that follow within a second, and end in the same way,
are only counted. So if a client of a host has just come or left, and was silent, the lines of the
next one wait: until it sends something, for a second at most. The lines of a client that sends stay
whole and in order.

The same goes for TLS handshakes that fail in the same way: a balancer that checks a TLS port
often opens a plain connection and closes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import TYPE_CHECKING, TypeAlias

import trio

from trio_echo.errors import SocketCallError, TlsError
from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientFailed,
    Connection,
    DataReceived,
    Draining,
    HandshakeFailed,
    ServerEvent,
    Stopped,
    WorkerDied,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_echo.tls_problems import TlsProblem

_WINDOW = 1.0  # seconds

# How a client left: None, or the call that failed, and why.
_Kind: TypeAlias = "tuple[str, int | TlsProblem | None] | None"


@dataclass(frozen=True, slots=True)
class ClientsFolded:
    """More clients of a host have come and left in the same way, within a second.

    They sent nothing, or their handshake failed.

    Attributes:
        host: their address.
        clients: how many.
        error: how their connections failed; `None` if they closed them.
    """

    host: str
    clients: int
    error: SocketCallError | None


@dataclass(slots=True)
class _Visit:
    """A client that came a moment ago and has sent nothing.

    Attributes:
        until: when it is no longer new.
        held: its events, if they wait to be shown.
        error: how its connection failed.
    """

    until: float
    held: list[ServerEvent] | None
    error: SocketCallError | None = None


@dataclass(slots=True)
class _Window:
    """Counts the silent clients of a host, for a second from when the first one came.

    Attributes:
        until: its end.
        kinds: for each way to leave, the last error, and how many clients are not shown.
    """

    until: float
    kinds: dict[_Kind, tuple[SocketCallError | None, int]] = field(default_factory=dict)


class Folding:
    """Passes events on, except those of clients that it counts. `run` is its task.

    Args:
        show: called with each event that is to be shown.
    """

    def __init__(self, show: Callable[[ServerEvent | ClientsFolded], object]) -> None:
        self._show = show
        # Both are in the order of their ends, because all last equally long.
        self._visits: dict[Connection | None, _Visit] = {}
        self._windows: dict[str, _Window] = {}
        self._begun = trio.Event()

    def put(self, event: ServerEvent) -> None:
        """Show an event now or later, or count its client."""
        match event:
            case DataReceived() if not self._visits:  # by far the most common
                pass
            case ClientConnected(connection):
                host, end = connection.remote.host, trio.current_time() + _WINDOW
                held = host in self._windows
                self._visits[connection] = _Visit(end, [event] if held else None)
                self._begun.set()
                if held:
                    return
                self._windows[host] = _Window(end)  # ended at once if this client sends
            case ClientFailed(connection, SocketCallError() as error):
                visit = self._visits.get(connection)
                if visit is not None:
                    visit.error = error
                    if visit.held is not None:
                        visit.held.append(event)
                        return
            case HandshakeFailed(connection, SocketCallError() as error):
                if self._is_counted(connection.remote.host, error):
                    return
                self._begun.set()
            case ClientClosed(connection):
                visit = self._visits.pop(connection, None)
                if visit is not None and self._is_folded(connection.remote.host, visit):
                    return
            case Draining() | Stopped() | WorkerDied():
                self.flush()
            case _:
                client = getattr(event, "connection", None)
                visit = self._visits.pop(client, None)
                if client is not None and visit is not None:
                    self._show_held(visit)
                    self._forget(client.remote.host)
        self._show(event)

    def flush(self) -> None:
        """Show everything that waits, and what was counted."""
        for visit in self._visits.values():
            self._show_held(visit)
        for host, window in self._windows.items():
            self._report(host, window)
        self._visits.clear()
        self._windows.clear()

    async def run(self) -> None:
        """Show in time what waits, until cancelled."""
        while True:
            await self._begun.wait()
            self._begun = trio.Event()
            while (end := self._next_end()) is not None:
                await trio.sleep_until(end)
                self._end_what_is_over()

    def _next_end(self) -> float | None:
        ends = [one.until for one in islice(self._visits.values(), 1)]
        ends += [one.until for one in islice(self._windows.values(), 1)]
        return min(ends, default=None)

    def _end_what_is_over(self) -> None:
        now = trio.current_time()
        over = takewhile(lambda entry: entry[1].until <= now, self._visits.items())
        for client, visit in list(over):
            del self._visits[client]
            self._show_held(visit)
        ended = takewhile(lambda entry: entry[1].until <= now, self._windows.items())
        for host, window in list(ended):
            del self._windows[host]
            if self._report(host, window):  # it may go on
                window.until = now + _WINDOW
                self._windows[host] = window

    def _is_folded(self, host: str, visit: _Visit) -> bool:
        """Count a silent client that left; return `False` if it is the first of its kind."""
        if self._is_counted(host, visit.error, shown=visit.held is None):
            return True
        self._show_held(visit)
        return False

    def _is_counted(self, host: str, error: SocketCallError | None, *, shown: bool = False) -> bool:
        """Count a client that left, unless it is shown or the first of its kind."""
        kind = _kind_of(error)
        window = self._windows.get(host)
        if window is None:
            window = self._windows[host] = _Window(trio.current_time() + _WINDOW)
        if shown or kind not in window.kinds:
            window.kinds.setdefault(kind, (None, 0))
            return False
        window.kinds[kind] = error, window.kinds[kind][1] + 1
        return True

    def _forget(self, host: str) -> None:
        """End a host's window, if no silent client has left."""
        window = self._windows.get(host)
        if window is not None and not window.kinds:
            del self._windows[host]

    def _show_held(self, visit: _Visit) -> None:
        for event in visit.held or ():
            self._show(event)

    def _report(self, host: str, window: _Window) -> bool:
        """Report the clients that were counted; return whether there were any."""
        counted = [(error, clients) for error, clients in window.kinds.values() if clients]
        for error, clients in counted:
            self._show(ClientsFolded(host, clients, error))
        window.kinds = dict.fromkeys(window.kinds, (None, 0))
        return bool(counted)


def _kind_of(error: SocketCallError | None) -> _Kind:
    if error is None:
        return None
    return error.call, error.problem if isinstance(error, TlsError) else error.errno
