"""`wire`: a command on one host, a server on another, and a cable between them."""

from __future__ import annotations

import signal
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import trio

from trio_echo.errors import SocketCallError
from trio_echo.screen.text import safe

from .console import restored_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

_SETTINGS = {
    "delay": ("TIME", "How long a frame travels, such as 20ms."),
    "jitter": ("TIME", "Up to so much longer, at random; the order stays."),
    "loss": ("SHARE", "Frames that never arrive, such as 1%."),
    "rate": ("RATE", "Bits a second, such as 50mbit.  [default: no limit]"),
    "queue": (
        "N",
        "Frames that wait for the rate; what finds it full is dropped.  [default: 1000]",
    ),
    "duplicate": ("SHARE", "Frames that arrive twice."),
    "reorder": ("SHARE", "Frames that the next one overtakes."),
    "corrupt": ("SHARE", "Frames with one bit flipped, which a checksum detects."),
    "seed": ("N", "Draw the same lots again.  [default: a new one]"),
    "mtu": ("N", "Bytes of the largest packet.  [default: 1500]"),
}


def _setting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the cable. `trio_echo.lan` reads their values, imported when needed."""
    for name, (metavar, words) in reversed(_SETTINGS.items()):
        command = click.option(f"--{name}", metavar=metavar, help=words)(command)
    return command


@click.command(context_settings={"allow_interspersed_args": False})
@_setting_options
@click.option(
    "--server",
    metavar="COMMAND",
    help="A shell command for the far host.  [default: an echo server on port 9000]",
)
@click.option(
    "--pcap",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep every frame as it entered the cable, also those that are lost, for Wireshark.",
)
@click.argument("command", metavar="[--] [COMMAND...]", nargs=-1, type=click.UNPROCESSED)
def wire(
    *, server: str | None, pcap: Path | None, command: tuple[str, ...], **settings: str | None
) -> int:
    """Run a command behind a slow or lossy cable.

    COMMAND (by default your shell) runs on a host named client. Another host, server, runs an echo
    server on port 9000. Both have a network of their own, with IPv4 and IPv6, and a cable between
    them, which does to frames what you ask for, in both directions. It needs Linux, but no
    privilege. The exit status is that of COMMAND.
    """
    # Imported here, or every other command would start more slowly.
    from trio_echo.lan import LanError, SettingError
    from trio_echo.lan.options import read_wire

    from .capture_file import CaptureFile
    from .wiring import Asked, run

    try:
        cable = read_wire({name: text for name, text in settings.items() if text is not None})
    except SettingError as exc:
        raise click.UsageError(f"--{exc}") from exc
    if pcap == Path("-"):
        raise click.UsageError("--pcap: - is not a file; standard output is /dev/stdout")
    try:
        capture = None if pcap is None else CaptureFile(pcap)
    except OSError as exc:
        raise click.UsageError(f"--pcap: {exc.strerror or exc}: {pcap}") from exc
    status = 1
    try:
        with nullcontext() if capture is None else closing(capture), restored_terminal():
            status = trio.run(run, Asked(cable, command, server), capture)
    except SocketCallError as exc:
        click.echo(safe(str(exc)), err=True)
    except LanError as exc:
        click.echo(f"trio-echo wire: {safe(str(exc))}", err=True)
    if status == -signal.SIGINT:  # a shell ends a loop only for a command that a signal ended
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
    return status
