"""Checks for notebook 08, a nursery for each client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import trio

from . import DID_NOT_RETURN, Verdict, call_async, compare, said, same, shown, unusable
from .clock import with_own_clock

if TYPE_CHECKING:
    from collections.abc import Sequence

Race: TypeAlias = Callable[..., Awaitable[object]]
Handler: TypeAlias = Callable[[trio.abc.Stream, float], Awaitable[object]]

# Seconds on the clock of the answers.
_IDLE = 10.0
_ENDLESS = 1000.0


def count(answer: object) -> Verdict:
    """How many tasks a server has: 12 accepted, 3 closed, 1 reset, 2 not accepted."""
    hints = {
        8: "Those are the clients' tasks. Who accepts the next client?",
        10: "What becomes of the task of a client that resets its connection?",
        11: "The kernel knows clients that were not accepted. Does the program know them?",
        13: "A task ends when its client has closed, or reset, its connection.",
    }
    why = "A task for each of the eight clients that are left, and one that accepts."
    return compare(answer, 9, why, hints)


async def race(answer: Race) -> Verdict:
    """A function that runs several others, returns the first result, and cancels the rest."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    for order in ((1, 2, 3), (3, 1, 2), (5,), (2, 4, 4, 1)):
        verdict = await with_own_clock(partial(_race, answer, order))
        if verdict is not None:
            return verdict
    return Verdict(True, "The first to finish wins, in any order, and the others are cancelled.")


async def handler(answer: Handler) -> Verdict:
    """A handler that echoes, limits silence, contains errors, and lets cancellation pass."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    for case in (_echoes, _minds_silence, _keeps_failures, _can_be_cancelled):
        verdict = await with_own_clock(partial(case, answer))
        if verdict is not None:
            return verdict
    return Verdict(True, "It echoes, ends silent clients, contains errors and can be cancelled.")


async def _race(answer: Race, order: Sequence[int]) -> Verdict | None:
    case = f"With functions that take {', '.join(map(str, order))} s"
    begun: list[int] = []
    done: list[int] = []

    async def run(seconds: int) -> str:
        begun.append(seconds)
        await trio.sleep(seconds)
        done.append(seconds)
        return f"the result after {seconds} s"

    started = trio.current_time()
    got = await call_async(_ENDLESS, answer, *(partial(run, seconds) for seconds in order))
    took = trio.current_time() - started
    if not same(got, right := f"the result after {min(order)} s"):
        return Verdict(False, f"{case}, it should have returned {right!r}; {said(got, right)}.")
    if len(done) > 1:
        return Verdict(False, f"{case}, {len(done)} ran to their end. Cancel all but the first.")
    if took > min(order):
        return Verdict(False, f"{case}, it took {took:g}. Does it wait for more than the first?")
    return None


class _Client(trio.abc.Stream):
    """A handler's stream: a client that sends its words at an interval.

    Args:
        words: what it sends.
        every: seconds before each word and before the end.
        end: what follows the last word: `b""` closes, an error breaks the connection, `None` is
            silence.
        breaks: what sending to it raises.
    """

    def __init__(
        self,
        *words: bytes,
        every: float = 0.0,
        end: bytes | Exception | None = b"",
        breaks: Exception | None = None,
    ) -> None:
        self.asked = False
        self.echoed = b""
        self._words = list(words)
        self._every = every
        self._end = end
        self._breaks = breaks

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        self.asked = True
        await trio.sleep(self._every)
        if self._words:
            word = self._words.pop(0)
            if word[:max_bytes] != word:
                self._words.insert(0, word[max_bytes:])
            return word[:max_bytes]
        # A handler that receives again after the end would otherwise loop for ever.
        end, self._end = self._end, None
        if end is None:
            await trio.sleep_forever()
        if isinstance(end, Exception):
            raise end
        return b""

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        if self._breaks is not None:
            raise self._breaks
        self.echoed += data

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def _echoes(answer: Handler) -> Verdict | None:
    client = _Client(b"one", b"two", every=1)
    got = await call_async(_ENDLESS, answer, client, 2 * _ENDLESS)
    if got is DID_NOT_RETURN or trio.current_time() >= _ENDLESS:
        return Verdict(False, "A client closed its connection, but your handler did not end.")
    if isinstance(got, BaseException):
        return Verdict(False, f"A client sent two words and closed; {said(got)}.")
    if client.echoed != b"onetwo":
        return Verdict(False, f"A client sent b'one' and b'two' and received {client.echoed!r}.")
    return None


async def _minds_silence(answer: Handler) -> Verdict | None:
    limit = f"With a limit of {_IDLE:g} seconds"
    slow = _Client(b"a", b"b", b"c", every=0.9 * _IDLE)
    await call_async(_ENDLESS, answer, slow, _IDLE)
    if slow.echoed != b"abc":
        case = f"{limit}, a client that sent a, b, c, {0.9 * _IDLE:g} seconds apart, received"
        return Verdict(
            False, f"{case} {slow.echoed!r}. Does your limit start again with each word?"
        )
    for patience, words in ((_IDLE, ()), (_IDLE / 5, (b"one",))):
        limit = f"With a limit of {patience:g} seconds"
        client = _Client(*words, end=None)
        started = trio.current_time()
        got = await call_async(_ENDLESS, answer, client, patience)
        took = trio.current_time() - started
        if isinstance(got, BaseException):
            why = f"{limit}, a client was silent: {said(got)}, which ends the server."
            return Verdict(False, why)
        if client.echoed != b"".join(words):
            why = f"a client sent b'one', then nothing, and received {shown(client.echoed, 30)}"
            return Verdict(False, f"{limit}, {why}.")
        if got is DID_NOT_RETURN:
            return Verdict(False, f"{limit}, a client stayed silent, but your handler did not end.")
        if took > 2 * patience:
            why = f"{limit}, your handler ended after {took:g} seconds of silence."
            return Verdict(False, why)
    return None


async def _keeps_failures(answer: Handler) -> Verdict | None:
    reset = trio.BrokenResourceError("Connection reset by peer")
    for client, what in (
        (_Client(b"one", end=reset), "A client reset its connection"),
        (_Client(b"one", end=None, breaks=reset), "A client went away before its echo"),
        (_Client(b"one", end=ZeroDivisionError("a bug")), "A client hit a bug"),
    ):
        got = await call_async(_ENDLESS, answer, client, _IDLE)
        if isinstance(got, BaseException):
            return Verdict(False, f"{what}: {said(got)}, which ends the server.")
    return None


async def _can_be_cancelled(answer: Handler) -> Verdict | None:
    with trio.move_on_after(_IDLE / 2) as scope:
        await call_async(_ENDLESS, answer, _Client(end=None), _IDLE)
    if scope.cancelled_caught:
        return None
    return Verdict(False, "The server was cancelled, but your handler swallowed trio.Cancelled.")
