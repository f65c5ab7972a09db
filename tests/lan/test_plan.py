"""The plan of a network: addresses, links, what is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from trio_echo.lan.errors import LanError
from trio_echo.lan.plan import plan_network

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def test_hosts_on_one_link_are_numbered_in_their_order() -> None:
    client, server = plan_network(["client", "server"], None, 1500)
    (one,), (other,) = client.interfaces, server.interfaces
    assert (one.ipv4, one.ipv6, one.link_local) == ("10.0.0.1", "fd00::1", "fe80::1")
    assert (other.ipv4, other.ipv6, other.link_local) == ("10.0.0.2", "fd00::2", "fe80::2")
    assert (one.mac, other.mac) == ("02:00:00:00:00:01", "02:00:00:00:00:02")
    assert not client.routes


def test_behind_a_router_each_host_has_a_link_and_an_mtu_of_its_own() -> None:
    mtu = {"client": 1500, "server": 1280}
    client, server, router = plan_network(["client", "server"], "router", mtu)
    (near,), (far,) = client.interfaces, server.interfaces
    assert (near.ipv4, near.ipv6, near.mtu) == ("10.0.1.1", "fd00:1::1", 1500)
    assert (far.ipv4, far.ipv6, far.mtu) == ("10.0.2.1", "fd00:2::1", 1280)
    assert [(one.name, one.ipv4, one.mtu) for one in router.interfaces] == [
        ("eth0", "10.0.1.254", 1500),
        ("eth1", "10.0.2.254", 1280),
    ]
    assert server.routes == {"0.0.0.0/0": "10.0.2.254", "::/0": "fd00:2::254"}
    assert (client.forwards, router.forwards) == (False, True)


def test_the_most_hosts_have_addresses_that_differ() -> None:
    hosts = plan_network([f"host{number}" for number in range(253)], None, 1500)
    interfaces = [one for host in hosts for one in host.interfaces]
    for kind in ("ipv4", "ipv6", "link_local", "mac"):
        assert len({getattr(one, kind) for one in interfaces}) == 253


@pytest.mark.parametrize(
    ("names", "router", "mtu", "words"),
    [
        ([], None, 1500, "a network needs the names of two hosts"),
        (["client"], None, 1500, "a network needs the names of two hosts"),
        (["a", "b", "A"], None, 1500, "two hosts are named 'A'"),
        (["a", "b"], "b", 1500, "two hosts are named 'b'"),
        (["a", ""], None, 1500, "'' is not a host name"),
        (["a", "a b"], None, 1500, "'a b' is not a host name"),
        (["a", "-b"], None, 1500, "'-b' is not a host name"),
        (["a", "10"], None, 1500, "'10' is not a host name"),
        (["a", "b\n"], None, 1500, "'b\\n' is not a host name"),
        (["a", "switch"], None, 1500, "a host cannot be named 'switch'"),
        (["a", "localhost"], None, 1500, "a host cannot be named 'localhost'"),
        ([f"h{one}" for one in range(300)], None, 1500, "300 hosts are too many: 253 at most"),
        (["a", "b"], None, 1279, "1279 is not an MTU: bytes, 1280 (IPv6 needs it) to 65535"),
        (["a", "b"], None, 65536, "65536 is not an MTU"),
        (["a", "b"], None, {"a": 1500}, "mtu needs one number for each of a, b"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_line(
    names: Sequence[str], router: str | None, mtu: int | Mapping[str, int], words: str
) -> None:
    with pytest.raises(LanError, match=re.escape(words)) as caught:
        plan_network(names, router, mtu)
    assert "\n" not in str(caught.value)


def test_an_mtu_that_is_not_an_integer_is_refused() -> None:
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        plan_network(["a", "b"], None, 1500.5)  # type: ignore[arg-type]
