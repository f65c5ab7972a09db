"""Writing to standard output."""

from __future__ import annotations

import io
import json
import sys

import pytest
import trio
from trio.testing import memory_stream_pair

from trio_echo import Endpoint
from trio_echo.events import ClientClosed, ClientConnected, Connection, DataReceived, Listening
from trio_echo.relay import Relay
from trio_echo.screen import backlog, display
from trio_echo.screen.display import Screen
from trio_echo.screen.json_lines import JsonLines
from trio_echo.screen.language import translations
from trio_echo.screen.output import Output
from trio_echo.screen.transcript import Transcript


class Pieces(io.RawIOBase):
    """Records the argument of each `write`."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self.taken.append(bytes(memoryview(data)))  # type: ignore[arg-type]
        return len(self.taken[-1])


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("character", ["é", "한", "😀"])
async def test_no_character_is_split_over_two_writes(start: int, character: str) -> None:
    # Windows' console decodes each write separately.
    text = "x" * start + character * 70_000
    raw = Pieces()
    output = Output(io.TextIOWrapper(io.BufferedWriter(raw), "utf-8"))
    await output.write(output.encoded(text))
    assert len(raw.taken) > 1
    assert "".join(piece.decode() for piece in raw.taken) == text


async def test_bytes_that_are_not_utf_8_are_written_too() -> None:
    raw = Pieces()
    await Output(io.TextIOWrapper(io.BufferedWriter(raw), "latin-1")).write(b"\xbf" * 200_000)
    assert b"".join(raw.taken) == b"\xbf" * 200_000


def test_lines_that_are_left_out_are_counted_and_never_become_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog, "_OTHER_BYTES", 2 * 512)
    server = Endpoint("::1", 9000)
    screen = Screen(Transcript(translations("en"), "utf-8"))
    monkeypatch.setattr(screen, "_page_is_open", False)
    for number in range(5):
        screen.post(ClientClosed(Connection(number, server, Endpoint("::1", 50000 + number)), 0))
    assert screen.dropped == 3
    screen._fail(OSError(28, "No space left on device"))
    assert screen.dropped == 5
    screen.post(Listening(server))
    assert screen.dropped == 6


CLIENT = Connection(1, Endpoint("::1", 9000), Endpoint("::1", 50001))
PREFIX = b"[TCP/[::1]:50001] "


async def shown(pieces: list[bytes], form: Transcript | JsonLines, charset: str = "utf-8") -> bytes:
    """What a screen writes of pieces that come through a relay which it has taken over."""
    raw = Pieces()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(raw), charset))
        screen = Screen(form)
    relay = Relay(memory_stream_pair()[0])
    screen.take_over(CLIENT, relay)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(screen.run)
        for piece in pieces:
            assert relay.tap is not None
            relay.tap(piece)
        screen.post(ClientClosed(CLIENT, 0))
        await screen.flush()
        nursery.cancel_scope.cancel()
    return b"".join(raw.taken)


async def test_pieces_of_all_kinds_stay_in_order() -> None:
    pieces = [b"a\n", b"b", b"\nc\n", "한".encode(), b"d\n", b"x" * 5000, b"\x1b", b"e\n"]
    lines = [b"a", b"b", b"c", "한".encode(), b"d", b"x" * 5000, b"\\x1b", b"e"]
    closed = b"[TCP server] client closed: IP address=::1, port=50001\n"
    form = Transcript(translations("en"), "utf-8")
    text = await shown(pieces, form)
    assert text == b"".join(PREFIX + line + b"\n" for line in lines) + closed


async def test_a_page_that_is_full_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "_PAGE", 500)
    pieces = [b"%d\n" % number for number in range(1000)]
    text = await shown(pieces, Transcript(translations("en"), "utf-8"))
    assert text.splitlines()[:-1] == [PREFIX + b"%d" % number for number in range(1000)]


async def test_a_character_set_that_is_not_like_ascii_gets_its_own_bytes() -> None:
    text = await shown([b"hello\n"], Transcript(translations("en"), "utf-8"), "utf-16-le")
    assert text.decode("utf-16-le").startswith("[TCP/[::1]:50001] hello\n")


async def test_pieces_as_json_are_as_their_events() -> None:
    pieces = [b"a\n", b"\xff" * 5000, "한".encode()]
    form = JsonLines("utf-8")
    lines = [json.loads(line) for line in (await shown(pieces, form)).splitlines()]
    for line, piece in zip(lines, pieces, strict=False):
        expected = json.loads("".join(form.lines(DataReceived(CLIENT, piece))))
        assert {**line, "time": None} == {**expected, "time": None}
    assert [line["event"] for line in lines] == ["data_received"] * 3 + ["client_closed"]


def test_lines_on_the_page_are_counted_as_unshown() -> None:
    screen = Screen(Transcript(translations("en"), "utf-8"))
    relay = Relay(memory_stream_pair()[0])
    screen.take_over(CLIENT, relay)
    assert relay.tap is not None
    relay.tap(b"a\nb\n")
    screen.post(ClientConnected(CLIENT))
    relay.tap(b"c\n")
    assert screen.unshown == 2 + 2 + 1
    screen._fail(OSError(28, "No space left on device"))
    assert screen.dropped == 5
