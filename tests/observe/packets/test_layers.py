"""The sizes of the headers around a message."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_echo.observe.packets import Layers, Trace, layers

RECORDINGS = Path(__file__).parents[3] / "notebooks" / "recordings"
V4 = layers(Trace.load(RECORDINGS / "echo-ipv4.pcap"))
V6 = layers(Trace.load(RECORDINGS / "echo-ipv6.pcap"))


def test_the_parts_of_recorded_frames() -> None:
    # 12 of TCP's 32 bytes are its timestamps (RFC 7323).
    assert Layers(version=4, link=14, network=20, transport=32, data=5) == V4
    assert Layers(version=6, link=14, network=40, transport=32, data=5) == V6


def test_a_connection_without_data_has_no_layers() -> None:
    with pytest.raises(ValueError, match="no segment carries data"):
        layers(Trace.load(RECORDINGS / "refused.pcap"))
