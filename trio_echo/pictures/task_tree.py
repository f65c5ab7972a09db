"""The picture of a task tree: boxes in boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from matplotlib.patches import FancyBboxPatch

from trio_echo.observe.tasks.tree import NurseryNode, TaskNode, TaskTree, children

from .canvas import BLUE, GREY, INK, PAPER, SKY, VERMILION, Picture, tint
from .sheet import GAP, INDENT, MARGIN, ROW, cut, left_out, text_width, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.axes import Axes

_PAD = 0.07  # inches between a box and what is in it
_WAITS = "waits in"
_KEY = "solid: a task; dashed: a nursery, its children inside"


class _Row(NamedTuple):
    """One box of the tree: its left, upper and lower edge, and its depth."""

    node: TaskNode | NurseryNode | None
    name: str
    x: float
    top: float
    bottom: float
    depth: int


def task_tree(tree: TaskTree) -> Picture:
    """Draw tasks as solid boxes and, inside them, the nurseries that they opened, dashed.

    A nursery without children is written beside its task. If there are many siblings, a few are
    drawn and the others counted.

    Drawing takes a moment in which no task runs: take snapshots first and draw them later.
    """
    rows = list(_stack(tree.root, MARGIN, MARGIN + ROW, 0))
    waits_at = GAP + max(row.x + _PAD + text_width(row.name, bold=True) for row in rows)
    tasks = [row for row in rows if isinstance(row.node, TaskNode)]
    empty_at = (
        GAP + waits_at + max([text_width(_WAITS), *(text_width(_waits(row)) for row in tasks)])
    )
    deepest = max(row.depth for row in rows)
    right = empty_at + max([text_width(_empty(row)) for row in tasks], default=0)
    width = max(right + _PAD * (deepest + 1), MARGIN + text_width(_KEY)) + MARGIN
    bottom = max(row.bottom for row in rows)

    count = sum(isinstance(node, TaskNode) for node in tree.walk())
    picture = Picture(
        width, bottom + ROW + MARGIN, f"task tree, {count} task{'s' * (count != 1)}:\n{tree}"
    )
    axes = picture.sheet()
    write(axes, waits_at, MARGIN + ROW / 2, _WAITS, GREY)
    for row in rows:
        middle = row.top + ROW / 2
        if row.node is None:
            write(axes, row.x + _PAD, middle, row.name, GREY)
            continue
        edge = width - MARGIN - _PAD * row.depth
        _box(axes, row, edge)
        if isinstance(row.node, TaskNode):
            write(axes, row.x + _PAD, middle, row.name, bold=True)
            write(axes, waits_at, middle, _waits(row))
            write(axes, empty_at, middle, _empty(row), BLUE)
        else:
            colour = VERMILION if row.node.cancelled else BLUE
            write(axes, row.x + _PAD, middle, row.name, colour)
    write(axes, MARGIN, bottom + (ROW + MARGIN) / 2, _KEY, GREY)
    return picture


def _waits(row: _Row) -> str:
    return cut(row.node.waits_in) if isinstance(row.node, TaskNode) else ""


def _empty(row: _Row) -> str:
    below = row.node.nurseries if isinstance(row.node, TaskNode) else ()
    return "; ".join(nursery.title for nursery in below if not nursery.tasks)


def _stack(node: TaskNode | NurseryNode, x: float, top: float, depth: int) -> Iterator[_Row]:
    """Place a node's box and everything inside it, from `top` downwards."""
    below: Sequence[TaskNode | NurseryNode] = children(node)
    if isinstance(node, TaskNode):
        below = [nursery for nursery in below if children(nursery)]
    names = [child.name or "nursery" for child in below]
    hidden = left_out(names)
    inside: list[_Row] = []
    y = top + ROW
    for number, child in enumerate(below):
        if number in hidden:
            continue
        placed = list(_stack(child, x + INDENT, y, depth + 1))
        inside += placed
        y = placed[0].bottom + _PAD
    if hidden:
        inside.append(_Row(None, f"… and {len(hidden)} more", x + INDENT, y, y + ROW, depth + 1))
        y += ROW
    name = node.name if isinstance(node, TaskNode) else node.title
    yield _Row(node, cut(name), x, top, y, depth)
    yield from inside


def _box(axes: Axes, row: _Row, right: float) -> None:
    nursery = isinstance(row.node, NurseryNode)
    cancelled = isinstance(row.node, NurseryNode) and row.node.cancelled
    axes.add_patch(
        FancyBboxPatch(
            (row.x, row.top),
            right - row.x,
            row.bottom - row.top,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=tint(SKY, 0.12) if nursery else PAPER,
            edgecolor=VERMILION if cancelled else BLUE if nursery else INK,
            linestyle="--" if nursery else "-",
            linewidth=1.8 if cancelled else 0.9,
        )
    )
