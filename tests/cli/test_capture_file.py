"""A capture file is whole at any time."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

import pytest
import trio

from trio_echo.cli.capture_file import CaptureFile
from trio_echo.observe.packets.files import pcap
from trio_echo.observe.packets.passage import Fate, Passage

if TYPE_CHECKING:
    from pathlib import Path


def passage(data: bytes) -> Passage:
    return Passage(1_700_000_000_000_000_001, "client", data, Fate.LOST, (), data)


def test_a_capture_file_is_whole_after_each_frame(tmp_path: Path) -> None:
    file = CaptureFile(tmp_path / "x.pcap")
    for count in range(3):
        assert file.frames == count
        assert len(pcap.unpack(file.path.read_bytes())) == count
        file.add(passage(bytes(60)))
    file.close()


def test_a_capture_file_that_is_full_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = CaptureFile(tmp_path / "x.pcap")
    file.add(passage(bytes(60)))

    class Full:
        def write(self, data: bytes) -> int:
            with file.path.open("ab") as opened:
                return opened.write(data[:20])

        def truncate(self, size: int) -> None:
            os.truncate(file.path, size)

    with monkeypatch.context() as patch:
        patch.setattr(file, "_file", Full())
        for _ in range(2):
            file.add(passage(bytes(60)))
    file.close()
    assert file.frames == len(pcap.unpack(file.path.read_bytes())) == 1
    assert file.error is not None
    assert file.error.errno == errno.ENOSPC


@pytest.mark.parametrize("end", ["read", "closed", "cancelled"])
async def test_a_reader_that_does_not_read_holds_nobody_up(tmp_path: Path, end: str) -> None:
    if sys.platform == "win32":
        pytest.skip("pipes have no names there")
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = CaptureFile(path)
    frames = 100  # more than a pipe holds
    with trio.CancelScope() as scope:
        async with file.open():
            for _ in range(frames):
                file.add(passage(bytes(10_000)))
            if end == "closed":
                os.close(reader)
            elif end == "cancelled":
                scope.cancel()
            else:
                read = bytearray()
                while len(read) < 24 + frames * 10_016:
                    await trio.lowlevel.wait_readable(reader)
                    read += os.read(reader, 1 << 20)
                assert len(pcap.unpack(bytes(read))) == file.frames == frames
    file.close()
    if end == "read":
        assert file.error is None
    else:
        assert file.error is not None
        assert file.error.errno == {"closed": errno.EPIPE, "cancelled": errno.ENOBUFS}[end]
    if end != "closed":
        os.close(reader)
