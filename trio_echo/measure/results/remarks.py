"""What a reader must know before believing the numbers of a run. No I/O."""

from __future__ import annotations

from statistics import median, quantiles
from typing import TYPE_CHECKING

from msgspec.structs import replace

from trio_echo.quantities import size

from .names import labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .run import Cell, Round, Run

LOAD_BUSY = 0.95
"""A load or a cable that was busy for a larger share of the time may itself be the limit."""

OTHERS_BUSY = 0.5
"""Other programs that used more processors than this have slowed down what was measured.

The load and the server need one each. On a quiet machine others use less than 0.1.
"""

WIDE = 0.25
"""Rounds differ widely if the middle half of them spans a larger share of their median.

On a quiet machine, and over loopback, it spans a few hundredths.
"""

_FEWEST = 4  # rounds that have quartiles


def remarks(run: Run) -> list[str]:
    """Say what limits the numbers.

    Load or cable may have been the limit, times may be from histograms, the machine may have been
    busy, or the rounds differ widely.

    Returns:
        At most one line for each of the first three, and one for the rest. Names of targets are
        as the user gave them.
    """
    if run.searches:
        run = _without_failing(run)
    lines = []
    used = [one.usage for one in run.rounds if one.usage is not None]
    limited = sum(max(one.load, default=0) > LOAD_BUSY for one in used)
    if limited:
        lines.append(
            f"the load was busy for more than {LOAD_BUSY * 100:.0f} % of the time in "
            f"{limited} of {len(used)} rounds: it may be the limit, not the server"
        )
    cables = [one.cable for one in used if one.cable is not None]
    if limited := sum(one > LOAD_BUSY for one in cables):
        lines.append(
            f"the cable was busy for more than {LOAD_BUSY * 100:.0f} % of the time in "
            f"{limited} of {len(used)} rounds: it may be the limit"
        )
    lines += _counted(run)
    conditions = [*_busy(run), *([] if run.searches else _wide(run))]
    if conditions:
        lines.append("; ".join(conditions))
    return lines


def _counted(run: Run) -> Iterator[str]:
    times = [one.summary.round_trip_ns for one in run.rounds]
    errors = [one.relative_error for one in times if one is not None and one.relative_error]
    if errors:
        yield (
            f"percentiles of {len(errors)} of {len(times)} rounds are from histograms: "
            f"within {100 * max(errors):g} %"
        )


def _without_failing(run: Run) -> Run:
    """Leave out the rounds beyond what was found: a search loads until something is the limit."""
    most = {one.target: one.holds or 0 for one in run.searches}
    rates = [one.rate for one in run.workloads]
    rounds = [one for one in run.rounds if (rates[one.workload] or 0) <= most[one.target]]
    return replace(run, rounds=tuple(rounds))


def _busy(run: Run) -> Iterator[str]:
    used = [one.usage for one in run.rounds if one.usage is not None]
    count = run.environment.cpu_count
    many = "" if count is None else f" of {count}"
    others = [one.others for one in used if one.others is not None]
    averages = [one.load_average for one in used if one.load_average is not None]
    average = f", load average up to {max(averages):.1f}" if averages else ""
    if disturbed := sum(one > OTHERS_BUSY for one in others):
        yield (
            f"the machine was busy: in {disturbed} of {len(used)} rounds other programs used more "
            f"than half a processor, up to {max(others):.1f}{many}{average}"
        )
    elif not others and count is not None and averages and max(averages) > count:
        yield f"the machine was busy: load average up to {max(averages):.1f} on {count} processors"


def _wide(run: Run) -> Iterator[str]:
    spreads = [(spread, cell) for cell in run.cells if (spread := _spread(run, cell)) > WIDE]
    if spreads:
        spread, cell = max(spreads, key=lambda one: one[0])
        asked = run.workloads[cell.workload]
        name = f"{labels(run.targets)[cell.target]}, {asked.connections} x {size(asked.size)}"
        yield (
            f"the rounds differ widely: the middle half of those of {name} spans "
            f"{spread * 100:.0f} % of their median"
        )


def _spread(run: Run, cell: Cell) -> float:
    """Return which share of their median the middle half of a cell's rounds spans.

    Of the rates; in an open loop, which sets the rate, of the median round trips.
    """

    def value(one: Round) -> float | None:
        if run.workloads[cell.workload].rate is None:
            return one.summary.messages_per_second
        times = one.summary.round_trip_ns
        return None if times is None else times.percentiles.get("p50")

    rounds = [
        one for one in run.rounds if (one.target, one.workload) == (cell.target, cell.workload)
    ]
    values = [found for one in rounds if not one.cut and (found := value(one)) is not None]
    if len(values) < _FEWEST or not median(values):
        return 0.0
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return (high - low) / middle
