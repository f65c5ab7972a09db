"""`sockets`: the netstat step of lab 4-1, the same on every system."""

from __future__ import annotations

import json
import sys

import click
import trio

from trio_echo.screen.output import Output

from .options import port


@click.command
@click.option(
    "--port",
    "ports",
    metavar="P",
    type=port,
    multiple=True,
    help="Show only sockets with this local or remote port; repeat it for several.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with units in the names.")
def sockets(*, ports: tuple[int, ...], as_json: bool) -> int:
    """Show this machine's TCP sockets and their states, as netstat does.

    Connections without a process are shown too: not accepted yet, or in TIME_WAIT.
    """
    # Imported here, because psutil would slow down the start of the other commands.
    from trio_echo.observe.kernel.snapshot import snapshot

    taken = snapshot(*ports)
    rows = [row.as_json() for row in taken.rows]
    text = json.dumps(rows, indent=2) if as_json else str(taken)
    output = Output(sys.stdout)
    trio.run(output.write, output.encoded(f"{text}\n"))
    if as_json and taken.note:
        click.echo(taken.note, err=True)
    return 0
