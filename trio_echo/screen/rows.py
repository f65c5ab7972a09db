"""Lines on the rows of a terminal, each row with the prefix of its line.

Terminals never wrap these rows themselves, whichever Unicode tables they use: the text is broken
here, before the edge, and each character counts as the most cells any terminal could give it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# If a terminal has less room than this after a prefix, the text gets its own rows.
_LEAST_ROOM = 8

# Begins a row without room for the prefix. None of our own lines begins with it.
_SHORT_PREFIX = "+"


def cells(text: str) -> int:
    """Count the most columns that a text can take on a terminal.

    Terminals disagree about accents, arrows, flags, new emoji and more, and so do Pythons' tables.
    So no table is used. A terminal draws at most two cells for a character, or, on Windows' old
    console, two for each of the two surrogates of a character beyond U+FFFF.

    Args:
        text: without control characters.
    """
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    return 1 if character < "\x80" else 2 if character < "\U00010000" else 4


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where rows wrap.

    Attributes:
        columns: returns how many cells a row has now.
        charset: the encoding of the output; characters missing from it become longer escapes.
    """

    columns: Callable[[], int]
    charset: str = "utf-8"

    def shown(self, text: str) -> str:
        """Return a text as the terminal will show it."""
        if text.isascii():
            return text
        return text.encode(self.charset, "backslashreplace").decode(self.charset)


class Rows:
    """Lines with a prefix on each of their screen rows.

    Args:
        prefix: begins each line. A line longer than a row repeats it on each row, with a plus sign
            instead of the space; if the prefix leaves no room, the sign stands alone.
        terminal: the terminal that shows the lines; `None` if nothing wraps.
    """

    def __init__(self, prefix: str, terminal: Terminal | None = None) -> None:
        if terminal is not None:
            prefix = terminal.shown(prefix)
        self._prefix = f"{prefix} "
        self._prefix_cells = cells(self._prefix)
        self._next_row = f"\n{prefix}+"
        self._terminal = terminal
        # The most cells that the text fills on its current row.
        self._filled = 0

    def write(self, text: str, *, begun: bool = False) -> str:
        """Return a line without its newline, or the next part of a line already begun."""
        if self._terminal is None:
            return text if begun else self._prefix + text
        out = []
        if not begun:
            out.append(self._prefix)
            self._filled = self._prefix_cells
        # The last column stays free: some terminals wrap as soon as it is filled.
        edge = self._terminal.columns() - 1
        next_row, before = self._next_row, self._prefix_cells
        if edge - before < _LEAST_ROOM:
            next_row, before = f"\n{_SHORT_PREFIX}", len(_SHORT_PREFIX)
        text = self._terminal.shown(text)
        if text.isascii():  # one cell each, so that a row is a slice
            first, room = max(0, edge - self._filled), max(1, edge - before)
            rows = [text[:first]]
            rows += [text[at : at + room] for at in range(first, len(text), room)]
            out.append(next_row.join(rows))
            self._filled = len(rows[-1]) + (self._filled if len(rows) == 1 else before)
            return "".join(out)
        for character in text:
            width = _cells_of(character)
            if self._filled + width > edge:
                out.append(next_row)
                self._filled = before
            out.append(character)
            self._filled += width
        return "".join(out)
