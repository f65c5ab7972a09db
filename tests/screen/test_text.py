"""A peer's bytes as safe text: any bytes, split anywhere."""

from __future__ import annotations

import codecs
import encodings
import io
import pkgutil
import unicodedata
from contextlib import suppress
from itertools import pairwise, product
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import get_character_cell_size
from support import text_of

from trio_echo.screen import text
from trio_echo.screen.rows import Terminal, cells
from trio_echo.screen.text import (
    PeerText,
    checked_encoding,
    decoded,
    safe,
    takes_ascii,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "[TCP/127.0.0.1:51188] "
CONTINUED = PREFIX.rstrip() + "+"
ENCODINGS = ["utf-8", "cp949", "utf-16-le", "iso2022_kr", "ascii", "latin-1"]


def peer(encoding: str = "utf-8", terminal: Terminal | None = None) -> PeerText:
    return PeerText(PREFIX.rstrip(), encoding, terminal)


def wide(columns: int, charset: str = "utf-8") -> Terminal:
    return Terminal(lambda: columns, charset)


def show(
    *pieces: bytes,
    encoding: str = "utf-8",
    terminal: Terminal | None = None,
    final: bool = False,
) -> str:
    text = peer(encoding, terminal)
    shown = ["".join(text.lines(piece)) for piece in pieces]
    if final:
        shown.append("".join(text.lines(b"", final=True)))
    assert all(one == "" or one.endswith("\n") for one in shown)
    return "".join(shown)


def unbroken(shown: str) -> tuple[str, int]:
    """Join the lines of all pieces; returns the text and its number of empty lines."""
    lines = [line.removeprefix(PREFIX) for line in shown.splitlines()]
    return "".join(lines), lines.count("")


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    bounds = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return [data[start:end] for start, end in pairwise(bounds) if start < end]


CHARSETS = st.sampled_from(["utf-8", "cp949", "latin-1", "ascii"])
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
        # A piece without a newline is shown at once; a newline that comes next ends its line.
        ([b"one", b"two"], ["one", "two"]),
        ([b"one", b"\n"], ["one"]),
        ([b"one", b"\r\n"], ["one"]),
        ([b"one", b"\r", b"\n"], ["one"]),
        ([b"one", b"\n", b"\n"], ["one", ""]),
        ([b"one", b"\n\ntwo"], ["one", "", "two"]),
        ([b"one\n", b"\n"], ["one", ""]),
        # Characters received in halves, and bytes that are not characters.
        (["가".encode()], ["가"]),
        (["가".encode()[:1], "가".encode()[1:]], ["가"]),
        ([b"a" + "가".encode()[:2], "가".encode()[2:] + b"b\n"], ["a", "가b"]),
        ([b"a\xffb"], [r"a\xffb"]),
        ([b"\xea\n"], [r"\xea"]),
        # Whatever drives a terminal is escaped; text stays.
        (["\x1b[2J\a\0\b\x7f\x85\u2028".encode()], [r"\x1b[2J\x07\x00\x08\x7f\x85\u2028"]),
        (["\u202eabc\u2066\ufeff\u200b\xad".encode()], [r"\u202eabc\u2066\ufeff\u200b\xad"]),
        (["\U000e0041\U0010ffff".encode()], [r"\U000e0041\U0010ffff"]),
        (["넓은\u3000빈칸\xa0".encode()], ["넓은\u3000빈칸\xa0"]),
        (
            ["👩\u200d👧 🇰🇷 \u06cc\u200c\u062e".encode()],
            ["👩\u200d👧 🇰🇷 \u06cc\u200c\u062e"],
        ),
        (["a\u3164b\u2800\ufe0f\U000e0100".encode()], [r"a\u3164b\u2800\ufe0f\U000e0100"]),
    ],
)
def test_a_clients_text_is_shown_line_by_line(pieces: list[bytes], lines: list[str]) -> None:
    shown = show(*pieces)
    assert shown == "".join(f"{PREFIX}{line}\n" for line in lines)


@pytest.mark.parametrize("text", ["plain text", "한글", "", "a\u3000b"])
def test_harmless_text_is_unchanged(text: str) -> None:
    assert safe(text) == text


def test_escapes_are_not_cached() -> None:
    before = len(text._ESCAPES)
    assert safe("".join(map(chr, range(0xE000, 0xE100)))).startswith(r"\ue000\ue001")
    assert len(text._ESCAPES) == before


@given(
    filler=st.integers(8180, 8195),
    middle=text_of("utf-8"),
    rest=st.integers(0, 9000),
)
def test_the_parts_of_a_large_piece_make_the_same_lines(
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
@settings(max_examples=40)
@given(data=st.data(), cuts=CUTS)
def test_the_text_does_not_depend_on_where_its_bytes_were_split(
    encoding: str, data: st.DataObject, cuts: list[int]
) -> None:
    sent = data.draw(text_of(encoding))
    whole = show(sent, encoding=encoding, final=True)
    shown = show(*split(sent, cuts), encoding=encoding, final=True)
    assert unbroken(shown) == unbroken(whole)


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=40)
@given(data=st.data(), cuts=CUTS)
def test_the_only_control_character_that_reaches_the_screen_is_the_newline(
    encoding: str, data: st.DataObject, cuts: list[int]
) -> None:
    pieces = split(data.draw(text_of(encoding, hostile=True)), cuts)
    shown = show(*pieces, encoding=encoding, final=True)
    odd = {one for one in shown if not one.isprintable() and unicodedata.category(one) != "Zs"}
    assert odd <= {"\n", "\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}"}


@pytest.mark.parametrize(
    "text",
    [
        "한글, ㄱㄴㄷ, 한자 漢字, 日本語 ひらがな ｶﾀｶﾅ, 中文。",
        unicodedata.normalize("NFD", "한글 élève"),
        "élève, Straße, Łódź, ελληνικά, русский, العربية, עברית, हिन्दी, ไทย",
        "😀 👍🏽 👩\u200d👧 🇰🇷 ☀ ❤ → ± ½ █ ䷀ ☰",
    ],
)
def test_the_languages_of_people_and_emoji_stay_readable(text: str) -> None:
    assert safe(text) == text


INVISIBLE = [
    0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x200B, 0x200E,
    0x200F, *range(0x2028, 0x202F), *range(0x2060, 0x2070), 0x2800, 0x3164, *range(0xFE00, 0xFE10),
    0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFFC), 0x13441, 0x13442, 0x16FE4, 0x1D159,
    *range(0x1D173, 0x1D17B), *range(0xE0000, 0xE1000),
]  # fmt: skip


def test_no_invisible_character_reaches_the_screen() -> None:
    for character in map(chr, INVISIBLE):
        assert safe(f"가{character}") == "가" + character.encode("unicode_escape").decode()


def wide_in_east_asia(character: str) -> int:
    return 1 + (unicodedata.east_asian_width(character) in ("W", "F", "A"))


def two_for_each_half(character: str) -> int:
    return 1 if character.isascii() else len(character.encode("utf-16-le", "surrogatepass"))


# The ways in which a terminal may count the cells of a character.
READINGS: dict[str, Callable[[str], int]] = {
    "none": lambda one: int(one.isascii()),
    "one": len,
    "the tables of this Python": wide_in_east_asia,
    "the tables of rich": get_character_cell_size,
    "two for each of its halves": two_for_each_half,
}


def rows_of(text: str, columns: int, reading: Callable[[str], int]) -> list[str]:
    """Return the rows of a text on a terminal that wraps as soon as a row is full."""
    rows = []
    for line in text.split("\n")[:-1]:
        row, filled = "", 0
        for character in line:
            if filled + reading(character) > columns:
                rows.append(row)
                row, filled = "", 0
            row += character
            filled += reading(character)
            if filled >= columns:
                rows.append(row)
                row, filled = "", 0
        rows.append(row)
    return rows


def test_no_terminal_gives_a_character_more_cells_than_we_count() -> None:
    # All but the Chinese characters and the Korean syllables: they are many, and all alike.
    codes = [*range(0x3400), *range(0xA000, 0xAC00), *range(0xD7A4, 0x20000)]
    for character in filter(str.isprintable, map(chr, codes)):
        assert all(reading(character) <= cells(character) for reading in READINGS.values())


HOSTILE = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("[TCP/10.0.0.1:4242] é가㌀䷀☰🇰😀\u0301\u200d\ufe0f\u3164\u1100\u1161")
    ),
    max_size=200,
)  # fmt: skip


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
@given(sent=st.lists(HOSTILE), columns=st.integers(6, 80), charset=CHARSETS)
def test_no_row_of_a_terminal_begins_with_a_clients_text(
    reading: Callable[[str], int], sent: list[str], columns: int, charset: str
) -> None:
    shown = show(*(one.encode() for one in sent), terminal=wide(columns, charset))
    # A character missing from the character set becomes an escape, which is longer.
    on_screen = shown.encode(charset, "backslashreplace").decode(charset)
    prefixes = rows_of(PREFIX + "\n", columns, reading)
    for row in rows_of(on_screen, columns, reading):
        assert row.startswith((PREFIX, CONTINUED, "+")) or row in prefixes


@pytest.mark.parametrize("charset", ["utf-8", "cp949", "ascii"])
@given(sent=st.lists(HOSTILE), columns=st.integers(len(PREFIX) + 9, 80))
def test_the_rows_together_are_the_text(sent: list[str], columns: int, charset: str) -> None:
    pieces = [one.encode() for one in sent]
    shown = show(*pieces, terminal=wide(columns, charset))
    assert shown.replace(f"\n{CONTINUED}", "") == wide(80, charset).shown(show(*pieces))


@pytest.mark.parametrize(
    "text",
    [
        "\u4dc0" * 29 + "[TCP/10.0.0.1:4242] forged",
        "\u2630" * 29 + "[TCP/10.0.0.1:4242] forged",
        "\U0001f1f0" * 29 + "[TCP/10.0.0.1:4242] forged",
    ],
)
@pytest.mark.parametrize("width", [1, 2])
def test_characters_that_are_wide_on_some_terminals_cannot_forge_a_row(
    text: str, width: int
) -> None:
    shown = show(text.encode(), terminal=wide(80))
    for row in rows_of(shown, 80, lambda one: 1 if one.isascii() else width):
        assert row.startswith((PREFIX, CONTINUED))


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (len(PREFIX) + 13, [f"{PREFIX}abcdefghij가"]),
        (len(PREFIX) + 12, [f"{PREFIX}abcdefghij", f"{CONTINUED}가"]),
        (len(PREFIX) + 10, [f"{PREFIX}abcdefghi", f"{CONTINUED}j가"]),
        (len(PREFIX) + 9, [f"{PREFIX}abcdefgh", f"{CONTINUED}ij가"]),
        (len(PREFIX) + 8, [f"{PREFIX}abcdefg", "+hij가"]),
        (len(PREFIX), [PREFIX, "+abcdefghij가"]),
        (10, [PREFIX, "+abcdefgh", "+ij가"]),
        (1, [PREFIX, *(f"+{one}" for one in "abcdefghij가")]),
    ],
)
def test_a_line_wraps_before_the_edge_of_the_terminal(columns: int, rows: list[str]) -> None:
    twice = "abcdefghij가\n".encode() * 2
    shown = show(twice, terminal=wide(columns))
    assert shown == "".join(f"{row}\n" for row in rows * 2)


def test_a_character_missing_from_the_character_set_is_as_wide_as_its_escape() -> None:
    shown = show("가가가".encode(), terminal=wide(len(PREFIX) + 11, "ascii"))
    assert shown == f"{PREFIX}\\uac00\\uac\n{CONTINUED}00\\uac00\n"


def test_a_row_continues_over_the_parts_of_a_large_piece() -> None:
    parts = peer(terminal=wide(len(PREFIX) + 11)).lines(b"x" * 10_001)
    rows = "".join(parts).splitlines()
    assert rows == [PREFIX + "x" * 10, *[CONTINUED + "x" * 10] * 999, CONTINUED + "x"]


@pytest.mark.parametrize("name", [*ENCODINGS, "UTF8", "euc-kr", "utf-8-sig", "utf-32-be"])
def test_an_encoding_for_text_is_accepted(name: str) -> None:
    assert checked_encoding(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rot13", "unknown text encoding: rot13"),
        ("hex", "unknown text encoding: hex"),
        ("nope", "unknown text encoding: nope"),
        ("", "unknown text encoding: "),
        ("a\0b", r"unknown text encoding: a\x00b"),
        ("idna", "idna is not an encoding for text that comes in pieces"),
        ("punycode", "punycode is not an encoding for text that comes in pieces"),
        ("undefined", "undefined is not an encoding for text that comes in pieces"),
        ("unicode_escape", "unicode_escape is not an encoding for text that comes in pieces"),
        (
            "raw_unicode_escape",
            "raw_unicode_escape is not an encoding for text that comes in pieces",
        ),
        ("utf-16", "utf-16 is not an encoding for text that comes in pieces"),
        ("utf-32", "utf-32 is not an encoding for text that comes in pieces"),
        ("\udcff", r"\xff is not an encoding for text that comes in pieces"),
    ],
)
def test_a_name_that_is_not_an_encoding_for_text_is_refused(name: str, message: str) -> None:
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
def test_bytes_that_a_decoder_fails_on_are_all_shown(encoding: str, pieces: list[bytes]) -> None:
    shown = show(*pieces, encoding=encoding, final=True)
    assert r"\xff" in shown
    assert r"\xb6" in shown


def every_encoding() -> list[str]:
    """List the encodings of this Python that are accepted."""
    names = []
    for module in pkgutil.iter_modules(encodings.__path__):
        with suppress(LookupError):
            names.append(checked_encoding(module.name))
    return names


STARTS = [b"", b"+", b"&", b"\\N{", b"\x1b$B", b"\x1b$)C\x0e", b"~{", b"\xef\xbb", b"\x81"]
PATTERNS = [b"A", b"+AAA", b"\\N{A", b"\x1b", b"\x1b$", b"\xff", b"\0", b"\xea", b"\x0e\x81", b"~{"]


@pytest.mark.parametrize("encoding", every_encoding())
def test_no_encoding_lets_a_client_hide_many_bytes_in_the_decoder(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed = 0
    make = codecs.getincrementaldecoder(encoding)

    class Counting:
        """A decoder that counts the bytes it decodes: those it held and the new ones."""

        def __init__(self, errors: str) -> None:
            self._decoder = make(errors)
            self.reset, self.getstate = self._decoder.reset, self._decoder.getstate

        def decode(self, data: bytes, final: bool = False) -> str:
            nonlocal fed
            held, _ = self.getstate()
            assert len(held) <= 1024 or (final and not data)  # only then it must return all
            fed += len(held) + len(data)
            return self._decoder.decode(data, final)

    monkeypatch.setattr(codecs, "getincrementaldecoder", lambda _: Counting)
    sizes = [1] * 10 + [2000, 1, 1]
    for start, pattern in product(STARTS, PATTERNS):
        fed = 0
        text = peer(encoding)
        stream = io.BytesIO(start + pattern * (sum(sizes) // len(pattern) + 1))
        shown = "".join("".join(text.lines(stream.read(size))) for size in sizes)
        shown += "".join(text.lines(b"", final=True))
        assert shown.count("\n") <= 1 + stream.tell()
        assert all(safe(line) == line for line in shown.split("\n"))
        # No byte is decoded over and over.
        assert fed < 2 * stream.tell() + len(sizes) * 1024


def test_an_endless_run_of_utf_7_is_shown_before_its_end() -> None:
    run = ("가" * 1000).encode("utf-7").removesuffix(b"-")
    cuts = [*range(10, len(run), 10)]
    shown, _ = unbroken(show(*split(run, cuts), encoding="utf-7"))
    assert shown.startswith("가" * 300)


def test_utf_7_can_come_in_pieces() -> None:
    sent = "한국산업기술대학교 게임공학과 안녕\n".encode("utf-7")
    shown, _ = unbroken(show(*split(sent, [*range(1, len(sent))]), encoding="utf-7"))
    assert shown == "한국산업기술대학교 게임공학과 안녕"


def test_a_whole_text_is_decoded_and_made_safe() -> None:
    assert decoded("가\n".encode("cp949") + b"\xff", "cp949") == r"가\n\xff"


PIECES = st.lists(st.text("ab+~\n\n\r\té한\x1b", min_size=1, max_size=8), max_size=8)


@given(
    texts=PIECES,
    encoding=st.sampled_from(["utf-8", "cp949", "iso2022_jp", "iso2022_kr", "utf-7", "utf-16-le"]),
    cut=st.integers(1, 9),
)
def test_a_plain_piece_is_shown_as_any_other(texts: list[str], encoding: str, cut: int) -> None:
    quick, usual = peer(encoding), peer(encoding)
    data = "".join(texts).encode(encoding, "replace")
    for start in range(0, len(data), cut):
        piece = data[start : start + cut]
        expected = "".join(usual.lines(piece))
        plain = quick.plain(piece)
        shown = "".join(quick.lines(piece)) if plain is None else plain.decode()
        assert shown == expected


def test_what_is_plain_is_found_quickly() -> None:
    one = peer()
    prefix = PREFIX.encode()
    assert one.plain(b"hello\n") == prefix + b"hello\n"
    assert one.plain(b"a\n\nb") == prefix + b"a\n" + prefix + b"\n" + prefix + b"b\n"
    assert one.plain(b"\n") is None  # it ends the line before
    assert one.plain(b"\x1b[2J") is None
    assert one.plain("한".encode()) is None
    one.end()
    assert one.plain(b"hello\n") is None
    assert peer("utf-16-le").plain(b"hello\n") is None
    assert peer(terminal=Terminal(lambda: 80)).plain(b"hello\n") is None


@pytest.mark.parametrize(
    ("encoding", "takes"),
    [("utf-8", True), ("cp949", True), ("utf-16", False), ("utf-7", False), ("hz", False)],
)
def test_encodings_that_take_ascii_as_it_is(encoding: str, takes: bool) -> None:
    assert takes_ascii(encoding) is takes
