"""What the tests of hosts share."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import trio
from support import Events

from trio_echo import lan, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class Far:
    """A server on the host "server", behind a cable.

    Attributes:
        client: the other host.
        server: its host.
        cable: between them.
        events: the server's.
        nursery: the one in which it runs.
    """

    client: lan.Host
    server: lan.Host
    cable: lan.Cable
    events: Events
    nursery: trio.Nursery


@asynccontextmanager
async def far_server(cable: lan.Cable | None = None, **arguments: Any) -> AsyncIterator[Far]:
    """Serve at port 9000 of both families, with these arguments of `serve`, behind a cable."""
    events = Events()
    async with lan.hosts("client", "server", cable=cable) as net, trio.open_nursery() as nursery:
        client, server = net.hosts.values()
        listeners = await server.open_tcp_listeners(9000)
        await nursery.start(partial(serve, listeners=listeners, observer=events, **arguments))
        yield Far(client, server, net.cable, events, nursery)
        nursery.cancel_scope.cancel()


def open_descriptors() -> dict[str, str]:
    """What this process has open, by the number."""
    found = {}
    for one in Path("/proc/self/fd").iterdir():
        try:
            found[one.name] = str(one.readlink())
        except FileNotFoundError:
            continue
    return found


def processes_below(parent: int) -> list[int]:
    """The processes that descend from one, also those that have ended and were not waited for."""
    return [one.pid for one in psutil.Process(parent).children(recursive=True)]
