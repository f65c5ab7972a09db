"""The command line, which `__main__` runs."""

from __future__ import annotations

import os
import sys
from collections import UserDict
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING

import click

from trio_echo.screen.output import discard_output
from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

_COMMANDS = ("serve", "connect", "sockets", "bench", "compare", "plot", "wire", "lab")


class _Commands(UserDict[str, click.Command]):
    """Imports a command's module when it is looked up: all of them would delay each start.

    Not a group with its own `get_command`: click's "Did you mean" and sphinx-click read this.
    """

    def __getitem__(self, name: str) -> click.Command:
        if name not in self.data:
            raise KeyError(name)
        command: click.Command = getattr(import_module(f".{name}", __name__), name)
        return command


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    commands=_Commands({name: click.Command(name) for name in _COMMANDS}),
    no_args_is_help=False,
    invoke_without_command=True,
)
@click.version_option(package_name="trio-echo")
@click.pass_context
def cli(context: click.Context) -> int | None:
    """A TCP echo service on Trio: a server and a client, on IPv4 and IPv6."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        return 2
    return None


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit.

    The status is 0 if it succeeded, 1 if it failed, 2 if the command line was wrong, and 3 if a
    requirement was not met.

    Args:
        arguments: the words after the program's name; by default from `sys.argv`.
    """
    _open_standard_descriptors()
    if isinstance(sys.stdout, TextIOWrapper):
        # A character missing from its encoding (Korean Windows lacks "µ") becomes an escape, as on
        # standard error.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = cli.main(arguments, standalone_mode=False)
    except click.ClickException as exc:
        # One line, without the usage that click would print above it.
        path = (
            exc.ctx.command_path if isinstance(exc, click.UsageError) and exc.ctx else "trio-echo"
        )
        message = safe(exc.format_message().rstrip("."))
        click.echo(f"{path}: {message} (try {path} --help)", err=True)
        status = 2
    except OSError as exc:
        # Not from one of our socket calls: standard output is full, or no descriptor is left.
        discard_output()
        with suppress(OSError):
            click.echo(f"trio-echo: {exc.strerror or exc}", err=True)
        status = 1
    sys.exit(status)


def _open_standard_descriptors() -> None:
    """Open those of standard input, output and error that this process was started without.

    Otherwise the next sockets would get their numbers, and what a library writes to standard error.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
