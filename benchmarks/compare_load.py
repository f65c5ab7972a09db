"""Compare trio_echo's load generator with the C load of this directory, on the same server.

    python benchmarks/compare_load.py [--server c|trio] [--host ::1] [--rounds N] [--seconds S]

Linux only. It compiles both C programs with cc, pins the server to one core and the load to
another, and lets the two loads take turns, in random order within each pair: a closed loop of 64
connections with messages of 64 bytes, which neither verifies. For each pair it takes the ratio of
the rates and of the median round trips. It prints the medians of these ratios, with 95 % intervals.
Other work on these two cores widens them, and moves the rates more than the round trips.

The generators differ in their order of work: C answers each echo at once, trio_echo receives up to
32 before it sends. At saturation that order alone moves the median round trip by more than a tenth,
so this ratio compares the generators as they are, not what a message costs them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import trio
from rivals import compiled, running

from trio_echo import Endpoint
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.platform != "linux":
    sys.exit("it takes Linux: the C programs use epoll")

CONNECTIONS, SIZE, WARM_UP = 64, 64, 0.3
RESAMPLES = 2000


def load_in_c(program: str, target: Endpoint, seconds: float) -> tuple[float, float]:
    """Run a round of the C load; returns messages a second and the median round trip."""
    numbers = [CONNECTIONS, SIZE, WARM_UP, seconds]
    words = [program, target.host, str(target.port), *map(str, numbers)]
    run = subprocess.run(words, check=True, capture_output=True)
    result = json.loads(run.stdout)
    return result["messages"] / result["seconds"], result["p50_ns"]


def load_in_python(target: Endpoint, seconds: float) -> tuple[float, float]:
    """Run a round of trio_echo's; returns messages a second and the median round trip."""
    load = Workload(connections=CONNECTIONS, size=SIZE, warm_up=WARM_UP, duration=seconds)
    samples = trio.run(partial(run_round, target, load))
    if samples.failures:
        sys.exit(f"connections failed: {samples.failures}")
    round_trips = [back - sent for sent, back in zip(samples.sent, samples.received, strict=True)]
    return len(round_trips) * 1e9 / (samples.ended - samples.began), median(round_trips)


def with_interval(ratios: list[float]) -> str:
    """Write the median of ratios, with its interval."""
    chance = random.Random(0)
    medians = sorted(median(chance.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES))
    low, high = medians[RESAMPLES * 25 // 1000], medians[RESAMPLES * 975 // 1000]
    return f"{median(ratios):.3f} ({low:.3f} to {high:.3f})"


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description="trio_echo's load against one in C")
    parser.add_argument("--server", choices=["c", "trio"], default="c")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("it takes two cores: one for the server, one for the load")
    os.sched_setaffinity(0, {cores[0]})
    with tempfile.TemporaryDirectory() as folder:
        load = compiled("load", Path(folder))
        if options.server == "c":
            command = [compiled("echo", Path(folder)), options.host, "0"]
        else:
            command = [sys.executable, "-m", "trio_echo", "serve"]
            command += ["--quiet", "--lang", "en", "--host", options.host, "--port", "0"]
        with running(command, Path(folder, "server.out")) as (port, pid):
            os.sched_setaffinity(pid, {cores[1]})
            target = Endpoint(options.host, port)
            rates, medians = [], []
            for _ in range(options.rounds):
                loads: dict[str, Callable[[Endpoint, float], tuple[float, float]]]
                loads = {"C": partial(load_in_c, load), "Python": load_in_python}
                order = random.sample(sorted(loads), 2)
                results = {name: loads[name](target, options.seconds) for name in order}
                rate, p50 = (
                    ours / c for ours, c in zip(results["Python"], results["C"], strict=True)
                )
                rates.append(rate)
                medians.append(p50)
                sys.stdout.write(f"rate {rate:.3f}, p50 {p50:.3f} of C's\n")
                sys.stdout.flush()
    sys.stdout.write(f"rate: {with_interval(rates)} of C's, p50: {with_interval(medians)} of C's\n")


if __name__ == "__main__":
    main()
