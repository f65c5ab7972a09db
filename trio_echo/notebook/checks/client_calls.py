"""Checks for notebook 03, the client's calls."""

from __future__ import annotations

import sys
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil
import trio

from . import Verdict, call_async, compare, said, same, unusable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# Seconds that a diagnosis may take: one for its own time limit, the rest for a slow machine.
_PATIENCE = 5.0

# TCP has no route to a multicast address, so nothing is sent there.
_UNREACHABLE = ("224.0.0.1", 9000)


def last_ack(answer: object) -> Verdict:
    """The acknowledgement number after a SYN, 100 bytes and 50 bytes."""
    hints = {
        150: "Something besides data has a number, too.",
        50: "It is the number of the next byte, counted over the whole connection.",
        51: "It is the number of the next byte, counted over the whole connection.",
        101: "That acknowledges the first of the two segments.",
        152: "That would be after a FIN. Or did you count the SYN twice?",
    }
    why = "Everything before number 151 has arrived: the SYN and 150 bytes."
    return compare(answer, 151, why, hints)


async def doctor(answer: Callable[[str, int], Awaitable[object]]) -> Verdict:
    """A function that says whether it could connect, and if not, why."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    with ExitStack() as made:
        open_, closed, full, guest = (made.enter_context(trio.socket.socket()) for _ in range(4))
        for sock in (open_, closed, full):
            await sock.bind(("127.0.0.1", 0))
        open_.listen()
        cases = [
            (open_.getsockname(), "connected", "a server that listens"),
            (closed.getsockname(), "refused", "a port on which nobody listens"),
        ]
        if sys.platform == "linux":  # elsewhere a full queue may refuse, and routes differ
            full.listen(0)
            await guest.connect(full.getsockname())
            cases += [
                (full.getsockname(), "timed out", "a server that does not answer"),
                (_UNREACHABLE, "unreachable", "an address without a route"),
            ]
        for (host, port), right, case in cases:
            before = _open_sockets()
            # Python closes sockets that a function forgets, with a warning.
            with warnings.catch_warnings(record=True) as forgotten:
                warnings.simplefilter("always", ResourceWarning)
                got, others_ran = await _beside_another(answer, host, port)
            if not same(got, right):
                words = f"it should return {right!r}, but {said(got, right)}"
                return Verdict(False, f"For {case}, {words}.")
            if right == "timed out" and not others_ran:
                return Verdict(False, "No other task can run while it waits. Use Trio's sockets.")
            if forgotten or _open_sockets() > before:
                return Verdict(False, f"It leaves its socket open when it returns {right!r}.")
    return Verdict(True, "It recognizes every case and closes its sockets.")


async def _beside_another(
    answer: Callable[[str, int], Awaitable[object]], host: str, port: int
) -> tuple[object, bool]:
    """Return what it returned, and whether another task has run meanwhile."""
    ran = trio.Event()

    async def run() -> None:
        ran.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        got = await call_async(_PATIENCE, answer, host, port)
        return got, ran.is_set()


def _open_sockets() -> int:
    # Count clients' sockets only: those of a server in this process may come and go.
    ours = psutil.Process().net_connections("tcp")
    listening = {one.laddr for one in ours if one.status == psutil.CONN_LISTEN}
    return sum(one.laddr not in listening for one in ours)
