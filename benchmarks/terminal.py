"""What all races read from the command line, and how they write tables."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from rivals import RIVALS

from trio_echo.cli.bench.options.lists import parse_sizes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_echo.measure.statistics import Estimate


def names_and_baseline(parser: argparse.ArgumentParser, against: str) -> None:
    """Add the arguments that all races have."""
    names = ", ".join(RIVALS)
    parser.add_argument("names", metavar="NAME", nargs="*", type=known, help=f"of {names}")
    parser.add_argument("--against", metavar="NAME", type=known, default=against)


def known(name: str) -> str:
    """Read the name of a rival, for argparse."""
    if name not in RIVALS:
        raise argparse.ArgumentTypeError(f"unknown rival: {name}")
    return name


def counts(text: str) -> list[int]:
    """Read a list of numbers or sizes, for argparse."""
    try:
        return parse_sizes(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def positive(text: str) -> int:
    """Read a number of at least 1, for argparse."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError("it must be at least 1")
    return int(text)


def seconds(text: str) -> float:
    """Read a time in seconds, for argparse."""
    if not 0 < float(text) < math.inf:
        raise argparse.ArgumentTypeError("it must be more than 0 seconds")
    return float(text)


def with_interval(one: Estimate | None, *, decimals: int = 2) -> str:
    """Write a ratio with its 95 % interval, if it has one."""
    if one is None:
        return "-"
    if one.interval is None:
        return f"{one.median:.{decimals}f}"
    low, high = (f"{bound:.{decimals}f}" for bound in (one.interval.low, one.interval.high))
    return f"{one.median:.{decimals}f} ({low} to {high})"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a Markdown table; all columns but the first hold numbers."""
    lines = [heads, ["---", *["--:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
