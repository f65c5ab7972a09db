"""Hosts and their cables: everything is named and legible."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from layout import texts

from trio_echo import lan
from trio_echo.lan.plan import SWITCH, plan_network
from trio_echo.pictures import network


def net(*names: str, router: str | None = None, mtu: Any = 1500) -> Any:
    """A network as `lan.hosts` yields it, without the hosts themselves."""
    hosts = {one.name: one for one in plan_network(names, router, mtu)}
    if len(hosts) == 2:
        cables = dict.fromkeys(names, lan.Cable(*names))
    else:
        cables = {name: lan.Cable(name, router or SWITCH) for name in names}
    return SimpleNamespace(hosts=hosts, cables=cables)


def test_two_hosts_and_their_cable() -> None:
    two = net("client", "server", mtu={"client": 1500, "server": 1400})
    two.cables["client"].change(delay=0.02, loss=0.01, queue=100, rate=9e6)
    picture = network(two)
    said = texts(picture)
    for words in ("client", "server", "eth0, MTU 1500", "eth0, MTU 1400", "10.0.0.1", "fd00::2"):
        assert words in said
    assert "02:00:00:00:00:02" in said
    assert [words for words in said if "=" in words] == [
        "delay=20ms, rate=9mbit,",
        "queue=100, loss=1%",
    ]
    assert picture.description.startswith("network: client to server delay=20ms")


def test_a_cable_with_two_ways_says_both() -> None:
    two = net("client", "server")
    two.cables["client"].toward("server").loss = 0.5
    two.cables["client"].cut()
    said = " ".join(texts(network(two)))
    assert "toward client perfect, toward server loss=50%, cut" in said


@pytest.mark.parametrize("count", [3, 7])
def test_hosts_around_a_switch(count: int) -> None:
    names = [f"h{number}" for number in range(count)]
    around = net(*names)
    for number, name in enumerate(names, 1):
        around.cables[name].delay = number / 1000
    said = texts(network(around))
    assert said.count("switch") == 1
    for number, name in enumerate(names, 1):
        assert name in said
        assert f"delay={number}ms" in said


def test_a_router_has_an_interface_for_each_cable() -> None:
    routed = net("client", "server", router="router", mtu={"client": 1500, "server": 1280})
    routed.cables["server"].rate = 10e6
    said = set(texts(network(routed)))
    assert {"10.0.1.254", "10.0.2.254", "eth1, MTU 1280", "rate=10mbit"} <= said
