"""Hosts and their cables: everything is named and legible."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from layout import texts

from trio_echo.pictures.network import Link, network


@dataclass
class Interface:
    name: str
    mtu: int
    mac: str
    ipv4: str
    ipv6: str


@dataclass
class Host:
    name: str
    interfaces: list[Interface]


def host(name: str, number: int, *links: int, mtu: int = 1500) -> Host:
    found = [
        Interface(
            f"eth{index}",
            mtu,
            f"02:00:00:00:{link:02x}:{number:02x}",
            f"10.0.{link}.{number}",
            f"fd00:{link}::{number}",
        )
        for index, link in enumerate(links or (0,))
    ]
    return Host(name, found)


def test_two_hosts_and_their_cable() -> None:
    hosts = [host("client", 1), host("server", 2, mtu=1400)]
    picture = network(hosts, [Link("client", "server", "delay=20ms,loss=1%,queue=100,rate=9mbit")])
    said = texts(picture)
    for words in ("client", "server", "eth0, MTU 1500", "eth0, MTU 1400", "10.0.0.1", "fd00:0::2"):
        assert words in said
    assert "02:00:00:00:00:02" in said
    assert [words for words in said if "=" in words] == [
        "delay=20ms, loss=1%,",
        "queue=100, rate=9mbit",
    ]
    assert picture.description.startswith("network: client to server delay=20ms")


@pytest.mark.parametrize("count", [2, 3, 7])
def test_hosts_around_a_switch(count: int) -> None:
    hosts = [host(f"h{number}", number) for number in range(count)]
    links = [Link(one.name, "switch", f"delay={one.name}ms") for one in hosts]
    said = texts(network(hosts, links))
    assert said.count("switch") == 1
    for number in range(count):
        assert f"h{number}" in said
        assert f"delay=h{number}ms" in said


def test_a_router_has_an_interface_for_each_cable() -> None:
    hosts = [host("client", 1, 1), host("router", 254, 1, 2), host("server", 1, 2, mtu=1280)]
    links = [Link("client", "router"), Link("router", "server", "rate=10mbit")]
    said = texts(network(hosts, links))
    assert {"10.0.1.254", "10.0.2.254", "eth1, MTU 1500", "rate=10mbit"} <= set(said)
    with pytest.raises(ValueError, match="router has 2 interfaces, but 3 cables"):
        network(hosts, [*links, Link("router", "third")])


def test_cables_that_do_not_meet() -> None:
    links = [Link("a", "b"), Link("b", "c"), Link("c", "d")]
    for some in ([], links):
        with pytest.raises(ValueError, match="do not meet in one place"):
            network([], some)
