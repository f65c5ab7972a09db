"""A run against a stored one: is it slower? For a gate in CI. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ..results.names import common_labels, exact_load_name
from ..results.remarks import OTHERS_BUSY
from ..statistics import MINIMUM_ROUNDS, Interval
from .separate import ratio, same_load, shared
from .surroundings import cable_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..load.workload import Workload
    from ..results.run import Run, Target
    from ..statistics import Estimate
    from .judging import Outcome
    from .separate import Measured

TOLERANCE: Final = 0.1
"""How much slower a run may be than its baseline, as a share.

The interval of a ratio accounts for chance within each run. But two runs of the same server on the
same machine also differ.
"""

# Not p99: from one run to the next, it often changes by more than any useful tolerance.
_MEASURED: tuple[Measured, ...] = ("rate", "p50")


class Against(NamedTuple):
    """One cell of a run against the same cell of its baseline.

    Attributes:
        cell: its name.
        measured: what is compared.
        ratio: run by baseline; `None` if one of them does not have the quantity.
        tolerance: how much slower the run may be, as a share.
        busy: whether other programs were busy in most rounds of one of the two runs.
    """

    cell: str
    measured: Measured
    ratio: Estimate | None
    tolerance: float
    busy: bool

    @property
    def outcome(self) -> Outcome:
        """Not met if it is slower by more than the tolerance, with 95 % confidence, or unknown.

        It is slower by 10 % if a time is 1.1 times as long, or a rate is divided by 1.1. If other
        programs were busy, they may have made it slower, so that is not decided.
        """
        if self.ratio is None or self.ratio.interval is None:
            return "not met"
        low, high = _slowness(self.ratio.interval, self.measured)
        if low > 1 + self.tolerance:
            return "undecided" if self.busy else "not met"
        return "undecided" if high > 1 + self.tolerance else "met"

    def sentence(self) -> str:
        """Write it for a person."""
        words = f"{self.outcome}: {self.cell}: {self.measured}"
        if self.ratio is None or self.ratio.interval is None:
            return f"{words} against the baseline: unknown: too few rounds have it"
        ends, slower = self.ratio.interval, f"more than {self.tolerance * 100:.4g} % slower"
        words += f" {self.ratio.median:.2f} of the baseline ({ends.low:.2f} to {ends.high:.2f}): "
        if self.outcome == "undecided" and _slowness(ends, self.measured)[0] > 1 + self.tolerance:
            return f"{words}{slower}, but other programs were busy"
        said = {
            "met": f"not {slower}",
            "not met": slower,
            "undecided": f"these rounds do not show whether it is {slower}",
        }
        return words + said[self.outcome]


def against(run: Run, baseline: Run, tolerance: float = TOLERANCE) -> list[Against]:
    """Compare each cell of a run with the same cell of its baseline.

    Args:
        run: the results.
        baseline: stored ones, for which `mismatch` found nothing.
        tolerance: how much slower the run may be, as a share.
    """
    busy = _busy(run) or _busy(baseline)
    return [
        Against(
            one.name, measured, ratio((run, mine), (baseline, stored), measured), tolerance, busy
        )
        for one in shared([run, baseline])
        for mine, stored in [one.cells]
        for measured in _MEASURED
    ]


def mismatch(
    baseline: Run,
    targets: Sequence[Target],
    workloads: Sequence[Workload],
    *,
    wire: str | None,
    tls: bool,
) -> str | None:
    """Say in one line why stored results are not a baseline for a measurement; `None` if they are.

    Args:
        baseline: the stored results.
        targets: of the measurement.
        workloads: of the measurement. The baseline may have more.
        wire: its cable.
        tls: whether it uses TLS.
    """
    if baseline.searches:
        return "it is from a search: give results of a run without --search"
    if len(targets) > 1 or len(baseline.targets) > 1:
        wanted, stored_names = common_labels([targets, baseline.targets])
        missing = [one for one in wanted if one not in stored_names]
        if missing:
            return f"it has no target {missing[0]}: it has {', '.join(stored_names)}"
    if cable_words(wire) != cable_words(baseline.wire):
        return f"its cable was {cable_words(baseline.wire)}, not {cable_words(wire)}"
    if tls != any(one.tls is not None for one in baseline.rounds):
        return "it was measured without TLS" if tls else "it was measured with TLS"
    stored = {same_load(one): number for number, one in enumerate(baseline.workloads)}
    for workload in workloads:
        number = stored.get(same_load(workload))
        if number is None:
            known = ", ".join(map(exact_load_name, baseline.workloads))
            return f"it has no load {exact_load_name(workload)}: it has {known}"
        rounds = [one.messages_per_second for one in baseline.cells if one.workload == number]
        fewest = min((0 if one is None else one.rounds for one in rounds), default=0)
        if fewest < MINIMUM_ROUNDS:
            which = exact_load_name(workload)
            return f"it has {fewest} rounds with {which}: {MINIMUM_ROUNDS} are needed"
    return None


def _busy(run: Run) -> bool:
    used = [one.usage.others for one in run.rounds if one.usage is not None]
    return 2 * sum(one is not None and one > OTHERS_BUSY for one in used) > len(run.rounds)


def _slowness(interval: Interval, measured: Measured) -> tuple[float, float]:
    """Return how many times slower it is, at least and at most."""
    if measured == "rate":
        return 1 / interval.high, 1 / interval.low
    return interval.low, interval.high
