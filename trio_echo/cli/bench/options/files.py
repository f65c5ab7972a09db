"""The files that `bench` writes at its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trio_echo.cli.plot import picture_path

if TYPE_CHECKING:
    from trio_echo.cli.options import Command


def file_options(command: Command) -> Command:
    """Add `--output`, `--csv` and `--plot`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "--output",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the results as JSON, and the raw samples beside it.",
    ),
    click.option(
        "--csv",
        metavar="FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write one row a round, for a spreadsheet.",
    ),
    click.option(
        "--plot",
        metavar="FILE",
        type=picture_path,
        help="Draw the results as one page: a .png, .svg or .pdf file.",
    ),
)
