"""A clock of their own for answers that wait.

They run in their own Trio run, whose clock jumps over every wait (`MockClock`): a time limit of
minutes takes no time and is exact on the slowest machine.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import trio
from trio.testing import MockClock

from . import Verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# Seconds of real time. Only an answer that never waits, and so cannot be cancelled, takes them.
_PATIENCE = 10.0


async def with_own_clock(case: Callable[[], Awaitable[Verdict | None]]) -> Verdict | None:
    """Try an answer in its own Trio run; return that run's verdict."""
    with trio.move_on_after(_PATIENCE):
        return await trio.to_thread.run_sync(
            partial(trio.run, case, clock=MockClock(autojump_threshold=0)), abandon_on_cancel=True
        )
    why = "It neither ends nor can be cancelled. Does it catch too much, or never wait?"
    return Verdict(False, f"{why} Restart the kernel before you go on.")
