"""Sliders and lists for a function that draws: each choice draws the picture again."""

from __future__ import annotations

import inspect
import itertools
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import ipywidgets
import trio
from IPython.display import display

from trio_echo.lan import RECORD

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable


Choice: TypeAlias = "tuple[int, int, int] | list[str] | Mapping[str, object]"


def play(draw: Callable[..., object], **choices: Choice) -> None:
    """Show a slider or a list for each argument of a function, in a row, and its result below.

    The picture is an output of the cell, not of a widget, so a notebook file keeps it for people
    who only read.

    Args:
        draw: called with the chosen values; it may be async. It runs in its own thread, and an
            async one in its own `trio.run`: a slider moves outside cells.
        choices: for each argument the smallest value, the largest and the first one shown; or a
            list of texts, or values by name, of which the first is shown first.

    Raises:
        ValueError: a choice does not have three numbers, or the smallest is not the first.
    """
    widgets = {name: _widget(name, choice) for name, choice in choices.items()}

    def drawn() -> object:
        values = {name: widget.value for name, widget in widgets.items()}
        return _in_thread(partial(draw, **values))

    does_experiments = inspect.iscoroutinefunction(draw)
    if RECORD in os.environ and does_experiments:  # a recording of each choice
        for values in itertools.product(*map(_all, choices.values())):
            _in_thread(partial(draw, **dict(zip(choices, values, strict=True))))
    row = {"flex_flow": "row wrap", "grid_gap": "0 20px"}
    display(ipywidgets.Box(list(widgets.values()), layout=row))
    shown = display(drawn(), display_id=True)
    for widget in widgets.values():
        widget.observe(lambda _: shown.update(drawn()), "value")


def _widget(name: str, choice: Choice) -> Any:
    labelled: dict[str, Any] = {"description": name, "style": {"description_width": "initial"}}
    if not isinstance(choice, tuple):
        return ipywidgets.Dropdown(options=choice, layout={"width": "auto"}, **labelled)
    numbers: tuple[int, ...] = choice
    if len(numbers) != 3 or numbers[0] > numbers[1]:
        raise ValueError(f"{name} must be (smallest, largest, first shown), not {choice}")
    smallest, largest, value = numbers
    return ipywidgets.IntSlider(
        value=value,
        min=smallest,
        max=largest,
        continuous_update=False,
        layout={"width": "250px"},  # three of them fit beside each other
        **labelled,
    )


def _all(choice: Choice) -> Iterable[object]:
    if isinstance(choice, tuple):
        smallest, largest, _ = choice
        return range(smallest, largest + 1)
    return choice.values() if isinstance(choice, Mapping) else choice


def _in_thread(draw: partial[object]) -> object:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_call, draw).result()


def _call(draw: partial[object]) -> object:
    if inspect.iscoroutinefunction(draw.func):
        return trio.run(cast("partial[Awaitable[object]]", draw))
    return draw()
