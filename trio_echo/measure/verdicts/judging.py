"""Whether a run meets requirements. No I/O.

A requirement is judged on the median over the rounds, with its interval. It is not met only if the
whole interval breaks the limit: chance alone then fails a good server in at most one run of forty.
If the interval contains the limit, these rounds do not decide. An unknown value is not met.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from trio_echo.quantities import duration

from ..results.names import cell_name
from ..results.summary import MINIMUM_BEYOND, PERCENTILES
from ..statistics import Estimate, Interval, estimate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..load.workload import Workload
    from ..results.found import Found
    from ..results.run import Cell, Round, Run
    from ..results.summary import PercentileName
    from .requirements import Requirement

Outcome: TypeAlias = Literal["met", "not met", "undecided"]


class Judgement(NamedTuple):
    """A requirement, and what one target showed with one workload.

    Attributes:
        requirement: what was required.
        cell: of which target and workload, as the report names it.
        value: of the quantity, over the rounds; infinite if too many messages have no echo, `None`
            if it is not known.
        unknown: why it is not known; "" if it is.
    """

    requirement: Requirement
    cell: str
    value: Estimate | None
    unknown: str = ""

    @property
    def outcome(self) -> Outcome:
        """What the value says about the requirement. Without an interval, its median decides."""
        allows = self.requirement.allows
        if self.value is None:
            return "not met"
        if self.value.interval is None:
            return "met" if allows(self.value.median) else "not met"
        ends = {allows(self.value.interval.low), allows(self.value.interval.high)}
        return "undecided" if len(ends) == 2 else "met" if ends == {True} else "not met"

    def sentence(self) -> str:
        """Write the judgement for a person."""
        return f"{self.outcome}: {self.requirement}: {self.cell}: {self._found()}"

    def _found(self) -> str:
        if self.value is None:
            return f"unknown: {self.unknown}"
        if self.requirement.name == "failures":
            return f"{self.value.median:,.0f} connections failed"
        write = _number if self.requirement.percentile is None else echo_time
        words = f"{self.requirement.name} {write(self.value.median)}"
        if self.value.interval is not None:
            low, high = write(self.value.interval.low), write(self.value.interval.high)
            words += f" ({low} to {high})"
        if self.outcome == "undecided":
            words += ": the interval contains the limit; more rounds may decide"
        return words


def judge(run: Run, requirements: Sequence[Requirement]) -> list[Judgement]:
    """Judge every target with every workload. A cell without a round is unknown.

    Args:
        run: the results.
        requirements: what each of its cells must meet.
    """
    return [
        _judged(run, requirement, target, workload)
        for requirement in requirements
        for workload in range(len(run.workloads))
        for target in range(len(run.targets))
    ]


def _judged(run: Run, requirement: Requirement, target: int, workload: int) -> Judgement:
    name = cell_name(run, target, workload)
    which = target, workload
    cell = next((one for one in run.cells if (one.target, one.workload) == which), None)
    if cell is None:
        return Judgement(requirement, name, None, "no round was run")
    rounds = [one for one in run.rounds if (one.target, one.workload) == which]
    if requirement.name == "failures":
        failed = sum(sum(one.summary.failures.values()) for one in rounds)
        exact = Estimate(median=failed, interval=None, rounds=len(rounds))
        return Judgement(requirement, name, exact)
    if not any(one.summary.messages for one in rounds):
        return Judgement(requirement, name, None, "nothing came back")
    if requirement.percentile is None:
        unknown = "" if cell.messages_per_second is not None else "too few messages"
        return Judgement(requirement, name, cell.messages_per_second, unknown)
    value = percentile_over(requirement, run, cell)
    unknown = "" if value is not None else _too_few(requirement.percentile)
    return Judgement(requirement, name, value, unknown)


def judge_found(run: Run, requirements: Sequence[Requirement]) -> list[Judgement]:
    """Judge the rates that a search found.

    Args:
        run: the results of a search.
        requirements: for the rate, such as `rate > 10000`.
    """
    return [
        Judgement(requirement, cell_name(run, one.target, 0), _rate_of(one), "it holds at no rate")
        for requirement in requirements
        for one in run.searches
    ]


def _rate_of(found: Found) -> Estimate | None:
    if found.holds is None:
        return None
    interval = found.interval
    if interval is not None and found.load_limited:
        interval = Interval(low=interval.low, high=math.inf)  # the server may hold more
    return Estimate(median=found.holds, interval=interval, rounds=1)


def percentile_over(requirement: Requirement, run: Run, cell: Cell) -> Estimate | None:
    """Return the percentile that a requirement limits, over the rounds of a cell.

    Its median or its interval may be infinite: see `time_of`. It is `None` if the cell has no such
    percentile.
    """
    workload = run.workloads[cell.workload]
    times = cell.round_trip_ns if workload.rate is None else cell.from_intended_ns
    if requirement.percentile not in times:
        return None
    which = cell.target, cell.workload
    rounds = [one for one in run.rounds if (one.target, one.workload) == which]
    values = [time_of(requirement, one, workload) for one in rounds]
    return estimate([one for one in values if one is not None])


def time_of(requirement: Requirement, one: Round, workload: Workload) -> float | None:
    """Return the percentile that a requirement limits, in one round, in nanoseconds.

    In an open loop it is from the intended send time. It is then infinite if the messages that came
    back keep the limit, but too many others are late: a message without an echo is late if, at the
    end of the round, it was overdue by more than the limit.

    Returns:
        `None` if too few messages came back.
    """
    name, summary = requirement.percentile, one.summary
    times = summary.round_trip_ns if workload.rate is None else summary.from_intended_ns
    if name is None or times is None or name not in times.percentiles:
        return None
    time = times.percentiles[name]
    if workload.rate is not None and requirement.allows(time):
        due = summary.messages + summary.unanswered
        late = summary.unanswered - workload.rate * requirement.limit / 1e9
        if late > due * (1 - PERCENTILES[name]):
            return math.inf
    return time


def holds(requirement: Requirement, one: Round, workload: Workload) -> bool:
    """Return whether a percentile keeps its limit in one round, and no connection failed."""
    time = time_of(requirement, one, workload)
    return time is not None and requirement.allows(time) and not one.summary.failures


def fewest_messages(name: PercentileName) -> int:
    """Return how many messages a round needs for a percentile."""
    return math.ceil(MINIMUM_BEYOND / (1 - PERCENTILES[name]))


def echo_time(nanoseconds: float) -> str:
    """Write the time until an echo, which may never have come."""
    return "too few echoes" if math.isinf(nanoseconds) else duration(nanoseconds)


def _too_few(name: PercentileName) -> str:
    return f"every round needs {fewest_messages(name):,} messages for {name}"


def _number(value: float) -> str:
    return f"{value:,.0f}"
