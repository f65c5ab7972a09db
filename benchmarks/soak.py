"""Load, churn, hostile clients and faults for as long as you like, and what the server survived.

    python benchmarks/soak.py [--minutes M] [--seed N] [--tasks N] [--wire SETTINGS]
                              [--tls] [--descriptors N] [--output FILE] [--plot FILE]
                              [-- OPTIONS OF serve...]

Rounds of half a minute follow each other. In each, many clients come and go: well-behaved ones
compare every byte, hostile ones try what `hostile.py` lists, and the server is stopped for a moment
(SIGSTOP). With `--workers` among its options, a worker is killed as well; its clients are cut, and
counted. After each round all clients leave, and the server's memory and descriptors are read at
rest. At last it gets SIGTERM with clients connected. Each line of its screen is checked.

`--wire loss=1%,delay=5ms` puts the server on another host, behind such a cable, which is cut for a
moment in each round. With `--tls`, the server and well-behaved clients use TLS, and hostile ones
also try what `hostile_tls.py` lists. `soak_report.py` draws the file of `--output` again, also for
a dark page. The exit status is 1 if anything was not as it should be. Linux only.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from hostile import Tally
from soak_report import Rest, Soak, draw, report, write
from soak_server import Server, started
from terminal import positive, seconds

from trio_echo.lan.options import parse_wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checked_screen import CheckedScreen

    from trio_echo.lan.options import Wire

# Seconds of a round; and how long the server may do nothing before it is at rest. Over a lossy
# cable, the last RST of a client may get lost: then keepalive ends it, a minute later.
ROUND, PATIENCE = 30.0, 150.0


async def soak(
    found: Soak,
    options: Sequence[str] = (),
    *,
    wire: Wire | None = None,
    tls: bool = False,
    descriptors: int | None = None,
    minutes: float,
    seed: int,
    tasks: int,
) -> None:
    """Run all rounds, and then the end.

    Args:
        found: is filled in.
        options: of `serve`.
        wire: the cable to the server; `None` for loopback.
        tls: use TLS.
        descriptors: how many each process of the server may have; `None` for the system's limit.
        minutes: the rounds end with the first one that is over then.
        seed: of all that is drawn.
        tasks: how many clients there are at a time, of each family.
    """
    draws = random.Random(seed)
    async with started(options, wire, descriptors, tls=tls) as server:
        if not server.endpoints:
            await server.process.wait()
            found.faults.append(f"it does not listen: {server.errors.decode(errors='replace')}")
            return
        found.rests.append(server.rest(0))
        begun = trio.current_time()
        while trio.current_time() < begun + 60 * minutes:
            await _round(found, server, draws, tasks, workers="--workers" in options)
            found.rests.append(await at_rest(found, server, begun))
            _show_progress(found)
            if server.process.returncode is not None:
                found.faults.append("it ended by itself")
                break
        await _end(found, server, draws, tasks)
        found.seconds = trio.current_time() - begun
        found.lines = dict(server.screen.lines)
        found.faults += found.tally.wrong + server.screen.faults
        if server.process.returncode:
            found.faults.append(f"its exit status is {server.process.returncode}")
        found.faults += server.complaints()
        if found.tally.cut and not found.killed:
            found.faults.append(f"{found.tally.cut} well-behaved clients lost their connection")


async def _round(
    found: Soak, server: Server, draws: random.Random, tasks: int, *, workers: bool
) -> None:
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.attack, found.tally, draws, tasks, stop)
        await trio.sleep(draws.uniform(0, ROUND / 2))
        for one in server.processes():
            one.suspend()
        await trio.sleep(draws.random())
        for one in server.processes():
            one.resume()
        found.stopped += 1
        if server.cable is not None:
            server.cable.cut()
            await trio.sleep(draws.random())
            server.cable.heal()
            found.parted += 1
        if workers and (family := server.processes()[1:]):
            draws.choice(family).kill()
            found.killed += 1
        await trio.sleep(ROUND / 2)
        stop.set()


async def at_rest(found: Soak, server: Server, begun: float) -> Rest:
    """Wait until the server has as few descriptors as at first, and all its clients are closed.

    A busy machine may take long. So what counts is the time without any progress: no new line, and
    as many descriptors as before.
    """
    at_first = found.rests[0].descriptors
    lines = server.screen.lines
    rest, written = server.rest(0), -1
    with trio.move_on_after(PATIENCE) as patience:
        while rest.descriptors != at_first or _some_left(found, server.screen):
            before = written, rest.descriptors
            await trio.sleep(0.1)  # another process has no event for it
            rest, written = server.rest(0), lines.total()
            if (written, rest.descriptors) != before:
                patience.deadline = trio.current_time() + PATIENCE
    rest = server.rest(trio.current_time() - begun)
    if rest.descriptors != at_first:
        found.faults.append(f"{rest.descriptors} descriptors at rest, {at_first} at first")
    if _some_left(found, server.screen):
        found.faults.append(f"{lines['connected']} clients connected, {lines['closed']} closed")
    return rest


def _some_left(found: Soak, screen: CheckedScreen) -> bool:
    """Whether a client is not closed, as far as the screen shows it.

    A killed worker closes no clients, and may take lines with it that it was about to write. If the
    screen cannot keep up, it may miss who connected or closed.
    """
    may_miss_some = found.killed or screen.gaps
    return not may_miss_some and screen.lines["connected"] != screen.lines["closed"]


async def _end(found: Soak, server: Server, draws: random.Random, tasks: int) -> None:
    """Send SIGTERM while clients are connected; they may lose their connections."""
    stop, last = trio.Event(), Tally()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.attack, last, draws, tasks, stop)
        await trio.sleep(1)
        for one in server.processes()[:1]:
            one.send_signal(signal.SIGTERM)
        with trio.move_on_after(PATIENCE):
            await server.process.wait()
        stop.set()
        nursery.cancel_scope.cancel()
    if server.process.returncode is None:
        found.faults.append("it did not end after SIGTERM")
    found.faults += last.wrong


def _show_progress(found: Soak) -> None:
    rest = found.rests[-1]
    words = (
        f"{rest.second:.0f} s, {found.tally.clients.total()} clients, {len(found.faults)} faults"
    )
    print(words, file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Run it, print the report, and return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(description="What an echo server survives.")
    parser.add_argument("--minutes", metavar="M", type=seconds, default=10.0)
    parser.add_argument("--seed", metavar="N", type=int, default=random.getrandbits(32))
    parser.add_argument("--tasks", metavar="N", type=positive, default=10, help="of each family")
    parser.add_argument("--wire", metavar="SETTINGS", type=parse_wire)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--descriptors", metavar="N", type=positive, help="a limit, to exceed it")
    parser.add_argument("--output", metavar="FILE", type=Path, help="for the findings as JSON")
    parser.add_argument("--plot", metavar="FILE", type=Path)
    parser.add_argument("options", metavar="OPTION", nargs="*", help="of the server, after --")
    options = parser.parse_args(arguments)
    if sys.platform != "linux":
        parser.error("it takes Linux")
    again = arguments if "--seed" in arguments else ["--seed", str(options.seed), *arguments]
    found = Soak(" ".join(["python benchmarks/soak.py", *again]))
    run = partial(soak, found, options.options, wire=options.wire, descriptors=options.descriptors)
    run = partial(run, tls=options.tls)
    trio.run(partial(run, minutes=options.minutes, seed=options.seed, tasks=options.tasks))
    print(report(found))
    if options.output is not None:
        write(found, options.output)
    if options.plot is not None:
        draw(found).save(options.plot)
    return bool(found.faults)


if __name__ == "__main__":
    sys.exit(main())
