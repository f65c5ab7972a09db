"""`compare`: results of different days side by side, and what may be concluded from them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trio_echo.quantities import duration
from trio_echo.screen.text import safe

from .output_files import failure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trio_echo.measure.results.run import Run
    from trio_echo.measure.statistics import Estimate
    from trio_echo.measure.verdicts.separate import Measured

_MEASURED: tuple[Measured, ...] = ("rate", "p50", "p99")

_HEADS = ("load", "", "results", "median", "95 % interval", "ratio to the first", "its interval")
_TIMES = "p50 and p99 are round trips; of an open loop, times from the intended send time"
_ALIKE = "no recorded condition differed"

_CONCLUSIONS = """\
These runs did not take turns, so a ratio also contains everything else that changed between them:
  - If the interval of a ratio does not contain 1, the runs differ. The servers may still be equal.
  - If it contains 1, no difference was seen. There may still be one.
To compare two servers, or two versions, measure them in one run: trio-echo bench ONE OTHER"""


@click.command
@click.argument(
    "results",
    metavar="A.json B.json...",
    nargs=-1,
    type=click.Path(path_type=Path),
)
def compare(*, results: tuple[Path, ...]) -> int:
    """Show results of bench --output side by side: medians with their intervals.

    Ratios are to the first file. Below the table are the conditions that differed, and what may be
    concluded. Loads that are not in every file are listed.
    """
    if len(results) < 2:
        raise click.UsageError("give the results to compare: two files or more")
    # Imported here, or every other command would start more slowly.
    from trio_echo.measure.results import files
    from trio_echo.measure.results.json_text import ResultsError

    try:
        runs = [files.read(path) for path in results]
    except OSError as exc:
        click.echo(failure(exc), err=True)
        return 1
    except ResultsError as exc:
        click.echo(f"trio-echo compare: {safe(str(exc))}", err=True)
        return 1
    click.echo("\n".join(compared([str(path) for path in results], runs)))
    return 0


def compared(names: Sequence[str], runs: Sequence[Run]) -> list[str]:
    """Write the comparison.

    Args:
        names: of the runs.
        runs: what is compared with the first of them.
    """
    from trio_echo.measure.verdicts.separate import unshared
    from trio_echo.measure.verdicts.surroundings import differences
    from trio_echo.observe.tables import text_table

    rows = [*_cells(names, runs), *_searches(names, runs)]
    lines = []
    if rows:
        lines += [text_table(_HEADS, rows, _TIMES, numbers=_HEADS[3:]), ""]
    else:
        lines += ["the files have no load in common", ""]
    for name, cells in zip(names, unshared(runs), strict=True):
        if cells:
            lines += [safe(f"only in {name}: {'; '.join(cells)}"), ""]
    different = [(one.name, *one.values) for one in differences(runs)]
    lines.append(text_table(["what differed", *names], different) if different else _ALIKE)
    return [*lines, "", _CONCLUSIONS]


def _cells(names: Sequence[str], runs: Sequence[Run]) -> Iterator[list[str]]:
    """Write a row for each load, quantity and run."""
    from trio_echo.measure.verdicts.separate import estimate_of, ratio, shared

    for one in shared(runs):
        first = runs[0], one.cells[0]
        load = one.name
        for measured in _MEASURED:
            found = [estimate_of(*both, measured) for both in zip(runs, one.cells, strict=True)]
            if measured != "rate" and not any(found):
                continue
            unit = runs[0].workloads[one.cells[0].workload].unit
            quantity = f"{unit}/s" if measured == "rate" else measured
            for name, run, cell, value in zip(names, runs, one.cells, found, strict=True):
                by = None if cell is one.cells[0] else ratio((run, cell), first, measured)
                yield [load, quantity, name, *_written(value, measured), *_ratio(by)]
                load = quantity = ""


def _searches(names: Sequence[str], runs: Sequence[Run]) -> Iterator[list[str]]:
    """Write a row for each search and run."""
    from trio_echo.measure.verdicts.separate import searches

    for load, each in searches(runs):
        words, quantity = load, f"{runs[0].workloads[0].unit}/s"
        first = each[0].holds
        for number, (name, found) in enumerate(zip(names, each, strict=True)):
            by = f"{found.holds / first:.2f}" if found.holds and first and number else ""
            ends = found.interval
            yield [
                words,
                quantity,
                name,
                "at no rate" if found.holds is None else f"{found.holds:,g}",
                "" if ends is None else f"{ends.low:,g} to {ends.high:,g}",
                by,
                "",
            ]
            words = quantity = ""


def _written(value: Estimate | None, measured: Measured) -> tuple[str, str]:
    """Write a median and its interval."""
    if value is None:
        return "not known", ""

    def write(number: float) -> str:
        return f"{number:,.0f}" if measured == "rate" else duration(number)

    ends = value.interval
    return write(value.median), "" if ends is None else f"{write(ends.low)} to {write(ends.high)}"


def _ratio(value: Estimate | None) -> tuple[str, str]:
    if value is None:
        return "", ""
    ends = value.interval
    few = "fewer than 6 rounds"
    return f"{value.median:.2f}", few if ends is None else f"{ends.low:.2f} to {ends.high:.2f}"
