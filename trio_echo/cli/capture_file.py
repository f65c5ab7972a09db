"""A capture file that grows while frames cross a cable."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from trio_echo.observe.packets import pcap

if TYPE_CHECKING:
    from pathlib import Path

    from trio_echo.observe.packets.passage import Passage


class CaptureFile:
    """A capture file that is whole after each frame, so that it may end at any time.

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

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, data: bytes) -> None:
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(data)
