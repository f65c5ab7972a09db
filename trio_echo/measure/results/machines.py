"""What each machine of a load measured: in a round, and over a run. No I/O."""

from __future__ import annotations

from statistics import median, median_low
from typing import TYPE_CHECKING

from trio_echo.quantities import duration

from ..records import Count, Ordinal, Record
from .phases import WHOLE
from .summary import Distribution, summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..load.workload import Samples, Workload
    from .run import Cell, Round, Run
    from .summary import PercentileName

OUTLIER = 1.5
"""The least ratio of two medians, or its inverse, that makes a machine an outlier.

Machines of one kind, in one network, differ by a tenth.
"""


class MachineRound(Record, frozen=True, kw_only=True):
    """What one machine of the load measured in a round.

    Attributes:
        name: its host name.
        address: of the Dask worker on it.
        connections: its part of them.
        missing: whether it ended without its samples. The other fields then say nothing.
        messages: how many came back.
        round_trip_ns: of its own messages; `None` without one.
        offset_ns: how far its clock was ahead of that of the machine that collected the samples.
            All of its times were moved by this, so no round trip changed.
        offset_error_ns: the most by which the offset may be wrong.
    """

    name: str
    address: str
    connections: Ordinal
    missing: bool
    messages: Count
    round_trip_ns: Distribution | None
    offset_ns: int
    offset_error_ns: Count


def machines_of(samples: Samples, workload: Workload) -> tuple[MachineRound, ...]:
    """Summarize what each machine brought back in a round."""
    rows = []
    for machine, connections, own in samples.machines:
        summary = None if own is None else summarize(own, workload)
        rows.append(
            MachineRound(
                name=machine.name,
                address=machine.address,
                connections=connections,
                missing=own is None or own.missing > 0,
                messages=0 if summary is None else summary.messages,
                round_trip_ns=None if summary is None else summary.round_trip_ns,
                offset_ns=machine.offset,
                offset_error_ns=machine.error,
            )
        )
    return tuple(rows)


def machine_lines(run: Run, cell: Cell) -> list[str]:
    """Say what each machine measured in the rounds of a cell; empty if one machine made the load.

    Percentiles are medians over the rounds, as those of the cell are.
    """
    rows: dict[str, list[MachineRound]] = {}
    for one in run.rounds:
        if (one.target, one.workload) == (cell.target, cell.workload):
            for row in one.machines:
                rows.setdefault(row.address, []).append(row)
    workload = run.workloads[cell.workload]
    return [_line(several, workload) for several in rows.values()]


def _line(rows: Sequence[MachineRound], workload: Workload) -> str:
    first, last = rows[0], rows[-1]
    messages = sum(row.messages for row in rows)
    open_at_once = "at once" if workload.reconnect else "connections"
    words = [f"{first.name} ({first.address}): {first.connections} {open_at_once}"]
    words.append(f"{messages:,} {workload.unit}")
    times = [
        f"{name} {duration(median(values))}"
        for name in _SHOWN
        if (values := [value for row in rows if (value := _percentile(row, name)) is not None])
    ]
    if times:
        timed = WHOLE[1] if workload.reconnect else "round trip"
        words.append(f"{timed} {', '.join(times)}")
    words.append(f"clock {last.offset_ns / 1e6:+,.3f} ms ± {last.offset_error_ns / 1e6:,.3f} ms")
    if missing := sum(row.missing for row in rows):
        words.append(f"missing in {missing} of {len(rows)} rounds")
    return ", ".join(words)


_SHOWN: tuple[PercentileName, ...] = ("p50", "p99")


def outliers(run: Run) -> list[str]:
    """Name the machines whose round trips differ from those of the others, in a line each.

    In each round, a machine's median is compared with that of the median machine. If the number of
    machines is even, that is the faster one of the two in the middle: of two machines, the slower
    one is the outlier. The median of these ratios counts, so one unlucky round names nobody.
    """
    ratios: dict[str, list[float]] = {}
    names: dict[str, str] = {}
    for one in run.rounds:
        for row, ratio in _ratios(one):
            ratios.setdefault(row.address, []).append(ratio)
            names[row.address] = row.name
    lines = []
    for address, several in ratios.items():
        ratio = median(several)
        if not 1 / OUTLIER < ratio < OUTLIER:
            lines.append(
                f"machine {names[address]} ({address}) is an outlier: its median round trip is "
                f"{ratio:.2g} times that of the others"
            )
    return lines


def _ratios(one: Round) -> list[tuple[MachineRound, float]]:
    medians = [
        (row, value) for row in one.machines if (value := _percentile(row, "p50")) is not None
    ]
    if len(medians) < 2:
        return []
    middle = median_low([value for _, value in medians])
    return [(row, value / middle) for row, value in medians]


def _percentile(row: MachineRound, name: PercentileName) -> int | None:
    return None if row.round_trip_ns is None else row.round_trip_ns.percentiles.get(name)


def missing_parts(run: Run) -> str:
    """Say in how many rounds a part of the load is missing; "" if it never is."""
    lacking = sum(one.missing > 0 for one in run.rounds)
    if not lacking:
        return ""
    return f"a part of the load is missing in {lacking} of {len(run.rounds)} rounds"
