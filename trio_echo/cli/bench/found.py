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
    from trio_echo.measure.results.run import Cell, Run
    from trio_echo.measure.statistics import Estimate
    from trio_echo.measure.verdicts.requirements import Requirement

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
        return (
            f"holds at no rate tried, down to {found.fails:,g} {unit}/s: there, {name} is "
            f"{_time_at(run, found, found.fails)}"
        )
    least = "at least " if found.load_limited else ""
    words = f"holds up to {least}{found.holds:,g} {unit}/s"
    if found.interval is not None:
        words += f" ({found.interval.low:,g} to {found.interval.high:,g})"
    words += f": {name} {_time_at(run, found, found.holds)}"
    if found.fails is not None:
        words += f"; at {found.fails:,g} it is {_time_at(run, found, found.fails)}"
    if found.load_limited:
        words += ", but there the load itself was busy"
    if not found.complete:
        words += "; the search was not finished"
    return words


def _time_at(run: Run, found: Found, rate: float | None) -> str:
    cells = (one for one in run.cells if one.target == found.target)
    cell = next(one for one in cells if run.workloads[one.workload].rate == rate)
    return _time(percentile_over(parse_requirement(found.requirement), run, cell))


def _time(value: Estimate | None) -> str:
    return "unknown" if value is None else echo_time(value.median)


def _row(run: Run, cell: Cell, requirement: Requirement) -> list[str]:
    """Write what the rounds at one rate showed."""
    workload = run.workloads[cell.workload]
    which = (cell.target, cell.workload)
    rounds = [one for one in run.rounds if (one.target, one.workload) == which and not one.cut]
    value = percentile_over(requirement, run, cell)
    interval = None if value is None else value.interval
    used = [max(one.usage.load) for one in rounds if one.usage is not None and one.usage.load]
    return [
        f"{workload.rate:,g}",
        str(len(rounds)),
        str(sum(holds(requirement, one, workload) for one in rounds)),
        _time(value),
        "" if interval is None else f"{echo_time(interval.low)} to {echo_time(interval.high)}",
        f"{100 * median(used):.0f} %" if used else "",
    ]
