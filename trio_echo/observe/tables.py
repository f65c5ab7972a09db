"""A table as plain text and as HTML; control characters and markup in its cells are escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from rich.cells import cell_len

from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

# With JupyterLab's padding, all tables begin at one left edge. Colours are the theme's.
_CELL = "padding:2px 6px;vertical-align:top;text-align:"


def text_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    note: str = "",
    numbers: Collection[str] = (),
) -> str:
    """Write columns as wide as their widest cell.

    Args:
        heads: one text a column.
        rows: as many texts a row; control characters in them are escaped.
        note: a line below the table.
        numbers: the heads of the columns to align right.
    """
    table = [[safe(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(map(cell_len, column)) for column in zip(*table, strict=True)]

    def aligned(head: str, cell: str, width: int) -> str:
        padding = " " * (width - cell_len(cell))
        return padding + cell if head in numbers else cell + padding

    # Not rich.table: in a pipe it cuts cells so that lines fit 80 columns, and its import takes as
    # long as a third of Trio's.
    lines = ["  ".join(map(aligned, heads, row, widths)).rstrip() for row in table]
    return "\n".join([*lines, note] if note else lines)


def html_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    note: str = "",
    numbers: Collection[str] = (),
) -> str:
    """Write the same table for a notebook."""

    def line(tag: str, cells: Sequence[str]) -> str:
        written = (
            f'<{tag} style="{_CELL}{"right" if head in numbers else "left"}">'
            f"{escape(safe(cell))}</{tag}>"
            for head, cell in zip(heads, cells, strict=True)
        )
        return f"<tr>{''.join(written)}</tr>"

    body = "\n".join(line("td", row) for row in rows)
    below = f"\n<p>{escape(note)}</p>" if note else ""
    return (
        f"<table>\n<thead>{line('th', heads)}</thead>\n<tbody>\n{body}\n</tbody>\n</table>{below}"
    )
