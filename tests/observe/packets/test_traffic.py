"""Everything that crossed a cable, in one table."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from frames import NEAR_MAC, arp, tcp
from hypothesis import given
from hypothesis import strategies as st
from passages import all_kinds, mixed
from wire import BIRTH, SYN, Script

from trio_echo.observe.packets.files import CaptureError, Frame
from trio_echo.observe.packets.network import mac
from trio_echo.observe.packets.traffic import Traffic

if TYPE_CHECKING:
    from pathlib import Path


def traffic() -> Traffic:
    return Traffic.from_passages(all_kinds().passages)


def test_the_table_reads_like_this() -> None:
    lines = str(traffic()).splitlines()
    assert lines[0] == "client ↔ server, 10 frames"
    cells = [[cell for cell in line.split("  ") if cell.strip()] for line in lines[1:]]
    assert [cell.strip() for cell in cells[1]] == [
        "0.000",
        "client",
        "ARP",
        "02:00:00:00:00:01",
        "02:00:00:00:00:02",
        "42",
        "10.000",
        "who has 10.0.0.2? 10.0.0.1 asks",
    ]
    assert lines[9].endswith("lost                         SYN  seq 0  window 64")
    assert lines[11].endswith("retransmission after 1.00 s  SYN  seq 0  window 64")
    assert "neighbour solicitation: who has fd00::2?" in traffic()._repr_html_()


def test_each_frame_has_its_fate() -> None:
    crossings = Traffic.from_passages(mixed().passages).crossings
    assert [one.notes for one in crossings[3:]] == [
        ("reordered",),
        (),
        ("duplicated",),
        ("corrupted: wrong TCP checksum",),
        ("queue full",),
    ]


def test_ends_and_their_addresses() -> None:
    passages = all_kinds().passages
    found = Traffic.from_passages(passages, ends=("server", "client"))
    assert found.ends == ("server", "client")
    assert found.addresses == {
        "client": ("10.0.0.1", "fd00::1"),
        "server": ("10.0.0.2", "fd00::2"),
    }


def test_an_end_has_no_address_of_a_host_behind_it() -> None:
    forwarded = [bytearray(tcp(SYN, ipv6=ipv6)) for ipv6 in (False, True)]
    for data, at in zip(forwarded, (22, 21), strict=True):
        data[at] = 63  # a router has subtracted 1
    frames = [bytes(one) for one in (*forwarded, arp(2, "10.0.1.254", "10.0.1.1"))]
    found = Traffic([Frame(BIRTH, one) for one in frames])
    assert found.addresses == {mac(NEAR_MAC): ("10.0.1.254",)}


def test_several_connections_count_from_their_own_beginnings() -> None:
    first, second = Script().handshake(), Script()
    second.next = {end: number + 77 for end, number in second.next.items()}
    frames = [*first.frames, *second.handshake().frames]
    found = Traffic(frames)
    assert [one.segment and one.segment.sequence for one in found.crossings] == [0, 0, 1] * 2
    assert not any(one.notes for one in found.crossings)


def test_each_connection_has_its_trace() -> None:
    first, second = traffic().connections()
    assert (first.server.host, second.server.host) == ("10.0.0.2", "fd00::2")
    assert len(first.segments) == 3
    assert [one.notes for one in second.segments] == [
        ("lost",),
        ("retransmission after 1.00 s",),
    ]
    assert Traffic(Script().handshake().frames[1:]).connections() == []


def test_a_saved_file_is_loaded_without_fates(tmp_path: Path) -> None:
    traffic().save(tmp_path / "all.pcap")
    found = Traffic.load(tmp_path / "all.pcap")
    assert found.frames == traffic().frames
    assert "(recorded capture: all.pcap)" in str(found)
    assert "arrives" not in str(found)
    (tmp_path / "all.pcap").write_bytes(b"abc")
    with pytest.raises(CaptureError, match=r"all\.pcap: "):
        Traffic.load(tmp_path / "all.pcap")


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
def test_tcpdump_reads_a_saved_file(tmp_path: Path) -> None:
    traffic().save(tmp_path / "all.pcap")
    command = ["tcpdump", "-nr", "-", "-v"]
    with (tmp_path / "all.pcap").open("rb") as file:
        out = subprocess.run(command, stdin=file, capture_output=True, check=True).stdout.decode()
    assert "who-has 10.0.0.2 tell 10.0.0.1" in out
    assert "packet too big, mtu 1280" in out
    assert "incorrect" not in out


def test_nothing_is_a_table_too() -> None:
    assert str(Traffic([])).startswith("0 frames")


@given(st.lists(st.binary(max_size=80), max_size=5))
def test_no_frame_can_do_harm(data: list[bytes]) -> None:
    known = [one.data for one in all_kinds().passages]
    found = Traffic([Frame(BIRTH, one) for one in (*data, *known)])
    assert str(found)
    assert found._repr_html_()
