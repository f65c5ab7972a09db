"""A capture file is whole at any time."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from trio_echo.cli.capture_file import CaptureFile
from trio_echo.observe.packets import pcap
from trio_echo.observe.packets.passage import Fate, Passage

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


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
