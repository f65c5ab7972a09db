"""How much memory `bench` needs for an hour of load: simulated, as fast as it can be counted.

    python benchmarks/hour.py

It counts the messages of an hour as `bench` does, a tenth of a second at a time, as a load reports
them. Every ten minutes, it prints the memory of this process.
"""

from __future__ import annotations

import argparse
import random
from array import array

import psutil

from trio_echo.measure.load.keeping import Keeper
from trio_echo.measure.load.loader import KEPT_SAMPLES
from trio_echo.quantities import duration

HOUR, REPORTS_A_SECOND = 3600, 10
TENTH = 1_000_000_000 // REPORTS_A_SECOND


def main() -> None:
    """Feed it, and print memory."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=int, default=30_000, help="messages a second")
    parser.add_argument("--keep", type=int, default=KEPT_SAMPLES, help="as --keep-samples")
    asked = parser.parse_args()
    count = asked.rate // REPORTS_A_SECOND
    draw = random.Random(1)
    # From 60 µs on, and a few of some milliseconds.
    times = [round(60_000 * draw.paretovariate(3)) for _ in range(count)]
    keeper = Keeper(0, asked.keep, open_loop=False, watched=False)
    for report in range(HOUR * REPORTS_A_SECOND):
        start = report * TENTH
        received = array("q", range(start, start + count * (TENTH // count), TENTH // count))
        sent = array("q", [one - time for one, time in zip(received, times, strict=True)])
        data = {"intended": b"", "sent": sent.tobytes(), "received": received.tobytes()}
        keeper.add(data, start + TENTH, {})
        minutes = (report + 1) / REPORTS_A_SECOND / 60
        if minutes in (1, 5) or minutes % 10 == 0:
            memory = psutil.Process().memory_info().rss / (1 << 20)
            print(f"{minutes:2.0f} min  {keeper.samples.messages:11,} messages  {memory:4.0f} MiB")
    timeline = keeper.samples.timelines["round_trip"]
    print(f"{len(timeline.slices)} slices of {duration(timeline.length)}")


if __name__ == "__main__":
    main()
