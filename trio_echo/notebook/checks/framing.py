"""Checks for notebook 09, framing. They try an answer with every cut of the bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from trio_echo.notebook.arriving import Arriving, every_cut

from . import Verdict, call_async, compare, failed, said, same, shown, unfinished, unusable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import trio

Messages: TypeAlias = "Callable[[trio.abc.ReceiveStream], Awaitable[object]]"
Head: TypeAlias = "Callable[[trio.abc.ReceiveStream, int], Awaitable[object]]"

# Seconds that one call may take. On streams in memory, a right one needs almost no time.
_PATIENCE = 2.0


def lists(answer: object) -> Verdict:
    """In how many ways five bytes may arrive."""
    why = (
        "Four places, each cut or not: 2 * 2 * 2 * 2. "
        "A parser that is tested with one of them is hardly tested."
    )
    hints = {
        1: "There is more than one way: the bytes may come together or apart.",
        2: "There are more: the network may also cut within a message.",
        4: "Four is the number of places for a cut. Each of them may be cut or not.",
        5: "Five is the largest number of pieces. How many ways are there to get, say, two pieces?",
        8: "Do you leave the place between the two sends uncut? It is a place like the others.",
        15: "Almost. Is the list with one piece in it?",
        32: "Five bytes have fewer than five places between them.",
    }
    return compare(answer, 16, why, hints)


async def fools(lines_of: Messages, pieces: object) -> Verdict:
    """Pieces for which the notebook's `lines_of` returns wrong lines."""
    sent, right = b"one\r\ntwo\r\n", [b"one", b"two"]
    unfit = unusable(lines_of)
    if (verdict := unfinished(pieces) or unfit) is not None:
        return verdict
    if not isinstance(pieces, list | tuple) or not all(isinstance(one, bytes) for one in pieces):
        return Verdict(False, f"A list of bytes is expected, such as {[sent[:2], sent[2:]]!r}.")
    if b"".join(pieces) != sent:
        return Verdict(False, f"Together your pieces are {shown(b''.join(pieces))}, not {sent!r}.")
    got = await call_async(_PATIENCE, lines_of, Arriving(*pieces))
    if same(got, right):
        return Verdict(
            False,
            f"With {list(pieces)!r}, the function is right. What must it see in one piece?",
        )
    return Verdict(True, f"With {list(pieces)!r}, {said(got)}.")


async def messages(answer: Messages) -> Verdict:
    """A function that receives messages of two bytes of length and the data, up to the end."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    sent, right = b"\0\2hi\0\0\0\1!", [b"hi", b"", b"!"]
    for pieces in every_cut(sent):
        case = f"When {pieces!r} arrived"
        got = await call_async(_PATIENCE, answer, Arriving(*pieces))
        if (verdict := failed(case, got)) is not None:
            return verdict
        if not same(got, right):
            return Verdict(False, f"{case}, it should have returned {right!r}; {said(got, right)}.")
    for end in range(len(sent)):
        got = await call_async(_PATIENCE, answer, Arriving(sent[:end]))
        if (verdict := _ends(sent[:end], got)) is not None:
            return verdict
    return Verdict(True, "It is right for all 256 cuts and for every early end.")


def _ends(arrived: bytes, got: object) -> Verdict | None:
    """Judge what a reader of messages did with a stream that ended early, or between two."""
    complete = {b"": [], b"\0\2hi": [b"hi"], b"\0\2hi\0\0": [b"hi", b""]}
    case = f"When the stream ended after {arrived!r}"
    if arrived not in complete:
        if isinstance(got, EOFError):
            return None
        return Verdict(False, f"{case}, it must raise EOFError; {said(got)}.")
    if same(got, complete[arrived]):
        return None
    words = f"no message had begun: it should have returned {complete[arrived]!r}"
    return Verdict(False, f"{case}, {words}; {said(got)}.")


async def heads(answer: Head) -> Verdict:
    """A function that receives up to an empty line, with a limit, and returns what follows."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    head, rest = b"a\r\n\r\n", b"b\r\n\r\n"
    for pieces in every_cut(head + rest):
        # As many bytes as are allowed: the limit is not one too small.
        if (verdict := await _whole(answer, head, pieces, len(head))) is not None:
            return verdict
    for pieces in every_cut(head):
        got = await call_async(_PATIENCE, answer, Arriving(*pieces), len(head) - 1)
        if (
            verdict := _refused(got, f"When {pieces!r} arrived, limit {len(head) - 1}")
        ) is not None:
            return verdict
    for end in range(len(head)):
        got = await call_async(_PATIENCE, answer, Arriving(head[:end]), 100)
        if not isinstance(got, EOFError):
            case = f"When the stream ended after {head[:end]!r}"
            return Verdict(False, f"{case}, it must raise EOFError; {said(got)}.")
    endless = Arriving(*[b"x" * 100] * 100)
    got = await call_async(_PATIENCE, answer, endless, 1000)
    if (verdict := _refused(got, "When bytes came without an empty line, limit 1000")) is not None:
        return verdict
    if (count := len(b"".join(endless.received))) > 1100:
        return Verdict(False, f"It refused, but only after {count} bytes; the limit was 1000.")
    return Verdict(True, "It is right for every cut, keeps what follows, and has a limit.")


async def _whole(answer: Head, head: bytes, pieces: list[bytes], limit: int) -> Verdict | None:
    case = f"When {pieces!r} arrived, limit {limit}"
    stream = Arriving(*pieces)
    got = await call_async(_PATIENCE, answer, stream, limit)
    if (verdict := failed(case, got)) is not None:
        return verdict
    right = (head, b"".join(stream.received)[len(head) :])
    if same(tuple(got) if isinstance(got, list) else got, right):
        return None
    return Verdict(False, f"{case}, it should have returned {right!r}; {said(got)}.")


def _refused(got: object, case: str) -> Verdict | None:
    if isinstance(got, ValueError):
        return None
    return Verdict(False, f"{case}, it must raise ValueError; {said(got)}.")
