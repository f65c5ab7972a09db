"""The command line: `python -m trio_echo`, also installed as `trio-echo`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from .connect import connect
from .serve import serve

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    commands=[serve, connect],
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
    """Run a command and exit: 0 done, 1 it failed, 2 the command line was wrong.

    Args:
        arguments: the words after the program's name; by default those it was started with.
    """
    try:
        status = cli.main(arguments, standalone_mode=False)
    except click.ClickException as exc:
        # One line, without the usage that click would print above it.
        path = (
            exc.ctx.command_path if isinstance(exc, click.UsageError) and exc.ctx else "trio-echo"
        )
        click.echo(f"{path}: {exc.format_message()} (try {path} --help)", err=True)
        status = 2
    except (click.Abort, KeyboardInterrupt):
        status = 1
    sys.exit(status)
