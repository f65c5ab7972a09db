"""A run: rounds that visit all targets by turns, in random order within each turn.

What the machine does meanwhile (its clock's frequency, its other work) then hits all of them
alike, and the rounds of one turn can be compared as pairs.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from trio_echo.addresses import Endpoint

from .load.round import look_for_servers, run_round
from .load.workload import Samples, Workload
from .results.run import Round
from .results.summary import summarize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is measured.

    Attributes:
        endpoints: of the targets, in the order given.
        workloads: the cells of the sweep.
        rounds: how many with each target and each workload.
        timeout: seconds without an answer after which no more is connected; and after which a
            connection that waits for an echo has failed.
    """

    endpoints: Sequence[Endpoint]
    workloads: Sequence[Workload]
    rounds: int
    timeout: float = 10.0

    def __len__(self) -> int:
        return len(self.endpoints) * len(self.workloads) * self.rounds

    def visits(self) -> Iterator[tuple[int, int, int]]:
        """Give round number, workload and target of each round, in the order of running."""
        draw = random.Random()  # noqa: S311  an order, no secret
        for number in range(1, self.rounds + 1):
            for workload in range(len(self.workloads)):
                targets = list(range(len(self.endpoints)))
                draw.shuffle(targets)
                for target in targets:
                    yield number, workload, target


@dataclass(slots=True)
class Progress:
    """How far a run is.

    Attributes:
        done: the rounds that have ended.
        samples: theirs.
        messages: that came back so far in the round that is under way.
    """

    done: list[Round]
    samples: list[Samples]
    messages: int = 0

    @property
    def partial(self) -> bool:
        """Whether a round was cut short."""
        return any(one.partial for one in self.samples)


async def run(plan: Plan, progress: Progress, changed: Callable[[], object]) -> None:
    """Run a plan; cancelled, what was measured so far stays in `progress`.

    Args:
        plan: what to measure.
        progress: filled in as the run goes on.
        changed: called whenever it has changed. It runs within the event loop.

    Raises:
        SocketCallError: of `getaddrinfo()`: there is no such host; of `connect()` or `socket()`:
            a target took no connection. The rounds before that stay in `progress`.
    """

    def count(messages: int) -> None:
        progress.messages = messages
        changed()

    servers = await look_for_servers(plan.endpoints)
    for number, workload, target in plan.visits():
        samples = await run_round(
            plan.endpoints[target],
            plan.workloads[workload],
            patience=plan.timeout,
            server=servers[target],
            progress=count,
        )
        progress.samples.append(samples)
        cut = samples.partial and trio.current_effective_deadline() == -math.inf
        summary = summarize(samples, plan.workloads[workload], cut=cut)
        progress.done.append(
            Round(
                number=number,
                target=target,
                workload=workload,
                cut=cut,
                summary=summary,
                usage=samples.usage,
            )
        )
        progress.messages = 0
        changed()
        await trio.lowlevel.checkpoint()
