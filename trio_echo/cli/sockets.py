"""`sockets`: the netstat step of lab 4-1, the same on any system."""

from __future__ import annotations

import json
import sys

import click
import trio

from trio_echo.screen.display import Output

from .options import port


@click.command
@click.option(
    "--port",
    "ports",
    metavar="P",
    type=port,
    multiple=True,
    help="Show the sockets that have this port at either end; repeat it for several.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with units in the names.")
def sockets(*, ports: tuple[int, ...], as_json: bool) -> int:
    """Show the TCP sockets of this machine, and their states, as netstat does.

    Connections that no process owns are shown too: those not accepted yet, and those in TIME_WAIT.
    """
    # Here, for psutil would make the other commands start more slowly.
    from trio_echo.observe.kernel.snapshot import snapshot

    taken = snapshot(*ports)
    rows = [row.as_json() for row in taken.rows]
    text = json.dumps(rows, indent=2) if as_json else str(taken)
    trio.run(Output(sys.stdout).write, f"{text}\n")
    if as_json and taken.note:
        click.echo(taken.note, err=True)
    return 0
