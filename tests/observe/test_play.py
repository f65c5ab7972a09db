"""Sliders that draw a picture anew, in a real kernel."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

SETUP = """
import trio
from trio_echo.canvas import Picture
from trio_echo.observe.play import play
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


@pytest.mark.parametrize("draw", ["picture", "slow_picture"])
@pytest.mark.parametrize("extension", ["%load_ext trio_echo", "trio = None"])
def test_a_slider_draws_the_picture_anew(draw: str, extension: str) -> None:
    sources = [extension, SETUP, f"play({draw}, size=(1, 9, 4))", "move(to=7)"]
    cells = [nbformat.v4.new_code_cell(one) for one in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, timeout=30)
    with client.setup_kernel():
        for index, cell in enumerate(cells[:3]):
            client.execute_cell(cell, index)
        slider, shown = cells[2].outputs
        assert "IntSlider(value=4" in slider.data["text/plain"]
        assert shown.data["text/plain"] == "<picture: the size is 4>"
        assert shown.data["image/png"]
        client.execute_cell(cells[3], 3)
    _, shown = cells[2].outputs
    assert shown.data["text/plain"] == "<picture: the size is 7>"


def test_a_list_gives_the_values_that_its_names_stand_for() -> None:
    sources = [
        SETUP,
        "play(picture, size={'small': 1, 'large': 100})",
        "[one] = [w for w in Widget.widgets.values() if type(w).__name__ == 'Dropdown']\n"
        "one.label = 'large'",
    ]
    cells = [nbformat.v4.new_code_cell(one) for one in sources]
    NotebookClient(nbformat.v4.new_notebook(cells=cells), timeout=30).execute()
    assert cells[1].outputs[1].data["text/plain"] == "<picture: the size is 100>"
