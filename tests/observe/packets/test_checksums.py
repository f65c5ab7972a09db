"""Wrong checksums are found, and only those."""

from __future__ import annotations

import struct

import pytest
from frames import FAR6, NEAR6, arp, ip, tcp
from hypothesis import given
from hypothesis import strategies as st
from wire import ACK

from trio_echo.observe.packets.checksums import wrong_checksums

UDP = struct.pack("!HHHH", 51188, 5, 11, 0) + b"abc"
FRAMES = {
    "TCP": tcp(ACK, 1, 1, payload=b"hello"),
    "TCP over IPv6": tcp(ACK, 1, 1, payload=b"hello", ipv6=True),
    "UDP": ip("UDP", UDP),
    "UDP over IPv6": ip("UDP", UDP, NEAR6, FAR6),
    "ICMP": ip("ICMP", bytes([8, 0]) + bytes(9)),
    "ICMPv6": ip("ICMPv6", bytes([128, 0]) + bytes(9)),
}


@pytest.mark.parametrize("name", FRAMES)
def test_one_wrong_bit_is_found(name: str) -> None:
    whole = FRAMES[name]
    assert wrong_checksums(whole) == ()
    broken = bytearray(whole)
    broken[-1] ^= 4
    assert wrong_checksums(bytes(broken)) == (name.partition(" ")[0],)


def test_a_header_of_ipv4_has_its_own() -> None:
    broken = bytearray(FRAMES["TCP"])
    broken[22] ^= 1  # the time to live, which TCP's checksum leaves out
    assert wrong_checksums(bytes(broken)) == ("IPv4",)


def test_frames_without_a_checksum_have_no_wrong_one() -> None:
    nothing = bytearray(FRAMES["UDP"])
    nothing[40:42] = bytes(2)  # UDP over IPv4 may leave it out
    for frame in (bytes(nothing), arp(1, "10.0.0.1", "10.0.0.2"), ip("UDP", bytes(16), place=1)):
        assert wrong_checksums(frame) == ()


@given(st.binary(max_size=80), st.booleans())
def test_no_frame_can_do_harm(data: bytes, ipv6: bool) -> None:
    wrong_checksums(data)
    wrong_checksums(bytes(12) + (b"\x86\xdd\x60" if ipv6 else b"\x08\x00\x45") + data)
