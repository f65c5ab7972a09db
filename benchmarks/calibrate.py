"""Does `bench` measure what a cable was set to? It needs a quiet machine.

    python benchmarks/calibrate.py [--rounds N] [--seconds S]

Three tables, for IPv4 and IPv6. Ratios are medians over the rounds with 95 % intervals.

- Round trips: the p50 of one connection in a closed loop, against twice the delay. Each message is
  one frame each way, so nothing else takes time but the kernels and the programs. The row of a
  cable without a delay shows how much that is.
- Goodput: bytes of messages a second, against the rate less headers. 64 messages are under way,
  each as long as the largest segment, so that every frame with data is full. What else the server
  sends (a few acknowledgements without data) is counted and subtracted too.
- Late messages: the share of messages that took more than 150 ms, against the share of those that
  lose a frame there or back, 1 - (1 - loss)². Linux repeats a segment 200 ms after it was lost, if
  nothing else is under way on the connection. A lost frame without data makes no message late: the
  next frame acknowledges the same. The interval is Wilson's.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import trio
from terminal import positive, seconds, table, with_interval

from trio_echo.lan.quantities import time_text
from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.results.remarks import remarks
from trio_echo.measure.session import Session, named
from trio_echo.measure.statistics import estimate
from trio_echo.measure.wired import wired
from trio_echo.quantities import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_echo.measure.results.run import Run
    from trio_echo.measure.results.summary import Summary
    from trio_echo.observe.packets.passage import Passage

FAMILIES = ("IPv4", "IPv6")
DELAYS = (0.0, 0.0005, 0.0025, 0.01, 0.05)
RATES = {"1mbit": 1e6, "10mbit": 1e7, "50mbit": 5e7}
LOSSES = {"0.1%": 0.001, "1%": 0.01, "5%": 0.05}
# Bytes of the largest segment, with timestamps; and of its frame.
SEGMENTS, FRAME = (1448, 1428), 1514
LATE = 150_000_000  # nanoseconds
# The cable and 32 connections that each have one message under way.
LOSSY, MANY = "delay=2ms", 32


class Result(NamedTuple):
    """A run with one target, its samples, and how long the frames were that the server sent."""

    run: Run
    samples: list[Samples]
    lengths: Counter[int]

    @property
    def summaries(self) -> list[Summary]:
        """Of its rounds."""
        return [one.summary for one in self.run.rounds]


async def measure(line: str, family: int, load: Workload, rounds: int) -> Result:
    """Measure one family over a cable."""
    print(f"{line}, {FAMILIES[family]}", file=sys.stderr)
    lengths: Counter[int] = Counter()

    def count(passage: Passage) -> None:
        lengths[len(passage.data)] += passage.source == "server"

    async with wired(line) as far:
        far.net.cable.on_passage(count)
        target = await named(far.targets[family])
        session = Session(targets=[target], workloads=[load], rounds=rounds, wired=far)
        await session.run()
    result = session.results()
    for one in remarks(result):
        print(one, file=sys.stderr)
    return Result(result, session.samples, lengths)


async def round_trips(rounds: int, longest: float) -> str:
    """Measure round trips; returns the table."""
    rows = []
    for delay in DELAYS:
        row = [f"{2000 * delay:g} ms"]
        for family in range(len(FAMILIES)):
            load = Workload(duration=max(longest, 60 * delay), warm_up=0.1 + 4 * delay)
            line = f"delay={time_text(delay)}"
            found = await measure(line, family, load, rounds)
            times = [one.round_trip_ns for one in found.summaries]
            medians = [one.percentiles["p50"] for one in times if one and "p50" in one.percentiles]
            middle = estimate(medians)
            row.append("-" if middle is None else duration(middle.median))
            ratios = [one / (2e9 * delay) for one in medians] if delay else []
            row.append(with_interval(estimate(ratios), decimals=3))
        rows.append(row)
    heads = [one for family in FAMILIES for one in (f"{family}, p50", "ratio")]
    return table(["round trip set", *heads], rows)


async def goodput(rounds: int, longest: float) -> str:
    """Measure bytes a second; returns the table."""
    rows = []
    for line, rate in RATES.items():
        row = [line]
        for family, segment in enumerate(SEGMENTS):
            # All that is under way once around, then 100 messages at least.
            warm_up, least = 128 * FRAME * 8 / rate, 100 * FRAME * 8 / rate
            load = Workload(
                size=segment, pipeline=64, warm_up=0.5 + warm_up, duration=max(longest, least)
            )
            found = await measure(f"rate={line}", family, load, rounds)
            sent = sum(length * count for length, count in found.lengths.items())
            expected = rate / 8 * segment * found.lengths[FRAME] / sent
            rates = [one.bytes_per_second for one in found.summaries]
            known = [one for one in rates if one is not None]
            middle = estimate(known)
            row.append("-" if middle is None else f"{middle.median:,.0f}")
            row.append(with_interval(estimate([one / expected for one in known]), decimals=3))
        rows.append(row)
    heads = [one for family in FAMILIES for one in (f"{family}, bytes/s", "ratio")]
    return table(["rate set", *heads], rows)


async def late_messages(rounds: int, longest: float) -> str:
    """Count late messages; returns the table."""
    rows = []
    for text, loss in LOSSES.items():
        row = [text]
        expected = 1 - (1 - loss) ** 2
        for family in range(len(FAMILIES)):
            load = Workload(connections=MANY, duration=10 * longest, warm_up=0.5)
            found = await measure(f"{LOSSY},loss={text}", family, load, rounds)
            late = count = 0
            for one in found.samples:
                took = [end - start for start, end in zip(one.sent, one.received, strict=True)]
                late += sum(time > LATE for time in took)
                count += len(took)
            low, high = (bound / expected for bound in wilson(late, count))
            row.append(f"{late:,} of {count:,}")
            row.append(f"{late / count / expected:.2f} ({low:.2f} to {high:.2f})")
        rows.append(row)
    heads = [one for family in FAMILIES for one in (f"{family}, late", "ratio")]
    return table(["loss set", *heads], rows)


def wilson(successes: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927)."""
    share, z = successes / count, 1.96
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return (middle - half) / scale, (middle + half) / scale


async def calibrate(rounds: int, longest: float) -> None:
    """Print the three tables."""
    for measured in (round_trips, goodput, late_messages):
        print(await measured(rounds, longest), flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", metavar="N", type=positive, default=10)
    parser.add_argument("--seconds", metavar="S", type=seconds, default=1.0, help="of a round")
    options = parser.parse_args(arguments)
    trio.run(calibrate, options.rounds, options.seconds)


if __name__ == "__main__":
    main()
