"""In which order rounds run: all targets take turns, in random order within each turn. No I/O.

What else the machine does (its clock's frequency, other work) then affects all of them alike, and
the rounds of one turn can be compared as pairs.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def visits(targets: int, workloads: int, rounds: int) -> Iterator[tuple[int, int, int]]:
    """Yield number, workload and target of each round, in the order of running.

    Args:
        targets: how many.
        workloads: how many.
        rounds: how many with each target and workload; they are numbered from 1.
    """
    draw = random.Random()  # noqa: S311  an order, no secret
    for number in range(1, rounds + 1):
        for workload in range(workloads):
            for target in draw.sample(range(targets), targets):
                yield number, workload, target
