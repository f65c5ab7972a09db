"""The results of `bench` in words. No I/O."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from trio_echo.measure.results.machines import machine_lines, missing_parts, outliers
from trio_echo.measure.results.names import labels
from trio_echo.measure.results.phases import PHASES, WHOLE, resumed_words
from trio_echo.measure.results.remarks import remarks
from trio_echo.measure.results.run import tls_words
from trio_echo.quantities import duration, size
from trio_echo.screen.text import safe

from .found import found_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trio_echo.measure.results.run import Cell, Run
    from trio_echo.measure.results.summary import PercentileName
    from trio_echo.measure.statistics import Estimate


def report(result: Run) -> list[str]:
    """Write the report: a line for each target and workload, then the comparisons.

    Of a search: what it found, and a table of the rates.
    """
    names = labels(result.targets)
    lines = found_lines(result) if result.searches else _cells(result, names)
    if used := tls_words(result):
        resumed = resumed_words(result)
        lines.append(f"TLS: {safe(used)}{resumed and '; '}{resumed}")
    if result.wire is not None:
        lines.append(f"wire: {result.wire or 'a perfect cable'}")
    lines += [safe(one) for one in (*remarks(result), *outliers(result))]
    # In a closed loop, each round ends with messages under way.
    open_loops = [one for one in result.rounds if result.workloads[one.workload].rate is not None]
    due = sum(one.summary.messages + one.summary.unanswered for one in open_loops)
    unanswered = sum(one.summary.unanswered for one in open_loops)
    if unanswered and not result.searches:  # a search goes beyond what can be answered
        lines.append(f"unanswered when its round ended: {unanswered:,} of {due:,}")
    lines += _failures(result, names)
    if any(one.cut for one in result.rounds):
        lines.append("the last round was cut short: it counts only if it has enough messages")
    if result.partial:
        lines.append(f"partial: {missing_parts(result) or 'the run ended early'}")
    return lines


def _cells(result: Run, names: Sequence[str]) -> list[str]:
    """Write a line for each target and workload, then the comparisons."""
    lines = []
    incomplete: set[tuple[int, int]] = set()
    for cell in result.cells:
        asked = result.workloads[cell.workload]
        words = [f"{safe(names[cell.target])}, {asked.connections} x {size(asked.size)}:"]
        rate = cell.messages_per_second
        if missing := _missing(result, cell):
            incomplete.add((cell.target, cell.workload))
            words.append(missing)
        if missing == "nothing came back":
            lines.append(" ".join(words))
            continue
        if missing:
            words[-1] += "; what came back:"
        if rate is None:
            words.append("too few messages")
        else:
            words.append(f"{rate.median:,.0f} {asked.unit}/s")
        if rate and rate.median and rate.interval is not None:
            words.append(f"({rate.interval.low:,.0f} to {rate.interval.high:,.0f})")
        words += _times(WHOLE[1] if asked.reconnect else "round trip", cell.round_trip_ns)
        words += _times("from the intended send time", cell.from_intended_ns)
        lines.append(" ".join(words))
        for name, phase in PHASES.items():
            lines += [f"  {one}" for one in _times(phase, getattr(cell.phases, name, {}))]
        lines += [f"  {safe(one)}" for one in machine_lines(result, cell)]
    several = len({one.connections for one in result.workloads}) > 1
    for one in result.comparisons:
        asked = result.workloads[one.workload]
        which = f"{asked.connections} x {size(asked.size)}" if several else f"{size(asked.size)}"
        line = f"{which}: {safe(one.comparison.sentence())}"
        if incomplete & {(one.target, one.workload), (one.baseline, one.workload)}:
            line += "; but not every connection answered"
        lines.append(line)
    return lines


def _times(kind: str, estimates: Mapping[PercentileName, Estimate]) -> list[str]:
    """Write percentiles; nothing without any."""
    times = ", ".join(f"{name} {duration(one.median)}" for name, one in estimates.items())
    return [f"{kind} {times}"] if times else []


def _failures(result: Run, names: Sequence[str]) -> list[str]:
    """Say how many connections failed, and if there are several targets, of which."""
    counts: Counter[tuple[int, str]] = Counter()
    for one in result.rounds:
        for kind, count in one.summary.failures.items():
            counts[one.target, kind] += count
    several = len(names) > 1
    return [
        f"{safe(names[target])}, failed: {count} x {safe(kind)}"
        if several
        else f"failed: {count} x {safe(kind)}"
        for (target, kind), count in sorted(counts.items())
    ]


def _missing(result: Run, cell: Cell) -> str:
    """Say how many rounds and connections of a cell had no answer; "" if all had."""
    which = cell.target, cell.workload
    rounds = [one for one in result.rounds if (one.target, one.workload) == which]
    if not any(one.summary.messages for one in rounds):
        return "nothing came back"
    said = []
    if cell.silent_rounds:
        said.append(f"nothing came back in {cell.silent_rounds} of {len(rounds)} rounds")
    if failed := sum(sum(one.summary.failures.values()) for one in rounds):
        load = result.workloads[cell.workload]
        asked = load.connections * len(rounds)
        if load.reconnect:
            asked = failed + sum(one.summary.messages for one in rounds)
        said.append(f"{failed:,} of {asked:,} connections failed")
    return ", ".join(said)
