"""The plan of a network: names, addresses and links, before anything is made. No I/O.

Hosts on one link have the addresses 10.0.0.N and fd00::N. Behind a router, each host has a link of
its own, the Lth: the host is 10.0.L.1 and fd00:L::1 there, the router 10.0.L.254 and fd00:L::254.
An interface's link-local address and its MAC address end in the same number (in hexadecimal digits
in the MAC address): fe80::N and 02:00:00:00:L:N.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from .errors import LanError

if TYPE_CHECKING:
    from collections.abc import Sequence

SWITCH = "switch"
"""The name of the switch's end of a cable."""

SMALLEST_MTU, LARGEST_MTU = 1280, 65535
"""In bytes. Every host has IPv6, which needs 1280 (RFC 8200, section 5); a veth takes 65535."""

_MOST = 253  # 254 is the router's number
_ROUTER = 254
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # RFC 1123, section 2.1
_FORWARDING = {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1}
_TAKEN = {SWITCH, "localhost"}


@dataclass(frozen=True, slots=True)
class Interface:
    """A host's interface on a link.

    Attributes:
        name: `eth0`, …
        link: the link's number.
        number: its own number on this link.
        mtu: in bytes.
    """

    name: str
    link: int
    number: int
    mtu: int

    @property
    def mac(self) -> str:
        """Its MAC address; the first byte says that it was not given by a manufacturer."""
        return f"02:00:00:00:{self.link:02x}:{self.number:02x}"

    @property
    def ipv4(self) -> str:
        """Its IPv4 address."""
        return f"10.0.{self.link}.{self.number}"

    @property
    def ipv6(self) -> str:
        """Its IPv6 address, one of those for private use (RFC 4193)."""
        return str(IPv6Address(f"fd00:{self.link}::{self.number}"))

    @property
    def link_local(self) -> str:
        """Its link-local address, without a zone."""
        return f"fe80::{self.number}"

    @property
    def end(self) -> str:
        """The name of its far end, outside of the host."""
        return f"end{self.link}-{self.number}"


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A host.

    Attributes:
        name: its name.
        interfaces: one, or for a router one for each link.
        routes: from destinations to gateways.
        forwards: whether it is a router.
    """

    name: str
    interfaces: tuple[Interface, ...]
    routes: Mapping[str, str] = field(default_factory=dict)
    forwards: bool = False

    def request(self) -> dict[str, object]:
        """Return what `namespaces.py` needs to make it."""
        interfaces = [
            {
                "name": one.name,
                "end": one.end,
                "mac": one.mac,
                "mtu": one.mtu,
                "addresses": [f"{one.ipv4}/24", f"{one.ipv6}/64", f"{one.link_local}/64"],
            }
            for one in self.interfaces
        ]
        sysctls = _FORWARDING if self.forwards else {}
        return {"interfaces": interfaces, "routes": self.routes, "sysctls": sysctls}


def plan_network(
    names: Sequence[str], router: str | None, mtu: int | Mapping[str, int]
) -> list[HostPlan]:
    """Plan hosts; the router is the last one.

    Args:
        names: of the hosts.
        router: the name of a router between them, if there is one.
        mtu: of all links, or of each host's.

    Raises:
        LanError: this cannot be made; the message says why.
        TypeError: an MTU is not an integer.
    """
    _check_names([*names, *([] if router is None else [router])])
    mtus = _mtus(names, mtu)
    if router is None:
        return [
            HostPlan(name, (Interface("eth0", 0, number, mtus[name]),))
            for number, name in enumerate(names, 1)
        ]
    hosts, far_ends = [], []
    for link, name in enumerate(names, 1):
        near = Interface("eth0", link, 1, mtus[name])
        far = Interface(f"eth{link - 1}", link, _ROUTER, mtus[name])
        routes = {"0.0.0.0/0": far.ipv4, "::/0": far.ipv6}
        hosts.append(HostPlan(name, (near,), routes))
        far_ends.append(far)
    return [*hosts, HostPlan(router, tuple(far_ends), forwards=True)]


def _check_names(names: Sequence[str]) -> None:
    if len(names) < 2:
        raise LanError('a network needs the names of two hosts, such as "client" and "server"')
    if len(names) > _MOST:
        raise LanError(f"{len(names)} hosts are too many: {_MOST} at most")
    for index, name in enumerate(names):
        if not re.fullmatch(_LABEL, name) or name.isdecimal():
            raise LanError(f"{name!r} is not a host name: letters, digits and hyphens")
        if name.lower() in _TAKEN:
            raise LanError(f"a host cannot be named {name!r}")
        if name.lower() in (other.lower() for other in names[:index]):
            raise LanError(f"two hosts are named {name!r}")


def _mtus(names: Sequence[str], mtu: int | Mapping[str, int]) -> dict[str, int]:
    if isinstance(mtu, Mapping):
        if set(mtu) != set(names):
            raise LanError(f"mtu needs one number for each of {', '.join(names)}")
        mtus = dict(mtu)
    else:
        mtus = dict.fromkeys(names, mtu)
    for one in mtus.values():
        if not SMALLEST_MTU <= operator.index(one) <= LARGEST_MTU:
            limits = f"{SMALLEST_MTU} (IPv6 needs it) to {LARGEST_MTU}"
            raise LanError(f"{one!r} is not an MTU: bytes, {limits}")
    return mtus
