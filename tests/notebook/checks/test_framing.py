"""Checks of notebook 09: right and wrong answers."""

from __future__ import annotations

import struct

import pytest
import trio

from trio_echo import IncompleteReceiveError, receive_exactly
from trio_echo.notebook.checks import framing


@pytest.mark.parametrize(
    ("answer", "right", "why"),
    [
        (16, True, "Four places"),
        (2**4, True, "Four places"),
        (4, False, "number of places"),
        (8, False, "between the two sends"),
        (2, False, "There are more"),
        ("16", False, "an integer"),
        (..., None, ""),
    ],
)
def test_lists(answer: object, right: bool | None, why: str) -> None:
    verdict = framing.lists(answer)
    assert verdict.right is right
    assert why in verdict.why


async def lines_of(stream: trio.abc.ReceiveStream) -> list[bytes]:
    lines = [b""]
    async for piece in stream:
        first, *others = bytes(piece).split(b"\r\n")
        lines[-1] += first
        lines += others
    return lines[:-1]


async def test_fools_keeps_its_answer_secret() -> None:
    verdict = await framing.fools(lines_of, b"one")
    assert r"[b'on', b'e\r\ntwo\r\n']" in verdict.why
    assert (await framing.fools(lines_of, [b"on", b"e\r\ntwo\r\n"])).right is False


@pytest.mark.parametrize(
    ("pieces", "right", "why"),
    [
        ([b"one\r", b"\ntwo\r\n"], True, r"it returned [b'one\r\ntwo']"),
        ((b"one\r\ntwo\r", b"\n"), True, r"it returned [b'one']"),
        ([b"one\r\ntwo\r\n"], False, "the function is right"),
        ([b"on", b"e\r\ntwo", b"\r\n"], False, "the function is right"),
        ([b"one", b"two"], False, r"Together your pieces are b'onetwo'"),
        ([], False, "Together"),
        ("one", False, "A list of bytes is expected"),
        (["one"], False, "A list of bytes is expected"),
        (..., None, ""),
    ],
)
async def test_fools(pieces: object, right: bool | None, why: str) -> None:
    verdict = await framing.fools(lines_of, pieces)
    assert verdict.right is right
    assert why in verdict.why


async def right_messages(stream: trio.abc.ReceiveStream) -> list[bytes]:
    messages: list[bytes] = []
    while True:
        try:
            head = await receive_exactly(stream, 2)
        except IncompleteReceiveError as error:
            if error.partial:
                raise
            return messages
        messages.append(await receive_exactly(stream, *struct.unpack("!H", head)))


async def at_once(stream: trio.abc.ReceiveStream) -> list[bytes]:
    messages: list[bytes] = []
    while head := await stream.receive_some(2):
        (length,) = struct.unpack("!H", head)
        messages.append(bytes(await receive_exactly(stream, length)))
    return messages


async def backwards(stream: trio.abc.ReceiveStream) -> list[bytes]:
    messages: list[bytes] = []
    while head := await stream.receive_some(2):
        (length,) = struct.unpack("<H", head)
        messages.append(bytes(await receive_exactly(stream, length)))
    return messages


async def forgives_an_early_end(stream: trio.abc.ReceiveStream) -> list[bytes]:
    messages: list[bytes] = []
    try:
        while True:
            head = await receive_exactly(stream, 2)
            messages.append(await receive_exactly(stream, *struct.unpack("!H", head)))
    except IncompleteReceiveError as error:
        if error.partial:
            raise
        return messages


async def takes_an_empty_message_for_the_end(stream: trio.abc.ReceiveStream) -> list[bytes]:
    messages: list[bytes] = []
    while message := await receive_exactly(
        stream, *struct.unpack("!H", await receive_exactly(stream, 2))
    ):
        messages.append(message)
    return messages


async def never_ends_well(stream: trio.abc.ReceiveStream) -> list[bytes]:
    return [
        await receive_exactly(stream, *struct.unpack("!H", await receive_exactly(stream, 2)))
        for _ in range(3)
    ]


async def hangs(*_: object) -> None:
    await trio.sleep_forever()


async def no_return(stream: trio.abc.ReceiveStream) -> None:
    await stream.receive_some()


async def nothing(*_: object) -> None: ...


async def test_right_messages() -> None:
    assert (await framing.messages(right_messages)).right
    assert (await framing.messages(nothing)).right is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (at_once, r"When [b'\x00', b'\x02hi\x00\x00\x00\x01!'] arrived, it raised error("),
        (backwards, r"it raised IncompleteReceiveError"),
        (forgives_an_early_end, r"after b'\x00\x02', it must raise EOFError; it returned []"),
        (takes_an_empty_message_for_the_end, "it should have returned [b'hi', b'', b'!']"),
        (never_ends_well, "after b'', no message had begun: it should have returned []"),
        (no_return, "returned None"),
    ],
)
async def test_wrong_messages(answer: framing.Messages, why: str) -> None:
    verdict = await framing.messages(answer)
    assert verdict.right is False
    assert why in verdict.why


async def right_head(stream: trio.abc.ReceiveStream, limit: int) -> tuple[bytes, bytes]:
    buffer, searched = b"", 0
    while (found := buffer.find(b"\r\n\r\n", max(searched - 3, 0), limit)) == -1:
        if len(buffer) >= limit:
            raise ValueError("too long")
        searched = len(buffer)
        data = await stream.receive_some()
        if not data:
            raise EOFError("early")
        buffer += data
    return buffer[: found + 4], buffer[found + 4 :]


async def forgets_the_seam(stream: trio.abc.ReceiveStream, limit: int) -> tuple[bytes, bytes]:
    buffer, searched = b"", 0
    while (found := buffer.find(b"\r\n\r\n", searched, limit)) == -1:
        searched = len(buffer)
        data = await stream.receive_some()
        if not data:
            raise EOFError("early")
        buffer += data
    return buffer[: found + 4], buffer[found + 4 :]


async def loses_the_rest(stream: trio.abc.ReceiveStream, limit: int) -> tuple[bytes, bytes]:
    return (await right_head(stream, limit))[0], b""


async def without_a_limit(stream: trio.abc.ReceiveStream, limit: int) -> tuple[bytes, bytes]:
    return await right_head(stream, 1_000_000)


async def a_limit_that_comes_late(
    stream: trio.abc.ReceiveStream, limit: int
) -> tuple[bytes, bytes]:
    try:
        head, rest = await right_head(stream, 1_000_000)
    except EOFError:
        if limit == 1000:
            raise ValueError("too long") from None
        raise
    if len(head) > limit:
        raise ValueError("too long")
    return head, rest


async def one_too_small(stream: trio.abc.ReceiveStream, limit: int) -> tuple[bytes, bytes]:
    return await right_head(stream, limit - 1)


async def forgives(stream: trio.abc.ReceiveStream, limit: int) -> tuple[bytes, bytes]:
    try:
        return await right_head(stream, limit)
    except EOFError:
        return b"", b""


async def test_right_heads() -> None:
    assert (await framing.heads(right_head)).right
    assert (await framing.heads(nothing)).right is None


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (forgets_the_seam, r"When [b'a\r', b'\n\r\nb\r\n\r\n'] arrived, limit 5, it raised EOFE"),
        (loses_the_rest, r"it should have returned (b'a\r\n\r\n', b'b\r\n\r\n'); it returned"),
        (without_a_limit, r"limit 4, it must raise ValueError; it returned (b'a\r\n\r\n', b'')"),
        (a_limit_that_comes_late, "only after 10000 bytes; the limit was 1000"),
        (one_too_small, "limit 5, it raised ValueError"),
        (forgives, "after b'', it must raise EOFError"),
        (lambda stream, limit: right_head(stream, limit), "must be an async def"),
    ],
)
async def test_wrong_heads(answer: framing.Head, why: str) -> None:
    verdict = await framing.heads(answer)
    assert verdict.right is False
    assert why in verdict.why


async def test_an_answer_that_does_not_return_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    for verdict in (await framing.messages(hangs), await framing.heads(hangs)):
        assert "it did not return" in verdict.why
