"""Congestion control and queues over time, in panels above one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.ticker import MaxNLocator

from .canvas import BLUE, FAINT, GREEN, GREY, ORANGE, PURPLE, VERMILION, Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from trio_echo.observe.kernel.congestion import Sample
    from trio_echo.observe.packets.queueing import Queue

_WIDTH, _PANEL, _AXIS = 8.2, 1.55, 0.65  # inches
_COLOURS = (GREEN, PURPLE)
_LINES = ("-", "--")


def congestion(
    samples: Sequence[Sample], *, queues: Sequence[Queue] = (), since: int | None = None
) -> Picture:
    """Draw the congestion window, the round trip, the retransmissions, and queues below them.

    Args:
        samples: of one connection, from `trio_echo.observe.kernel.sampled`.
        queues: from `trio_echo.observe.packets.queues`, of the cable that it crossed.
        since: where the time axis begins, in nanoseconds since the epoch; by default at the first
            sample. The time of a trace's first frame makes the axis that of its ladder.

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("no samples")
    start = samples[0].time if since is None else since
    end = max([samples[-1].time, *(one.times[-1] for one in queues if one.times)])
    times = [(one.time - start) / 1e6 for one in samples]
    values = [one.congestion for one in samples]
    last = values[-1]
    words = (
        f"congestion control over {(samples[-1].time - samples[0].time) / 1e6:.0f} ms: window up to"
        f" {max(one.window for one in values)} segments, round trip up to"
        f" {max(one.round_trip for one in values) * 1e3:.1f} ms,"
        f" {last.retransmissions} retransmissions"
    )
    picture, panels = _panels(4 if queues else 3, words, (end - start) / 1e6)
    # None leaves a gap in a line.
    thresholds = [float("nan") if one.threshold is None else one.threshold for one in values]
    _step(panels[0], times, [one.window for one in values], "cwnd", BLUE, "-")
    if any(one.threshold is not None for one in values):  # BBR has none
        _step(panels[0], times, thresholds, "ssthresh", ORANGE, "--")
    _step(panels[0], times, [one.in_flight for one in values], "in flight", GREY, ":")
    _finish(panels[0], "segments")
    _step(panels[1], times, [one.round_trip * 1e3 for one in values], "RTT", BLUE, "-")
    _step(panels[1], times, [one.timeout * 1e3 for one in values], "RTO", ORANGE, "--")
    _finish(panels[1], "ms")
    counts = [one.retransmissions for one in values]
    _step(panels[2], times, counts, "retransmissions", VERMILION, "-")
    _finish(panels[2], "count", whole=True)
    if queues:
        _queues(panels[3], queues, start)
    return picture


def queue(queues: Sequence[Queue], *, since: int | None = None) -> Picture:
    """Draw how many frames waited before a cable, over time; dropped frames are marked.

    Args:
        queues: from `trio_echo.observe.packets.queues`.
        since: where the time axis begins, in nanoseconds since the epoch; by default at the first
            frame.

    Raises:
        ValueError: no frame crossed the cable.
    """
    known = [one for one in queues if one.times]
    if not known:
        raise ValueError("no frame crossed the cable")
    start = min(one.times[0] for one in known) if since is None else since
    end = max(one.times[-1] for one in known)
    words = "; ".join(
        f"from {one.source}: up to {max(one.depths)} frames, {len(one.drops)} dropped"
        for one in known
    )
    picture, (axes,) = _panels(
        1, f"queues over {(end - start) / 1e6:.0f} ms: {words}", (end - start) / 1e6
    )
    _queues(axes, known, start)
    return picture


def _panels(count: int, description: str, end: float) -> tuple[Picture, list[Axes]]:
    picture = Picture(_WIDTH, _PANEL * count + _AXIS, description)
    panels = [picture.figure.add_subplot(count, 1, 1)]
    panels += [
        picture.figure.add_subplot(count, 1, number + 1, sharex=panels[0])
        for number in range(1, count)
    ]
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False)
    panels[-1].set_xlabel("time (ms)")
    panels[0].set_xlim(0, end or 1)
    picture.figure.align_ylabels(panels)
    height = _PANEL * count + _AXIS
    picture.figure.subplots_adjust(
        left=0.09, right=0.8, top=1 - 0.12 / height, bottom=0.52 / height, hspace=0.16
    )
    return picture, panels


def _step(
    axes: Axes, times: Sequence[float], values: Sequence[float], label: str, colour: str, line: str
) -> None:
    axes.step(times, values, where="post", color=colour, linestyle=line, label=label)


def _queues(axes: Axes, queues: Sequence[Queue], start: int) -> None:
    for number, one in enumerate(queues):
        colour, line = _COLOURS[number % 2], _LINES[number % 2]
        times = [(time - start) / 1e6 for time in one.times]
        _step(axes, times, one.depths, f"from {one.source}", colour, line)
    drops = [(time - start) / 1e6 for one in queues for time in one.drops]
    top = max((max(one.depths, default=0) for one in queues), default=0)
    if drops:
        axes.plot(drops, [top] * len(drops), "x", color=VERMILION, label="dropped")
    _finish(axes, "frames", whole=True)


def _finish(axes: Axes, unit: str, *, whole: bool = False) -> None:
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0, top=max(axes.get_ylim()[1], 1))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=whole))
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9)
    axes.grid(color=FAINT)
    axes.spines[["top", "right"]].set_visible(False)
