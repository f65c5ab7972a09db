"""The client's input: lines from a terminal, with editing and history, or from a pipe."""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import trio

from trio_echo.errors import SocketCallError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Bytes in one read from a pipe. Each read needs a thread, so it is large.
_PIECE = 1024 * 1024


class Console:
    """Reads lines from standard input; every wait can be cancelled.

    A thread does the waiting. A cancelled read abandons it, since nothing can wake it. It holds no
    lock and ends with the process.
    """

    def __init__(self) -> None:
        stdin, stdout = sys.stdin, sys.stdout
        self.edits = bool(stdin and stdout and stdin.isatty() and stdout.isatty())
        """Whether input and output are both terminals: a person types, and sees the lines."""
        self._encoding = stdin.encoding if stdin else "utf-8"
        self._buffer = bytearray()
        self._searched = 0
        if self.edits:
            _enable_line_editing()

    async def read_line(self, prompt: str) -> str | None:
        """Read a line, without its newline.

        Args:
            prompt: shown before the cursor on a terminal; not printed for a pipe.

        Returns:
            The line, or `None` at the end of input. Bytes that are not text in the terminal's
            character set become surrogates (PEP 383).

        Raises:
            SocketCallError: `read()` failed on standard input.
        """
        if self.edits:
            return await trio.to_thread.run_sync(_input, prompt, abandon_on_cancel=True)
        while (end := self._buffer.find(b"\n", self._searched)) < 0:
            self._searched = len(self._buffer)
            # A line that is already there is read even if the server has just left.
            if _is_ready():
                data = _read()
            else:
                data = await trio.to_thread.run_sync(_read, abandon_on_cancel=True)
            if not data:
                return self._take(len(self._buffer)) if self._buffer else None
            self._buffer += data
        line = self._take(end + 1)[:-1]
        return line.removesuffix("\r") if sys.platform == "win32" else line

    def _take(self, count: int) -> str:
        line = self._buffer[:count]
        del self._buffer[:count]
        self._searched = 0
        try:
            return line.decode(self._encoding, "surrogateescape")
        except UnicodeError as exc:  # a character set such as UTF-16
            raise SocketCallError("read()", OSError(errno.EILSEQ, str(exc))) from exc


if sys.platform == "win32":
    import ctypes
    import msvcrt

    def _is_ready() -> bool:
        """Return whether `_read` returns at once; for a console, Windows does not know."""
        if sys.stdin is None:
            return True
        descriptor = sys.stdin.fileno()
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISFIFO(mode):
            return stat.S_ISREG(mode)
        # select() accepts only sockets. This fails at the end of the pipe: no wait either.
        pipe, held = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor)), ctypes.c_ulong()
        peek = ctypes.windll.kernel32.PeekNamedPipe
        return not peek(pipe, None, 0, None, ctypes.byref(held), None) or held.value > 0

else:

    def _is_ready() -> bool:
        """Return whether `_read` returns at once."""
        return sys.stdin is None or bool(select.select([sys.stdin], [], [], 0)[0])


def _read() -> bytes:
    """Read the next bytes of standard input, without Python's buffer and its lock."""
    if sys.stdin is None:
        return b""
    while True:
        try:
            return os.read(sys.stdin.fileno(), _PIECE)
        except BlockingIOError:  # another program made it non-blocking
            select.select([sys.stdin], [], [])
        except OSError as exc:
            raise SocketCallError("read()", exc) from exc


def _input(prompt: str) -> str | None:
    try:
        return input(prompt)
    except EOFError:
        return None


def _enable_line_editing() -> None:
    # input() reads and prompts with the streams' own error handlers.
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    if sys.platform == "win32":
        return  # its console edits lines by itself
    try:
        import readline
    except ImportError:
        return  # this Python has no readline: no editing
    if "libedit" not in (readline.__doc__ or ""):
        # Each pasted line is a message, like a typed one. And an abandoned prompt must not leave
        # the terminal in bracketed paste mode.
        readline.parse_and_bind("set enable-bracketed-paste off")
        # If the locale is not installed, readline would read Korean bytes as Meta keys.
        for line in ("set input-meta on", "set output-meta on", "set convert-meta off"):
            readline.parse_and_bind(line)


@contextmanager
def restored_terminal() -> Iterator[None]:
    """Restore the terminal's settings at the end: an abandoned prompt leaves its echo off."""
    if sys.platform == "win32" or not (sys.stdin and sys.stdin.isatty()):
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        # In the background the terminal is not ours, and this call would stop the process.
        with suppress(OSError, termios.error):  # it was hung up, or is another session's
            if os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp():
                termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
