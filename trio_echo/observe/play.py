"""Sliders for a function that draws: each move draws the picture anew."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, cast

import ipywidgets
import trio
from IPython.display import display

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def play(draw: Callable[..., object], **ranges: tuple[int, int, int]) -> None:
    """Show a slider for each argument of a function, and below them what it returns.

    The picture is an output of the cell, and not of a widget: a notebook file keeps it, also for
    those who only read.

    Args:
        draw: called with the sliders' values; it may be async. It runs in a thread of its own, an
            async one in a `trio.run` of its own: a slider moves outside of any cell.
        ranges: for each argument the smallest and the largest value, and the one to begin with.
    """
    sliders = {
        name: ipywidgets.IntSlider(
            value=value, min=smallest, max=largest, description=name, continuous_update=False
        )
        for name, (smallest, largest, value) in ranges.items()
    }

    def drawn() -> object:
        values = {name: slider.value for name, slider in sliders.items()}
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(_call, partial(draw, **values)).result()

    display(*sliders.values())
    shown = display(drawn(), display_id=True)
    for slider in sliders.values():
        slider.observe(lambda _: shown.update(drawn()), "value")


def _call(draw: partial[object]) -> object:
    if inspect.iscoroutinefunction(draw.func):
        return trio.run(cast("partial[Awaitable[object]]", draw))
    return draw()
