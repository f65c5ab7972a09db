"""A whole measurement in one call, and a server of this package to measure.

async with served() as targets:
    run = await measure(targets[:1], sizes=[64, 1024], rounds=6)
"""

from __future__ import annotations

import errno
import re
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from itertools import product
from typing import TYPE_CHECKING, Any, cast

import trio

from trio_echo.addresses import Endpoint, parse_endpoint, resolve
from trio_echo.client import connect
from trio_echo.errors import SocketCallError

from .load.workload import Samples, Workload
from .results import environment
from .results.run import Run, Target, collect
from .turns import Plan, Progress, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

# Seconds for one of several addresses to take a connection.
_PATIENCE = 2.0


async def measure(
    targets: Sequence[Endpoint],
    *,
    rounds: int,
    seconds: float = 1.0,
    warm_up: float = 0.02,
    connections: Sequence[int] = (1,),
    sizes: Sequence[int] = (64,),
    pipelines: Sequence[int] = (1,),
    rate: float | None = None,
    samples: list[Samples] | None = None,
) -> Run:
    """Measure echo servers with every combination of connections, sizes and pipelining depths.

    Args:
        targets: the servers; the first one is what the others are compared with.
        rounds: how many with each target and combination; six at least tell an interval.
        seconds: how long a round is measured.
        warm_up: seconds of load before each round, which are not measured.
        connections: how many at once.
        sizes: bytes of a message.
        pipelines: messages under way on each connection.
        rate: messages a second in all, for an open loop; `None` for a closed one.
        samples: the raw samples of each round of the run are appended to it.

    Raises:
        AddressError: a host or a port is none.
        SocketCallError: of `getaddrinfo()`: there is no such host; of `connect()`: a target took
            no connection.
        ValueError: a load that cannot be made.
    """
    where = environment.look()
    workloads = [
        Workload(
            connections=count,
            size=size,
            pipeline=pipeline,
            rate=rate,
            duration=seconds,
            warm_up=warm_up,
        )
        for count, size, pipeline in product(connections, sizes, pipelines)
    ]
    known = [await named(target) for target in targets]
    progress = Progress([], [] if samples is None else samples)
    before = len(progress.samples)
    endpoints = [parse_endpoint(one.address) for one in known]
    await run(Plan(endpoints=endpoints, workloads=workloads, rounds=rounds), progress, lambda: None)
    partial = any(one.partial for one in progress.samples[before:])
    return collect(where, known, workloads, progress.done, partial=partial)


async def named(target: Endpoint) -> Target:
    """Describe a target: which address of its name is measured.

    Of several, that is the first one that takes a connection: many a name has an IPv6 address that
    its server does not listen on. If none does, it is the first one, and the first round fails.

    Raises:
        AddressError: host or port is none.
        SocketCallError: of `getaddrinfo()`: there is no such host.
    """
    addresses = await resolve(*target)
    address = addresses[0]
    for one in addresses if len(addresses) > 1 else []:
        if await _takes_a_connection(one):
            address = one
            break
    return Target(
        name=str(target), address=str(address), family="IPv6" if ":" in address.host else "IPv4"
    )


async def _takes_a_connection(address: Endpoint) -> bool:
    with trio.move_on_after(_PATIENCE), suppress(SocketCallError):
        async with await connect(*address):
            return True
    return False


@asynccontextmanager
async def served(*options: str) -> AsyncIterator[list[Endpoint]]:
    """Run a server of this package in a process of its own, and give where it listens.

    In this process it would share the GIL with whoever measures: a round trip would take longer,
    and differently long. It ends with this process, also if that is killed.

    Args:
        options: further words for the command `serve`, such as `"--fragment", "4"`.

    Raises:
        SocketCallError: of `bind()`: it did not start.
    """
    command = [sys.executable, "-m", "trio_echo.cli.tethered", "serve"]
    command += ["--port", "0", "--quiet", "--lang", "en", *options]
    apart: dict[str, Any] = {"start_new_session": True}  # a Ctrl-C is for this process
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    # In one stream, so that a family is told of in any case: by where it listens, or as missing.
    apart |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, **apart)
    stdin = cast("trio.abc.SendStream", process.stdin)
    stdout = cast("trio.abc.ReceiveStream", process.stdout)
    try:
        said = b""
        while said.count(b"\n") < 2:
            chunk = await stdout.receive_some()
            if not chunk:
                break
            said += chunk
        found = re.findall(rb"IP address=(\S+), port=(\d+)", said)
        if not found:
            reason = OSError(errno.EADDRNOTAVAIL, "the server did not start")
            raise SocketCallError("bind()", reason)
        yield [Endpoint(host.decode(), int(port)) for host, port in found]
    finally:
        process.terminate()
        with trio.CancelScope(shield=True):
            await process.wait()
            await stdin.aclose()
            await stdout.aclose()
