"""Frames as a ladder: the client left, the server right, time runs down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.observe.packets.states import initial, moments
from trio_echo.observe.packets.traffic import Traffic
from trio_echo.observe.packets.wire import Flags

from .beside import Labels
from .canvas import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, Picture
from .rungs import (
    BOTTOM,
    TOP,
    WIDTH,
    Kind,
    Rung,
    Step,
    arrows,
    beside,
    crosses,
    draw,
    frame,
    places,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trio_echo.observe.packets.segment import Segment
    from trio_echo.observe.packets.trace import Trace
    from trio_echo.observe.packets.traffic import Crossing

# How many frames are legible.
_MOST = 24

_SYN = Kind(BLUE, "-", 2.0)
_FIN = Kind(PURPLE, "--", 2.0)
_RST = Kind(VERMILION, "-.", 2.0)
_DATA = Kind(GREEN, "-", 2.0)
_PLAIN = Kind(GREY, "-", 1.0)
_OTHER = Kind(ORANGE, "-", 1.6)  # what is not TCP


def ladder(seen: Trace | Traffic, *, most: int = _MOST) -> Picture:
    """Draw a connection, or everything that crossed a link: an arrow for each frame.

    The order is exact, the distances are not: the times are at the side. A trace also has the TCP
    states beside both ends. What a cable lost ends halfway; what it corrupted ends at the far side
    with a cross, since the receiver drops it. A pause of 100 ms or more is shown, but not in the
    trace of an ordinary capture.

    Args:
        seen: the frames.
        most: how many frames to draw. If there are more, the first and the last ones are drawn.
    """
    return _traffic(seen, most) if isinstance(seen, Traffic) else _trace(seen, most)


def _trace(trace: Trace, most: int) -> Picture:
    rungs = [
        Rung(
            one.time,
            one.source == trace.client,
            _kind(one),
            ": ".join([*_noted(one.notes if trace.from_cable else ()), one.words]),
            len(one.arrivals) if trace.from_cable else 1,
            bool(one.damage),
        )
        for one in trace.segments
    ]
    happened = moments(trace)
    steps = []
    for one in happened:
        segment = trace.segments[one.segment]
        time = None
        if trace.from_cable:
            time = sorted(segment.arrivals)[one.copy] if one.arrives else segment.time
        steps.append(Step(one.segment, one.copy if one.arrives else None, time))
    heads = [("client", str(trace.client)), ("server", str(trace.server))]
    what = f"ladder diagram of {trace.title}"
    picture, heights = _draw(rungs, steps, most, heads, what, trace.recording, "segments")
    (axes,) = picture.figure.axes
    states = initial(trace)
    for end, state in states.items():
        beside(axes, TOP, state, left=end == trace.client)
    for one, step in zip(happened, steps, strict=True):
        height = heights.get((step.rung, step.copy))
        if height is not None and one.state != states[one.at]:
            states[one.at] = one.state
            beside(axes, height, one.state, left=one.at == trace.client)
    return picture


def _traffic(traffic: Traffic, most: int) -> Picture:
    versions = {one.decoded.version for one in traffic.crossings if one.segment is not None}
    rungs = [
        Rung(
            one.time,
            one.end == traffic.ends[0],
            _OTHER if one.segment is None else _kind(one.segment),
            ": ".join([*_noted(one.notes), _protocol(one, versions), one.words]),
            len(one.arrivals) if traffic.from_cable else 1,
            bool(one.damage),
        )
        for one in traffic.crossings
    ]
    order = []
    for number, one in enumerate(traffic.crossings):
        order.append((one.time, number, -1))
        arrivals = sorted(one.arrivals) if traffic.from_cable else [one.time]
        order += [(time, number, copy) for copy, time in enumerate(arrivals)]
    steps = [Step(number, None if copy < 0 else copy, time) for time, number, copy in sorted(order)]
    ends = (*traffic.ends, "", "")[:2]
    heads = [(end, ", ".join(traffic.addresses.get(end, ()))) for end in ends]
    what = f"ladder diagram of {traffic.title}"
    picture, _ = _draw(rungs, steps, most, heads, what, traffic.recording, "frames")
    return picture


def _draw(
    rungs: list[Rung],
    steps: list[Step],
    most: int,
    heads: list[tuple[str, str]],
    description: str,
    recording: str | None,
    units: str,
) -> tuple[Picture, Mapping[tuple[int, int | None], float]]:
    """Draw a ladder; return it with the heights of the steps that are drawn."""
    count = len(rungs)
    gap = range(most // 2, count - most // 2) if count > most else range(0)
    shown = [one for one in steps if one.rung not in gap]
    found = places(rungs, shown, gap, f"… {len(gap)} {units} are left out here …")
    picture = Picture(WIDTH, found.bottom + BOTTOM, description)
    axes = picture.sheet()
    frame(axes, heads, found, recording)
    drawn = {number: rung for number, rung in enumerate(rungs) if number not in gap}
    lines = arrows(drawn, found.heights)
    labels = Labels([one for copies in lines.values() for one in copies], crosses(drawn, lines))
    for number, rung in drawn.items():
        draw(axes, rung, lines[number], labels)
    return picture, found.heights


def _noted(notes: tuple[str, ...]) -> list[str]:
    return [", ".join(notes)] if notes else []


def _protocol(one: Crossing, versions: set[int | None]) -> str:
    over = f" over IPv{one.decoded.version}" if one.segment and len(versions) > 1 else ""
    return f"{one.decoded.protocol}{over}"


def _kind(segment: Segment) -> Kind:
    if Flags.RST in segment.flags:
        return _RST
    if Flags.SYN in segment.flags:
        return _SYN
    if Flags.FIN in segment.flags:
        return _FIN
    return _DATA if segment.payload else _PLAIN
