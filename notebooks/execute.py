"""Execute the notebooks and write them back, in the form in which they are committed.

Each one runs from top to bottom in a kernel of its own. What differs from one execution to the
next without telling a reader anything is left out, so that a diff shows what has changed: times,
the versions of this machine, the state of widgets. A widget lives in the kernel that made it; in a
file a line of text stands in its place, and the picture beside it is an ordinary output. The ids
of cells are kept as they are.
"""

from __future__ import annotations

import base64
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from trio_echo.writing import whole

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent
TIMEOUT = 60
"""Seconds that a cell may take."""

_WIDGET = "application/vnd.jupyter.widget-view+json"
# What a page needs to colour the code, and no version of anything.
_METADATA = {
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
# Of a cell's metadata, what its author wrote.
_AUTHORED = {"jupyter", "tags"}


def committed() -> list[Path]:
    """List the notebooks, in reading order."""
    return sorted(FOLDER.glob("0*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook file, as the current format.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no notebook.
    """
    try:
        notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    except nbformat.ValidationError as exc:
        raise ValueError(f"it is no notebook: {exc.message}") from exc
    return notebook


def execute(path: Path) -> nbformat.NotebookNode:
    """Execute a notebook in its folder and in a fresh kernel, which is gone afterwards.

    The kernel reads nobody's settings of IPython.

    Returns:
        The notebook with its outputs, as it is to be committed.

    Raises:
        CellExecutionError: a cell failed; the message holds its traceback.
        CellTimeoutError: a cell took longer than `TIMEOUT`; its kernel was ended.
        DeadKernelError: the kernel ended amid a cell.
    """
    notebook = read(path)
    with tempfile.TemporaryDirectory() as settings:
        NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=TIMEOUT,
            allow_errors=False,
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
            resources={"metadata": {"path": str(path.parent)}},
        ).execute(env={**os.environ, "IPYTHONDIR": settings})
    return tidied(notebook)


def tidied(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Leave out what only the machine and the moment of an execution have brought in."""
    notebook.metadata = nbformat.from_dict(_METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {name: value for name, value in cell.metadata.items() if name in _AUTHORED}
        )
    for output in outputs(notebook):
        data = output.get("data", {})
        if data.pop(_WIDGET, None):
            name = data["text/plain"].partition("(")[0]
            data["text/plain"] = f"[{name}: it appears when this cell is run]"
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """Walk through the outputs of all cells."""
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def kinds(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """Tell what a reader sees below each code cell: streams by name, data by their types."""
    return [
        [
            output.get("name") or ", ".join(sorted(output.get("data", [output.output_type])))
            for output in cell.outputs
        ]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def save_pictures(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Save what the cells with a tag like `picture:handshake` show; the README has these.

    Args:
        notebook: executed.
        folder: for the pictures; made if there are some.

    Raises:
        OSError: a file cannot be written.
    """
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            kind, _, name = tag.partition(":")
            if kind == "picture":
                (data,) = [one.data["image/png"] for one in cell.outputs if "data" in one]
                folder.mkdir(exist_ok=True)
                with whole(folder / f"{name}.png") as file:
                    file.write(base64.b64decode(data))


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook file, as a whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with whole(path) as file:
        file.write((nbformat.writes(notebook) + "\n").encode())


@click.command(help=__doc__)
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Execute the named notebooks, or all of them; the first failure ends it."""
    for path in files or committed():
        click.echo(path)
        try:
            executed = execute(path)
            write(executed, path)
            save_pictures(executed, path.parent / "pictures")
        except (CellExecutionError, CellTimeoutError, DeadKernelError, OSError, ValueError) as exc:
            click.echo(f"{path}: {exc}", err=True)
            sys.exit(1)


if __name__ == "__main__":
    main()
