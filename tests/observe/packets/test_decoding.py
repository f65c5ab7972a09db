"""Each kind of frame in plain words."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from frames import FAR6, FAR_MAC, NEAR, NEAR6, NEAR_MAC, arp, ethernet, ip, tcp
from hypothesis import given
from hypothesis import strategies as st
from wire import ACK, PSH, SYN

from trio_echo.observe.packets.decoding import decode
from trio_echo.observe.packets.wire import parse


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def prefix_and_mtu() -> bytes:
    prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 86400, 14400, 0) + packed("fd00::")
    return prefix + struct.pack("!BBHI", 5, 1, 0, 1280)


ECHO = struct.pack("!HH", 7, 2) + bytes(56)
FRAMES = {
    "who has 10.0.0.2? 10.0.0.1 asks": arp(1, "10.0.0.1", "10.0.0.2"),
    "10.0.0.2 is at 02:00:00:00:00:01": arp(2, "10.0.0.2", "10.0.0.1"),
    "10.0.0.1 is at 02:00:00:00:00:01": arp(1, "10.0.0.1", "10.0.0.1"),
    "is 10.0.0.1 in use?": arp(1, "0.0.0.0", "10.0.0.1"),  # noqa: S104  an address probe
    "echo request: id 7, seq 2, 56 bytes": ip("ICMP", bytes([8, 0, 0, 0]) + ECHO),
    "echo reply: id 7, seq 2, 56 bytes": ip("ICMPv6", bytes([129, 0, 0, 0]) + ECHO),
    "port unreachable": ip("ICMP", bytes([3, 3]) + bytes(34)),
    "no route": ip("ICMPv6", bytes([1, 0]) + bytes(54)),
    "Fragmentation Needed: MTU 1400": ip("ICMP", struct.pack("!BBHHH", 3, 4, 0, 0, 1400)),
    "Packet Too Big: MTU 1280": ip("ICMPv6", struct.pack("!BBHI", 2, 0, 0, 1280)),
    "neighbour solicitation: who has fd00::2?": ip(
        "ICMPv6", bytes([135]) + bytes(7) + packed(FAR6)
    ),
    "neighbour solicitation: is fd00::1 in use?": ip(
        "ICMPv6", bytes([135]) + bytes(7) + packed(NEAR6), "::", "ff02::1:ff00:1"
    ),
    "neighbour advertisement: fd00::2 is at 02:00:00:00:00:02": ip(
        "ICMPv6", bytes([136]) + bytes(7) + packed(FAR6) + bytes([2, 1]) + FAR_MAC
    ),
    "neighbour advertisement: fd00::2 is here": ip(
        "ICMPv6", bytes([136]) + bytes(7) + packed(FAR6)
    ),
    "router solicitation": ip("ICMPv6", bytes([133]) + bytes(7)),
    "router advertisement: lifetime 1800 s, prefix fd00::/64, MTU 1280": ip(
        "ICMPv6", struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix_and_mtu()
    ),
    "listener query": ip("ICMPv6", bytes([130]) + bytes(23)),
    "listener report: ff02::1": ip("ICMPv6", bytes([131]) + bytes(7) + packed("ff02::1")),
    "listener report: ff02::1, ff02::2": ip(
        "ICMPv6",
        struct.pack("!BBHHH", 143, 0, 0, 0, 2)
        + (struct.pack("!BBH", 4, 0, 1) + packed("ff02::1") + packed(NEAR6))
        + (struct.pack("!BBH", 4, 0, 0) + packed("ff02::2")),
    ),
    "51188 → 5, 3 bytes": ip("UDP", struct.pack("!HHHH", 51188, 5, 11, 0) + b"abc"),
    "51188 → 9000 PSH+ACK, 5 bytes": tcp(PSH | ACK, 1, 1, payload=b"hello"),
    "fragment, bytes 0 to 1479, more follow": ip("UDP", bytes(1480), place=1),
    "fragment, bytes 1480 to 1499, the last one": ip("TCP", bytes(20), place=1480),
    "fragment, bytes 1448 to 1467, the last one": ip("TCP", bytes(20), NEAR6, FAR6, place=1448),
    "2 bytes of another protocol": ethernet(0x88CC, b"ab"),
}


@pytest.mark.parametrize("words", FRAMES)
def test_a_frame_in_plain_words(words: str) -> None:
    assert decode(FRAMES[words]).words == words


def test_addresses_and_protocols() -> None:
    found = decode(FRAMES["port unreachable"])
    assert (found.protocol, found.version) == ("ICMP", 4)
    assert (found.source, found.destination) == (NEAR, "10.0.0.2")
    found = decode(FRAMES["who has 10.0.0.2? 10.0.0.1 asks"])
    assert (found.protocol, found.version) == ("ARP", None)
    assert found.source == NEAR_MAC.hex(":")


def test_a_new_mtu_is_a_number() -> None:
    assert decode(FRAMES["Fragmentation Needed: MTU 1400"]).mtu == 1400
    assert decode(FRAMES["Packet Too Big: MTU 1280"]).mtu == 1280
    assert decode(FRAMES["port unreachable"]).mtu is None


@pytest.mark.parametrize("ipv6", [False, True])
def test_options_of_tcp(ipv6: bool) -> None:
    stamps = bytes([8, 10]) + bytes(8)
    header = parse(tcp(SYN, options=bytes([4, 2]) + stamps, ipv6=ipv6))
    assert header is not None
    assert (header.sack_permitted, header.timestamps, header.sacks) == (True, True, ())
    blocks = struct.pack("!BBIIII", 5, 18, 100, 200, 300, 400)
    header = parse(tcp(ACK, options=blocks, ipv6=ipv6))
    assert header is not None
    assert (header.sack_permitted, header.timestamps) == (False, False)
    assert header.sacks == ((100, 200), (300, 400))


def test_a_fragment_is_not_taken_for_a_segment() -> None:
    whole = tcp(ACK, 1, 1)[34:]
    for place in (1, 1480):
        assert parse(ip("TCP", whole, place=place)) is None


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_that_is_cut_short_is_broken(name: str) -> None:
    whole = FRAMES[name]
    for size in range(len(whole)):
        assert decode(whole[:size]).protocol in ("broken", "0x88cc")


@given(st.binary(max_size=100) | st.sampled_from(list(FRAMES.values())), st.data())
def test_no_frame_can_do_harm(start: bytes, more: st.DataObject) -> None:
    data = bytearray(start)
    for _ in range(more.draw(st.integers(0, 5)) if data else 0):
        data[more.draw(st.integers(0, len(data) - 1))] = more.draw(st.integers(0, 255))
    found = decode(bytes(data))
    assert found.words
    assert "\n" not in found.words
