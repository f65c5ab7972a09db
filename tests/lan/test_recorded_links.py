"""The recorded experiments of notebook 16 show what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trio_echo.lan.recordings import unpack
from trio_echo.observe.packets import Traffic

RECORDINGS = Path(__file__).parents[2] / "notebooks" / "recordings"


def load(name: str) -> tuple[Any, dict[str, Traffic]]:
    result, cables = unpack((RECORDINGS / f"link-{name}.json").read_bytes())
    return result, {
        cable: Traffic.from_passages(passages, ends=ends)
        for cable, (ends, passages) in cables.items()
    }


def words(traffic: Traffic) -> list[str]:
    return [one.words for one in traffic.crossings]


def test_arp_asks_all_and_neighbour_discovery_a_group() -> None:
    table, cables = load("neighbours")
    (traffic,) = cables.values()
    asked = [
        frame.data[:6].hex(":")
        for frame, one in zip(traffic.frames, traffic.crossings, strict=True)
        if "who has" in one.words
    ]
    assert asked == ["ff:ff:ff:ff:ff:ff", "33:33:ff:00:00:02"]
    assert table.count("lladdr 02:00:00:00:00:02") == 2


def test_a_router_advertises_a_prefix() -> None:
    (alone, advised, route), _ = load("configure")
    assert alone.split()[2:] == ["fe80::ff:fe00:1/64"]
    assert advised.split()[2:] == ["2001:db8:1::ff:fe00:1/64", "fe80::ff:fe00:1/64"]
    assert "via fe80::2" in route


def test_a_link_local_address_needs_its_zone() -> None:
    result, _ = load("zone")
    (without, failed), (with_one, worked) = result
    assert (len(without), len(with_one)) == (2, 4)
    assert "EINVAL" in failed
    assert worked == "connect() worked"


def test_the_mss_and_the_size_of_full_segments() -> None:
    full, cables = load("sizes")
    (traffic,) = cables.values()
    assert [trace.segments[0].mss for trace in traffic.connections()] == [1460, 1440] * 2
    assert full == [1448, 1428, 1460, 1440]


def test_the_speeds_are_those_predicted_from_the_headers() -> None:
    (four, six), _ = load("goodput")
    assert six / four == pytest.approx(1428 / 1448, rel=0.005)
    assert four == pytest.approx(20e6 * 1448 / 1514, rel=0.005)


def test_a_router_says_the_mtu_of_its_narrow_link_in_both_families() -> None:
    routes, cables = load("path")
    said = [one for one in words(cables["client"]) if one.endswith("MTU 1400")]
    assert said == ["Fragmentation Needed: MTU 1400", "Packet Too Big: MTU 1400"]
    assert all("mtu 1400" in one for one in routes)


def test_routers_cut_packets_of_ipv4_only() -> None:
    arrived, cables = load("fragments")
    assert len(arrived) == 3
    cut = {
        cable: [one.decoded.version for one in traffic.crossings if "fragment," in one.words]
        for cable, traffic in cables.items()
    }
    assert cut == {"client": [6, 6], "server": [4, 4, 4, 4, 6, 6]}


def test_small_packets_pass_a_black_hole_and_probing_finds_it() -> None:
    times, cables = load("black-hole")
    _, sent, probing, arrived = times.values()
    lost = [one.words for one in cables["client"].crossings if one.notes == ("lost",)]
    assert set(lost) == {"Packet Too Big: MTU 1400"}
    assert probing - sent >= 1
    assert arrived > probing


def test_happy_eyeballs_take_a_quarter_of_a_second() -> None:
    (seconds, host), cables = load("eyeballs")
    assert host == "10.0.0.2"
    assert 0.25 <= seconds < 1  # before the lost SYN is repeated
    (traffic,) = cables.values()
    (lost,) = [one for one in traffic.crossings if "lost" in one.notes]
    assert lost.decoded.version == 6
