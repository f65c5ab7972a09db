"""What a command shows: written in order, by a task, so that the screen holds up nothing else."""

from __future__ import annotations

import os
import select
import sys
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO, TypeAlias

import trio

from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientEvent,
    ClientFailed,
    ClientIdle,
    DataReceived,
    FamilyMissing,
    ServerEvent,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trio_echo.transcript import Transcript

# Clients decide how many of these there are, so these are what a slow screen loses. 16 MiB of
# them may wait: seconds of a fast terminal, and little of a computer's memory.
_DROPPABLE = (ClientConnected, DataReceived, ClientFailed, ClientIdle, ClientClosed)
_WAITING_BYTES = 16 * 1024 * 1024
_EVENT_BYTES = 512

# One write carries this many characters: enough that the hop to the writing thread costs little.
_BATCH = 64 * 1024

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

    async def write(self, text: str) -> None:
        """Write all of a text, characters that the stream's character set lacks as escapes.

        Raises:
            OSError: nobody reads it any more, or the disk is full.
        """
        if self._stream is not None:
            data = text.encode(self._stream.encoding or "utf-8", "backslashreplace")
            await trio.to_thread.run_sync(self._write, self._stream, data, abandon_on_cancel=True)

    @staticmethod
    def _write(stream: TextIO, data: bytes) -> None:
        raw = getattr(stream.buffer, "raw", stream.buffer)
        with memoryview(data) as rest:
            done = 0
            while done < len(rest):
                written = raw.write(rest[done:])
                if written is None:  # somebody made it non-blocking
                    select.select([], [raw], [])
                else:
                    done += written


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the command itself, to be shown as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Complaint:
    """A line for standard error, without its newline."""

    line: str


@dataclass(slots=True)
class _Gap:
    """Stands where lines are missing, because the screen was slower than the echo."""

    lines: int = 0


Item: TypeAlias = ServerEvent | ClientEvent | Text | Complaint


class Screen:
    """Shows events and texts in order. `post` never blocks; `run` is the task that writes.

    Args:
        transcript: writes events as lines.
    """

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._out = Output(sys.stdout)
        self._err = Output(sys.stderr)
        self._waiting: deque[Item | _Gap] = deque()
        self._size = 0
        self._arrived = trio.Event()
        self._shown = trio.Event()
        self._shown.set()
        self._lost = 0
        self._being_written = 0
        self.failure: OSError | None = None
        """Why standard output cannot be written any more, if so."""

    def post(self, item: Item) -> None:
        """Show an item as soon as the screen allows, or count it where too much waits already."""
        if self.failure is not None and self._output(item) is self._out:
            self._lost += self._count(item)
            return
        size = self._bytes(item)
        if isinstance(item, _DROPPABLE) and self._size + size > _WAITING_BYTES:
            gap = self._waiting[-1]
            if not isinstance(gap, _Gap):
                gap = _Gap()
                self._waiting.append(gap)
            gap.lines += self._count(item)
            return
        self._waiting.append(item)
        self._size += size
        self._arrived.set()
        if self._shown.is_set():
            self._shown = trio.Event()

    async def flush(self) -> None:
        """Wait until all that was posted is on the screen."""
        await self._shown.wait()

    @property
    def unshown(self) -> int:
        """How many lines never reached the screen, and were not said to be missing there."""
        return self._lost + self._being_written + sum(map(self._count, self._waiting))

    async def run(self) -> None:
        """Write what is posted, until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived = trio.Event()
            while self._waiting:
                output, text = await self._next_batch()
                self._being_written = text.count("\n")
                try:
                    await output.write(text)
                except OSError as exc:
                    if output is self._out:
                        self.failure = exc
                        self._lost += self._being_written
                self._being_written = 0
            self._shown.set()

    async def _next_batch(self) -> tuple[Output, str]:
        """Take what goes to one output, from the front, as one text."""
        output = self._output(self._waiting[0])
        batch: list[str] = []
        length = 0
        while self._waiting and length < _BATCH and self._output(self._waiting[0]) is output:
            item = self._waiting.popleft()
            self._size -= self._bytes(item)
            for part in self._parts(item):
                if length > 0 and isinstance(item, DataReceived):
                    await trio.lowlevel.checkpoint()  # the echo comes first
                batch.append(part)
                length += len(part)
        return output, "".join(batch)

    def _parts(self, item: Item | _Gap) -> Iterator[str]:
        match item:
            case Text(text):
                yield text
            case Complaint(line):
                yield line + "\n"
            case _Gap(lines):
                # What comes next from a client may begin amid a character.
                self._transcript.forget()
                yield self._transcript.dropped(lines)
            case _:
                yield from self._transcript.lines(item)

    def _output(self, item: Item | _Gap) -> Output:
        return self._err if isinstance(item, Complaint | FamilyMissing) else self._out

    @staticmethod
    def _bytes(item: Item | _Gap) -> int:
        return _EVENT_BYTES + (len(item.data) if isinstance(item, DataReceived) else 0)

    @staticmethod
    def _count(item: Item | _Gap) -> int:
        match item:
            case _Gap(lines):
                return lines
            case Text(text):
                return text.count("\n")
            case DataReceived(data=data):
                return data.count(b"\n") + (not data.endswith(b"\n"))
            case _:
                return 1


def terminal_columns() -> Callable[[], int] | None:
    """Make a function that tells the width of the terminal; `None` where none is written to."""
    stdout = sys.stdout
    if stdout is None or not stdout.isatty():
        return None

    def columns() -> int:
        try:
            return os.get_terminal_size(stdout.fileno()).columns or _UNKNOWN_COLUMNS
        except OSError:  # it was closed
            return _UNKNOWN_COLUMNS

    return columns
