"""What a terminal has shown of a client, what waits, and what is only counted; see `pacing`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.events import DataReceived, LinesMissing

from .backlog import lines_of

if TYPE_CHECKING:
    from trio_echo.events import Connection, ServerEvent
    from trio_echo.relay import BaseRelay, Tap


class PacedClient:
    """A client of which something was shown or waits.

    Args:
        connection: the client's.
        turn: as below.

    Attributes:
        connection: the client's.
        turn: grows each time that it is shown; smaller than that of those shown later.
        waiting: its events that wait.
        lines: how many lines these are.
        data_lines: how many of these are data.
        bytes: of data in them.
        missing: how many lines after these are only counted.
        is_new: whether nothing of it was shown yet.
        floods: whether lines were missing at its last turn, or are now.
        relay: counts lines while `is_muted`; `None` if its events come from elsewhere.
        is_muted: whether its relay counts lines, and makes no events.
    """

    __slots__ = (
        "bytes",
        "connection",
        "data_lines",
        "floods",
        "is_muted",
        "is_new",
        "lines",
        "missing",
        "relay",
        "turn",
        "waiting",
    )

    def __init__(self, connection: Connection, turn: int) -> None:
        self.connection = connection
        self.turn = turn
        self.waiting: list[ServerEvent] = []
        self.lines = self.data_lines = self.bytes = self.missing = 0
        self.is_new = True
        self.floods = self.is_muted = False
        self.relay: BaseRelay | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether it goes before others."""
        return not (self.is_new or self.floods)

    def add(self, event: ServerEvent) -> None:
        """Let an event wait."""
        self.waiting.append(event)
        lines = lines_of(event)
        self.lines += lines
        if isinstance(event, DataReceived):
            self.data_lines += lines
            self.bytes += len(event.data)

    def clear(self) -> None:
        """Let nothing wait any more."""
        self.waiting = []
        self.lines = self.data_lines = self.bytes = 0

    def collect(self) -> None:
        """Add what the relay has counted to what is missing."""
        if self.relay is not None:
            self.missing += self.relay.lines
            self.relay.lines = 0

    def close_gap(self) -> None:
        """Let what is missing so far wait as an event."""
        self.collect()
        if self.missing:
            self.waiting.append(LinesMissing(self.missing, self.connection))
            self.missing = 0

    def mute(self) -> None:
        """Let the relay only count."""
        self.is_muted = True
        if self.relay is not None:
            self.relay.tap, self.relay.counts_lines = None, True

    def let_speak(self, tap: Tap) -> None:
        """Let the relay pass on each piece."""
        self.is_muted = False
        if self.relay is not None:
            self.relay.tap, self.relay.counts_lines = tap, False


def first_lines(data: bytes, most: int) -> bytes:
    """Return at most so many lines of a piece, whole."""
    end = 0
    for _ in range(most):
        end = data.find(b"\n", end) + 1
        if not end:
            return data
    return data[:end]
