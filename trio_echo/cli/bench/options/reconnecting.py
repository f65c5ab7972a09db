"""The options of `bench` for a connection for each message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from trio_echo.cli.options import Command


def reconnect_options(command: Command) -> Command:
    """Add `--reconnect` and `--tls-resume`."""
    command = click.option(
        "--tls-resume",
        "resume",
        is_flag=True,
        help="With --reconnect: resume the TLS session of the connection before in each handshake. "
        "[default: full handshakes]",
    )(command)
    return click.option(
        "--reconnect",
        is_flag=True,
        help="Open a connection for each message, and close it after the echo. The report has "
        "connections a second, and how long each takes to connect, to answer and to close. "
        "--connections are open at once; --rate and --messages count connections.",
    )(command)


def check_resume(*, resume: bool, tls: bool, reconnect: bool) -> None:
    """Refuse `--tls-resume` without what it needs.

    Raises:
        click.UsageError: it is alone.
    """
    if resume and not (tls and reconnect):
        raise click.UsageError("--tls-resume is for --tls with --reconnect: give both")
