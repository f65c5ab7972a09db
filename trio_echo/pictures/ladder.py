"""A connection's segments as a ladder: the client left, the server right, time runs down."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from trio_echo.observe.packets.states import initial, moments
from trio_echo.observe.packets.wire import Flags
from trio_echo.screen.text import decoded

from .canvas import BLACK, BLUE, GREEN, GREY, PAPER, PURPLE, VERMILION, Picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from trio_echo.addresses import Endpoint
    from trio_echo.observe.packets.segment import Segment
    from trio_echo.observe.packets.states import Moment
    from trio_echo.observe.packets.trace import Trace

# Inches.
_WIDTH = 9.0
_CLIENT, _SERVER = 2.25, 7.6  # where the two life lines stand
_TIME = 0.85  # where the times end
_BETWEEN = 0.1  # between a life line and the words beside it
_TOP, _BOTTOM = 0.95, 0.3
_SLANT, _STEP = 0.22, 0.26  # down to where a segment arrives, and from there to the next one

# How many segments, and characters of data, are legible.
_MOST, _SHOWN = 24, 16
_LARGE, _SMALL = 10, 8.5  # points


class _Kind(NamedTuple):
    colour: str
    style: str
    width: float


# The words above an arrow say its kind as well.
_SYN = _Kind(BLUE, "-", 2.0)
_FIN = _Kind(PURPLE, "--", 2.0)
_RST = _Kind(VERMILION, "-.", 2.0)
_DATA = _Kind(GREEN, "-", 2.0)
_PLAIN = _Kind(GREY, "-", 1.0)


def ladder(trace: Trace) -> Picture:
    """Draw a connection: an arrow for each segment, and the TCP states beside both ends.

    The order is exact, the distances are not: the times are at the side. A long trace shows
    its first and last segments.
    """
    count = len(trace.segments)
    gap = range(_MOST // 2, count - _MOST // 2) if count > _MOST else range(0)
    shown = [one for one in moments(trace) if one.segment not in gap]
    heights, bottom = _heights(shown, gap)
    picture = Picture(_WIDTH, bottom + _BOTTOM, f"ladder diagram of {trace.title}")
    axes = picture.sheet()
    _frame(axes, trace, bottom)
    states = initial(trace)
    for end, state in states.items():
        _state(axes, trace, end, _TOP, state)
    for one in shown:
        height = heights[one.segment, one.arrives]
        if one.state != states[one.at]:
            states[one.at] = one.state
            _state(axes, trace, one.at, height, one.state)
        if one.arrives:
            segment = trace.segments[one.segment]
            _arrow(axes, trace, segment, heights[one.segment, False], height)
    if gap:
        middle = heights[gap.start - 1, True] + 2 * _STEP
        words = f"… {len(gap)} segments are left out here …"
        _write(axes, (_CLIENT + _SERVER) / 2, middle, words, color=GREY)
    return picture


def _heights(shown: list[Moment], gap: range) -> tuple[dict[tuple[int, bool], float], float]:
    """Return each moment's height, by segment and whether it arrives, and the bottom."""
    heights = {}
    height = _TOP
    for one in shown:
        height += _SLANT if one.arrives else _STEP
        if gap and one.segment == gap.stop and not one.arrives:
            height += 3 * _STEP
        heights[one.segment, one.arrives] = height
    return heights, height + _STEP


def _frame(axes: Axes, trace: Trace, bottom: float) -> None:
    """Draw the life lines and their heads."""
    ends = ((_CLIENT, "client", trace.client), (_SERVER, "server", trace.server))
    for x, role, endpoint in ends:
        axes.plot([x, x], [_TOP - 0.15, bottom], color=BLACK, linewidth=1.2)
        _write(axes, x, 0.5, role, fontsize=_LARGE, fontweight="bold")
        _write(axes, x, 0.68, str(endpoint), fontsize=_LARGE)
    _write(axes, _TIME, 0.68, "time", horizontalalignment="right", color=GREY)
    if trace.recording is not None:
        middle = (_CLIENT + _SERVER) / 2
        words = f"recorded capture: {trace.recording}"
        _write(axes, middle, 0.2, words, fontsize=_LARGE, fontweight="bold", color=VERMILION)


def _state(axes: Axes, trace: Trace, end: Endpoint, height: float, state: str) -> None:
    """Write the state of an end from here on."""
    left = end == trace.client
    _write(
        axes,
        _CLIENT - _BETWEEN if left else _SERVER + _BETWEEN,
        height,
        state,
        horizontalalignment="right" if left else "left",
        fontweight="bold",
    )


def _arrow(axes: Axes, trace: Trace, segment: Segment, leaves: float, arrives: float) -> None:
    """Draw a segment as an arrow, with the time when it left and what it says."""
    to_server = segment.source == trace.client
    start, end = (_CLIENT, _SERVER) if to_server else (_SERVER, _CLIENT)
    kind = _kind(segment)
    axes.annotate(
        "",
        xy=(end, arrives),
        xytext=(start, leaves),
        arrowprops={
            "arrowstyle": "-|>,head_width=0.22,head_length=0.5",
            "color": kind.colour,
            "linestyle": kind.style,
            "linewidth": kind.width,
            "shrinkA": 0,
            "shrinkB": 0,
        },
    )
    milliseconds = f"{segment.time / 1e6:.3f} ms"
    _write(axes, _TIME, leaves, milliseconds, horizontalalignment="right", color=GREY)
    if arrives - leaves > 1.5 * _SLANT:
        # It crosses others: write the words level at its beginning, in front of the arrows.
        _write(
            axes,
            start + (_BETWEEN if to_server else -_BETWEEN),
            leaves - 0.05,
            _words(segment),
            horizontalalignment="left" if to_server else "right",
            verticalalignment="bottom",
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.5},
        )
        return
    angle = math.degrees(math.atan2(arrives - leaves, _SERVER - _CLIENT))
    _write(
        axes,
        (start + end) / 2,
        (leaves + arrives) / 2 - 0.04,
        _words(segment),
        verticalalignment="bottom",
        rotation=-angle if to_server else angle,
        rotation_mode="anchor",
    )


def _kind(segment: Segment) -> _Kind:
    if Flags.RST in segment.flags:
        return _RST
    if Flags.SYN in segment.flags:
        return _SYN
    if Flags.FIN in segment.flags:
        return _FIN
    return _DATA if segment.payload else _PLAIN


def _words(segment: Segment) -> str:
    """Describe a segment; its window only at the beginning and when it is 0."""
    words = [f"{segment.flags}  seq {segment.sequence}"]
    if segment.acknowledgement is not None:
        words.append(f"ack {segment.acknowledgement}")
    begins, full = Flags.SYN in segment.flags, segment.window == 0
    if begins or (full and Flags.RST not in segment.flags):
        words.append(f"window {segment.window}")
    if segment.mss is not None:
        words.append(f"MSS {segment.mss}")
    if segment.payload:
        # Some fonts have only ASCII.
        text = decoded(segment.payload[:_SHOWN], "ascii")
        whole = len(text) <= _SHOWN and len(segment.payload) <= _SHOWN
        words.append(f"{len(segment.payload)} bytes: {text if whole else text[:_SHOWN] + '...'}")
    return "  ".join(words)


def _write(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    defaults: dict[str, Any] = {
        "color": BLACK,
        "fontsize": _SMALL,
        "horizontalalignment": "center",
        "verticalalignment": "center",
        "parse_math": False,  # a peer may send a dollar sign
    }
    axes.text(x, y, text, **(defaults | style))
