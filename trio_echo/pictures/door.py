"""A listener's door: which clients were accepted, which are queued, and which are outside.

Drawn from a snapshot. Linux's queue holds one connection more than the backlog. If a client's SYN
finds the queue full, the client stays in SYN_SENT: its kernel repeats the SYN, and its `connect()`
waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from matplotlib.patches import FancyBboxPatch

from .canvas import BLUE, GREEN, GREY, INK, ORANGE, PAPER, Picture, tint
from .lettering import fitting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from trio_echo.observe.kernel.sockets import Snapshot

# Inches.
_WIDTH, _MARGIN, _TITLE, _LINE = 8.2, 0.15, 0.42, 0.5
_BOX_WIDTH, _BOX_HEIGHT, _STEP = 0.92, 0.36, 1.0
_BOXES_A_LINE = 8
_PAD = 0.1  # the least distance between a box and its text, on both sides together
_SIZE = 9.5  # points

# How many boxes of a group are drawn; the others are counted in the last one.
_MOST = 2 * _BOXES_A_LINE


class _Box(NamedTuple):
    """A box: its text, and whether a client is in it."""

    text: str
    taken: bool


def door(snapshot: Snapshot, clients: Sequence[str]) -> Picture:
    """Draw where the clients of one listener are.

    Args:
        snapshot: has one listener, and the clients' sockets by name.
        clients: their names, in the order in which they came.

    Raises:
        ValueError: the snapshot has no listener.
    """
    listener = next((row for row in snapshot.rows if row.state == "LISTEN"), None)
    if listener is None:
        raise ValueError("nobody listens in this snapshot")
    known = {row.name: row for row in snapshot.rows if row.name in clients}
    accepted = {row.remote: row.accepted for row in snapshot.rows if row.local == listener.local}
    inside, queued, outside = [], [], []
    for name in clients:
        row = known.get(name)
        if row is None:
            continue
        if row.state == "SYN_SENT":
            outside.append(name)
        elif accepted.get(row.local) is False:
            queued.append(name)
        else:
            inside.append(name)
    places = 0 if listener.places is None else listener.places
    asked = "" if listener.backlog is None else f"listen({listener.backlog}): "
    groups = [
        (f"accepted: {len(inside)}", inside, 0, GREEN),
        (
            f"{asked}{len(queued)} in the accept queue",
            queued,
            max(places - len(queued), 0),
            BLUE,
        ),
        (f"outside, in SYN_SENT: {len(outside)}", outside, 0, ORANGE),
    ]
    words = "; ".join(f"{title} ({', '.join(names) or 'nobody'})" for title, names, *_ in groups)
    boxes = [_boxes(names, free) for _, names, free, _ in groups]
    heights = [_TITLE + _LINE * max(-(-len(one) // _BOXES_A_LINE), 1) for one in boxes]
    picture = Picture(_WIDTH, 2 * _MARGIN + sum(heights), f"the door of {listener.local}: {words}")
    axes = picture.sheet()
    y = _MARGIN
    for (title, _, _, colour), inside_it, height in zip(groups, boxes, heights, strict=True):
        _group(axes, y, title, inside_it, colour)
        y += height
    return picture


def _boxes(names: Sequence[str], free: int) -> list[_Box]:
    """Return a box for each client, and for each free place; many are counted in one box."""
    taken = [_Box(fitting(name, _BOX_WIDTH - _PAD, _SIZE), True) for name in names]
    if len(taken) > _MOST:
        taken[_MOST - 1 :] = [_Box(f"… {len(taken) - _MOST + 1} more", True)]
    room = max(_MOST - len(taken), 1)
    places = [_Box("free", False)] * free
    if free > room:
        places[room - 1 :] = [_Box(f"… {free - room + 1} free", False)]
    return taken + places


def _group(axes: Axes, y: float, title: str, boxes: Sequence[_Box], colour: str) -> None:
    """Draw a title and its boxes."""
    axes.text(_MARGIN, y + _TITLE / 2, title, va="center", size=11, weight="bold")
    if not boxes:
        axes.text(_MARGIN, y + _TITLE + 0.15, "nobody", va="center", size=10, color=GREY)
    for index, (text, taken) in enumerate(boxes):
        left = _MARGIN + index % _BOXES_A_LINE * _STEP
        top = y + _TITLE + index // _BOXES_A_LINE * _LINE
        axes.add_patch(
            FancyBboxPatch(
                (left, top),
                _BOX_WIDTH,
                _BOX_HEIGHT,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=tint(colour) if taken else PAPER,
                edgecolor=colour,
                linewidth=1.4,
                linestyle="-" if taken else (0, (4, 2.5)),
            )
        )
        axes.text(
            left + _BOX_WIDTH / 2,
            top + _BOX_HEIGHT / 2,
            text,
            ha="center",
            va="center",
            size=_SIZE,
            color=INK if taken else GREY,
            parse_math=False,
        )
