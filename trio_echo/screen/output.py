"""Standard output and standard error, and what kind of terminal they are."""

from __future__ import annotations

import errno
import os
import select
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import trio

from .rows import Terminal
from .text import takes_ascii

if TYPE_CHECKING:
    from typing import TextIO

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

    Attributes:
        takes_ascii: whether text in ASCII can be written as it is, without `encoded`.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._charset = "utf-8" if stream is None else stream.encoding or "utf-8"
        self.takes_ascii = takes_ascii(self._charset)
        self._data = b""
        self._written = 0

    @property
    def lines_written(self) -> int:
        """How many lines were written by a `write` that failed or was cancelled."""
        return self._data[: self._written].count(b"\n")

    def encoded(self, text: str) -> bytes:
        """Return a text for `write`; characters missing from the character set become escapes."""
        return text.encode(self._charset, "backslashreplace")

    async def write(self, data: bytes) -> None:
        """Write a text.

        Raises:
            OSError: the reader is gone, or the disk is full.
        """
        if self._stream is not None:
            self._data, self._written = data, 0
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
