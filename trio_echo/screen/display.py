"""What a command shows: written in order, by a task, so that the screen holds up nothing else."""

from __future__ import annotations

import errno
import os
import select
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

import trio

from trio_echo.errors import SocketCallError
from trio_echo.events import (
    AcceptFailed,
    ClientEvent,
    FamilyMissing,
    ServerEvent,
    WorkerDied,
)
from trio_echo.screen.text import Terminal

from .backlog import Backlog, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .transcript import Transcript

# One write carries this many characters: enough that the hop to the writing thread costs little.
_BATCH = 64 * 1024

FAREWELL = 1.0
"""Seconds that the last lines may take to reach a screen that has stalled."""

# Seconds of writing lines before the echo has its turn.
_TURN = 0.001

# As much as a pipe holds, in bytes.
_WRITE = 64 * 1024

# Of the longest character.
_UTF8_BYTES = 4

# The width of a terminal that does not tell: that of the VT100, and of most since.
_UNKNOWN_COLUMNS = 80


class Output:
    """Standard output or standard error, written past Python's buffer.

    A write may block for ever in its thread; the buffer's lock, held meanwhile, would crash the
    interpreter as it ends.

    Args:
        stream: `sys.stdout` or `sys.stderr`; `None` where the process was started without.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._data = b""
        self._written = 0

    @property
    def lines_written(self) -> int:
        """How many lines of a text are written whose `write` failed or was cancelled."""
        return self._data[: self._written].count(b"\n")

    async def write(self, text: str) -> None:
        """Write all of a text, characters that the stream's character set lacks as escapes.

        Raises:
            OSError: nobody reads it any more, or the disk is full.
        """
        if self._stream is not None:
            self._data = text.encode(self._stream.encoding or "utf-8", "backslashreplace")
            self._written = 0
            await trio.to_thread.run_sync(self._write, self._stream, abandon_on_cancel=True)
            self._data = b""

    def _write(self, stream: TextIO) -> None:
        raw = getattr(stream.buffer, "raw", stream.buffer)
        with memoryview(self._data) as data:
            while self._written < len(data):
                # A stalled write does not tell how far it has come, so it is given little.
                written = _write_to(raw, data[self._written : _cut(data, self._written + _WRITE)])
                if written is None:  # somebody made it non-blocking
                    select.select([], [raw], [])
                else:
                    self._written += written


def _cut(data: memoryview, stop: int) -> int:
    """Say where to cut UTF-8 text, at most there: Windows' console shows no half a character."""
    if stop < len(data):
        for at in range(stop, stop - _UTF8_BYTES, -1):
            if data[at] & 0xC0 != 0x80:  # no continuation byte (RFC 3629, section 3)
                return at
    return stop


def _write_to(raw: Any, data: memoryview) -> int | None:
    try:
        written: int | None = raw.write(data)
    except OSError as exc:
        if sys.platform == "win32" and exc.errno == errno.EINVAL:
            # What its C library makes of a pipe that nobody reads any more.
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from exc
        raise
    return written


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the command itself, to be shown as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """A line for standard error, without its newline."""

    line: str


Item: TypeAlias = ServerEvent | ClientEvent | Text | Complaint

_FOR_ERR = (Complaint, FamilyMissing, AcceptFailed, WorkerDied)


class Screen:
    """Shows events and texts in order. `post` never blocks; `run` is the task that writes.

    Args:
        transcript: writes events as lines.
    """

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._out = Output(sys.stdout)
        self._err = Output(sys.stderr)
        self._waiting: Backlog[Item] = Backlog()
        self._arrived = trio.Event()
        self._shown = trio.Event()
        self._shown.set()
        self._lost = 0
        self._taken = 0
        self.failure: OSError | None = None
        """Why standard output cannot be written any more, if so."""

    def post(self, item: Item) -> None:
        """Show an item as soon as the screen allows, or count it where too much waits already."""
        if self.failure is not None and self._output(item) is self._out:
            self._lost += self._count(item)
            return
        self._waiting.put(item)
        self._arrived.set()
        if self._shown.is_set():
            self._shown = trio.Event()

    async def flush(self) -> None:
        """Wait until all that was posted is on the screen."""
        await self._shown.wait()

    @property
    def unshown(self) -> int:
        """How many lines never reached the screen, and were not said to be missing there.

        Where a write has stalled, the lines in it count, though some may have got through.
        """
        taken = max(0, self._taken - self._out.lines_written)
        return self._lost + taken + sum(map(self._count, self._waiting))

    async def run(self) -> None:
        """Write what is posted, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived = trio.Event()
            while self._waiting:
                output, text = await self._next_batch()
                try:
                    await output.write(text)
                except OSError as exc:
                    if output is self._out:
                        self._fail(exc)
                self._taken = 0
            self._shown.set()

    def _fail(self, error: OSError) -> None:
        for_err = [item for item in self._waiting if self._output(item) is self._err]
        self._lost = self.unshown - len(for_err)
        self._waiting = Backlog()
        for item in for_err:
            self._waiting.put(item)
        self.failure = error
        self.post(Complaint(self._transcript.describe(SocketCallError("write()", error))))

    async def _next_batch(self) -> tuple[Output, str]:
        """Take what goes to one output, from the front, as one text."""
        output = self._output(self._waiting.first())
        batch: list[str] = []
        length = 0
        turn_ends = time.perf_counter() + _TURN
        while length < _BATCH and (item := self._waiting.first()) is not None:
            if self._output(item) is not output:
                break
            self._waiting.take()
            self._taken += self._count(item)
            for part in self._parts(item):
                if time.perf_counter() > turn_ends:
                    await trio.lowlevel.checkpoint()  # the echo comes first
                    turn_ends = time.perf_counter() + _TURN
                batch.append(part)
                length += len(part)
        return output, "".join(batch)

    def _parts(self, item: Item) -> Iterator[str]:
        match item:
            case Text(text):
                yield text
            case Complaint(line):
                yield line + "\n"
            case _:
                yield from self._transcript.lines(item)

    def _output(self, item: Item | None) -> Output:
        return self._err if isinstance(item, _FOR_ERR) else self._out

    @staticmethod
    def _count(item: Item) -> int:
        return item.text.count("\n") if isinstance(item, Text) else lines_of(item)


def discard_output() -> None:
    """Point a standard output that failed nowhere: Python's last flush would fail too."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


def terminal() -> Terminal | None:
    """Describe the terminal that standard output is; `None` if it is something else."""
    stdout = sys.stdout
    if stdout is None or not stdout.isatty():
        return None

    def columns() -> int:
        try:
            return os.get_terminal_size(stdout.fileno()).columns or _UNKNOWN_COLUMNS
        except OSError:  # it was closed
            return _UNKNOWN_COLUMNS

    return Terminal(columns, stdout.encoding or "utf-8")
