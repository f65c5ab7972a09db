"""What a peer sends, as safe text: any bytes, split anywhere."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import text_of

from trio_echo.screen import text
from trio_echo.screen.text import PeerText, checked_encoding, decoded, safe

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "[TCP/127.0.0.1:51188] "
CONTINUED = PREFIX.rstrip() + "+"
ENCODINGS = ["utf-8", "cp949", "utf-16-le", "iso2022_kr", "ascii", "latin-1"]


def peer(encoding: str = "utf-8", columns: Callable[[], int] | None = None) -> PeerText:
    return PeerText(PREFIX.rstrip(), encoding, columns)


def show(
    *pieces: bytes,
    encoding: str = "utf-8",
    columns: Callable[[], int] | None = None,
    final: bool = False,
) -> str:
    text = peer(encoding, columns)
    shown = ["".join(text.lines(piece)) for piece in pieces]
    if final:
        shown.append("".join(text.lines(b"", final=True)))
    assert all(one == "" or one.endswith("\n") for one in shown)
    return "".join(shown)


def unbroken(shown: str) -> tuple[str, int]:
    """Undo the breaks between pieces: the text, and how many empty lines are in it."""
    lines = [line.removeprefix(PREFIX) for line in shown.splitlines()]
    return "".join(lines), lines.count("")


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    bounds = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return [data[start:end] for start, end in pairwise(bounds) if start < end]


CUTS = st.lists(st.integers(1, 60), max_size=12)


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        # Lines and their endings.
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"one\r\ntwo\r\n"], ["one", "two"]),
        ([b"one\r", b"\ntwo\r", b"\n"], ["one", "two"]),
        ([b"one\rtwo\n"], [r"one\rtwo"]),
        ([b"one\r", b"two\n"], ["one", r"\rtwo"]),
        ([b"one\r\r\n"], [r"one\r"]),
        ([b"\n"], [""]),
        ([b"\r", b"\n"], [""]),
        ([b"one\n\ntwo\n"], ["one", "", "two"]),
        # A piece without a newline is shown at once; the newline that comes next ends it.
        ([b"one", b"two"], ["one", "two"]),
        ([b"one", b"\n"], ["one"]),
        ([b"one", b"\r\n"], ["one"]),
        ([b"one", b"\r", b"\n"], ["one"]),
        ([b"one", b"\n", b"\n"], ["one", ""]),
        ([b"one", b"\n\ntwo"], ["one", "", "two"]),
        ([b"one\n", b"\n"], ["one", ""]),
        # Characters that come in halves, and bytes that are none.
        (["가".encode()], ["가"]),
        (["가".encode()[:1], "가".encode()[1:]], ["가"]),
        ([b"a" + "가".encode()[:2], "가".encode()[2:] + b"b\n"], ["a", "가b"]),
        ([b"a\xffb"], [r"a\xffb"]),
        ([b"\xea\n"], [r"\xea"]),
        # Nothing that drives a terminal, and all that is text.
        (["\x1b[2J\a\0\b\x7f\x85\u2028".encode()], [r"\x1b[2J\x07\x00\x08\x7f\x85\u2028"]),
        (["\u202eabc\u2066\ufeff\u200b\xad".encode()], [r"\u202eabc\u2066\ufeff\u200b\xad"]),
        (["\U000e0041\U0010ffff".encode()], [r"\U000e0041\U0010ffff"]),
        (["넓은\u3000빈칸\xa0".encode()], ["넓은\u3000빈칸\xa0"]),
        (
            ["👩\u200d👧 ❤\ufe0f \u06cc\u200c\u062e".encode()],
            ["👩\u200d👧 ❤\ufe0f \u06cc\u200c\u062e"],
        ),
    ],
)
def test_what_a_client_sends_is_shown_line_by_line(pieces: list[bytes], lines: list[str]) -> None:
    shown = show(*pieces)
    assert shown == "".join(f"{PREFIX}{line}\n" for line in lines)


@pytest.mark.parametrize("text", ["plain text", "한글", "", "a\u3000b"])
def test_harmless_text_is_left_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_looking_characters_up_does_not_fill_the_memory() -> None:
    before = len(text._ESCAPES)
    assert safe("".join(map(chr, range(0xE000, 0xE100)))).startswith(r"\ue000\ue001")
    assert len(text._ESCAPES) == before


@settings(deadline=None)
@given(
    filler=st.integers(8180, 8195),
    middle=text_of("utf-8"),
    rest=st.integers(0, 9000),
)
def test_a_large_piece_comes_in_parts_that_make_the_same_lines(
    filler: int, middle: bytes, rest: int
) -> None:
    data = b"x" * filler + middle + b"y" * rest + b"z" * 8192 + b"\n"
    parts = list(peer().lines(data))
    text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n").removesuffix("\n")
    assert "".join(parts) == "".join(f"{PREFIX}{safe(line)}\n" for line in text.split("\n"))
    assert len(parts) > 1


def test_no_part_of_a_large_piece_is_large() -> None:
    data = b"\xff" * 100_000
    parts = list(peer().lines(data))
    assert "".join(parts) == PREFIX + r"\xff" * 100_000 + "\n"
    assert max(map(len, parts)) <= 8 * 1024 * len(r"\xff") + len(PREFIX)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(deadline=None, max_examples=40)
@given(data=st.data(), cuts=CUTS)
def test_the_text_does_not_depend_on_where_its_bytes_were_split(
    encoding: str, data: st.DataObject, cuts: list[int]
) -> None:
    sent = data.draw(text_of(encoding))
    whole = show(sent, encoding=encoding, final=True)
    shown = show(*split(sent, cuts), encoding=encoding, final=True)
    assert unbroken(shown) == unbroken(whole)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(deadline=None, max_examples=40)
@given(data=st.data(), cuts=CUTS)
def test_the_only_control_character_that_reaches_the_screen_is_the_newline(
    encoding: str, data: st.DataObject, cuts: list[int]
) -> None:
    pieces = split(data.draw(text_of(encoding, hostile=True)), cuts)
    shown = show(*pieces, encoding=encoding, final=True)
    odd = {one for one in shown if not one.isprintable() and unicodedata.category(one) != "Zs"}
    assert odd <= {"\n", "\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}"}


@settings(deadline=None)
@given(sent=st.lists(text_of("utf-8")), room=st.integers(8, 40))
def test_every_row_that_a_long_line_takes_begins_with_the_prefix_and_fits(
    sent: list[bytes], room: int
) -> None:
    columns = len(PREFIX) + room
    on_terminal = show(*sent, columns=lambda: columns)
    for row in on_terminal.splitlines():
        assert row.startswith((PREFIX, CONTINUED))
        wide = sum(unicodedata.east_asian_width(one) in ("W", "F", "A") for one in row)
        assert len(row) + wide <= columns
    assert on_terminal.replace(f"\n{CONTINUED}", "") == show(*sent)


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (len(PREFIX) + 12, [f"{PREFIX}abcdefghij가"]),
        (len(PREFIX) + 11, [f"{PREFIX}abcdefghij", f"{CONTINUED}가"]),
        (len(PREFIX) + 9, [f"{PREFIX}abcdefghi", f"{CONTINUED}j가"]),
        (len(PREFIX), [f"{PREFIX}abcdefgh", f"{CONTINUED}ij가"]),
        (1, [f"{PREFIX}abcdefgh", f"{CONTINUED}ij가"]),
    ],
)
def test_a_line_wraps_where_the_terminal_ends(columns: int, rows: list[str]) -> None:
    twice = "abcdefghij가\n".encode() * 2
    shown = show(twice, columns=lambda: columns)
    assert shown == "".join(f"{row}\n" for row in rows * 2)


def test_a_row_goes_on_over_the_parts_of_a_large_piece() -> None:
    parts = peer(columns=lambda: len(PREFIX) + 10).lines(b"x" * 10_001)
    rows = "".join(parts).splitlines()
    assert rows == [PREFIX + "x" * 10, *[CONTINUED + "x" * 10] * 999, CONTINUED + "x"]


@pytest.mark.parametrize("name", [*ENCODINGS, "UTF8", "euc-kr", "utf-8-sig", "utf-32-be"])
def test_an_encoding_for_text_is_taken(name: str) -> None:
    assert checked_encoding(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rot13", "unknown text encoding: rot13"),
        ("hex", "unknown text encoding: hex"),
        ("nope", "unknown text encoding: nope"),
        ("", "unknown text encoding: "),
        ("a\0b", r"unknown text encoding: a\x00b"),
        ("idna", "idna is no encoding for text that comes in pieces"),
        ("punycode", "punycode is no encoding for text that comes in pieces"),
        ("undefined", "undefined is no encoding for text that comes in pieces"),
        ("utf-16", "utf-16 is no encoding for text that comes in pieces"),
        ("utf-32", "utf-32 is no encoding for text that comes in pieces"),
        ("\udcff", r"\xff is no encoding for text that comes in pieces"),
    ],
)
def test_a_name_that_is_no_encoding_for_text_is_refused(name: str, message: str) -> None:
    with pytest.raises(LookupError) as caught:
        checked_encoding(name)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("encoding", "pieces"),
    [
        ("iso2022_kr", [b"\x0f\x1b&+", b"\xff\xb6\\u", b"~{"]),
        ("iso2022_jp", [b"\x1b.\xff", b"\xb6\xdd\x84\xff\xc6", b"+\x0f"]),
    ],
    ids=["iso2022_kr", "iso2022_jp"],
)
def test_bytes_that_a_decoder_gives_up_on_are_all_shown(encoding: str, pieces: list[bytes]) -> None:
    shown = show(*pieces, encoding=encoding, final=True)
    assert r"\xff" in shown
    assert r"\xb6" in shown


def test_a_whole_text_is_decoded_and_made_safe() -> None:
    assert decoded("가\n".encode("cp949") + b"\xff", "cp949") == r"가\n\xff"
