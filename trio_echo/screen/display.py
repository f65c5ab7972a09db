"""The output of a command, written in order by its own task: a slow screen delays nothing else."""

from __future__ import annotations

import errno
import os
import select
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TextIO, TypeAlias

import trio

from trio_echo.errors import SocketCallError
from trio_echo.events import (
    AcceptFailed,
    CertificatesKept,
    ClientEvent,
    FamilyMissing,
    ServerEvent,
    WorkerDied,
)
from trio_echo.screen.text import Terminal

from .backlog import Backlog, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator


# Characters in one write: enough that handing it to the writing thread costs little.
_BATCH = 64 * 1024

FAREWELL = 1.0
"""Seconds that the last lines may take to reach a stalled screen."""

# Seconds of formatting lines before other tasks get their turn.
_TURN = 0.001

# As much as a pipe holds, in bytes.
_WRITE = 64 * 1024

# Length of the longest character.
_UTF8_BYTES = 4

# The width of a terminal that does not report it: the VT100's, and most terminals' since.
_UNKNOWN_COLUMNS = 80


class Output:
    """Standard output or standard error, written without Python's buffer.

    A write may block forever in its thread. If it held the buffer's lock, the interpreter would
    crash at exit.

    Args:
        stream: `sys.stdout` or `sys.stderr`; `None` if the process was started without it.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._data = b""
        self._written = 0

    @property
    def lines_written(self) -> int:
        """How many lines were written by a `write` that failed or was cancelled."""
        return self._data[: self._written].count(b"\n")

    async def write(self, text: str) -> None:
        """Write a text; characters missing from the stream's character set become escapes.

        Raises:
            OSError: the reader is gone, or the disk is full.
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
                # A stalled write does not report its progress, so each write is small.
                written = _write_to(raw, data[self._written : _cut(data, self._written + _WRITE)])
                if written is None:  # another program made it non-blocking
                    select.select([], [raw], [])
                else:
                    self._written += written


def _cut(data: memoryview, stop: int) -> int:
    """Return where to cut UTF-8 text, at or before `stop`, between two characters.

    Windows' console takes each write for a separate text and cannot show half a character.
    """
    if stop < len(data):
        for at in range(stop, stop - _UTF8_BYTES, -1):
            if data[at] & 0xC0 != 0x80:  # not a continuation byte (RFC 3629, section 3)
                return at
    return stop


def _write_to(raw: Any, data: memoryview) -> int | None:
    try:
        written: int | None = raw.write(data)
    except OSError as exc:
        if sys.platform == "win32" and exc.errno == errno.EINVAL:
            # Windows' C library reports a pipe without a reader as EINVAL.
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from exc
        raise
    return written


@dataclass(frozen=True, slots=True)
class Text:
    """A text from the command itself, shown as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """A line for standard error, without its newline."""

    line: str


Item: TypeAlias = ServerEvent | ClientEvent | Text | Complaint


class Format(Protocol):
    """How events are written: a `Transcript` or `JsonLines`."""

    def lines(self, event: ServerEvent | ClientEvent) -> Iterator[str]:
        r"""Yield an event in parts of text; together they are whole lines, ending in `\n`."""

    def describe(self, error: Exception) -> str:
        """Describe in one line why something failed."""


_FOR_ERR = (Complaint, FamilyMissing, AcceptFailed, CertificatesKept, WorkerDied)


class Screen:
    """Shows events and texts in order. `post` never blocks; `run` is the task that writes.

    Args:
        form: turns events into lines.
    """

    def __init__(self, form: Format) -> None:
        self._format = form
        self._out = Output(sys.stdout)
        self._err = Output(sys.stderr)
        self._waiting: Backlog[Item] = Backlog()
        self._arrived = trio.Event()
        self._shown = trio.Event()
        self._shown.set()
        self._lost = 0
        self._taken = 0
        self.failure: OSError | None = None
        """The error after which nothing more is written to standard output, or `None`."""

    def post(self, item: Item) -> None:
        """Show an item as soon as the screen allows, or only count it if too much waits."""
        if self.failure is not None and self._output(item) is self._out:
            self._lost += self._count(item)
            return
        self._waiting.put(item)
        self._arrived.set()
        if self._shown.is_set():
            self._shown = trio.Event()

    async def flush(self) -> None:
        """Wait until everything posted is on the screen."""
        await self._shown.wait()

    @property
    def unshown(self) -> int:
        """How many lines never reached the screen and were not reported there as missing.

        If a write has stalled, its lines count, although some may have got through.
        """
        taken = max(0, self._taken - self._out.lines_written)
        return self._lost + taken + sum(map(self._count, self._waiting))

    async def run(self) -> None:
        """Write what is posted, until cancelled. This is the writing task."""
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
        self.post(Complaint(self._format.describe(SocketCallError("write()", error))))

    async def _next_batch(self) -> tuple[Output, str]:
        """Take the next items, as long as they go to the same output, as one text."""
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
                    await trio.lowlevel.checkpoint()  # let the echo run
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
                yield from self._format.lines(item)

    def _output(self, item: Item | None) -> Output:
        return self._err if isinstance(item, _FOR_ERR) else self._out

    @staticmethod
    def _count(item: Item) -> int:
        return item.text.count("\n") if isinstance(item, Text) else lines_of(item)


def discard_output() -> None:
    """Redirect a failed standard output to the null device, or Python's last flush fails too."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


def terminal() -> Terminal | None:
    """Describe the terminal of standard output; `None` if it is not a terminal."""
    stdout = sys.stdout
    if stdout is None or not stdout.isatty():
        return None

    def columns() -> int:
        try:
            return os.get_terminal_size(stdout.fileno()).columns or _UNKNOWN_COLUMNS
        except OSError:  # it was closed
            return _UNKNOWN_COLUMNS

    return Terminal(columns, stdout.encoding or "utf-8")
