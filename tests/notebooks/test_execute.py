"""Executing notebooks and writing them back, with small ones made here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import execute
import nbformat
import psutil
import pytest
from click.testing import CliRunner
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from support import PATIENCE, Lines, wait_for_end

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result
    from nbformat import NotebookNode

pytestmark = pytest.mark.slow  # each starts a kernel

SLIDER = """
import ipywidgets
from IPython.display import display
from trio_echo.pictures.canvas import Picture
display(ipywidgets.IntSlider(3))
size, answer = (ipywidgets.IntSlider(description=name) for name in ("size", "answer"))
display(ipywidgets.Box([size, answer]))
shown = display(Picture(1, 1, 'nothing'), display_id=True)
"""


def notebook(path: Path, *sources: str) -> Path:
    cells = [new_markdown_cell("# Title", id="title")]
    cells += [
        new_code_cell(source, id=f"cell-{number}", metadata={"tags": ["kept"], "scrolled": True})
        for number, source in enumerate(sources, start=1)
    ]
    nbformat.write(new_notebook(cells=cells, metadata={"widgets": {}, "authors": []}), path)
    return path


def code_cells(path: Path) -> list[NotebookNode]:
    return [cell for cell in execute.read(path).cells if cell.cell_type == "code"]


def run(path: Path) -> Result:
    return CliRunner().invoke(execute.main, [str(path)])


def test_the_command_writes_back_what_is_committed(tmp_path: Path) -> None:
    path = notebook(
        tmp_path / "one.ipynb",
        "%load_ext trio_echo",
        "import trio\nfor n in range(3):\n    print(n)\n    await trio.sleep(0)",
        "import sys\nprint('oops', file=sys.stderr)\n1 + 1",
    )
    command = [sys.executable, execute.__file__, str(path)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.stdout == f"{path}\n"
    document = json.loads(path.read_text("utf-8"))
    assert document["metadata"] == {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": "python3",
        },
        "language_info": {
            "file_extension": ".py",
            "mimetype": "text/x-python",
            "name": "python",
            "pygments_lexer": "ipython3",
        },
    }
    cells = code_cells(path)
    assert [cell.id for cell in cells] == ["cell-1", "cell-2", "cell-3"]
    assert [cell.execution_count for cell in cells] == [1, 2, 3]
    assert all(cell.metadata == {"tags": ["kept"]} for cell in cells)
    assert execute.kinds(execute.read(path)) == [[], ["stdout"], ["stderr", "text/plain"]]
    assert cells[1].outputs[0].text == "0\n1\n2\n"
    assert [file.name for file in tmp_path.iterdir()] == ["one.ipynb"]
    written = path.read_bytes()
    assert run(path).exit_code == 0
    assert path.read_bytes() == written


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_nothing_is_written_through_a_planted_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", "utf-8")
    path = notebook(tmp_path / "one.ipynb", "1")
    (tmp_path / "one.part").symlink_to(victim)
    assert run(path).exit_code == 0
    assert victim.read_text("utf-8") == "mine"
    assert code_cells(path)[0].execution_count == 1


def test_pictures_for_the_readme_are_saved_beside_the_notebook(tmp_path: Path) -> None:
    path = notebook(
        tmp_path / "one.ipynb",
        "from trio_echo.pictures.canvas import Picture\nPicture(1, 1, 'nothing')",
    )
    document = execute.read(path)
    document.cells[-1].metadata["tags"] = ["picture:kernel"]
    nbformat.write(document, path)
    before = {one: one.read_bytes() for one in (execute.FOLDER / "pictures").iterdir()}
    assert run(path).exit_code == 0
    assert (tmp_path / "pictures" / "kernel.svg").read_bytes().startswith(b"<?xml")
    assert {one: one.read_bytes() for one in (execute.FOLDER / "pictures").iterdir()} == before


def test_a_widget_becomes_a_line_and_its_picture_stays(tmp_path: Path) -> None:
    done = execute.execute(notebook(tmp_path / "one.ipynb", SLIDER))
    assert execute.kinds(done) == [["text/plain", "text/plain", "text/html, text/plain"]]
    first, second, _ = execute.outputs(done)
    assert first.data == {"text/plain": "[to choose, when this cell is run: IntSlider]"}
    assert second.data == {"text/plain": "[to choose, when this cell is run: size, answer]"}
    assert "widgets" not in done.metadata


def test_a_failing_cell_is_reported_and_the_file_left_alone(tmp_path: Path) -> None:
    path = notebook(tmp_path / "one.ipynb", "1", "raise ValueError('told you')", "2")
    before = path.read_bytes()
    ran = run(path)
    assert ran.exit_code == 1
    assert "ValueError: told you" in ran.stderr
    assert "nbclient" not in ran.stderr
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["one.ipynb"]


@pytest.mark.parametrize("text", ["", "{}", "no notebook"])
def test_a_file_that_is_not_a_notebook_is_an_error_of_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "one.ipynb"
    path.write_text(text, "utf-8")
    for one in (path, tmp_path / "missing.ipynb"):
        ran = run(one)
        assert ran.exit_code == 1
        assert ran.stderr.startswith(f"{one}: ")
        assert len(ran.stderr.splitlines()) == 1


def test_a_kernel_that_dies_is_an_error(tmp_path: Path) -> None:
    path = notebook(tmp_path / "one.ipynb", "import os\nos._exit(1)")
    with pytest.raises(DeadKernelError):
        execute.execute(path)


def test_a_kernel_does_not_read_the_users_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("mine = 1", "utf-8")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    path = notebook(tmp_path / "one.ipynb", "'mine' in globals()")
    (cell,) = [one for one in execute.execute(path).cells if one.cell_type == "code"]
    assert cell.outputs[0].data["text/plain"] == "False"


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_an_interrupted_execution_leaves_no_kernel(tmp_path: Path, number: int) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows cannot interrupt one process alone")
    fifo = tmp_path / "pid"
    os.mkfifo(fifo)
    path = notebook(
        tmp_path / "one.ipynb",
        f"import os, time\nprint(os.getpid(), file=open({str(fifo)!r}, 'w'), flush=True)",
        "time.sleep(1000)",
    )
    popen = subprocess.Popen([sys.executable, execute.__file__, str(path)], stderr=subprocess.PIPE)
    errors = Lines(popen.stderr)
    kernel = psutil.Process(int(fifo.read_text()))
    popen.send_signal(number)
    assert popen.wait(PATIENCE) != 0
    errors.finish()
    wait_for_end(kernel)
