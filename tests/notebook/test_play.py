"""Sliders that draw a picture again, in a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient
from support import PATIENCE

from trio_echo import lan
from trio_echo.notebook import play as player

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbformat import NotebookNode

SETUP = """
import trio
from trio_echo.pictures.canvas import Picture
from trio_echo.notebook.play import play
from ipywidgets import Widget

def picture(size):
    return Picture(1, 1, f"the size is {size}")

async def slow_picture(size):
    await trio.lowlevel.checkpoint()
    return picture(size)

def move(to):
    (slider,) = [one for one in Widget.widgets.values() if type(one).__name__ == "IntSlider"]
    slider.value = to
"""


class Kernel:
    """A kernel that these tests share, because a start takes a second."""

    def __init__(self) -> None:
        self.notebook = nbformat.v4.new_notebook()
        self.client = NotebookClient(self.notebook, timeout=round(PATIENCE))

    def run(self, source: str) -> NotebookNode:
        """Run a cell; its outputs are kept up to date as later ones run."""
        cell: NotebookNode = nbformat.v4.new_code_cell(source)
        self.notebook.cells.append(cell)
        self.client.execute_cell(cell, len(self.notebook.cells) - 1)
        return cell


@pytest.fixture(
    scope="module",
    params=["%load_ext trio_echo", pytest.param("trio = None", marks=pytest.mark.slow)],
)
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """With the extension, and without."""
    shared = Kernel()
    with shared.client.setup_kernel():
        shared.run(request.param)
        shared.run(SETUP)
        yield shared


@pytest.mark.parametrize("draw", ["picture", "slow_picture"])
def test_a_slider_draws_the_picture_again(kernel: Kernel, draw: str) -> None:
    kernel.run("Widget.close_all()")
    cell = kernel.run(f"play({draw}, size=(1, 9, 4))")
    slider, shown = cell.outputs
    assert "IntSlider(value=4" in slider.data["text/plain"]
    assert shown.data["text/plain"] == "<picture: the size is 4>"
    assert shown.data["text/html"].startswith("<img ")
    kernel.run("move(to=7)")
    _, shown = cell.outputs
    assert shown.data["text/plain"] == "<picture: the size is 7>"


def test_a_list_passes_the_values_of_its_names(kernel: Kernel) -> None:
    kernel.run("Widget.close_all()")
    cell = kernel.run("play(picture, size={'small': 1, 'large': 100})")
    kernel.run(
        "[one] = [w for w in Widget.widgets.values() if type(w).__name__ == 'Dropdown']\n"
        "one.label = 'large'"
    )
    assert cell.outputs[1].data["text/plain"] == "<picture: the size is 100>"


@pytest.mark.parametrize("choice", [(1, 5), (5, 1, 3)])
def test_a_choice_that_is_not_a_range_is_named(choice: Any) -> None:
    with pytest.raises(ValueError, match=r"size must be \(smallest, largest, first shown\)"):
        player.play(str, size=choice)


def test_each_choice_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[tuple[int, str, int]] = []

    async def draw(loss: int, way: str, host: int) -> None:
        drawn.append((loss, way, host))

    monkeypatch.setenv(lan.RECORD, "1")
    monkeypatch.setattr(player, "display", lambda *_, **__: None)
    player.play(draw, loss=(1, 2, 2), way=["IPv4", "IPv6"], host={"near": 7})
    shown_first = (2, "IPv4", 7)
    every = [(1, "IPv4", 7), (1, "IPv6", 7), (2, "IPv4", 7), (2, "IPv6", 7)]
    assert drawn == [*every, shown_first]


def test_what_does_no_experiment_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    monkeypatch.setenv(lan.RECORD, "1")
    monkeypatch.setattr(player, "display", lambda *_, **__: None)
    player.play(lambda mtu: drawn.append(mtu), mtu=(1280, 9000, 1500))
    assert drawn == [1500]
