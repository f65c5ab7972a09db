"""Tables of segments for exercises: with numbers, with blanks, or shuffled and without times."""

from __future__ import annotations

import random
from html import escape
from string import ascii_uppercase
from typing import TYPE_CHECKING

from trio_echo.observe.tables import html_table, text_table
from trio_echo.screen.text import decoded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trio_echo.observe.packets import Segment, Trace

_COLUMNS = ("ms", "from", "flags", "seq", "ack", "window", "MSS", "bytes", "SACK", "data")
_NUMERIC = {"ms", "seq", "ack", "window", "MSS", "bytes"}
SIDES = ("client", "server")
# How many characters of the data a table shows.
_SHOWN = 12

_SEED = 17


class Sheet:
    """A table of segments; `str()` and a notebook show it.

    Args:
        title: a line above it.
        names: of the rows: numbers or letters.
        rows: the cells of each row, by the names of the columns. Columns without any text are left
            out.
    """

    def __init__(self, title: str, names: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
        used = [column for column in _COLUMNS if any(row.get(column) for row in rows)]
        self._title = title
        self._heads = ["", *used]
        self._rows = [
            [name, *(row.get(column, "") for column in used)]
            for name, row in zip(names, rows, strict=True)
        ]

    def __repr__(self) -> str:
        return f"{self._title}\n{text_table(self._heads, self._rows, numbers=_NUMERIC)}"

    def _repr_html_(self) -> str:
        table = html_table(self._heads, self._rows, numbers=_NUMERIC)
        return f"<p>{escape(self._title)}</p>{table}"


def numbered(trace: Trace) -> Sheet:
    """Return a connection with a number for each segment, from 1."""
    return with_blanks(trace, {})


def with_blanks(trace: Trace, blanks: Mapping[str, tuple[int, str]]) -> Sheet:
    """Return a connection with some fields left out.

    Args:
        trace: the connection.
        blanks: by the letter to show instead, the number of the segment and the column. If the
            number of bytes is left out, so are the bytes.
    """
    rows = [_cells(trace, one) for one in trace.segments]
    for letter, (number, column) in blanks.items():
        rows[number - 1][column] = f"{letter}?"
        if column == "bytes":
            rows[number - 1]["data"] = ""
    return Sheet(trace.title, [str(number + 1) for number in range(len(rows))], rows)


def shuffled(trace: Trace) -> Sheet:
    """Return a connection without times, in an order that says nothing, with letters."""
    rows = []
    for index in deal(len(trace.segments)):
        cells = _cells(trace, trace.segments[index])
        del cells["ms"]
        rows.append(cells)
    return Sheet(trace.title, ascii_uppercase[: len(rows)], rows)


def deal(count: int) -> list[int]:
    """Return the indexes of the segments that get the letters A, B, …; always the same ones."""
    indexes = list(range(count))
    random.Random(_SEED).shuffle(indexes)  # noqa: S311  not for secrets
    return indexes


def field(trace: Trace, number: int, column: str) -> str:
    """Return what a column says of a segment, counted from 1."""
    return _cells(trace, trace.segments[number - 1])[column]


def _cells(trace: Trace, one: Segment) -> dict[str, str]:
    text = decoded(one.payload[:_SHOWN], "utf-8")
    whole = len(one.payload) <= _SHOWN
    return {
        "ms": f"{one.time / 1e6:.3f}",
        "from": SIDES[one.source != trace.client],
        "flags": str(one.flags),
        "seq": str(one.sequence),
        "ack": "" if one.acknowledgement is None else str(one.acknowledgement),
        "window": str(one.window),
        "MSS": "" if one.mss is None else str(one.mss),
        "bytes": str(len(one.payload)),
        "SACK": ", ".join(f"{first}-{after}" for first, after in one.sacks),
        "data": text if whole else f"{text}…",
    }
