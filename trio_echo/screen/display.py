"""The output of a command, written in order by its own task: a slow screen delays nothing else."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

import trio

from trio_echo.errors import SocketCallError
from trio_echo.events import (
    AcceptFailed,
    CertificatesKept,
    ClientEvent,
    DataReceived,
    EchoReceived,
    FamilyMissing,
    LinesMissing,
    ServerEvent,
    WorkerDied,
)

from .backlog import Backlog, lines_of
from .folding import ClientsFolded
from .output import Output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_echo.events import Connection
    from trio_echo.relay import BaseRelay, Tap

FAREWELL = 1.0
"""Seconds that the last lines may take to reach a stalled screen."""

# Bytes of text that one write takes from the queue.
_BATCH = 256 * 1024

# Bytes of text that wait beside the queue, written all at once.
_PAGE = 2 * 1024 * 1024

# Seconds between two writes when lines keep coming. Handing a write to its thread and back takes
# as long as ten messages.
_PAUSE = 0.02

# Bytes of a piece that is formatted at once, if it is plain, and if it is not. That delays the echo
# by some microseconds.
_SHORT = 4 * 1024
_BRIEF = 128

# CPU seconds of formatting lines before other tasks get their turn. That is enough for more lines
# than the echo adds in its own turn, so the queue is soon empty, and the page open again.
_TURN = 0.002

# Bytes of text between two looks at the clock.
_LOOK = 4 * 1024


@dataclass(frozen=True, slots=True)
class Text:
    """A text from the command itself, shown as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """A line for standard error, without its newline."""

    line: str


Item: TypeAlias = ServerEvent | ClientEvent | ClientsFolded | Text | Complaint


class Pieces(Protocol):
    """How the pieces of one client are written."""

    def plain(self, data: bytes) -> bytes | None:
        """Return a piece's lines in ASCII, or `None` if `Format.lines` has to do it."""


class Format(Protocol):
    """How events are written: a `Transcript` or `JsonLines`."""

    def lines(self, event: ServerEvent | ClientEvent | ClientsFolded) -> Iterator[str]:
        r"""Yield an event in parts of text; together they are whole lines, ending in `\n`."""

    def pieces_of(self, connection: Connection) -> Pieces:
        """Return what writes the next piece of a client; it may be another one each time."""

    def describe(self, error: Exception) -> str:
        """Describe in one line why something failed."""


_FOR_ERR = (Complaint, FamilyMissing, AcceptFailed, CertificatesKept, WorkerDied)
# The queue counts the lines that are missing.
_NOT_BRIEF = (*_FOR_ERR, EchoReceived, LinesMissing, Text)


class Screen:
    """Shows events and texts in order. `post` never blocks; `run` is the task that writes.

    What is short is put on a page at once, and the page is written as a whole. Other events wait in
    a `Backlog` until they are formatted, and so does all that comes after them.

    Args:
        form: turns events into lines.
    """

    def __init__(self, form: Format) -> None:
        self._format = form
        self._out = Output(sys.stdout)
        self._err = Output(sys.stderr)
        self._waiting: Backlog[Item] = Backlog()
        self._page = bytearray()
        self._page_is_open = self._out.takes_ascii
        self._is_idle = True
        self._arrived = trio.Event()
        self._plenty = trio.Event()
        self._shown = trio.Event()
        self._shown.set()
        self._lost = 0
        self._dropped_before = 0  # the output failed
        self._taken: list[Item] = []  # and given to the output, as this page was
        self._taken_page = b""
        self.failure: OSError | None = None
        """The error after which nothing more is written to standard output, or `None`."""

    def post(self, item: Item) -> None:
        """Show an item as soon as the screen allows, or only count it if too much waits."""
        if self.failure is not None and self._output(item) is self._out:
            self._lost += lines_on_screen(item)
            return
        if self._page_is_open and _is_brief(item):
            self._page += b"".join(self._parts(item, self._out))
            self._page_grew()
            return
        self._waiting.put(item)
        self._page_is_open = False
        if self._is_idle:
            self._begin()
        elif self._waiting.size > _PAGE:
            self._plenty.set()

    def take_over(self, connection: Connection, relay: BaseRelay) -> None:
        """Show what else a client sends, without an event for each piece that is short and plain.

        Args:
            connection: the client's.
            relay: its `tap` is set.
        """
        relay.tap = self._tap(connection)

    async def flush(self) -> None:
        """Wait until everything posted is on the screen."""
        await self._shown.wait()

    @property
    def dropped(self) -> int:
        """How many lines were left out, because too many waited or the output failed."""
        return self._dropped_before + self._waiting.dropped + self._lost

    @property
    def unshown(self) -> int:
        """How many lines never reached the screen and were not reported there as missing.

        If a write has stalled, its lines count, although some may have got through.
        """
        taken = sum(map(lines_on_screen, self._taken)) + self._taken_page.count(b"\n")
        waiting = sum(map(lines_on_screen, self._waiting)) + self._page.count(b"\n")
        return self._lost + max(0, taken - self._out.lines_written) + waiting

    async def run(self) -> None:
        """Write what is posted, until cancelled. This is the writing task."""
        while True:
            await self._arrived.wait()
            self._arrived = trio.Event()
            while self._page or self._waiting:
                self._plenty = trio.Event()
                output, text = await self._next_batch()
                try:
                    await output.write(text)
                except OSError as exc:
                    if output is self._out:
                        self._fail(exc)
                self._taken.clear()
                self._taken_page = b""
                if 0 < len(self._page) + self._waiting.size < _PAGE:
                    with trio.move_on_after(_PAUSE):
                        await self._plenty.wait()
            self._is_idle = True
            self._shown.set()

    def _begin(self) -> None:
        self._is_idle = False
        self._arrived.set()
        self._shown = trio.Event()

    def _page_grew(self) -> None:
        if self._is_idle:
            self._begin()
        elif len(self._page) > _PAGE:
            self._page_is_open = False
            self._plenty.set()

    def _tap(self, connection: Connection) -> Tap:
        pieces_of, page = self._format.pieces_of, self._page
        pieces = pieces_of(connection)

        def tap(data: bytes) -> None:
            nonlocal pieces
            if self._page_is_open and len(data) <= _SHORT:
                lines = pieces.plain(data)
                if lines is not None:
                    page.extend(lines)
                    if self._is_idle or len(page) > _PAGE:
                        self._page_grew()
                    return
                pieces = pieces_of(connection)
            self.post(DataReceived(connection, data))

        return tap

    def _fail(self, error: OSError) -> None:
        for_err = [item for item in self._waiting if self._output(item) is self._err]
        self._dropped_before = self._waiting.dropped - sum(
            item.lines for item in self._waiting if isinstance(item, LinesMissing)
        )
        self._lost = self.unshown - len(for_err)
        self._page.clear()
        self._page_is_open = False
        self._waiting = Backlog()
        for item in for_err:
            self._waiting.put(item)
        self.failure = error
        self.post(Complaint(self._format.describe(SocketCallError("write()", error))))

    async def _next_batch(self) -> tuple[Output, bytes]:
        """Take the page and the next items, as long as they go to the same output, as one text."""
        self._taken_page = bytes(self._page)
        self._page.clear()
        output = self._out if self._taken_page else self._output(self._waiting.first())
        batch = [self._taken_page]
        length = len(self._taken_page)
        look_at, turn_ends = length + _LOOK, time.thread_time() + _TURN
        while length < _BATCH and (item := self._waiting.first()) is not None:
            if self._output(item) is not output:
                break
            self._waiting.take()
            self._taken.append(item)
            for part in self._parts(item, output):
                batch.append(part)
                length += len(part)
                if length > look_at:
                    look_at = length + _LOOK
                    if time.thread_time() > turn_ends:
                        await trio.lowlevel.checkpoint()  # let the echo run
                        turn_ends = time.thread_time() + _TURN
        self._page_is_open = not self._waiting and self.failure is None and self._out.takes_ascii
        return output, b"".join(batch)

    def _parts(self, item: Item, output: Output) -> Iterator[bytes]:
        match item:
            case DataReceived(connection, data) if (
                output.takes_ascii
                and (lines := self._format.pieces_of(connection).plain(data)) is not None
            ):
                yield lines
            case Text(text):
                yield output.encoded(text)
            case Complaint(line):
                yield output.encoded(line + "\n")
            case _:
                yield from map(output.encoded, self._format.lines(item))

    def _output(self, item: Item | None) -> Output:
        return self._err if isinstance(item, _FOR_ERR) else self._out


def _is_brief(item: Item) -> bool:
    """Return whether an item goes to standard output and takes little time to format."""
    if isinstance(item, DataReceived):
        return len(item.data) <= _BRIEF
    return not isinstance(item, _NOT_BRIEF)


def lines_on_screen(item: Item) -> int:
    """Count the lines that an item takes."""
    return item.text.count("\n") if isinstance(item, Text) else lines_of(item)
