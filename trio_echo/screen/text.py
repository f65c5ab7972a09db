r"""A peer's bytes, as text that is safe for a terminal.

They are decoded piece by piece: a character split over two receives appears once, whole.
Anything that could move the cursor, hide text or look like another line is escaped: `\x1b`,
`\u202e`. Every line with a client's text begins with that client's prefix. On a terminal, so does
every row of a long line.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

from .rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .rows import Terminal

# A received piece is formatted in parts of this many bytes, so that other tasks can run in between:
# a byte that is not text costs a microsecond.
_PART = 4 * 1024

# The most bytes that wait for the rest of their character. Four are enough for all encodings but
# UTF-7: its runs have any length, and Python decodes such a run from its start each time.
_UNDECODED = 1024

# Joiners hold emoji together and do nothing else. Some of the other invisible characters change
# the text's direction, and nobody misses any of them.
_HARMLESS = {"\N{ZERO WIDTH JOINER}", "\N{ZERO WIDTH NON-JOINER}"}

# Printable for Python, invisible on terminals: variation selectors, fillers and blanks.
_INVISIBLE = re.compile(
    "[\u034f\u17b4\u17b5\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
    "\u115f\u1160\u2800\u3164\uffa0\U00013441\U00013442\U00016fe4\U0001d159]"
)
# A superset, with all characters beyond U+FFFF: the search takes a fifth of the time.
_MAY_BE_INVISIBLE = re.compile(
    "[^\0-\u034e\u0350-\u115e\u1161-\u17b3\u17b6-\u180a\u180e\u1810-\u27ff"
    "\u2801-\u3163\u3165-\ufdff\ufe10-\uff9f\uffa1-\uffff]"
)

# What `bytes.translate` leaves as it is: printable ASCII, and the newline.
_PRINTABLE = bytes([*b"\n", *range(0x20, 0x7F)])
_PLAIN = bytes(byte if byte in _PRINTABLE else byte == 0 for byte in range(256))
# The same without the newline.
_PLAIN_LINE = _PLAIN.replace(b"\n", b"\0")


def _escape(character: str) -> str:
    """Return the character, or its Python escape if it must not reach a terminal."""
    if character in _HARMLESS:
        return character
    if character.isprintable() and not _INVISIBLE.match(character):
        return character
    if unicodedata.category(character) == "Zs":
        return character  # spaces, such as the wide one of Chinese, Japanese and Korean text
    if "\udc80" <= character <= "\udcff":  # a byte that was not text (PEP 383)
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


class _Escapes(dict[str, str]):
    """What characters become. It caches nothing, since a peer chooses what is looked up."""

    def __missing__(self, character: str) -> str:
        return _escape(character)


# Bytes that are not text become these surrogates, and there may be millions.
_ESCAPES = _Escapes(
    {char: _escape(char) for char in map(chr, (*range(256), *range(0xDC80, 0xDD00)))}
)
_ESCAPES_IN_LINES = _Escapes({**_ESCAPES, "\n": "\n"})


def safe(text: str) -> str:
    r"""Escape what could drive a terminal or break the line, such as `\n`, `\x1b` or `\u202e`."""
    return text if _is_plain(text) else "".join(map(_ESCAPES.__getitem__, text))


def _is_plain(text: str) -> bool:
    if not text.isprintable():
        return False
    if text.isascii() or not _MAY_BE_INVISIBLE.search(text):
        return True
    return not _INVISIBLE.search(text)


@lru_cache
def takes_ascii(encoding: str) -> bool:
    """Return whether printable ASCII is the same bytes in an encoding."""
    text = _PRINTABLE.decode()
    try:
        return text.encode(encoding) == _PRINTABLE and _PRINTABLE.decode(encoding) == text
    except UnicodeError:
        return False


def checked_encoding(name: str) -> str:
    """Return the name if this module can use the encoding.

    Raises:
        LookupError: it does not exist, or is not meant for text on a wire: it needs the whole
            text, begins with a byte order mark, or is a notation of source code.
    """
    try:
        # Encoding and decoding must return the same text; some decode `\u0041` as an A.
        works = _decoded_in_pieces("\\u0041\n".encode(name), name) == "\\u0041\n"
        # A line must end with a newline, not with a backslash and an n.
        works = works and len("\n".encode(name)) == len("n".encode(name))
        for start in (b"\xff\n", b"a\0\0\0"):  # UTF-16 and UTF-32 insist on a byte order mark
            _decoded_in_pieces(start, name)
    except UnicodeError:
        works = False
    except (LookupError, ValueError, TypeError) as exc:
        raise LookupError(f"unknown text encoding: {safe(name)}") from exc
    if not works:
        raise LookupError(f"{safe(name)} is not an encoding for text that comes in pieces")
    return name


def _decoded_in_pieces(data: bytes, encoding: str) -> str:
    decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")
    return decoder.decode(data, final=True)


def as_text(data: bytes, encoding: str) -> str:
    """Decode a whole text; bytes that are not text become escapes. It may drive a terminal."""
    return data.decode(encoding, "backslashreplace")


def decoded(data: bytes, encoding: str) -> str:
    """Decode a whole text and make it safe; bytes that are not text are escaped."""
    return safe(as_text(data, encoding))


class PeerText:
    """One peer's text, as lines for the screen.

    Args:
        prefix: begins each line and names the peer.
        encoding: of the peer's text, from `checked_encoding`.
        terminal: the terminal that shows the lines; `None` if nothing wraps.
    """

    def __init__(self, prefix: str, encoding: str, terminal: Terminal | None = None) -> None:
        self._rows = Rows(prefix, terminal)
        # For each byte that is not text, the first takes a fifteenth of the second's time. Other
        # encodings than UTF-8 have bytes that it cannot replace.
        is_utf8 = codecs.lookup(encoding).name == "utf-8"
        errors = "surrogateescape" if is_utf8 else "backslashreplace"
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        # Bytes held by the decoder: they may be the start of a character.
        self._undecoded = b""
        self._carriage_return = ""
        self._at_first = self._decoder.getstate()
        # The last piece ended within a line: if a newline comes next, it ends that line.
        self._unfinished = False
        # Begins the lines of plain pieces, if there can be any.
        self._start: bytes | None = None
        if terminal is None and prefix.isascii() and takes_ascii(encoding):
            self._start = f"{prefix} ".encode()
        self._start_now = self._start

    def plain(self, data: bytes) -> bytes | None:
        """Return what `lines` yields for a piece that is not empty, quickly, if it is plain.

        A plain piece is printable ASCII, and stands alone: no character began before it. For any
        other, and on a terminal, the result is `None`, and `lines` must be asked.
        """
        start = self._start_now
        if start is None:
            return None
        if data.translate(_PLAIN_LINE) == data:
            self._unfinished = True
            return start + data + b"\n"
        if data.translate(_PLAIN) != data or (self._unfinished and data.startswith(b"\n")):
            return None
        text = data.removesuffix(b"\n")
        self._unfinished = len(text) == len(data)
        return start + text.replace(b"\n", b"\n" + start) + b"\n"

    def end(self) -> None:
        """Leave the next piece to another `PeerText`."""
        self._start_now = None

    def lines(self, data: bytes, *, final: bool = False) -> Iterator[str]:
        r"""Yield a received piece in parts of text; together they are whole lines, ending in `\n`.

        Args:
            data: the piece; it is shown at once, also without a newline at its end.
            final: nothing follows, so half a character is shown too, as bytes.
        """
        on_screen = False  # the current line's prefix was written, its newline was not
        for start in range(0, len(data) or 1, _PART):
            last = start + _PART >= len(data)
            text = self._decode(data[start : start + _PART], final=final and last)
            out: list[str] = []
            *ended, rest = text.split("\n")
            for line in ended:
                if line or not self._unfinished:
                    out.append(self._rows.write(line, begun=on_screen))
                    on_screen = True
                if on_screen:
                    out.append("\n")
                on_screen = self._unfinished = False
            if rest:
                out.append(self._rows.write(rest, begun=on_screen))
                on_screen = self._unfinished = True
            if last and on_screen:
                out.append("\n")
            yield "".join(out)
        stands_alone = self._decoder.getstate() == self._at_first and not self._carriage_return
        self._start_now = self._start if stands_alone else None

    def _decode(self, data: bytes, *, final: bool) -> str:
        """Decode and escape; the newline is the only control character left."""
        held = self._undecoded
        try:
            text = self._decoder.decode(data, final)
            self._undecoded, _ = self._decoder.getstate()
            if len(self._undecoded) > _UNDECODED:
                text += self._decoder.decode(b"", final=True)
                self._restart()
        except UnicodeError:
            # Some decoders of escape sequences fail without asking the error handler.
            text = "".join(f"\\x{byte:02x}" for byte in held + data)
            self._restart()
        text = self._carriage_return + text
        self._carriage_return = ""
        if text.endswith("\r") and not final:
            self._carriage_return = "\r"  # it may be half of a CRLF
            text = text[:-1]
        text = text.replace("\r\n", "\n")
        if _is_plain(text.replace("\n", " ")):
            return text  # the usual case
        return "".join(map(_ESCAPES_IN_LINES.__getitem__, text))

    def _restart(self) -> None:
        self._decoder.reset()
        self._undecoded = b""
