"""Checks for notebook 03, the client's calls."""

from __future__ import annotations

import sys
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psutil
import trio

from . import MISSING_RETURN, Verdict, compare, unusable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# Seconds that a diagnosis may take: one for its own patience, and some for a slow machine.
_PATIENCE = 5.0

# TCP has no way to a multicast address, and so nothing is sent there.
_NO_WAY = ("224.0.0.1", 9000)


def last_ack(answer: object) -> Verdict:
    """The acknowledgement number after a SYN, 100 bytes and 50 bytes."""
    hints = {
        150: "Something besides data has a number, too.",
        51: "The number is that of the next byte of the whole connection.",
        152: "That would be after a FIN; or do you count the SYN twice?",
    }
    why = "Everything before number 151 is there: the SYN and 150 bytes."
    return compare(answer, 151, why, hints)


async def doctor(answer: Callable[[str, int], Awaitable[object]]) -> Verdict:
    """A function that tells whether, and why not, a connection comes about."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    with ExitStack() as made:
        open_, closed, full, guest = (made.enter_context(trio.socket.socket()) for _ in range(4))
        for sock in (open_, closed, full):
            await sock.bind(("127.0.0.1", 0))
        open_.listen()
        cases = [(open_.getsockname(), "connected"), (closed.getsockname(), "refused")]
        if sys.platform == "linux":  # elsewhere a full queue may refuse, and routes differ
            full.listen(0)
            await guest.connect(full.getsockname())
            cases += [(full.getsockname(), "timed out"), (_NO_WAY, "unreachable")]
        for (host, port), right in cases:
            before = _open_sockets()
            try:
                # Python closes what a function forgets, and warns of it.
                with trio.fail_after(_PATIENCE), warnings.catch_warnings(record=True) as forgotten:
                    warnings.simplefilter("always", ResourceWarning)
                    got = await answer(host, port)
            except trio.TooSlowError:
                return Verdict(False, f"Where it should say {right!r}, it never came back.")
            except Exception as exc:  # noqa: BLE001  whatever a learner's function does
                return Verdict(False, f"Where it should say {right!r}, it raised {exc!r}.")
            if got is None:
                return MISSING_RETURN
            if got != right:
                return Verdict(False, f"Where it should say {right!r}, it returned {got!r}.")
            if forgotten or _open_sockets() > before:
                return Verdict(False, f"Where it says {right!r}, it leaves its socket open.")
    return Verdict(True, "It knows them all, and leaves nothing behind.")


def _open_sockets() -> int:
    # Those of a server that runs in this process may come and go: of interest are clients'.
    ours = psutil.Process().net_connections("tcp")
    listening = {one.laddr for one in ours if one.status == psutil.CONN_LISTEN}
    return sum(one.laddr not in listening for one in ours)
