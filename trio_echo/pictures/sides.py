"""The lecture's drawing of a server and its clients, filled in from a snapshot.

The server's sockets are on the left, the clients' on the right. Each is a card with the three facts
that, as the lecture says, two sockets need before they can talk: the protocol, the local address
and port, the remote address and port. A `?` stands for a fact that the kernel does not know yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from .badge import WIDTH, badge, colour_of
from .canvas import BLUE, GREY, INK, PAPER, SKY, VERMILION, Picture

if TYPE_CHECKING:
    from collections.abc import Collection

    from matplotlib.axes import Axes

    from trio_echo.observe.kernel.sockets import Snapshot, SocketRow

# Inches.
_CARD_WIDTH, _CARD_HEIGHT = 3.1, 1.22
_ROW = _CARD_HEIGHT + 0.22
_GAP = 1.7
_MARGIN, _HEAD = 0.15, 0.42
_WIDTH = 2 * (_MARGIN + _CARD_WIDTH) + _GAP
_SLOT = 0.16

# How many places of a listener's queue are drawn.
_SLOTS = 14
_SLOTS_A_LINE = 7
_MOST_ROWS = 8
# Longer texts would be too small.
_TITLE_LETTERS, _LETTERS = 28, 48


def sides(snapshot: Snapshot, *, port: int | None = None, server: Collection[str] = ()) -> Picture:
    """Draw the two sides of a service, from a snapshot.

    Args:
        snapshot: the sockets to draw.
        port: the server's; by default that of the first listener.
        server: names of the server's sockets that have no port yet.
    """
    if port is None:
        port = next((row.local.port for row in snapshot.rows if _listens(row) and row.local), None)
    left: list[SocketRow] = []
    right: list[SocketRow] = []
    for row in snapshot.rows:
        is_servers = row.name in server or (row.local is not None and row.local.port == port)
        (left if is_servers else right).append(row)
    pairs = _pairs(left, right)
    shown = pairs[:_MOST_ROWS]
    height = _HEAD + max(len(shown), 1) * _ROW + 2 * _MARGIN + (0.3 if pairs[_MOST_ROWS:] else 0)
    picture = Picture(_WIDTH, height, _description(left, right))
    axes = picture.sheet()
    x_right = _WIDTH - _MARGIN - _CARD_WIDTH
    for x, title in ((_MARGIN, "server"), (x_right, "client")):
        axes.text(
            x + _CARD_WIDTH / 2,
            _MARGIN + 0.12,
            title,
            ha="center",
            va="center",
            size=13,
            weight="bold",
        )
    for index, (ours, theirs) in enumerate(shown):
        y = _MARGIN + _HEAD + index * _ROW
        if ours is not None:
            _card(axes, _MARGIN, y, ours)
        if theirs is not None:
            _card(axes, x_right, y, theirs)
        if ours is not None and ours.remote is not None and theirs is not None:
            _link(axes, _MARGIN + _CARD_WIDTH, x_right, y + _CARD_HEIGHT / 2, ours)
        if ours is not None and _listens(ours):
            _queue(axes, _MARGIN + _CARD_WIDTH + 0.1, y, ours)
    if len(pairs) > _MOST_ROWS:
        more = f"… and {len(pairs) - _MOST_ROWS} more"
        axes.text(_WIDTH / 2, height - _MARGIN - 0.1, more, ha="center", va="center", color=GREY)
    return picture


def _listens(row: SocketRow) -> bool:
    return row.state == "LISTEN"


def _pairs(
    left: list[SocketRow], right: list[SocketRow]
) -> list[tuple[SocketRow | None, SocketRow | None]]:
    """Pair the two ends of each connection; a socket without another end stands alone."""
    rest = list(right)
    pairs: list[tuple[SocketRow | None, SocketRow | None]] = []
    for row in left:
        peer = next((one for one in rest if _may_face(row, one)), None)
        if peer is not None:
            rest.remove(peer)
        pairs.append((row, peer))
    return [*pairs, *((None, row) for row in rest)]


def _may_face(ours: SocketRow, theirs: SocketRow) -> bool:
    """Return whether these are the two ends of a connection, or both have no peer yet."""
    return (ours.local, ours.remote) == (theirs.remote, theirs.local) or (
        ours.remote is None and theirs.remote is None
    )


def _card(axes: Axes, x: float, y: float, row: SocketRow) -> None:
    colour = colour_of(row.state)
    owned = row.owned is not False
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            _CARD_WIDTH,
            _CARD_HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=PAPER,
            edgecolor=colour,
            linewidth=1.8,
            linestyle="-" if owned else (0, (4, 2.5)),
        )
    )
    badge(axes, x + _CARD_WIDTH - 0.07 - WIDTH / 2, y + 0.19, row.state)
    unowned = "not accepted yet" if row.accepted is False else "kept only by the kernel"
    title = row.name or ("a socket" if owned else unowned)
    axes.text(
        x + 0.1,
        y + 0.18,
        _cut(title, _TITLE_LETTERS),
        va="center_baseline",
        size=_fitting(title, 9.5, 20),
        weight="bold" if row.name else "normal",
        style="normal" if owned else "italic",
        family="monospace" if row.name else "sans-serif",
        color=INK if owned else GREY,
    )
    unknown = "none: it listens" if _listens(row) else "?"
    facts = [
        ("protocol", row.protocol),
        ("local", str(row.local or unknown)),
        ("remote", str(row.remote or unknown)),
    ]
    if row.waiting and not _listens(row):
        facts.append(("waiting", _cut(row.waiting, _LETTERS)))
    for index, (what, value) in enumerate(facts):
        line = y + 0.45 + index * 0.21
        axes.text(x + 0.1, line, what, va="center_baseline", size=8.5, color=GREY)
        axes.text(
            x + 0.75,
            line,
            value,
            va="center_baseline",
            size=_fitting(value, 9, 30),
            family="monospace" if what != "waiting" else "sans-serif",
            weight="bold" if value == "?" else "normal",
            color=VERMILION if value == "?" else GREY if value == unknown else INK,
        )


def _fitting(text: str, size: float, letters: int) -> float:
    """Shrink a text that is too long for its room, such as a full IPv6 address."""
    return min(size, size * letters / max(len(text), 1))


def _cut(text: str, letters: int) -> str:
    """Cut a text that would be too small to read."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _link(axes: Axes, start: float, end: float, y: float, row: SocketRow) -> None:
    """Join the two ends of a connection."""
    axes.add_patch(
        FancyArrowPatch(
            (start + 0.04, y),
            (end - 0.04, y),
            arrowstyle="<->",
            mutation_scale=12,
            color=colour_of(row.state),
            linewidth=1.6,
        )
    )


def _queue(axes: Axes, x: float, y: float, row: SocketRow) -> None:
    """Draw the places of a listener's queue; occupied ones are filled."""
    if row.accept_queue is None or row.places is None:
        return
    axes.text(
        x,
        y + 0.32,
        f"accept queue:\n{row.accept_queue} of {row.places} wait",
        va="center",
        size=8.5,
        linespacing=1.3,
    )
    slots = max(row.places, row.accept_queue)
    for index in range(min(slots, _SLOTS)):
        column, line = index % _SLOTS_A_LINE, index // _SLOTS_A_LINE
        if slots > _SLOTS and index == _SLOTS - 1:
            middle = x + column * (_SLOT + 0.05) + _SLOT / 2
            axes.text(middle, y + 0.86, "…", ha="center", va="center", size=8.5)
            break
        axes.add_patch(
            Rectangle(
                (x + column * (_SLOT + 0.05), y + 0.57 + line * (_SLOT + 0.05)),
                _SLOT,
                _SLOT,
                facecolor=SKY if index < row.accept_queue else PAPER,
                edgecolor=BLUE,
                linewidth=1,
            )
        )


def _description(left: list[SocketRow], right: list[SocketRow]) -> str:
    def words(rows: list[SocketRow]) -> str:
        return "; ".join(
            f"{row.name or 'a socket'} {row.state}, {row.protocol}, "
            f"local {row.local or '?'}, remote {row.remote or '?'}"
            for row in rows
        )

    return f"server: {words(left) or 'no socket'}; client: {words(right) or 'no socket'}"
