"""Happy eyeballs as a picture: each attempt as a bar over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.observe.experiments.eyeballs import CONNECTED, GIVEN_UP

from .canvas import BLUE, FAINT, GREY, INK, PAPER, SKY, VERMILION, Picture
from .lettering import fitting, width

if TYPE_CHECKING:
    from trio_echo.observe.experiments.eyeballs import Attempt, Race

_COLOURS = {CONNECTED: BLUE, GIVEN_UP: SKY}

# Inches.
_WIDTH, _ROW, _AROUND, _BELOW, _MARGIN = 8.2, 0.42, 0.95, 0.6, 0.15
_LEAST = 1.0  # for the bars, beside their outcomes

_SIZE = 9.5  # points


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
    names = [str(one.endpoint) for one in race.attempts]
    left = max(width(name, _SIZE) for name in names) + 2 * _MARGIN
    inches = _WIDTH - left - _MARGIN
    outcomes = [fitting(_outcome(one), inches - _LEAST, _SIZE) for one in race.attempts]
    height = _AROUND + _ROW * count
    picture = Picture(_WIDTH, height, f"delay {delay:.0f} ms: {words}")
    axes = picture.figure.add_axes(
        (left / _WIDTH, _BELOW / height, inches / _WIDTH, _ROW * count / height)
    )
    end = delay
    axes.axvline(delay, color=INK, linestyle=(0, (1, 2)), linewidth=1.2)
    for row, (one, outcome) in enumerate(zip(race.attempts, outcomes, strict=True)):
        began, ended = one.began * 1e3, one.ended * 1e3
        colour = _COLOURS.get(one.outcome, VERMILION)
        # The bar's edge shows an attempt that is too short for a bar.
        axes.barh(row, ended - began, left=began, height=0.5, color=colour, edgecolor=colour)
        axes.annotate(
            outcome,
            (ended, row),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=GREY if one.outcome == GIVEN_UP else INK,
            fontsize=_SIZE,
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1},
        )
        end = max(end, ended * inches / (inches - width(outcome, _SIZE) - _MARGIN))
    axes.set_title(f"the delay: {delay:.0f} ms (dotted)", fontsize=10)
    axes.set_xlabel("time since the call (ms)")
    axes.set(xlim=(0, end), ylim=(count - 0.5, -0.5))
    axes.set_yticks(range(count), names, fontsize=_SIZE)
    axes.grid(axis="x", color=FAINT)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return picture


def _outcome(one: Attempt) -> str:
    at = f" at {one.ended * 1e3:.1f} ms" if one.outcome == CONNECTED else ""
    return f"{one.outcome}{at}"
