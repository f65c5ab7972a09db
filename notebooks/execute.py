"""Execute the notebooks and write them back, as they are committed.

Each one runs from top to bottom in its own kernel. What changes with each execution but does not
matter to a reader is left out, so that a diff shows real changes: times, this machine's versions,
the state of widgets. A widget lives in its kernel; in the file, a line of text replaces it, and the
picture beside it is an ordinary output. Cells keep their ids.
"""

from __future__ import annotations

import base64
import os
import re
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
TIMEOUT = 240
"""Seconds that a cell may take. On a busy machine, one that measures took more than 60."""

_WIDGET = "application/vnd.jupyter.widget-view+json"
_PICTURE = re.compile(r'<img alt="[^"]*" src="data:image/svg\+xml;base64,([^"]+)">')
# What a page needs to colour the code, without versions.
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
# The part of a cell's metadata that its author wrote.
_AUTHORED = {"jupyter", "tags"}


def committed() -> list[Path]:
    """List the notebooks, in reading order."""
    return sorted(FOLDER.glob("[0-9]*.ipynb"))


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook file, in the current format.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a notebook.
    """
    try:
        notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)
    except nbformat.ValidationError as exc:
        raise ValueError(f"not a notebook: {exc.message}") from exc
    return notebook


def execute(path: Path) -> nbformat.NotebookNode:
    """Execute a notebook in its folder, in a new kernel that ends afterwards.

    The kernel does not read the user's IPython settings.

    Returns:
        The notebook with its outputs, ready to commit.

    Raises:
        CellExecutionError: a cell failed; the message holds its traceback.
        CellTimeoutError: a cell took longer than `TIMEOUT`; its kernel was ended.
        DeadKernelError: the kernel ended during a cell.
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
    """Remove what depends on the machine and the time of the execution."""
    notebook.metadata = nbformat.from_dict(_METADATA)
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict(
            {name: value for name, value in cell.metadata.items() if name in _AUTHORED}
        )
    for output in outputs(notebook):
        data = output.get("data", {})
        if data.pop(_WIDGET, None):
            kind, *_ = data["text/plain"].partition("(")
            names = re.findall(r"description='(\w+)'", data["text/plain"]) or [kind]
            data["text/plain"] = f"[to choose, when this cell is run: {', '.join(names)}]"
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """Iterate over the outputs of all cells."""
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def kinds(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """List what a reader sees below each code cell: streams by name, data by their types."""
    return [
        [
            output.get("name") or ", ".join(sorted(output.get("data", [output.output_type])))
            for output in cell.outputs
        ]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def picture(output: nbformat.NotebookNode) -> bytes | None:
    """Return the SVG document of a picture, if the output is one."""
    found = _PICTURE.match(output.get("data", {}).get("text/html", ""))
    return None if found is None else base64.b64decode(found[1])


def save_pictures(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Save the pictures of cells with a tag like `picture:packets`; the README shows them.

    Args:
        notebook: an executed notebook.
        folder: for the pictures; made if there are any.

    Raises:
        OSError: a file cannot be written.
    """
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            kind, _, name = tag.partition(":")
            if kind == "picture":
                (data,) = filter(None, map(picture, cell.outputs))
                folder.mkdir(exist_ok=True)
                with whole(folder / f"{name}.svg") as file:
                    file.write(data)


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with whole(path) as file:
        file.write((nbformat.writes(notebook) + "\n").encode())


@click.command(help=__doc__)
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Execute the named notebooks, or all; stop at the first failure."""
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
