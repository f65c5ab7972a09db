"""What a connection costs trio_echo's server, and echo servers on other libraries.

    python benchmarks/set_up.py [--rounds N] [--connections N] [--against NAME] [NAME...]
    python benchmarks/set_up.py --memory [--connections LIST] [--against NAME] [NAME...]

The first measures the server's CPU time to accept a connection, echo 2 bytes and see it reset, with
32 connections at a time and with one. The servers take turns, in random order. It prints ratios to
the baseline: medians over the turns with 95 % intervals. On Linux, the servers share one core and
the clients have another.

The second holds 1,000 and 10,000 connections, each of which has echoed once, and divides the growth
of the server's own memory (the unique set size, without the kernel's buffers) by their number. Each
count has a new server, and each connection must echo once more at the end.
"""

from __future__ import annotations

import argparse
import random
import socket
import struct
import sys
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING

import psutil
from rivals import Field, Server
from terminal import counts, names_and_baseline, positive, table, with_interval

from trio_echo.measure.load.connections.opening import allow_files
from trio_echo.measure.statistics import paired_ratio
from trio_echo.quantities import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

AT_ONCE = (32, 1)
MESSAGE = b"hi"
PATIENCE = 10.0
# Descriptors beside the connections.
OTHER_FILES = 64
# Connections before those that are counted: what is made once is then made.
WARM_UP = 100


def connected(server: Server) -> socket.socket:
    """Open a connection that will end with a reset: without TIME_WAIT, ports do not run out."""
    sock = socket.create_connection(server.endpoint, PATIENCE)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return sock


def echo(sock: socket.socket) -> None:
    """Receive the echo of what was sent."""
    if sock.recv(len(MESSAGE)) != MESSAGE:
        raise RuntimeError("that was no echo")


def set_up(server: Server, count: int, at_once: int) -> float:
    """Open connections; returns the nanoseconds of CPU time that each took the server."""
    before = server.cpu_ns()
    for _ in range(count // at_once):
        with ExitStack() as stack:
            socks = [stack.enter_context(connected(server)) for _ in range(at_once)]
            for sock in socks:
                sock.send(MESSAGE)
            for sock in socks:
                echo(sock)
    server.rest()
    return (server.cpu_ns() - before) / (count // at_once * at_once)


def race(field: Field, count: int, rounds: int) -> str:
    """Measure the CPU time of connections; returns the table."""
    costs: dict[int, dict[str, list[float]]]
    costs = {at_once: {one.name: [] for one in field.rivals} for at_once in AT_ONCE}
    with field.started(field.rivals) as servers:
        for server in servers:
            set_up(server, WARM_UP, 1)
        for number in range(rounds):
            for at_once in AT_ONCE:
                for server in random.sample(servers, len(servers)):
                    cost = set_up(server, count, at_once)
                    costs[at_once][server.rival.name].append(cost)
                field.forget()
            print(f"{number + 1} of {rounds}", file=sys.stderr)
    baseline = field.rivals[0]
    rows = []
    for one in sorted(field.rivals, key=lambda one: median(costs[AT_ONCE[0]][one.name])):
        row = [one.title]
        for of_all in costs.values():
            its = of_all[one.name]
            ratio = paired_ratio(zip(its, of_all[baseline.name], strict=True))
            row += [f"{duration(median(its))}", "1" if one == baseline else with_interval(ratio)]
        rows.append(row)
    heads = [f"{n} at a time" for n in AT_ONCE]
    return table(["server", heads[0], "ratio", heads[1], "ratio"], rows)


def allowed(count: int) -> bool:
    """Raise the limit of open files to this many connections, also for processes started here."""
    allow_files(count + OTHER_FILES)
    if sys.platform == "win32":
        return True
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft == resource.RLIM_INFINITY or soft >= count + OTHER_FILES


def memory(server: Server, count: int) -> float:
    """Hold connections that echo; returns the bytes that each takes in the server."""
    set_up(server, WARM_UP, 1)
    process = psutil.Process(server.pid)
    before = process.memory_full_info().uss
    with ExitStack() as stack:
        socks = []
        for _ in range(count):
            socks.append(stack.enter_context(connected(server)))
            socks[-1].send(MESSAGE)
            echo(socks[-1])
        server.rest()
        taken = process.memory_full_info().uss - before
        for sock in socks:
            sock.send(MESSAGE)
        for sock in socks:
            echo(sock)
    return taken / count


def weigh(field: Field, counts: Sequence[int]) -> str:
    """Measure the memory of connections; returns the table."""
    rows = []
    for one in field.rivals:
        row = [one.title]
        for count in counts:
            with field.started([one]) as (server,):
                row.append(f"{memory(server, count) / 1024:.1f} KiB")
            print(f"{one.name}: {count} connections echoed", file=sys.stderr)
        rows.append(row)
    return table(["server", *(f"of {count:,}" for count in counts)], rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and return the exit status."""
    parser = argparse.ArgumentParser(description="What a connection costs echo servers.")
    names_and_baseline(parser, "asyncio_streams")
    parser.add_argument("--rounds", metavar="N", type=positive, default=10)
    parser.add_argument("--connections", metavar="LIST", type=counts)
    parser.add_argument("--memory", action="store_true")
    options = parser.parse_args(arguments)
    wanted = options.connections or ([1000, 10000] if options.memory else [1000])
    if not options.memory and len(wanted) > 1:
        parser.error("the CPU time is measured with one number of connections a round")
    for count in wanted:
        if not allowed(count):
            parser.error(f"the limit of open files (ulimit -n) is too low for {count}")
    with Field(options.names, options.against) as field:
        if options.memory:
            print(weigh(field, wanted))
        else:
            print(race(field, wanted[0], options.rounds))
            print(field.conditions)
    return 0


if __name__ == "__main__":
    sys.exit(main())
