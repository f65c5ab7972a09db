"""The load of `bench`: how many connections and messages, how large, how fast and how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trio_echo.cli.options import WholeNumber, number, positive_seconds, refusing, seconds

from .lists import parse_connections, parse_sizes

if TYPE_CHECKING:
    from trio_echo.cli.options import Command


def load_options(command: Command) -> Command:
    """Add them, from `--connections` to `--processes`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "--connections",
        "counts",
        metavar="LIST",
        type=refusing(parse_connections),
        default="16",
        show_default=True,
        help="Connections at once; a list and ranges are a sweep: 1,4,16 or 1..64",
    ),
    click.option(
        "--size",
        "sizes",
        metavar="LIST",
        type=refusing(parse_sizes),
        show_default="64, or that of --payload",
        help="Bytes of a message; a list and ranges are a sweep: 1,64,1K..64K",
    ),
    click.option(
        "--duration",
        metavar="S",
        type=seconds,
        default=None,
        show_default="1",
        help="Seconds of a round; also 500ms, 10m or 1h30m, as in every option that takes seconds.",
    ),
    click.option(
        "--messages",
        metavar="N",
        type=WholeNumber(min=1),
        help="Messages of a round, instead of --duration.",
    ),
    click.option(
        "--rounds",
        metavar="N",
        type=WholeNumber(min=1, max=10_000),
        default=10,
        show_default=True,
        help="Rounds with each target and load; an interval needs at least six.",
    ),
    click.option(
        "--timeout",
        metavar="S",
        type=positive_seconds,
        show_default="10, more with a slow --wire",
        help="A connection fails if it waits for an echo and gets no byte of it for S seconds. If "
        "no connection is accepted for S seconds, those that are not open fail too.",
    ),
    click.option(
        "--warm-up",
        metavar="S",
        type=seconds,
        default="0.2",
        show_default=True,
        help="Seconds of load before each round that are not measured.",
    ),
    click.option(
        "--pipeline",
        metavar="N",
        type=WholeNumber(min=1),
        default=1,
        show_default=True,
        help="Messages under way on each connection.",
    ),
    click.option(
        "--rate",
        metavar="R",
        type=number,
        help="Messages a second in all, sent on time whether or not echoes are back (an open "
        "loop). Every message due in a round counts, even if it could not be sent; what the "
        "warm-up could not send is left out.",
    ),
    click.option(
        "--processes",
        metavar="N",
        type=WholeNumber(min=1),
        show_default="1; with --cluster, one for each worker",
        help="Processes that share the connections.",
    ),
)
