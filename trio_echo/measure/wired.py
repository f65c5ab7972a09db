"""A server to measure at the far end of a cable: it and the load have a host each.

    async with wired("delay=20ms,loss=1%") as far:
        run = await measure(far.targets, rounds=6, wired=far)

It needs Linux and user namespaces (see `trio_echo.lan`).
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from trio_echo import lan
from trio_echo.addresses import Endpoint
from trio_echo.faults import Faults
from trio_echo.lan.options import Wire, parse_wire

from .load.meter import Server
from .serving import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio_echo.certificates import CertificateFiles

_LOAD, _SERVER = "load", "server"


@dataclass(frozen=True, slots=True)
class Wired:
    """A server behind a cable.

    Attributes:
        targets: where it listens, with IPv4 and with IPv6.
        wire: the options that repeat the cable, with the seed of its lots.
        net: the hosts `load` and `server`, and the cable, which may be changed meanwhile.
        server: whose CPU use is measured, with that of the cable.
    """

    targets: list[Endpoint]
    wire: Wire
    net: lan.Network
    server: Server


@asynccontextmanager
async def wired(
    wire: Wire | str, *, faults: Faults = Faults(), certificates: CertificateFiles | None = None
) -> AsyncIterator[Wired]:
    """Run a server of this package at the far end of a cable, which this process carries.

    Args:
        wire: the cable; a text is read by `parse_wire`.
        faults: as for `serve`.
        certificates: for TLS.

    Raises:
        SettingError: the text is wrong.
        LanError: hosts cannot be made.
        SocketCallError: of a call that makes them; of `bind()`: the server does not listen.
    """
    wire = parse_wire(wire) if isinstance(wire, str) else wire
    cable = wire.cable(_LOAD, _SERVER, keep=0)
    async with lan.hosts(_LOAD, _SERVER, cable=cable, mtu=wire.mtu) as net:
        server = net[_SERVER]
        own = (server.ipv4, server.ipv6)
        async with served(
            hosts=own, faults=faults, certificates=certificates, open_process=server.open_process
        ) as targets:
            listening = (row.process_id for row in server.snapshot().rows if row.state == "LISTEN")
            process = psutil.Process(next(listening))
            watched = Server(here=True, process=process, carrier=psutil.Process())
            yield Wired(targets, wire.seeded(cable), net, watched)
