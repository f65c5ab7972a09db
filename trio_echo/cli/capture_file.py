"""A capture file that grows while frames cross a cable."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import trio

from trio_echo.observe.packets.files import pcap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio_echo.observe.packets.passage import Passage

# Bytes that may wait for the reader of a pipe.
_ROOM = 1 << 26


class CaptureFile:
    """A capture file that is whole after each frame, so that it may end at any time.

    If it is a pipe, its reader may be slow, and the cable does not wait for it: see `open`.

    Args:
        path: it is made, or replaced.

    Attributes:
        path: as given.
        frames: how many are in it.
        error: why no more are written to it.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frames = 0
        self.error: OSError | None = None
        self._file = path.open("wb", buffering=0)
        self._size = 0
        self._is_pipe = stat.S_ISFIFO(os.fstat(self._file.fileno()).st_mode)
        self._waiting = bytearray()
        self._is_ending = False
        self._wake = trio.Event()
        if self._is_pipe and sys.platform != "win32":
            os.set_blocking(self._file.fileno(), False)
        try:
            self._write(pcap.file_header())
        except OSError:
            self.close()
            raise

    def add(self, passage: Passage) -> None:
        """Write a frame as it entered the cable."""
        if self.error is not None:
            return
        try:
            self._write(pcap.packed(pcap.Frame(passage.time, passage.data)))
        except OSError as exc:
            self.error = exc
            with suppress(OSError):  # a pipe
                self._file.truncate(self._size)
        else:
            self.frames += 1

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Serve the reader of a pipe at its own speed; in the end, wait until it has read all."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pass_on)
                yield
                self._is_ending = True
                self._wake.set()
        finally:
            if self._waiting:
                self.error = self.error or _slow_reader()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        if len(self._waiting) > _ROOM:
            raise _slow_reader()
        if self._waiting:
            self._waiting += data
            return
        written = self._file.write(data) or 0
        if written != len(data):
            if not self._is_pipe:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._waiting += data[written:]
            self._wake.set()
        self._size += len(data)

    async def _pass_on(self) -> None:
        while self._waiting or not self._is_ending:
            if not self._waiting:
                self._wake = trio.Event()
                await self._wake.wait()
                continue
            await trio.lowlevel.wait_writable(self._file)
            try:
                del self._waiting[: self._file.write(self._waiting) or 0]
            except OSError as exc:
                self.error = exc
                self._waiting.clear()


def _slow_reader() -> OSError:
    return OSError(errno.ENOBUFS, "its reader was too slow")
