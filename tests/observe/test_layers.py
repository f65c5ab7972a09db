"""The sizes of the headers around a message."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout import texts

from trio_echo.observe.layers import Layers, draw, layers
from trio_echo.observe.packets import Trace

RECORDINGS = Path(__file__).parents[2] / "notebooks" / "recordings"
V4 = layers(Trace.load(RECORDINGS / "echo-ipv4.pcap"))
V6 = layers(Trace.load(RECORDINGS / "echo-ipv6.pcap"))


def test_the_parts_of_recorded_frames() -> None:
    # 12 of TCP's 32 bytes are its time stamps (RFC 7323).
    assert Layers(version=4, link=14, network=20, transport=32, data=5) == V4
    assert Layers(version=6, link=14, network=40, transport=32, data=5) == V6


def test_a_connection_without_data_has_none() -> None:
    with pytest.raises(ValueError, match="no segment carries data"):
        layers(Trace.load(RECORDINGS / "refused.pcap"))


def test_the_picture_names_each_part_and_its_size() -> None:
    picture = draw(V4, V6)
    shown = set(texts(picture))
    assert {"Ethernet 14", "IPv4 20", "IPv6 40", "TCP 32", "data 5"} <= shown
    assert "IPv6: Ethernet 14, IP 40, TCP 32, data 5 bytes" in picture.description


def test_large_data_leaves_the_headers_in_sight() -> None:
    picture = draw(Layers(version=4, link=14, network=20, transport=32, data=60_000))
    assert {"TCP 32", "data 60000, not drawn in full"} <= set(texts(picture))
