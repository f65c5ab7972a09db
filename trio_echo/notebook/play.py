"""Sliders and lists for a function that draws: each choice draws the picture anew."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import ipywidgets
import trio
from IPython.display import display

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


Choice: TypeAlias = "tuple[int, int, int] | list[str] | Mapping[str, object]"


def play(draw: Callable[..., object], **choices: Choice) -> None:
    """Show a slider or a list for each argument of a function, and below them what it returns.

    The picture is an output of the cell, and not of a widget: a notebook file keeps it, also for
    those who only read.

    Args:
        draw: called with the values chosen; it may be async. It runs in a thread of its own, an
            async one in a `trio.run` of its own: a slider moves outside of any cell.
        choices: for each argument the smallest and the largest value, and the one to begin with;
            or a list of texts, or values by their names: the first is the one to begin with.
    """
    widgets = {name: _widget(name, choice) for name, choice in choices.items()}

    def drawn() -> object:
        values = {name: widget.value for name, widget in widgets.items()}
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(_call, partial(draw, **values)).result()

    display(*widgets.values())
    shown = display(drawn(), display_id=True)
    for widget in widgets.values():
        widget.observe(lambda _: shown.update(drawn()), "value")


def _widget(name: str, choice: Choice) -> Any:
    if not isinstance(choice, tuple):
        return ipywidgets.Dropdown(options=choice, description=name)
    smallest, largest, value = choice
    return ipywidgets.IntSlider(
        value=value, min=smallest, max=largest, description=name, continuous_update=False
    )


def _call(draw: partial[object]) -> object:
    if inspect.iscoroutinefunction(draw.func):
        return trio.run(cast("partial[Awaitable[object]]", draw))
    return draw()
