"""What a student gets in place of a committed notebook."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import execute
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from trio_echo.notebook.student import prepared

if TYPE_CHECKING:
    from pathlib import Path

PATHS = [pytest.param(path, id=path.stem) for path in execute.committed()]


@pytest.mark.parametrize("path", PATHS)
def test_it_is_the_same_notebook_without_outputs(path: Path) -> None:
    before, data = execute.read(path), prepared(path.read_bytes())
    after = nbformat.reads(data.decode(), as_version=4)
    nbformat.validate(after)
    assert [(one.id, one.source) for one in after.cells] == [
        (one.id, one.source) for one in before.cells
    ]
    assert list(execute.outputs(before))
    assert not list(execute.outputs(after))
    assert not [one for one in after.cells if one.get("execution_count") is not None]
    assert prepared(data) == data


def test_cells_that_their_author_marked_are_folded() -> None:
    shown = new_output("stream", text="the answer")
    notebook = new_notebook(
        cells=[
            new_markdown_cell("Predict.", id="prose"),
            new_code_cell("long()", id="long", metadata={"tags": ["hide-input"]}, outputs=[shown]),
            new_code_cell("short()", id="short", outputs=[shown], execution_count=1),
        ]
    )
    data = prepared(nbformat.writes(notebook).encode())
    prose, long, short = nbformat.reads(data.decode(), as_version=4).cells
    assert prose == notebook.cells[0]
    assert long.metadata == {"tags": ["hide-input"], "jupyter": {"source_hidden": True}}
    assert short.metadata == {}
    assert b"the answer" not in data


@pytest.mark.parametrize("data", [b"", b"no notebook \xff", b"[1]", b'{"cells": 1}'])
def test_what_is_not_a_notebook_stays_as_it_is(data: bytes) -> None:
    assert prepared(data) == data


def test_it_is_written_as_jupyter_writes_it() -> None:
    notebook = new_notebook(cells=[new_markdown_cell("게임공학과", id="korean")])
    written = (nbformat.writes(notebook) + "\n").encode()
    assert json.loads(prepared(written))["cells"] == json.loads(written)["cells"]
    after = prepared(written).decode()
    assert after == nbformat.writes(nbformat.reads(after, as_version=4)) + "\n"
