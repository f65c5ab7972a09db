"""`plot`: the results of `bench` as one page of pictures."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trio_echo.screen.text import safe

from .output_files import failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_echo.measure.load.workload import Samples
    from trio_echo.measure.results.run import Run

_NEEDED = ("matplotlib", "numpy")
_ENDINGS = (".png", ".svg", ".pdf")


def picture_path(text: str) -> Path:
    """Read the name of a picture's file. Its ending decides the format."""
    path = Path(text)
    if path.suffix.lower() not in _ENDINGS:
        raise click.BadParameter(f"{text!r} does not end in {', '.join(_ENDINGS)}")
    return path


def check_library(command: str) -> bool:
    """Return whether plots can be drawn; if not, print how to install what is missing."""
    if all(importlib.util.find_spec(module) for module in _NEEDED):
        return True
    message = 'plots need matplotlib: python -m pip install "trio-echo[notebooks]"'
    click.echo(f"trio-echo {command}: {message}", err=True)
    return False


def draw(path: Path, run: Run, samples: Sequence[Samples] | None, *, dark: bool = False) -> None:
    """Write the page.

    Raises:
        OSError: the file cannot be written.
    """
    # Imported here, because no other command may wait for matplotlib.
    from trio_echo.measure import plots

    plots.page(run, samples, dark=dark).save(path)


@click.command
@click.argument("results", metavar="RESULTS.json", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=picture_path,
    help="A .png, .svg or .pdf file.  [default: a .png beside the results]",
)
@click.option("--dark", is_flag=True, help="For a dark page.")
def plot(*, results: Path, output: Path | None, dark: bool) -> int:
    """Draw what bench --output wrote, as one page.

    With the raw samples beside the results: throughput, percentiles, distribution, and round trips
    over time. Without them, only what the results contain.
    """
    if not check_library("plot"):
        return 1
    from trio_echo.measure.results import files
    from trio_echo.measure.results.json_text import ResultsError

    try:
        run = files.read(results)  # first, because a path without a name is not a file
        path = output or results.with_suffix(".png")
        if os.path.realpath(path) == os.path.realpath(results):
            raise click.UsageError(f"the picture would replace its results: {path}")
        samples = _samples(results, run)
        draw(path, run, samples, dark=dark)
    except OSError as exc:
        click.echo(failure(exc, output or results), err=True)
        return 1
    except ResultsError as exc:
        click.echo(f"trio-echo plot: {safe(str(exc))}", err=True)
        return 1
    click.echo(safe(str(path)))
    return 0


def _samples(results: Path, run: Run) -> list[Samples] | None:
    """Read the raw samples. If there are none, print that and return `None`."""
    from trio_echo.measure.results import files

    try:
        return files.read_samples(results, run)
    except FileNotFoundError:
        path = safe(str(files.samples_path(results)))
        click.echo(f"drawn without raw samples: there is no {path}", err=True)
        return None
