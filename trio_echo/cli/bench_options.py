"""Options of `bench`: what its messages are, what is kept of them, and the lines of each second."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trio_echo.measure.load.loader import KEPT_SAMPLES

if TYPE_CHECKING:
    from .options import Command

_ALL = 10**18  # more messages than any run has


def _kept(text: str) -> int:
    """Read how many samples to keep."""
    if text in ("all", "none"):
        return _ALL if text == "all" else 0
    if not re.fullmatch("[0-9]{1,18}", text):
        raise click.BadParameter(f"{text!r} is not a number of messages, all or none")
    return int(text)


def samples_options(command: Command) -> Command:
    """Add `--keep-samples` and `--json-lines`."""
    command = click.option(
        "--json-lines",
        metavar="FILE",
        type=click.Path(path_type=Path, allow_dash=True),
        help="Write a line of JSON for each second; -: to standard output, and the report to "
        "standard error.",
    )(command)
    return click.option(
        "--keep-samples",
        "keep",
        metavar="N|all|none",
        type=_kept,
        default=str(KEPT_SAMPLES),
        show_default=True,
        help="Keep the times of each message while the run has at most N of them (16 bytes each, "
        "24 in an open loop). A round beyond that goes into histograms: percentiles within 0.4 %.",
    )(command)
