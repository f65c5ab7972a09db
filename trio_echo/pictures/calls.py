"""The calls of the lecture's server and client, from top to bottom, and what joins them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from .canvas import BLUE, GREEN, GREY, INK, ORANGE, PAPER, PURPLE, SKY, Picture, tint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

# Inches.
_WIDTH, _TOP, _ROW = 8.2, 0.75, 0.66
_BOX, _HEIGHT = 1.5, 0.42
_SERVER, _CLIENT = 2.35, 5.85

# Each call, its row, and what Trio calls it.
_SERVER_CALLS = (
    ("socket()", 0, "trio.socket.socket()"),
    ("bind()", 1, "await sock.bind()"),
    ("listen()", 2, "sock.listen()"),
    ("accept()", 3, "await sock.accept()"),
    ("recv()", 4, "receive_some()"),
    ("send()", 5, "send_all()"),
    ("recv()", 6, "returns 0, b''"),
    ("closesocket()", 7, "aclose()"),
)
_CLIENT_CALLS = (
    ("socket()", 0, "trio.socket.socket()"),
    ("connect()", 3, "await sock.connect()"),
    ("send()", 4, "send_all()"),
    ("recvn()", 5, "receive_exactly()"),
    ("closesocket()", 6, "aclose()"),
)
# What crosses the network at a row: from which side, its name, its colour; a second line if it
# goes both ways.
_CROSSING = (
    ("client", 3, ("SYN, SYN+ACK, ACK", "kernel to kernel"), BLUE),
    ("client", 4, ("data",), GREEN),
    ("server", 5, ("the same data",), GREEN),
    ("client", 6, ("FIN",), PURPLE),
)
# The loops: of which side, from which row to which, the field's room on the left, its colour.
_LOOPS = (
    (_SERVER, 3, 7, 1.45, ORANGE, "outer loop:\na client"),
    (_SERVER, 4, 6, 0.22, SKY, "inner loop:\na message"),
    (_CLIENT, 4, 5, 0.22, SKY, "loop:\na line"),
)
_MARGIN = 0.22
_END = _ROW * 7.5


def calls() -> Picture:
    """Draw the calls of both programs, their loops, and what crosses the network."""
    words = "; ".join(
        f"{side}: {', '.join(name for name, _, _ in steps)}"
        for side, steps in (("server", _SERVER_CALLS), ("client", _CLIENT_CALLS))
    )
    picture = Picture(_WIDTH, _TOP + _END, f"the calls of both programs; {words}")
    axes = picture.sheet()
    _loops(axes)
    for x, side, steps in (
        (_SERVER, "server", _SERVER_CALLS),
        (_CLIENT, "client", _CLIENT_CALLS),
    ):
        axes.text(x, 0.22, side, ha="center", va="center", size=13, weight="bold")
        _column(axes, x, steps)
    for crossing in _CROSSING:
        _arrow(axes, *crossing)
    return picture


def _y(row: float) -> float:
    return _TOP + row * _ROW


def _column(axes: Axes, x: float, steps: Sequence[tuple[str, int, str]]) -> None:
    for (_, row, _), (_, after, _) in pairwise(steps):
        axes.plot(
            [x, x],
            [_y(row) + _HEIGHT / 2, _y(after) - _HEIGHT / 2],
            color=INK,
            linewidth=1,
            zorder=1,
        )
    for name, row, in_trio in steps:
        axes.add_patch(
            FancyBboxPatch(
                (x - _BOX / 2, _y(row) - _HEIGHT / 2),
                _BOX,
                _HEIGHT,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=PAPER,
                edgecolor=INK,
                linewidth=1.1,
                zorder=3,
            )
        )
        for text, down, size, colour in ((name, -0.08, 10, INK), (in_trio, 0.11, 7, GREY)):
            axes.text(
                x,
                _y(row) + down,
                text,
                ha="center",
                va="center",
                size=size,
                weight="bold" if colour == INK else "normal",
                family="monospace",
                color=colour,
                zorder=4,
            )


def _loops(axes: Axes) -> None:
    """Draw the loops as fields behind the calls: the server's outer one holds its inner one."""
    for x, first, last, room, colour, label in _LOOPS:
        left, right = x - _BOX / 2 - room, x + _BOX / 2 + _MARGIN
        axes.add_patch(
            FancyBboxPatch(
                (left, _y(first) - _HEIGHT / 2 - 0.09),
                right - left,
                (last - first) * _ROW + _HEIGHT + 0.18,
                boxstyle="round,pad=0,rounding_size=0.1",
                facecolor=tint(colour),
                edgecolor=tint(colour),
                zorder=0,
            )
        )
        is_client, is_outer = x == _CLIENT, room > _MARGIN
        axes.text(
            right + 0.1 if is_client else x - _BOX / 2 - _MARGIN - 0.1,
            _y(last if is_outer else (first + last) / 2),
            label,
            ha="left" if is_client else "right",
            va="center",
            size=9,
            color=INK,
        )


def _arrow(axes: Axes, side: str, row: int, lines: Sequence[str], colour: str) -> None:
    edges = {"server": _SERVER + _BOX / 2, "client": _CLIENT - _BOX / 2}
    other = "server" if side == "client" else "client"
    axes.add_patch(
        FancyArrowPatch(
            (edges[side], _y(row)),
            (edges[other], _y(row)),
            arrowstyle="<|-|>" if lines[1:] else "-|>",
            mutation_scale=13,
            shrinkA=2,
            shrinkB=2,
            color=colour,
            linewidth=1.8,
            zorder=2,
        )
    )
    middle = (edges["server"] + edges["client"] + _MARGIN) / 2
    for text, down in zip(lines, (-0.13, 0.13), strict=False):
        axes.text(middle, _y(row) + down, text, ha="center", va="center", size=9, color=INK)
