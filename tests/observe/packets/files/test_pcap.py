"""Capture files: written data is read back, and no file causes a traceback."""

from __future__ import annotations

import shutil
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import Script

from trio_echo.observe.packets.files import CaptureError, Frame, pcap

WHOLE = pcap.pack(Script().handshake().echo(b"hello").close().frames)

frames = st.lists(
    st.builds(Frame, st.integers(0, 2**32 * 10**9 - 1), st.binary(max_size=80)), max_size=5
)


@given(frames)
def test_frames_are_read_back_as_they_were(written: list[Frame]) -> None:
    assert pcap.unpack(pcap.pack(written)) == written


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_other_byte_order_and_microseconds_are_read(order: str) -> None:
    header = struct.pack(f"{order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    data = header + struct.pack(f"{order}IIII", 7, 5, 3, 3) + b"abc"
    assert pcap.unpack(data) == [Frame(7_000_005_000, b"abc")]


def test_the_upper_bits_of_the_link_type_are_not_part_of_it() -> None:
    data = WHOLE[:20] + b"\x01\x00\x00\x24" + WHOLE[24:]  # each frame ends in a checksum
    assert pcap.unpack(data) == pcap.unpack(WHOLE)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cut short"),
        (b"GIF89a" + bytes(30), "not a pcap file"),
        (WHOLE[:20], "cut short"),
        (WHOLE[:-1], "cut short"),
        (WHOLE[:20] + b"\x69" + WHOLE[21:], "link type 105 is not known"),
        (WHOLE[:36] + b"\xff" + WHOLE[37:], "cut short: capture with tcpdump -s 0"),
        (WHOLE[:28] + b"\xff\xff\xff\xff" + WHOLE[32:], "broken"),
    ],
)
def test_a_file_that_is_not_a_capture_is_an_error_of_one_line(data: bytes, words: str) -> None:
    with pytest.raises(CaptureError, match=words) as caught:
        pcap.unpack(data)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
def test_tcpdump_reads_the_same() -> None:
    command = ["tcpdump", "-n", "-r", "-"]  # from a pipe: it may run as another user
    out = subprocess.run(command, input=WHOLE, capture_output=True, check=True).stdout.decode()
    lines = out.splitlines()
    assert len(lines) == 10
    assert "127.0.0.1.51188 > 127.0.0.1.9000: Flags [S]" in lines[0]
    assert "mss 65495" in lines[0]
    assert "seq 1:6, ack 1, win 64" in lines[3]
    assert "Flags [F.]" in lines[-2]
