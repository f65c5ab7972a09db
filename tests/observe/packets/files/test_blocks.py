"""pcapng files of other programs."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import Script

from trio_echo.observe.packets.files import blocks
from trio_echo.observe.packets.files.errors import CaptureError
from trio_echo.observe.packets.trace import Trace

FRAMES = Script().handshake().echo(b"hello").close().frames
ETHERNET, RAW = 1, 101
NAMES, STATISTICS = 4, 5  # blocks that have no frames


class Writer:
    """Writes a file as Wireshark does: by default in microseconds."""

    def __init__(self, order: str = "<") -> None:
        self.order, self.data = order, b""
        self.block(blocks.SECTION, struct.pack(f"{order}IHHq", blocks.BYTE_ORDER, 1, 0, -1))

    def block(self, kind: int, body: bytes) -> Writer:
        body += bytes(-len(body) % 4)
        size = struct.pack(f"{self.order}I", 12 + len(body))
        self.data += struct.pack(f"{self.order}I", kind) + size + body + size
        return self

    def interface(self, link_type: int, *options: tuple[int, bytes]) -> Writer:
        body = struct.pack(f"{self.order}HHI", link_type, 0, 262144)
        for kind, value in options:
            body += struct.pack(f"{self.order}HH", kind, len(value)) + value
            body += bytes(-len(value) % 4)
        return self.block(blocks.INTERFACE, body)

    def packet(self, interface: int, ticks: int, data: bytes, length: int | None = None) -> Writer:
        sizes = len(data), len(data) if length is None else length
        head = struct.pack(f"{self.order}IIIII", interface, *divmod(ticks, 2**32), *sizes)
        return self.block(blocks.PACKET, head + data)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_capture_of_wireshark_is_read(order: str) -> None:
    writer = Writer(order).interface(ETHERNET, (blocks.NAME, b"lo"), (12, b"Linux 6.1"), (0, b""))
    writer.block(NAMES, bytes(8))
    for frame in FRAMES:
        writer.packet(0, frame.time // 1000, frame.data)
    found = list(blocks.packets(writer.block(STATISTICS, bytes(12)).data))
    assert [one.frame for one in found] == FRAMES
    assert {(one.interface, one.comment) for one in found} == {(b"lo", None)}
    assert len(Trace.parse(one.frame for one in found).segments) == 10


def test_an_offset_has_eight_bytes() -> None:
    for size in (0, 4, 9, 2000):  # a number of any length would be a time beyond all clocks
        writer = Writer().interface(ETHERNET, (14, bytes([1] * size))).packet(0, 0, b"")
        with pytest.raises(CaptureError, match="it is broken, or cut short"):
            list(blocks.packets(writer.data))


def test_interfaces_may_differ_in_link_and_clock() -> None:
    second = struct.pack("<q", 1000)
    writer = Writer().interface(ETHERNET, (blocks.RESOLUTION, b"\x09"), (14, second))
    writer.interface(RAW, (blocks.RESOLUTION, b"\x8a"))  # 1/1024 s
    data = FRAMES[0].data
    writer.packet(0, 5, data).packet(1, 1536, data[14:])
    found = [one.frame for one in blocks.packets(writer.data)]
    assert found == [(1000 * 10**9 + 5, data), (1_500_000_000, data)]


def test_a_new_section_has_its_own_interfaces() -> None:
    one = Writer("<").interface(ETHERNET).packet(0, 1, FRAMES[0].data)
    two = Writer(">").interface(RAW).packet(0, 2, FRAMES[1].data[14:])
    found = [one.frame.data for one in blocks.packets(one.data + two.data)]
    assert found == [FRAMES[0].data, FRAMES[1].data]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (Writer().packet(0, 1, b"").data, "broken, or cut short"),
        (Writer().interface(105).packet(0, 1, b"").data, "link type 105 is not known"),
        (Writer().interface(ETHERNET).packet(0, 1, b"abc", 4).data, "capture with tcpdump -s 0"),
        (Writer().interface(ETHERNET).data[:-1], "broken, or cut short"),
        (blocks.MAGIC, "broken, or cut short"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_of_one_line(data: bytes, words: str) -> None:
    with pytest.raises(CaptureError, match=words) as caught:
        list(blocks.packets(data))
    assert "\n" not in str(caught.value)


WHOLE = Writer().interface(ETHERNET, (blocks.RESOLUTION, b"\x09")).packet(0, 1, b"abc").data


@settings(deadline=None)
@given(st.data())
def test_a_broken_file_is_an_error(more: st.DataObject) -> None:
    file = bytearray(WHOLE)
    for _ in range(more.draw(st.integers(1, 5))):
        file[more.draw(st.integers(0, len(file) - 1))] = more.draw(st.integers(0, 255))
    with suppress(CaptureError):
        list(blocks.packets(bytes(file[: more.draw(st.integers(0, len(file)))])))
