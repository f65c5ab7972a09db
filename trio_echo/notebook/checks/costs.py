"""Checks for notebook 10, what a message costs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, TypeAlias

import trio
import trio.testing

from . import Verdict, call_async, failed, is_number, same, shown, unfinished, unusable, wanted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Request: TypeAlias = "Callable[[trio.abc.SendStream, bytes, bytes], Awaitable[object]]"
Pipelined: TypeAlias = "Callable[[trio.abc.Stream, list[bytes], int], Awaitable[object]]"

# Seconds that an answer may take. On streams in memory, a right one needs almost no time.
_PATIENCE = 2.0


def far_away(one: object, eight: object, for_a_thousand: object) -> Verdict:
    """Messages a second with a round trip of 50 ms, and how many under way make 1000."""
    answers = (one, eight, for_a_thousand)
    if (verdict := unfinished(*answers)) is not None:
        return verdict
    for answer in answers:
        if not is_number(answer):
            return Verdict(False, f"Not {shown(answer)}{wanted(answer, 1.0)}.")
    if same(answers, (20, 160, 50)):
        return Verdict(True, "Rate = messages under way / round trip, however fast the server is.")
    if not same(one, 20):
        return Verdict(False, "One after another: how often does 50 ms fit into a second?")
    if not same(eight, 160):
        return Verdict(False, "Eight are under way in each of those round trips.")
    return Verdict(False, "Little's law again: under way = rate * round trip, in seconds.")


async def one_segment(answer: Request) -> Verdict:
    """A function that sends a request's two parts without waiting for an ACK between them."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    for header, body in ((b"length: 5;", b"hello"), (b"length: 0;", b""), (b"n;", bytes(1000))):
        stream = _Collecting()
        got = await call_async(_PATIENCE, answer, stream, header, body)
        if got is not None and (verdict := failed(f"For {header!r}", got)) is not None:
            return verdict
        if not stream.sent:
            return Verdict(False, "Nothing was sent. Is an `await` missing?")
        sent = b"".join(stream.sent)
        if sent != header + body:
            return Verdict(
                False, f"The server should get {shown(header + body, 60)}, not {shown(sent, 60)}."
            )
        if len(stream.sent) != 1:
            times = len(stream.sent)
            return Verdict(
                False, f"You send {times} times. Every send after the first may have to wait."
            )
    return Verdict(True, "One call, so nothing has to wait for an ACK.")


async def pipelined(answer: Pipelined) -> Verdict:
    """A client that keeps exactly `depth` messages under way."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    messages = [f"message {index}".encode() for index in range(12)]
    for depth in (1, 3, 12, 20):
        for piece in (1000, 4):
            stream = _Echoing(messages, depth, piece)
            got = await call_async(_PATIENCE, answer, stream, list(messages), depth)
            case = f"With a depth of {depth}"
            if stream.wrong:
                return Verdict(False, f"{case}, {stream.wrong}.")
            if (verdict := failed(case, got)) is not None:
                return verdict
            if not isinstance(got, Sequence) or not same(list(got), messages):
                return Verdict(
                    False, f"{case}, the echoes are not the 12 messages: {shown(got, 60)}."
                )
    return Verdict(True, "The pipe was full all the time, and never too full.")


class _Collecting(trio.abc.SendStream):
    """Keeps what each call sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self.sent.append(bytes(data))

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class _Echoing(trio.abc.Stream):
    """An echo that watches how many messages are under way.

    Attributes:
        wrong: the first fault that it saw; empty if there was none.
    """

    def __init__(self, messages: Sequence[bytes], depth: int, piece: int) -> None:
        self.wrong = ""
        self._ends = list(accumulate(map(len, messages)))
        self._depth = depth
        self._piece = piece
        self._sent = bytearray()
        self._echoed = 0

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self._sent += data
        if self._under_way() > self._depth:
            self._note(f"{self._under_way()} messages were under way")

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.testing.wait_all_tasks_blocked()  # a task of the answer may be about to send
        left = self._ends[-1] - self._echoed
        possible = min(self._depth, sum(end > self._echoed for end in self._ends))
        if left and self._under_way() < possible:
            self._note(
                f"you wait for an echo while only {self._under_way()} of {possible} are under way"
            )
        if self._echoed == len(self._sent):
            await trio.sleep_forever()  # like a server that has nothing to echo
        size = min(self._piece, len(self._sent) - self._echoed)
        if max_bytes is not None:
            size = min(size, max_bytes)
        echo = bytes(self._sent[self._echoed : self._echoed + size])
        self._echoed += size
        return echo

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()

    def _under_way(self) -> int:
        """Count the messages that were sent, at least in part, and not fully echoed."""
        starts = [0, *self._ends[:-1]]
        return sum(
            start < len(self._sent) and end > self._echoed
            for start, end in zip(starts, self._ends, strict=True)
        )

    def _note(self, wrong: str) -> None:
        self.wrong = self.wrong or wrong
