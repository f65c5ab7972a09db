"""How two ends of a connection part: who closes first, by which call, and the states that follow.

RFC 9293, section 3.6 and figure 5. The states are what the kernel's tables list after each call;
what was sent is read off them.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from matplotlib.patches import FancyArrowPatch

from trio_echo.addresses import Endpoint
from trio_echo.canvas import BLACK, BLUE, GREEN, GREY, PAPER, VERMILION, Picture
from trio_echo.text import safe

from .badge import WIDTH, badge
from .kernel import snapshot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Side: TypeAlias = Literal["client", "server"]

GONE = "CLOSED"
"""The state of an end that the kernel no longer lists: RFC 9293 has this name for it."""

# The pairs of states that last: all others turn into one of these within milliseconds.
_LASTING = (
    {"ESTABLISHED"},
    {"FIN_WAIT2", "CLOSE_WAIT"},
    {"TIME_WAIT", GONE},
    {GONE},
)
# An acknowledgement may be held back for 40 ms (Linux), elsewhere for 200 ms (RFC 1122: 500 ms).
_PATIENCE = 5.0
_INTERVAL = 0.001

# Inches.
_WIDTH, _ROW, _HEAD, _MARGIN = 8.2, 0.72, 0.95, 0.15
_LINES = {"client": 2.75, "server": 5.45}
_ARROWS = {"data": GREEN, "FIN": BLUE, "RST": VERMILION}


@dataclass(frozen=True, slots=True)
class Step:
    """One call, and what it led to.

    Attributes:
        side: who called.
        call: what, as it is written in Python.
        outcome: what it returned or raised; empty if it returned nothing.
        client: the state of the client's end afterwards.
        server: that of the server's.
    """

    side: Side
    call: str
    outcome: str
    client: str
    server: str


class Parting:
    """A connection of its own on 127.0.0.1, with plain sockets: a widget may use it.

    As a context manager, it closes what is still open at the end.

    Attributes:
        steps: what has been called.
    """

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
        server.settimeout(_PATIENCE)
        client.settimeout(_PATIENCE)
        self._sockets: dict[Side, socket.socket] = {"client": client, "server": server}
        self._ends: dict[Side, Endpoint] = {
            side: Endpoint.from_sockaddr(one.getsockname()) for side, one in self._sockets.items()
        }
        self.steps: list[Step] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets.values():
            one.close()

    def do(self, side: Side, call: str, *args: object, shown: str | None = None) -> None:
        """Call a method of one side's socket, and wait for the states that this leads to.

        Args:
            side: whose socket.
            call: the method's name.
            args: its arguments.
            shown: how to write the call; by default with its arguments as Python shows them.
        """
        try:
            result = getattr(self._sockets[side], call)(*args)
        except OSError as exc:
            outcome = f"raised {type(exc).__name__}"
        else:
            outcome = "" if result is None else f"returned {result!r}"
        shown = shown or f"{call}({', '.join(map(repr, args))})"
        states = self._settled()
        self.steps.append(
            Step(side, safe(shown), safe(outcome), states["client"], states["server"])
        )

    def abort(self, side: Side) -> None:
        """Close one side's socket with a reset: SO_LINGER with a time of 0, socket(7)."""
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        self._sockets[side].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.do(side, "close", shown="close(), linger 0")

    def picture(self) -> Picture:
        """Draw the steps from top to bottom, the client on the left, the server on the right."""
        return _draw(self.steps)

    def _settled(self) -> dict[Side, str]:
        """Wait for a pair of states that lasts; give what there is if none comes in time."""
        deadline = time.monotonic() + _PATIENCE
        while set((states := self._states()).values()) not in _LASTING:
            if time.monotonic() > deadline:
                break
            time.sleep(_INTERVAL)
        return states

    def _states(self) -> dict[Side, str]:
        client, server = self._ends["client"], self._ends["server"]
        listed = {(row.local, row.remote): row.state for row in snapshot(client.port).rows}
        return {
            "client": listed.get((client, server), GONE),
            "server": listed.get((server, client), GONE),
        }


def _draw(steps: list[Step]) -> Picture:
    height = _HEAD + len(steps) * _ROW + 2 * _MARGIN
    told = "; ".join(
        f"{one.side} {one.call} {one.outcome}".rstrip()
        + f": client {one.client}, server {one.server}"
        for one in steps
    )
    picture = Picture(_WIDTH, height, f"how a connection ended: {told or 'it did not'}")
    axes = picture.sheet()
    before = Step("client", "", "", "ESTABLISHED", "ESTABLISHED")
    for side, x in _LINES.items():
        axes.text(x, 0.28, side, ha="center", va="center", size=13, weight="bold")
        axes.plot([x, x], [0.45, height - _MARGIN], color=GREY, linewidth=1, zorder=0)
        badge(axes, x, 0.62, "ESTABLISHED")
    for index, step in enumerate(steps):
        y = _HEAD + index * _ROW
        _row(axes, y, step, before)
        before = step
    return picture


def _row(axes: Axes, y: float, step: Step, before: Step) -> None:
    """Draw a call beside its caller's line, what was sent, and the states that are new."""
    is_client = step.side == "client"
    x = _LINES[step.side]
    away = -1 if is_client else 1
    axes.plot([x], [y + 0.1], "o", color=BLACK, markersize=4)
    for text, down, colour in ((step.call, 0.1, BLACK), (step.outcome, 0.29, GREY)):
        axes.text(
            x + away * (WIDTH / 2 + 0.12),
            y + down,
            text,
            ha="right" if is_client else "left",
            va="center",
            size=9,
            family="monospace",
            color=colour,
            parse_math=False,
        )
    arrows = _arrows(before, step)
    for index, (what, side) in enumerate(arrows):
        _arrow(axes, y + 0.1 + 0.14 * index, 0.12 if arrows[1:] else 0.24, what, side)
    for state, old, line in (
        (step.client, before.client, _LINES["client"]),
        (step.server, before.server, _LINES["server"]),
    ):
        if state != old:
            badge(axes, line, y + 0.5, state)


def _arrows(before: Step, after: Step) -> list[tuple[str, Side]]:
    """Tell what was sent, and by whom, as the change of states gives it away."""
    is_same = (before.client, before.server) == (after.client, after.server)
    is_reset = not is_same and after.client == after.server == GONE
    if after.call.startswith("send(") and after.outcome.startswith("returned"):
        other: Side = "server" if after.side == "client" else "client"
        # Nobody is left to receive the data: that end's kernel answers with a reset.
        return [("data", after.side), *([("RST", other)] if is_reset else [])]
    if is_same:
        return []
    return [("RST" if is_reset else "FIN", after.side)]


def _arrow(axes: Axes, y: float, slant: float, what: str, side: Side) -> None:
    start, end = _LINES[side], _LINES["server" if side == "client" else "client"]
    ahead = 1 if start < end else -1
    axes.add_patch(
        FancyArrowPatch(
            (start + ahead * 0.06, y),
            (end - ahead * 0.03, y + slant),
            arrowstyle="-|>",
            mutation_scale=13,
            shrinkA=0,
            shrinkB=0,
            color=_ARROWS[what],
            linewidth=1.8,
            linestyle="--" if what == "RST" else "-",
        )
    )
    axes.text(
        start + ahead * 1.0,
        y + 0.02,
        what,
        ha="center",
        va="center",
        size=9.5,
        weight="bold",
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5},
    )
