"""What a search found, in words and as a table. No I/O."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from trio_echo.measure.results.names import cell_name
from trio_echo.measure.verdicts.judging import echo_time, holds, percentile_over
from trio_echo.measure.verdicts.requirements import parse_requirement
from trio_echo.observe.tables import text_table
from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from trio_echo.measure.results.found import Found
    from trio_echo.measure.results.run import Cell, Round, Run
    from trio_echo.measure.statistics import Estimate
    from trio_echo.measure.verdicts.requirements import Requirement

_NO_END = "the search was not finished"
_HEADS = ("rounds", "held", "", "95 % interval", "load")


def found_lines(run: Run) -> list[str]:
    """Write a line for each target's search, and below it a table of the rates tried."""
    lines: list[str] = []
    for found in run.searches:
        requirement = parse_requirement(found.requirement)
        name = cell_name(run, found.target, 0)
        lines.append(safe(f"{name}: {found.requirement} {_result(run, found, requirement)}"))
        cells = [
            one
            for one in run.cells
            if one.target == found.target and run.workloads[one.workload].rate is not None
        ]
        cells.sort(key=lambda one: run.workloads[one.workload].rate or 0)
        heads = [f"{run.workloads[0].unit}/s", *(one or requirement.name for one in _HEADS)]
        rows = [_row(run, one, requirement) for one in cells]
        if rows:
            lines += text_table(heads, rows, numbers=heads).splitlines()
    return lines


def _result(run: Run, found: Found, requirement: Requirement) -> str:
    """Say where the requirement holds, and where it does not."""
    name, unit = requirement.name, run.workloads[0].unit
    if found.holds is None and found.fails is None:
        return "has no answer yet: no rate had all its rounds"
    if found.holds is None:
        words = (
            f"holds at no rate tried, down to {found.fails:,g} {unit}/s: there, {name} is "
            f"{_failing(run, found, requirement, found.fails)}"
        )
        return words if found.complete else f"{words}; {_NO_END}"
    least = "at least " if found.load_limited else ""
    words = f"holds up to {least}{found.holds:,g} {unit}/s"
    if found.interval is not None:
        words += f" ({found.interval.low:,g} to {found.interval.high:,g})"
    words += f": {name} {_time_at(run, found, found.holds)}"
    if found.fails is not None:
        words += f"; at {found.fails:,g} it is {_failing(run, found, requirement, found.fails)}"
    if found.load_limited:
        words += ", but there the load itself was busy"
    if not found.complete:
        words += f"; {_NO_END}"
    return words


def _time_at(run: Run, found: Found, rate: float | None) -> str:
    cell = _cell_at(run, found, rate)
    return _time(percentile_over(parse_requirement(found.requirement), run, cell))


def _failing(run: Run, found: Found, requirement: Requirement, rate: float | None) -> str:
    """Say why a requirement does not hold at a rate."""
    cell = _cell_at(run, found, rate)
    value = percentile_over(requirement, run, cell)
    if value is None or not requirement.allows(value.median):
        return _time(value)
    # The median alone would read as if it held.
    rounds = _rounds(run, cell)
    held = _held(run, cell, requirement)
    return f"{_time(value)}, but it held in {held} of {len(rounds)} rounds only"


def _cell_at(run: Run, found: Found, rate: float | None) -> Cell:
    cells = (one for one in run.cells if one.target == found.target)
    return next(one for one in cells if run.workloads[one.workload].rate == rate)


def _rounds(run: Run, cell: Cell) -> list[Round]:
    which = (cell.target, cell.workload)
    return [one for one in run.rounds if (one.target, one.workload) == which and not one.cut]


def _held(run: Run, cell: Cell, requirement: Requirement) -> int:
    workload = run.workloads[cell.workload]
    return sum(holds(requirement, one, workload) for one in _rounds(run, cell))


def _time(value: Estimate | None) -> str:
    return "unknown" if value is None else echo_time(value.median)


def _row(run: Run, cell: Cell, requirement: Requirement) -> list[str]:
    """Write what the rounds at one rate showed."""
    workload = run.workloads[cell.workload]
    rounds = _rounds(run, cell)
    value = percentile_over(requirement, run, cell)
    interval = None if value is None else value.interval
    used = [max(one.usage.load) for one in rounds if one.usage is not None and one.usage.load]
    return [
        f"{workload.rate:,g}",
        str(len(rounds)),
        str(_held(run, cell, requirement)),
        _time(value),
        "" if interval is None else f"{echo_time(interval.low)} to {echo_time(interval.high)}",
        f"{100 * median(used):.0f} %" if used else "",
    ]
