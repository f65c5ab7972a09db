"""A stream of bytes in pieces: the bytes of each call, or of each character."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from matplotlib.patches import Rectangle

from .canvas import BLUE, GREY, INK, PAPER, Picture, tint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes

# Inches.
_WIDTH, _ROW, _MARGIN, _LABEL = 8.2, 0.78, 0.15, 2.0
_ROOM = _WIDTH - _LABEL - _MARGIN
_LETTER = 0.085


def pieces(rows: Mapping[str, Sequence[bytes]]) -> Picture:
    """Draw the same bytes cut into pieces in several ways, one row below the other.

    A box is one piece, such as the bytes of one call, and its width is their number. It shows them
    as text or in hexadecimal, or only their number if there is no room.

    Args:
        rows: each row's name, and its pieces in order.
    """
    most = max((sum(map(len, row)) for row in rows.values()), default=0)
    picture = Picture(_WIDTH, _ROW * max(len(rows), 1) + _MARGIN, _description(rows))
    axes = picture.sheet()
    for index, (label, row) in enumerate(rows.items()):
        y = _MARGIN + index * _ROW
        axes.text(_MARGIN, y + 0.2, label, va="center", size=10, weight="bold")
        axes.text(_MARGIN, y + 0.42, _count(row), va="center", size=8.5, color=GREY)
        _draw(axes, y, row, _ROOM / max(most, 1))
    return picture


def _draw(axes: Axes, y: float, row: Sequence[bytes], byte_width: float) -> None:
    ends = [end * byte_width for end in accumulate(map(len, row))]
    for index, (piece, end) in enumerate(zip(row, ends, strict=True)):
        width = len(piece) * byte_width
        axes.add_patch(
            Rectangle(
                (_LABEL + end - width, y),
                width,
                0.5,
                # Neighbours differ even if they are too small for a visible border.
                facecolor=tint(BLUE) if index % 2 else PAPER,
                edgecolor=BLUE,
                linewidth=1 if width > 0.03 else 0,
            )
        )
        text = _fitting(piece, width)
        if text:
            axes.text(
                _LABEL + end - width / 2,
                y + 0.25,
                text,
                ha="center",
                va="center_baseline",
                size=9,
                family="monospace",
                color=INK,
            )


def _fitting(piece: bytes, width: float) -> str:
    plain = piece.decode("ascii", "replace").replace("\r", "\\r").replace("\n", "\\n")
    # Fonts may lack other characters, and a cut may split their bytes.
    written = plain if piece.isascii() and plain.isprintable() else piece.hex(" ")
    for text in (written, str(len(piece))):
        if len(text) * _LETTER <= width:
            return text
    return ""


def _count(row: Sequence[bytes]) -> str:
    total = sum(map(len, row))
    return f"{total} byte{'s' * (total != 1)}, {len(row)} piece{'s' * (len(row) != 1)}"


def _description(rows: Mapping[str, Sequence[bytes]]) -> str:
    return "; ".join(f"{label}: {_count(row)}" for label, row in rows.items()) or "nothing"
