"""What `bench` measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trio_echo.addresses import check_target, parse_endpoint
from trio_echo.cli.options import refusing

if TYPE_CHECKING:
    from trio_echo.addresses import Endpoint
    from trio_echo.cli.options import Command
    from trio_echo.lan.options import Wire


def target_options(command: Command) -> Command:
    """Add the targets, `--serve` and `--wire`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _wire(text: str) -> Wire:
    from trio_echo.lan.options import parse_wire  # only when needed: it is slow

    return parse_wire(text)


def _target(text: str) -> Endpoint:
    endpoint = parse_endpoint(text)
    check_target(*endpoint)
    return endpoint


_OPTIONS = (
    click.argument("targets", metavar="TARGET...", nargs=-1, type=refusing(_target)),
    click.option(
        "--serve", is_flag=True, help="Measure this package's server, on each loopback address."
    ),
    click.option(
        "--wire",
        metavar="LINE",
        type=refusing(_wire),
        help="With --serve: put a cable between load and server, with the options of the command "
        "wire, such as delay=20ms,loss=1%,rate=50mbit,queue=100. Linux only.",
    ),
)
