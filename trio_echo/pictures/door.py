"""A listener's door: which clients were accepted, which are queued, and which are outside.

Drawn from a snapshot. Linux's queue holds one connection more than the backlog. If a client's SYN
finds the queue full, the client stays in SYN_SENT: its kernel repeats the SYN, and its `connect()`
waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.patches import FancyBboxPatch

from .canvas import BLUE, GREEN, GREY, INK, ORANGE, PAPER, Picture, tint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from trio_echo.observe.kernel.sockets import Snapshot

# Inches.
_WIDTH, _MARGIN, _TITLE, _LINE = 8.2, 0.15, 0.42, 0.5
_BOX_WIDTH, _BOX_HEIGHT, _STEP = 0.92, 0.36, 1.0
_BOXES_A_LINE = 8

# How many places of a long queue are drawn.
_MOST_PLACES = 2 * _BOXES_A_LINE


def door(snapshot: Snapshot, clients: Sequence[str]) -> Picture:
    """Draw where the clients of one listener are.

    Args:
        snapshot: has one listener, and the clients' sockets by name.
        clients: their names, in the order in which they came.
    """
    listener = next(row for row in snapshot.rows if row.state == "LISTEN")
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
            max(min(places, _MOST_PLACES) - len(queued), 0),
            BLUE,
        ),
        (f"outside, in SYN_SENT: {len(outside)}", outside, 0, ORANGE),
    ]
    height = 2 * _MARGIN + sum(
        _TITLE + _LINE * _lines(len(names) + free) for _, names, free, _ in groups
    )
    words = "; ".join(f"{title} ({', '.join(names) or 'nobody'})" for title, names, *_ in groups)
    picture = Picture(_WIDTH, height, f"the door of {listener.local}: {words}")
    axes = picture.sheet()
    y = _MARGIN
    for title, names, free, colour in groups:
        _group(axes, y, title, names, free, colour)
        y += _TITLE + _LINE * _lines(len(names) + free)
    return picture


def _lines(boxes: int) -> int:
    return max(-(-boxes // _BOXES_A_LINE), 1)


def _group(axes: Axes, y: float, title: str, names: Sequence[str], free: int, colour: str) -> None:
    """Draw a title, a box for each client, and an empty box for each free place."""
    axes.text(_MARGIN, y + _TITLE / 2, title, va="center", size=11, weight="bold")
    texts = [*names, *[""] * free]
    if not texts:
        axes.text(_MARGIN, y + _TITLE + 0.15, "nobody", va="center", size=10, color=GREY)
    for index, text in enumerate(texts):
        left = _MARGIN + index % _BOXES_A_LINE * _STEP
        top = y + _TITLE + index // _BOXES_A_LINE * _LINE
        axes.add_patch(
            FancyBboxPatch(
                (left, top),
                _BOX_WIDTH,
                _BOX_HEIGHT,
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=tint(colour) if text else PAPER,
                edgecolor=colour,
                linewidth=1.4,
                linestyle="-" if text else (0, (4, 2.5)),
            )
        )
        axes.text(
            left + _BOX_WIDTH / 2,
            top + _BOX_HEIGHT / 2,
            text or "free",
            ha="center",
            va="center",
            size=9.5,
            color=INK if text else GREY,
            parse_math=False,
        )
