"""The result of a race: each rival against the baseline, by rate and CPU a message. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from rivals import RIVALS, Rival
from terminal import table, with_interval

from trio_echo.measure.results.run import tls_words
from trio_echo.measure.statistics import Estimate, paired_ratio
from trio_echo.quantities import duration, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_echo.measure.load.workload import Workload
    from trio_echo.measure.results.run import Round, Run

BUSY = 0.95
"""A server that used a smaller share of its core was not at its limit."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A rival with one workload.

    Attributes:
        rival: which.
        rate: its messages a second, of the baseline's.
        cpu: its server's CPU time a message, of the baseline's.
        messages_per_second: the median over the rounds.
        cpu_ns: likewise, nanoseconds of CPU time a message.
        busy: likewise, CPU time by time: 1 is a core.
    """

    rival: Rival
    rate: Estimate | None
    cpu: Estimate | None
    messages_per_second: float
    cpu_ns: float
    busy: float

    @property
    def held_back(self) -> bool:
        """Whether something else limited its rate: the load, or a shared core."""
        return self.busy < BUSY


def standings(run: Run, cpu_ns: Sequence[int]) -> list[list[Standing]]:
    """Rank the targets of a run for each of its workloads, the fastest first.

    Args:
        run: whole turns; its first target is the baseline, and all are named as rivals.
        cpu_ns: of each of its rounds: CPU time of the server in it.
    """
    costs = list(zip(run.rounds, cpu_ns, strict=True))

    def ranked(workload: int) -> list[Standing]:
        of_targets = [
            sorted(
                ((one, cost) for one, cost in costs if (one.workload, one.target) == (workload, i)),
                key=lambda pair: pair[0].number,
            )
            for i in range(len(run.targets))
        ]
        ranks = [
            _standing(RIVALS[target.name], of_target, of_targets[0])
            for target, of_target in zip(run.targets, of_targets, strict=True)
        ]
        return sorted(ranks, key=lambda one: -(one.rate.median if one.rate else 0))

    return [ranked(workload) for workload in range(len(run.workloads))]


def _standing(
    rival: Rival, rounds: Sequence[tuple[Round, int]], baseline: Sequence[tuple[Round, int]]
) -> Standing:
    rates, costs = zip(*map(_values, rounds), strict=True)
    its_rates, its_costs = zip(*map(_values, baseline), strict=True)
    return Standing(
        rival=rival,
        rate=paired_ratio(zip(rates, its_rates, strict=True)),
        cpu=paired_ratio(zip(costs, its_costs, strict=True)),
        messages_per_second=median(rates),
        cpu_ns=median(costs),
        busy=median(cost / (one.summary.seconds * 1e9) for one, cost in rounds),
    )


def _values(one: tuple[Round, int]) -> tuple[float, float]:
    round_, cost = one
    messages = round_.summary.messages
    return round_.summary.messages_per_second or 0.0, cost / messages if messages else 0.0


def cell(workload: Workload) -> str:
    """Name a workload: `64 x 64 B`."""
    return f"{workload.connections} × {size(workload.size)}"  # noqa: RUF001  the sign for times


def in_words(one: Standing, baseline: Rival) -> tuple[str, str]:
    """Write rate and CPU a message: ratios with intervals; for the baseline, the numbers."""
    if one.rival == baseline:
        words = f"1 = {one.messages_per_second:,.0f}/s", f"1 = {duration(one.cpu_ns)}"
    else:
        words = with_interval(one.rate), with_interval(one.cpu)
    return words[0] + " †" * one.held_back, words[1]


def as_table(run: Run, ranks: Sequence[Sequence[Standing]]) -> str:
    """Write the standings as a Markdown table, in the order of the first workload's."""
    heads = ["server"]
    for workload in run.workloads:
        heads += [f"{cell(workload)}: rate", "CPU a message"]
    baseline = RIVALS[run.targets[0].name]
    rows = []
    for rival in [one.rival for one in ranks[0]]:
        row = [rival.title]
        for ranked in ranks:
            row += in_words(next(one for one in ranked if one.rival == rival), baseline)
        rows.append(row)
    return table(heads, rows)


def conditions(run: Run, ranks: Sequence[Sequence[Standing]], cores: str) -> list[str]:
    """Describe in a few lines how a race was run."""
    where, rounds = run.environment, max(one.number for one in run.rounds)
    versions = dict.fromkeys(RIVALS[target.name].version() for target in run.targets)
    lines = [
        f"{where.date[:10]}; {where.cpu_model}, {where.cpu_count} cores; {where.platform}",
        f"{rounds} rounds of {run.workloads[0].duration:g} s each, by turns; {cores}",
        "; ".join(versions),
    ]
    if used := tls_words(run):
        lines.append(f"TLS: {used}")
    if any(one.held_back for ranked in ranks for one in ranked):
        lines.append(
            f"† busy for less than {BUSY:.0%} of the time: the load, or other work on its core, "
            "held it back"
        )
    return lines
