"""Files that keep what became of each frame."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from passages import all_kinds, lost_syn, mixed

from trio_echo.observe.packets.files import CaptureError, blocks, pcapng
from trio_echo.observe.packets.trace import Trace
from trio_echo.observe.packets.traffic import Traffic

if TYPE_CHECKING:
    from pathlib import Path

PASSAGES = [*mixed().passages, *all_kinds().passages]


def test_passages_come_back_as_they_were() -> None:
    assert pcapng.unpack(pcapng.pack(PASSAGES)) == PASSAGES
    assert pcapng.unpack(pcapng.pack([])) == []


def test_a_saved_trace_keeps_its_fates(tmp_path: Path) -> None:
    trace = Trace.from_passages(lost_syn().passages)
    trace.save(tmp_path / "one.pcapng")
    loaded = Trace.load(tmp_path / "one.pcapng")
    assert loaded.segments == trace.segments
    assert "(recorded capture: one.pcapng)" in str(loaded)
    assert "lost" in str(loaded)


def test_saved_traffic_keeps_its_fates(tmp_path: Path) -> None:
    traffic = Traffic.from_passages(mixed().passages)
    traffic.save(tmp_path / "all.pcapng")
    loaded = Traffic.load(tmp_path / "all.pcapng")
    assert loaded.crossings == traffic.crossings
    assert loaded.from_cable


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
def test_tcpdump_reads_it() -> None:
    command = ["tcpdump", "-nr", "-"]
    done = subprocess.run(
        command, input=pcapng.pack(all_kinds().passages), capture_output=True, check=True
    )
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 10
    assert "who-has 10.0.0.2" in lines[0]


def test_without_its_comments_it_is_an_ordinary_capture(tmp_path: Path) -> None:
    file = tmp_path / "other.pcapng"
    file.write_bytes(pcapng.pack(PASSAGES).replace(b'"fate"', b'"Fate"'))
    traffic = Traffic.load(file)
    assert not traffic.from_cable
    assert traffic.frames == Traffic.from_passages(PASSAGES).frames
    assert not Trace.load(file).from_cable


@pytest.mark.parametrize(
    "comment",
    [
        b"lost",
        b"[]",
        b"{}",
        b"[" * 30_000,
        b'{"fate": "lost", "arrivals": [Infinity], "flips": {}}',
        b'{"fate": "lost", "arrivals": [-1], "flips": {}}',
        b'{"fate": "lost", "arrivals": [], "flips": []}',
        b'{"fate": "lost", "arrivals": [], "flips": {"99": 1}}',
        b'{"fate": "gone", "arrivals": [], "flips": {}}',
    ],
)
def test_a_comment_that_is_not_ours_is_an_error(
    comment: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json, "dumps", lambda _: comment.decode())
    file = pcapng.pack(PASSAGES[:1])
    with pytest.raises(CaptureError, match=r"not saved from a cable|broken"):
        pcapng.unpack(file)


def test_a_cut_file_is_an_error() -> None:
    for data in (blocks.MAGIC + bytes(30), pcapng.pack(PASSAGES)[:-1]):
        with pytest.raises(CaptureError, match=r"not saved from a cable|broken"):
            pcapng.unpack(data)


@given(st.data())
def test_a_broken_file_is_an_error(more: st.DataObject) -> None:
    file = bytearray(pcapng.pack(PASSAGES[:4]))
    for _ in range(more.draw(st.integers(1, 5))):
        file[more.draw(st.integers(0, len(file) - 1))] = more.draw(st.integers(0, 255))
    size = more.draw(st.integers(0, len(file)))
    try:
        found = pcapng.unpack(bytes(file[:size]))
    except CaptureError:
        return
    assert str(Traffic.from_passages(found))
