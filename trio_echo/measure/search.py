"""A measurement that searches for the highest rate at which a requirement holds.

async with served() as targets:
    search = Search(
        targets=[await named(targets[0])],
        workloads=[Workload(connections=16, duration=1.0, warm_up=0.2)],
        rounds=10,
        requirement=parse_requirement("p99 < 5 ms"),
    )
    await search.run()
    (found,) = search.results().searches
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from .results.found import Found
from .results.remarks import LOAD_BUSY
from .session import Session
from .verdicts.bisection import MOST_RATES, ends, next_rate, rounds_left
from .verdicts.judging import fewest_messages, holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .load.workload import Workload
    from .results.run import Round, Run
    from .verdicts.requirements import Requirement  # noqa: TC004  nothing evaluates the type

LEAST_LENGTH = 20
"""How many times as long as the limit a round must be.

If the rate is a little too high, a queue grows during the whole round, and its end shows it only if
it reaches the limit by then. With this length, a rate that is 5 % too high does.
"""


@dataclass(slots=True, kw_only=True)
class Search(Session):
    """A search, before it runs, while it runs, and after.

    Every target has its own search, and they take turns. The first round of each is a closed loop;
    the search starts at its rate.

    Attributes:
        workloads: first the closed loop that was given; then an open loop for each rate tried.
        rounds: how many at each rate. The first six are enough if they agree.
        requirement: a limit on a percentile.
        planned: how many rounds it takes in all, if they agree from now on.

    Raises:
        ValueError: the requirement is not for a percentile, or the load is not that of a search.
    """

    requirement: Requirement
    planned: int = 0

    def __post_init__(self) -> None:
        (closed,) = self.workloads
        lowest_rate(closed, self.requirement)

    def visits(self) -> Iterator[tuple[int, int, int]]:
        """Yield number, workload and target of each round; the rounds so far decide."""
        draw = random.Random()  # noqa: S311  an order, no secret
        places = range(len(self.targets))
        for target in draw.sample(places, len(places)):
            yield 1, 0, target
        while any(self._next(target) is not None for target in places):
            for target in draw.sample(places, len(places)):
                if (rate := self._next(target)) is not None:
                    workload = self._workload(rate)
                    self._plan()
                    yield len(self._rounds(target, workload)) + 1, workload, target

    def __len__(self) -> int:
        """Return how many rounds are planned, as far as that is known now."""
        return max(self.planned, len(self.done), 1)

    def _plan(self) -> None:
        self.planned = len(self.done)
        for target in range(len(self.targets)):
            start, lowest = self._limits(target)
            self.planned += rounds_left(self._answers(target), start, lowest, self.rounds)

    def results(self) -> Run:
        """Return the results of the rounds that have ended, with what they found."""
        run = Session.results(self)
        early = any(self._next(target) is not None for target in range(len(self.targets)))
        found = tuple(self._found(target) for target in range(len(self.targets)))
        # Rounds at one rate were not next to each other, so they are not pairs.
        return replace(
            run,
            comparisons=(),
            searches=found,
            partial=early or any(one.cut or one.missing for one in self.done),
        )

    def _found(self, target: int) -> Found:
        answers = self._answers(target)
        found = ends(answers, self.rounds)
        return Found(
            target=target,
            requirement=str(self.requirement),
            holds=found.holds,
            fails=found.fails,
            interval=found.interval,
            load_limited=found.fails is not None and self._load_limited(target, found.fails),
            complete=self._next(target) is None and len(answers) < MOST_RATES,
        )

    def _load_limited(self, target: int, rate: float) -> bool:
        rounds = self._rounds(target, self._workload(rate))
        used = [one.usage for one in rounds if one.usage is not None]
        busy = [max(*one.load, one.cable or 0) > LOAD_BUSY for one in used if one.load]
        return 2 * sum(busy) > len(rounds)

    def _next(self, target: int) -> float | None:
        start, lowest = self._limits(target)
        return next_rate(self._answers(target), start, lowest, self.rounds)

    def _limits(self, target: int) -> tuple[float, float]:
        """Return the first rate and the lowest one."""
        lowest = lowest_rate(self.workloads[0], self.requirement)
        rates = [one.summary.messages_per_second for one in self._rounds(target, 0)]
        return max(lowest, *(rate or 0.0 for rate in rates), 0.0), lowest

    def _answers(self, target: int) -> dict[float, list[bool]]:
        answers: dict[float, list[bool]] = {}
        for one in self.done:
            workload = self.workloads[one.workload]
            if one.target == target and workload.rate is not None and not one.cut:
                answers.setdefault(workload.rate, []).append(holds(self.requirement, one, workload))
        return answers

    def _rounds(self, target: int, workload: int) -> list[Round]:
        return [one for one in self.done if (one.target, one.workload) == (target, workload)]

    def _workload(self, rate: float) -> int:
        """Return the index of the workload with this rate; it is a new one if there is none."""
        asked = replace(self.workloads[0], rate=rate)
        if asked not in self.workloads:
            self.workloads = [*self.workloads, asked]
        return self.workloads.index(asked)


def lowest_rate(workload: Workload, requirement: Requirement) -> float:
    """Return the lowest rate of a search, at which a round has enough messages for the percentile.

    Args:
        workload: the closed loop that the search begins with.
        requirement: what must hold.

    Raises:
        ValueError: a search is not possible with these two.
    """
    name = requirement.percentile
    if name is None:
        raise ValueError("a search needs a limit on a percentile, such as p99 < 5 ms")
    if workload.duration is None or workload.rate is not None:
        raise ValueError("a search has rounds of a duration, and finds the rate itself")
    # This refuses what an open loop cannot do. Older versions of msgspec do not, in `replace`.
    type(workload)(**asdict(workload) | {"rate": 1.0})
    least = LEAST_LENGTH * requirement.limit / 1e9
    if workload.duration < least:
        raise ValueError(
            f"rounds of {workload.duration:g} s are too short to show whether {requirement} holds: "
            f"they need a duration of {least:g} s"
        )
    # Of these, a twentieth may be without an echo when the round ends, and keep the limit.
    return math.ceil(1.1 * fewest_messages(name) / workload.duration)
