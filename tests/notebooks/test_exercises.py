"""The notebooks run again: their exercises come unsolved, and the hidden solutions are right."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import execute
import nbformat
import pytest
from nbformat import NotebookNode

PATHS = [pytest.param(path, id=path.stem) for path in execute.committed()]
SOLUTION = re.compile(
    r"<details><summary>Solution</summary>.*?```python\n(.*?)```.*?</details>", re.DOTALL
)


@dataclass
class Exercise:
    answer: NotebookNode
    check: NotebookNode
    solution: str


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def exercises(notebook: NotebookNode) -> list[Exercise]:
    cells = notebook.cells
    found = []
    for index, cell in enumerate(cells):
        if "exercise" in tags(cell):
            check, prose = cells[index + 1 : index + 3]
            assert "check" in tags(check)
            solution = SOLUTION.search(prose.source)
            assert solution is not None, f"no solution below:\n{check.source}"
            found.append(Exercise(cell, check, solution[1]))
    return found


def kinds_elsewhere(notebook: NotebookNode) -> list[list[str]]:
    """The kinds of outputs outside the exercises: an answer may also print."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    pairs = zip(cells, execute.kinds(notebook), strict=True)
    return [kinds for cell, kinds in pairs if not {"exercise", "check"} & set(tags(cell))]


def verdict(cell: NotebookNode) -> str:
    (output,) = [one for one in cell.outputs if "data" in one]  # an answer may also print
    return str(output.data["text/plain"])


@pytest.mark.parametrize("path", PATHS)
def test_it_comes_with_exercises_that_are_not_solved(path: Path) -> None:
    notebook = execute.read(path)
    found = exercises(notebook)
    assert found
    assert len(found) == sum("check" in tags(cell) for cell in notebook.cells)
    for one in found:
        assert "..." in one.answer.source
        assert verdict(one.check).startswith("No answer yet.")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", PATHS)
def test_it_needs_no_privilege_its_solutions_are_right_and_its_outputs_of_the_kinds_as_committed(
    path: Path,
) -> None:
    # Unlike `tmp_path`, it lets others in.
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "notebooks"
        shutil.copytree(path.parent, folder)
        notebook = execute.read(path)
        for one in exercises(notebook):
            one.answer.source = one.solution
        solved = folder / path.name
        nbformat.write(notebook, solved)
        execute_without_privileges(solved, Path(home))
        again = execute.read(solved)
    for one in exercises(again):
        assert verdict(one.check).startswith("Right."), one.solution
    assert kinds_elsewhere(again) == kinds_elsewhere(execute.read(path))


NOBODY = 65534
WITHOUT_CAPABILITIES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
AS_NOBODY = (*WITHOUT_CAPABILITIES, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")


def execute_without_privileges(notebook: Path, home: Path) -> None:
    """If root runs this: as nobody.

    If others may not use this Python or clone: as root without capabilities.
    """
    command = [sys.executable, execute.__file__, str(notebook)]
    if sys.platform != "linux" or os.geteuid() != 0:
        subprocess.run(command, check=True)
        return
    if shutil.which("setpriv") is None:
        pytest.skip("root can shed its privileges only with setpriv")
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home)}
    probe = "import subprocess, sys, trio_echo; subprocess.run([sys.executable, '--version'])"
    allowed = [*AS_NOBODY, sys.executable, "-c", probe]
    as_nobody = not subprocess.run(allowed, env=env, capture_output=True).returncode
    if as_nobody:
        for one in (home, *home.rglob("*")):
            os.chown(one, NOBODY, NOBODY)
    prefix = AS_NOBODY if as_nobody else WITHOUT_CAPABILITIES
    subprocess.run([*prefix, *command], env=env, check=True)
