r"""What a peer sends, as text that is safe for a terminal.

It is decoded piece by piece, so that a character split over two receives appears once, whole.
Whatever could move the cursor, hide text or look like another line is written as an escape:
`\x1b`, `\u202e`. Every line on the screen that shows a client's text begins with that client's
prefix; where the screen is a terminal, so does every row that a long line takes.
"""

from __future__ import annotations

import codecs
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A received piece is written out in parts of this many bytes, so that whoever shows a large one
# can let others run in between: bytes that are no text cost a microsecond each.
_PART = 4 * 1024

# Joiners hold emoji together and do nothing else; of the other invisible characters, some turn
# the direction of what follows, and none is missed.
_HARMLESS = {"\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}"}

# On a terminal narrower than the prefix, something of the text is shown all the same.
_LEAST_ROOM = 8


def _escape(character: str) -> str:
    """Write a character that must not reach a terminal as what Python would write."""
    if character in _HARMLESS or character.isprintable():
        return character
    if unicodedata.category(character) == "Zs":
        return character  # spaces, such as the wide one of Chinese, Japanese and Korean text
    if "\udc80" <= character <= "\udcff":  # a byte that was no text (PEP 383)
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


class _Escapes(dict[int, str]):
    """The table for `str.translate`: small, since a peer chooses what is looked up."""

    def __missing__(self, code: int) -> str:
        return _escape(chr(code))


# Bytes that are no text come as these surrogates, and may come by the million.
_ESCAPES = _Escapes({code: _escape(chr(code)) for code in (*range(256), *range(0xDC80, 0xDD00))})


def safe(text: str) -> str:
    r"""Escape what could drive a terminal or break the line, such as `\n`, `\x1b` or `\u202e`."""
    return text if text.isprintable() else text.translate(_ESCAPES)


def checked_encoding(name: str) -> str:
    """Return the name of a text encoding that this module can work with.

    Raises:
        LookupError: there is no such encoding, or it is none for text that comes in pieces.
    """
    try:
        "line\n".encode(name)
        for start in (b"\xff\n", b"a\0\0\0"):  # UTF-16 and UTF-32 insist on a byte order mark
            codecs.getincrementaldecoder(name)("backslashreplace").decode(start, final=True)
    except UnicodeError as exc:
        raise LookupError(f"{safe(name)} is no encoding for text that comes in pieces") from exc
    except (LookupError, ValueError, TypeError) as exc:
        raise LookupError(f"unknown text encoding: {safe(name)}") from exc
    return name


def decoded(data: bytes, encoding: str) -> str:
    """Decode a whole text, and make it safe: bytes that are none in the encoding are escaped."""
    return safe(data.decode(encoding, "backslashreplace"))


def cells(text: str, *, ambiguous: int = 2) -> int:
    """Count the columns that a text takes on a terminal: a Korean character takes two.

    Args:
        text: without control characters.
        ambiguous: the columns of a character such as an arrow, which is wide on some terminals.
    """
    widths = {"W": 2, "F": 2, "A": ambiguous}
    return sum(widths.get(unicodedata.east_asian_width(one), 1) for one in text)


class PeerText:
    """What one peer sends, as the lines of a screen.

    Args:
        prefix: begins each line, and names the peer.
        encoding: of the peer's text, from `checked_encoding`.
        columns: tells how many cells a row of the terminal has. A line that is longer wraps, and
            text of a peer's choice would begin a row: that row gets the prefix too, with a plus
            sign instead of its space. `None` where nothing wraps.
    """

    def __init__(
        self, prefix: str, encoding: str, columns: Callable[[], int] | None = None
    ) -> None:
        self._prefix = f"{prefix} "
        self._continued = f"\n{prefix}+"
        self._columns = columns
        self._decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")
        self._carriage_return = ""
        # The last piece ended amid a line: a newline that comes next ends that one.
        self._unfinished = False
        # Where on the row of the screen the text has come to, in cells after the prefix.
        self._cell = 0

    def lines(self, data: bytes, *, final: bool = False) -> Iterator[str]:
        r"""Write a received piece: parts of text that together are whole lines, ending in `\n`.

        Args:
            data: the piece; it is shown at once, also without a newline at its end.
            final: nothing follows: also show half a character, as bytes.
        """
        on_screen = False  # the current line's prefix was written, its newline was not
        for start in range(0, len(data) or 1, _PART):
            last = start + _PART >= len(data)
            text = self._decode(data[start : start + _PART], final=final and last)
            out: list[str] = []
            *ended, rest = text.split("\n")
            for line in ended:
                if line or not self._unfinished:
                    out.append(self._rows(line, begun=on_screen))
                    on_screen = True
                if on_screen:
                    out.append("\n")
                on_screen = self._unfinished = False
            if rest:
                out.append(self._rows(rest, begun=on_screen))
                on_screen = self._unfinished = True
            if last and on_screen:
                out.append("\n")
            yield "".join(out)

    def _decode(self, data: bytes, *, final: bool) -> str:
        """Decode and escape; a newline is the only control character left."""
        held, _ = self._decoder.getstate()
        try:
            text = self._decoder.decode(data, final)
        except UnicodeError:
            # Some decoders of escape sequences give up where no error handler is asked.
            text = "".join(f"\\x{byte:02x}" for byte in held + data)
            self._decoder.reset()
        if not self._carriage_return and text.isprintable():
            return text  # the usual case: nothing to escape, and no end of a line
        text = self._carriage_return + text
        self._carriage_return = ""
        if text.endswith("\r") and not final:
            self._carriage_return = "\r"  # it may be half of a CRLF
            text = text[:-1]
        return "\n".join(map(safe, text.replace("\r\n", "\n").split("\n")))

    def _rows(self, text: str, *, begun: bool) -> str:
        """Put the prefix before a line, and where it wraps, unless it has begun already."""
        out = [] if begun else [self._prefix]
        if self._columns is None:
            return "".join([*out, text])
        if not begun:
            self._cell = 0
        room = max(self._columns() - len(self._prefix), _LEAST_ROOM)
        for character in text:
            width = cells(character)  # two where in doubt: a row too long would wrap
            if self._cell + width > room:
                out.append(self._continued)
                self._cell = 0
            out.append(character)
            self._cell += width
        return "".join(out)
