"""Checks of notebook 04: right and wrong answers."""

from __future__ import annotations

import pytest
import trio

from trio_echo import receive_exactly
from trio_echo.notebook.checks import Verdict, data


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ((10, 15), True),
        ((15, 10), False),
        ((5, 5), False),
        (("10", None), False),
        ((..., ...), None),
    ],
)
def test_lengths(answer: tuple[object, object], right: bool | None) -> None:
    assert data.lengths(*answer).right is right


async def right_line(stream: trio.abc.ReceiveStream) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = await stream.receive_some(1)
        if byte == b"":
            break
        line += byte
    return line


async def greedy_line(stream: trio.abc.ReceiveStream) -> bytes:
    return bytes(await stream.receive_some(100))


async def endless_line(stream: trio.abc.ReceiveStream) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += await stream.receive_some(1)
    return line


async def nothing(*_: object) -> None: ...


async def test_a_right_line() -> None:
    assert (await data.line(right_line)).right


async def test_wrong_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patches:
        patches.setattr(data, "_PATIENCE", 0.01)
        assert "it did not return" in (await data.line(endless_line)).why
    greedy = await data.line(greedy_line)
    assert greedy.right is False
    assert "it returned b'f'" in greedy.why
    assert "arriving in pieces of 1, it should have returned b'first\\n'" in greedy.why
    assert (await data.line(nothing)).right is None


async def greedy(stream: trio.abc.ReceiveStream, count: int) -> bytes:
    received = b""
    while len(received) < count:
        received += await stream.receive_some(100)
    return received


async def lectures(stream: trio.abc.ReceiveStream, count: int) -> bytes:
    received = b""
    while len(received) < count:
        piece = await stream.receive_some(count - len(received))
        if not piece:
            break
        received += piece
    return received


async def raises(*_: object) -> bytes:
    raise ZeroDivisionError


async def once(stream: trio.abc.ReceiveStream, count: int) -> bytes:
    return bytes(await stream.receive_some(count))


async def nonsense(*_: object) -> object:
    return "nice"


async def test_right_exactly() -> None:
    assert (await data.exactly(receive_exactly)).right


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (greedy, "which arrive in pieces of 3, it should have returned b'nice to'"),
        (lectures, "At the end of the stream it must raise EOFError; it returned b''."),
        (raises, "it raised ZeroDivisionError()"),
        (once, "it returned b'nic'"),
        (nonsense, "it returned 'nice'"),
    ],
)
async def test_wrong_exactly(answer: data.Exactly, why: str) -> None:
    verdict = await data.exactly(answer)
    assert verdict.right is False
    assert why in verdict.why


async def test_no_answer_yet() -> None:
    assert (await data.exactly(nothing)).right is None


async def test_an_answer_that_does_not_return_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async def hangs(*_: object) -> None:
        await trio.sleep_forever()

    assert "it did not return" in (await data.exactly(hangs)).why


def test_a_verdict_has_words_and_a_mark() -> None:
    right, wrong = Verdict(True, "It <works>."), Verdict(False, "It does not.")
    assert str(right) == "Right. It <works>."
    assert str(wrong) == "Not yet. It does not."
    assert "Right. It &lt;works&gt;." in right._repr_html_()
    assert str(Verdict(None, "Try.")) == "No answer yet. Try."
