"""Options of `bench`: what messages consist of, what is kept of them, and the JSON lines."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from trio_echo.measure.load.loader import KEPT_SAMPLES
from trio_echo.quantities import size

if TYPE_CHECKING:
    from trio_echo.cli.options import Command

_LARGEST_PAYLOAD = 64 << 20
_ALL = 10**18  # more messages than any run has


def _kept(text: str) -> int:
    """Read how many samples to keep."""
    if text in ("all", "none"):
        return _ALL if text == "all" else 0
    if not re.fullmatch("[0-9]{1,18}", text):
        raise click.BadParameter(f"{text!r} is not a number of messages, all or none")
    return int(text)


class Payload(NamedTuple):
    """What messages consist of.

    Attributes:
        name: of its file.
        data: its bytes.
    """

    name: str
    data: bytes


def _payload(text: str) -> Payload:
    """Read the file whose bytes are sent."""
    try:
        with Path(text).open("rb") as file:
            data = file.read(_LARGEST_PAYLOAD + 1)
    except OSError as exc:
        raise click.BadParameter(f"{exc.strerror or exc}: {text}") from exc
    if not data:
        raise click.BadParameter(f"the file is empty: {text}")
    if len(data) > _LARGEST_PAYLOAD:
        raise click.BadParameter(f"the file has more than {size(_LARGEST_PAYLOAD)}: {text}")
    return Payload(text.encode(errors="replace").decode(), data)  # JSON has no broken characters


def samples_options(command: Command) -> Command:
    """Add `--payload`, `--keep-samples` and `--json-lines`."""
    command = click.option(
        "--json-lines",
        metavar="FILE",
        type=click.Path(path_type=Path, allow_dash=True),
        help="Write each second as a line of JSON. With -, write to standard output, and the "
        "report to standard error.",
    )(command)
    command = click.option(
        "--keep-samples",
        "keep",
        metavar="N|all|none",
        type=_kept,
        default=str(KEPT_SAMPLES),
        show_default=True,
        help="Keep the times of up to N messages of the run (16 bytes each, 24 in an open loop). A "
        "round that exceeds it is counted in histograms: percentiles are within 0.4 %.",
    )(command)
    return click.option(
        "--payload",
        metavar="FILE",
        type=_payload,
        help="Send the bytes of a file. Each message is the whole file; with --size, it is the "
        "next bytes of it, and after the end they come from the beginning again.",
    )(command)
