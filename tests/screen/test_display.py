"""Writing to standard output."""

from __future__ import annotations

import io

import pytest

from trio_echo import Endpoint
from trio_echo.events import ClientClosed, Connection, Listening
from trio_echo.screen import backlog
from trio_echo.screen.display import Screen
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
    for number in range(5):
        screen.post(ClientClosed(Connection(number, server, Endpoint("::1", 50000 + number)), 0))
    assert screen.dropped == 3
    screen._fail(OSError(28, "No space left on device"))
    assert screen.dropped == 5
    screen.post(Listening(server))
    assert screen.dropped == 6
