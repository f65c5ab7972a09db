"""Checks for notebook 15, far away."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import trio
import trio.testing

from . import (
    DID_NOT_RETURN,
    Verdict,
    call_async,
    failed,
    is_number,
    near,
    said,
    same,
    shown,
    unfinished,
    unusable,
    wanted,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

EchoAll: TypeAlias = "Callable[[trio.abc.Stream, list[bytes]], Awaitable[object]]"

# Seconds that an answer may take. On streams in memory, a right one needs almost no time.
_PATIENCE = 2.0


def full_line(window: object, wait: object) -> Verdict:
    """The window for 100 Mbit/s and 80 ms in bytes, and the wait in a queue of 1000 frames."""
    if (verdict := unfinished(window, wait)) is not None:
        return verdict
    if not is_number(window):
        return Verdict(False, f"window must be a number, not {shown(window)}.")
    if not is_number(wait):
        return Verdict(False, f"wait must be a number, not {shown(wait)}.")
    if not _close(window, 1_000_000):
        hints: dict[float, str] = {
            8_000_000: "That many bits. A byte has 8 of them.",
            500_000: "A byte keeps its place in the window until its ACK is back: both ways count.",
            1_000_000_000: "80 ms are 0.08 s.",
            12_500_000: "That many bytes cross the line in a second. A round trip takes 0.08 s.",
            0.12112: "First the window, then the wait.",
        }
        words = "window = bytes a second * round trip."
        return Verdict(False, _hint("window", window, hints, words))
    if not _close(wait, 0.12112):
        hints = {
            0.01514: "A frame of 1514 bytes has 8 times as many bits.",
            121.12: "The answer is wanted in seconds.",
            0.20112: "Only the wait is asked for, not the way.",
            0.00012112: "That is the wait for one frame, not for 1000.",
            1_514_000: "That many bytes wait. How long does the line take to send them?",
        }
        words = "How long does the line take to send these frames?"
        return Verdict(False, _hint("wait", wait, hints, words))
    return Verdict(True, "The window must cover the distance. The queue makes the distance longer.")


async def echo_all(answer: EchoAll) -> Verdict:
    """A client that gets the echoes of all messages in one round trip."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    small = [f"message {index}".encode() for index in range(20)]
    large = [bytes([index]) * 50_000 for index in range(20)]
    for case, messages, piece in (
        ("With 20 messages", small, 1000),
        ("If the echoes come in pieces of 4 bytes", small, 4),
        ("With 20 messages of 50,000 bytes", large, 10_000),
        ("Without messages", [], 1000),
    ):
        stream = _Distant(piece)
        got = await call_async(_PATIENCE, answer, stream, list(messages))
        if stream.full and got is DID_NOT_RETURN:
            held = f"{_ROOM:,} bytes are under way, and there is no room for more"
            return Verdict(False, f"{case}, `send_all` waits: {held} until you receive some.")
        if got is not None and (verdict := failed(case, got)) is not None:
            return verdict
        if messages is small and stream.waits > 1:
            return Verdict(
                False,
                f"{case}, you waited for {stream.waits} round trips. The first time, you had sent"
                f" {stream.first_sent} of {len(b''.join(messages))} bytes.",
            )
        if (verdict := failed(case, got)) is not None:
            return verdict
        if not isinstance(got, list | tuple):
            return Verdict(False, f"{case}, {said(got, messages)}.")
        for echo in got:
            if not isinstance(echo, bytes | bytearray):
                what = f"one echo is {shown(echo)}{wanted(echo, b'')}"
                return Verdict(False, f"{case}, {what}.")
        if not same(list(got), messages):
            return Verdict(False, f"{case}, the echoes are not the messages: {shown(got, 60)}.")
        if stream.received < len(b"".join(messages)):
            return Verdict(False, f"{case}, you received only {stream.received:,} bytes of echoes.")
    return Verdict(True, "All leave at once, and one task receives while another still sends.")


def _close(answer: float, right: float) -> bool:
    return near(answer, right, rel_tol=0.01)


def _hint(name: str, answer: float, hints: dict[float, str], other: str) -> str:
    text = next((text for wrong, text in hints.items() if _close(answer, wrong)), other)
    return f"{name} is not {shown(answer)}. {text}"


# Bytes that fit into the buffers between sending and receiving.
_ROOM = 65_536


class _Distant(trio.abc.Stream):
    """An echo far away: what was sent comes back when everybody waits.

    Attributes:
        waits: how many round trips a receiver waited for.
        received: how many bytes of echoes were received.
        first_sent: how many bytes had been sent when it waited for the first time.
        full: whether somebody waits for room.
    """

    def __init__(self, piece: int) -> None:
        self.waits = 0
        self.received = 0
        self.first_sent = 0
        self.full = False
        self._piece = piece
        self._under_way = bytearray()
        self._back = bytearray()
        self._sent = 0
        self._changed = trio.Condition()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        rest = memoryview(bytes(data))
        async with self._changed:
            while rest:
                room = _ROOM - len(self._under_way) - len(self._back)
                self.full = not room
                if self.full:
                    await self._changed.wait()
                    continue
                self._under_way += rest[:room]
                self._sent += len(rest[:room])
                rest = rest[room:]
                self._changed.notify_all()

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self._back:
            await trio.testing.wait_all_tasks_blocked()  # another task may be about to send
        async with self._changed:
            while not self._back and not self._under_way:
                await self._changed.wait()
            if not self._back:
                self.waits += 1
                self.first_sent = self.first_sent or self._sent
                self._back, self._under_way = self._under_way, bytearray()
            size = self._piece if max_bytes is None else min(self._piece, max_bytes)
            echo = bytes(self._back[:size])
            del self._back[:size]
            self.received += size
            self.full = False
            self._changed.notify_all()
        return echo

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
