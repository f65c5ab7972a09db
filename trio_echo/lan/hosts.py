"""Hosts in network namespaces of their own, and the cables between them.

    async with lan.hosts("client", "server") as net:
        client, server = net.hosts.values()
        listeners = await server.open_tcp_listeners(9000)
        …
        stream = await client.open_tcp_stream("server", 9000)

Two hosts are joined by a cable. Of three and more, each has a cable to a switch. With a router,
each has a cable to that. Every frame that crosses a cable passes through a task in here. It needs
Linux and user namespaces, but no privilege.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from socket import socket
from typing import TYPE_CHECKING, TypeAlias

import trio

from trio_echo.errors import ungrouped

from .cable import Cable
from .carrying import carry
from .errors import LanError
from .host import Host
from .keeper import run_keeper
from .plan import SWITCH, plan_network
from .ports import ROOM, PacketPort
from .switch import Switch, SwitchPort

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from .carrying import Port
    from .keeper import Keeper
    from .plan import HostPlan, Interface

AnyPort: TypeAlias = PacketPort | SwitchPort

# For frames that wait at all ports, in bytes.
_MEMORY = 1 << 27


@dataclass(frozen=True, slots=True)
class Network:
    """Hosts and cables; `net["client"]` is a host.

    Attributes:
        hosts: by their names; the router is the last one.
        cables: by the names of the hosts that they lead to. The cable of two hosts has both names.
        ports: at the ends of the cables.
    """

    hosts: Mapping[str, Host]
    cables: Mapping[str, Cable]
    ports: Sequence[AnyPort] = field(repr=False)

    def __getitem__(self, name: str) -> Host:
        """Return the host with this name.

        Raises:
            KeyError: there is no such host.
        """
        return self.hosts[name]

    @property
    def overruns(self) -> int:
        """How many frames were dropped outside the cables.

        This process was too slow, or a host has raised its MTU.
        """
        return sum(one.overruns for one in self.ports)

    @property
    def cable(self) -> Cable:
        """The cable of two hosts.

        Raises:
            LanError: there are several cables.
        """
        first, *others = {id(one): one for one in self.cables.values()}.values()
        if others:
            raise LanError(f"there are several cables: net.cables[{next(iter(self.cables))!r}], …")
        return first


@asynccontextmanager
async def hosts(
    *names: str,
    cable: Cable | None = None,
    router: str | None = None,
    mtu: int | Mapping[str, int] = 1500,
) -> AsyncIterator[Network]:
    """Make hosts and cables. When the block is left, everything is gone, also what runs on hosts.

    Args:
        names: of the hosts: letters, digits and hyphens.
        cable: between two hosts; by default a perfect one.
        router: the name of a host that forwards packets between links, one for each other host.
        mtu: of all links in bytes, or of each host's.

    Raises:
        LanError: this cannot be made, or pyroute2 is missing.
        SettingError: the cable is in use.
        SocketCallError: this is not Linux, or a call is not allowed here, such as `unshare()`.
    """
    plans = plan_network(names, router, mtu)
    cables = _cables(plans, cable)
    error: BaseException | None = None
    with ungrouped(LanError):  # in Trio's functions, one may raise it for each address
        # What fails in a task here, such as a rule of a cable, is raised alone.
        with ungrouped(Exception), ExitStack() as stack:
            async with trio.open_nursery() as nursery:
                try:
                    keeper = await nursery.start(run_keeper)
                    made, ends = await _make(plans, keeper, stack)
                    plugged: list[AnyPort] = []
                    for one, ports in _plug(plans, cables, ends):
                        nursery.start_soon(_carry, one, ports, keeper)
                        plugged += ports.values()
                    yield Network(made, cables, plugged)
                except (Exception, KeyboardInterrupt, SystemExit) as exc:  # noqa: BLE001  it would be grouped
                    error = exc
                nursery.cancel_scope.cancel()
        if error is not None:
            raise error


async def _carry(cable: Cable, ports: Mapping[str, Port], keeper: Keeper) -> None:
    try:
        await carry(cable, ports)
    except Exception as exc:
        keeper.blame(exc)
        raise


def _cables(plans: Sequence[HostPlan], given: Cable | None) -> dict[str, Cable]:
    """Return the cables of a network by the names of the hosts that they lead to."""
    names = [one.name for one in plans]
    router = next((one.name for one in plans if one.forwards), None)
    if len(names) > 2 and given is not None:
        raise LanError("a cable is given for two hosts only: change those in net.cables")
    if len(names) == 2:
        if given is not None and set(given.ends) != set(names):
            ends, hosts = (" and ".join(map(repr, one)) for one in (given.ends, names))
            raise LanError(f"the cable's ends are named {ends}, the hosts {hosts}")
        return dict.fromkeys(names, given or Cable(*names))
    return {one: Cable(one, router or SWITCH) for one in names if one != router}


@trio.lowlevel.enable_ki_protection
async def _make(
    plans: Sequence[HostPlan], keeper: Keeper, stack: ExitStack
) -> tuple[dict[str, Host], dict[Interface, PacketPort]]:
    """Make the hosts, and the ports at the far ends of their interfaces; the stack closes them."""
    directory = {"localhost": ["::1", "127.0.0.1"]}
    for plan in plans:
        addresses = [(one.ipv6, one.ipv4) for one in plan.interfaces]
        directory[plan.name.lower()] = [one for pair in addresses for one in pair]
    lines = [f"{one} {name}\n" for name, them in directory.items() for one in them]
    _, shared = await keeper.ask_patiently("mount", "".join(lines))
    for one in shared:
        stack.callback(os.close, one)
    made, ends = {}, {}
    room = min(ROOM, 1 << (_MEMORY // len(plans)).bit_length() - 1)
    for plan in plans:
        answer, (space, *far) = await keeper.ask_patiently("add_host", plan.name, plan.request())
        stack.callback(os.close, space)
        sockets = [stack.enter_context(socket(fileno=one)) for one in far]
        for interface, sock in zip(plan.interfaces, sockets, strict=True):
            ends[interface] = PacketPort(sock, interface.mtu, room)
            stack.callback(ends[interface].close)
        made[plan.name] = Host(plan, keeper, [*shared, space], answer["indexes"], directory)
    return made, ends


def _plug(
    plans: Sequence[HostPlan], cables: Mapping[str, Cable], ends: Mapping[Interface, PacketPort]
) -> Iterator[tuple[Cable, dict[str, AnyPort]]]:
    """Yield each cable with the ports at its two ends."""
    ports: dict[str, AnyPort]
    *others, last = plans
    if last.forwards:
        for plan, far in zip(others, last.interfaces, strict=True):
            ports = {plan.name: ends[plan.interfaces[0]], last.name: ends[far]}
            yield cables[plan.name], ports
    elif len(plans) == 2:
        yield cables[last.name], {one.name: ends[one.interfaces[0]] for one in plans}
    else:
        switch = Switch()
        for plan in plans:
            ports = {plan.name: ends[plan.interfaces[0]], SWITCH: switch.add_port()}
            yield cables[plan.name], ports
