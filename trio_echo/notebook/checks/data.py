"""Checks for notebook 04, moving data."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from trio_echo.notebook.arriving import Arriving, cut

from . import Verdict, call_async, failed, said, same, shown, unfinished, unusable, wanted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import trio

Exactly: TypeAlias = "Callable[[trio.abc.ReceiveStream, int], Awaitable[object]]"
Line: TypeAlias = "Callable[[trio.abc.ReceiveStream], Awaitable[object]]"

# Seconds that an answer may take. On streams in memory, a right one needs almost no time.
_PATIENCE = 2.0


def lengths(in_cp949: object, in_utf_8: object) -> Verdict:
    """How many bytes `게임공학과` has in two encodings."""
    answers = (in_cp949, in_utf_8)
    if (verdict := unfinished(*answers)) is not None:
        return verdict
    if same(answers, (15, 10)):
        return Verdict(False, "Which of the two encodings is the longer one?")
    if found := wanted(answers, (10, 15)):
        return Verdict(False, f"Not {shown(answers)}{found}.")
    if same(answers, (10, 15)):
        return Verdict(True, "Five characters: two bytes each in CP949, three in UTF-8.")
    return Verdict(False, "Count the characters, then look above at how long one of them is.")


async def line(answer: Line) -> Verdict:
    """A function that receives up to and including the next newline."""
    if (verdict := unusable(answer)) is not None:
        return verdict
    sent = b"first\n\nthe third one\nno newline at the end"
    wanted = [b"first\n", b"\n", b"the third one\n", b"no newline at the end", b""]
    for size in (1, 3, 7, len(sent)):
        stream = Arriving(*cut(sent, size))
        for expected in wanted:
            got = await call_async(_PATIENCE, answer, stream)
            case = f"With {sent!r} arriving in pieces of {size}"
            if (verdict := _judge(got, expected, case)) is not None:
                return verdict
    return Verdict(
        True, "It found every line, however the bytes arrived, and took no byte too many."
    )


async def exactly(answer: Exactly) -> Verdict:
    """A function that receives exactly the number of bytes asked for."""
    if (verdict := unusable(answer)) is not None:
        return verdict

    sent = b"nice to meet you"
    for size in (3, 1, 4, len(sent)):
        stream = Arriving(*cut(sent, size))
        for expected in (sent[:7], b"", sent[7:8], sent[8:]):
            got = await call_async(_PATIENCE, answer, stream, len(expected))
            case = f"Asked for {len(expected)} bytes, which arrive in pieces of {size}"
            if (verdict := _judge(got, expected, case)) is not None:
                return verdict
        got = await call_async(_PATIENCE, answer, stream, 1)
        if not isinstance(got, EOFError):
            words = f"At the end of the stream it must raise EOFError; {said(got)}."
            return Verdict(False, words)
    return Verdict(True, "It is exact for pieces of every size, and reports the end of the stream.")


def _judge(got: object, expected: bytes, case: str) -> Verdict | None:
    if got is None:
        return failed(case, got)
    if same(got, expected):
        return None
    return Verdict(False, f"{case}, it should have returned {expected!r}; {said(got, expected)}.")
