"""Happy eyeballs as a picture: each attempt as a bar over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.observe.experiments.eyeballs import CONNECTED, GIVEN_UP

from .canvas import BLUE, FAINT, GREY, INK, SKY, VERMILION, Picture

if TYPE_CHECKING:
    from trio_echo.observe.experiments.eyeballs import Race

_COLOURS = {CONNECTED: BLUE, GIVEN_UP: SKY}

# Inches.
_WIDTH, _ROW, _AROUND = 7.5, 0.42, 1.05


def eyeballs(race: Race) -> Picture:
    """Draw each attempt as a bar over time, with its outcome beside it.

    Raises:
        ValueError: the race has no attempts.
    """
    count = len(race.attempts)
    if count == 0:
        raise ValueError("nothing was tried")
    words = "; ".join(
        f"{one.endpoint} {one.began * 1e3:.0f} to {one.ended * 1e3:.0f} ms, {one.outcome}"
        for one in race.attempts
    )
    delay = race.delay * 1e3
    picture = Picture(_WIDTH, _AROUND + _ROW * count, f"delay {delay:.0f} ms: {words}")
    axes = picture.figure.add_subplot(xlabel="time since the call (ms)")
    end = max(*(one.ended * 1e3 for one in race.attempts), delay)
    axes.axvline(delay, color=INK, linestyle=(0, (1, 2)), linewidth=1.2)
    for row, one in enumerate(race.attempts):
        began, ended = one.began * 1e3, one.ended * 1e3
        colour = _COLOURS.get(one.outcome, VERMILION)
        # The bar's edge shows an attempt that is too short for a bar.
        axes.barh(row, ended - began, left=began, height=0.5, color=colour, edgecolor=colour)
        axes.annotate(
            f"{one.outcome} at {ended:.1f} ms" if one.outcome == CONNECTED else one.outcome,
            (ended, row),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=GREY if one.outcome == GIVEN_UP else INK,
        )
    axes.set_title(f"the delay: {delay:.0f} ms (dotted)", fontsize=10)
    axes.set(xlim=(0, end * 1.5), ylim=(count - 0.5, -0.5))
    axes.set_yticks(range(count), [str(one.endpoint) for one in race.attempts])
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    picture.figure.tight_layout()
    return picture
