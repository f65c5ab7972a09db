"""The options that make a server's echo go wrong, to test a client."""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from trio_echo.faults import Faults

from .options import WholeNumber, number, seconds

if TYPE_CHECKING:
    from .options import Command


class _FaultOption(click.Option):
    """An option with its own place in the help."""


class CommandWithFaults(click.Command):
    """A command whose help shows the fault options apart from the others."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in two groups."""
        groups: dict[bool, list[tuple[str, str]]] = {False: [], True: []}
        for option in self.get_params(ctx):
            record = option.get_help_record(ctx)
            if record is not None:
                groups[isinstance(option, _FaultOption)].append(record)
        for title, is_fault in (("Options", False), ("Faults, to test a client", True)):
            with formatter.section(title):
                formatter.write_dl(groups[is_fault])


_bytes = WholeNumber(min=0)
_count = WholeNumber(min=1)


_option = functools.partial(click.option, cls=_FaultOption)

# Each has the name of an attribute of `Faults`.
_OPTIONS = (
    _option("--fragment", metavar="N", type=_count, help="Echo in pieces of at most N bytes."),
    _option("--delay", metavar="S", type=seconds, help="Wait S seconds before each piece."),
    _option(
        "--jitter",
        metavar="S",
        type=seconds,
        help="Wait up to S seconds more before each piece, at random.",
    ),
    _option("--rate", metavar="N", type=number, help="Echo at most N bytes a second."),
    _option("--corrupt", metavar="N", type=_count, help="Change every Nth byte of an echo."),
    _option("--black-hole", is_flag=True, help="Receive, and never answer."),
    _option(
        "--reset-after", metavar="N", type=_bytes, help="Reset a connection after N echoed bytes."
    ),
    _option(
        "--close-after", metavar="N", type=_bytes, help="Close a connection after N echoed bytes."
    ),
    _option("--lifetime", metavar="S", type=seconds, help="Close a connection after S seconds."),
    _option(
        "--slow-close",
        metavar="S",
        type=seconds,
        help="Wait S seconds before an end is sent (FIN).",
    ),
    _option(
        "--only-first",
        metavar="N",
        type=_count,
        help="Only the first N connections go wrong; with --workers, N of each process.",
    ),
    _option(
        "--only-share",
        metavar="P",
        type=number,
        help="Only a share P of the connections goes wrong, such as 0.1.",
    ),
    _option(
        "--seed",
        metavar="N",
        type=WholeNumber(),
        default=0,
        show_default=True,
        help="Seed of what is random: the same number, the same faults.",
    ),
)


def fault_options(command: Command) -> Command:
    """Add the fault options; the command gets them as one argument, `faults`."""

    @functools.wraps(command)
    def with_faults(**values: Any) -> object:
        own = {field.name: values.pop(field.name) for field in fields(Faults)}
        try:
            faults = Faults(**own)
        except ValueError as exc:
            name, words = str(exc).split(" ", 1)
            raise click.UsageError(f"--{name.replace('_', '-')} {words}") from exc
        if faults.selective and not faults:
            raise click.UsageError("--only-first and --only-share limit a fault: give one too")
        return command(faults=faults, **values)

    for option in reversed(_OPTIONS):
        with_faults = option(with_faults)
    return with_faults
