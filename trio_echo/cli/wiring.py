"""What `wire` does: make the hosts, run the server and the command, report what the cable did."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import click
import trio

from trio_echo import lan
from trio_echo.addresses import DEFAULT_PORT
from trio_echo.errors import ungrouped
from trio_echo.listening import ANY
from trio_echo.measure.serving import served
from trio_echo.screen.text import safe

from .counting import counted
from .signals import receive_stop_signals

if sys.platform == "win32":
    _HANGUP = signal.SIGTERM  # there are no hosts
else:
    _HANGUP = signal.SIGHUP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio_echo.lan.options import Wire
    from trio_echo.observe.kernel import Snapshot

    from .capture_file import CaptureFile

_CLIENT, _SERVER = "client", "server"
# Seconds for a server of the user's to listen.
_PATIENCE = 10.0
# Seconds for a process to end after a signal.
_GRACE = 1.0
_STDERR = 2


class Asked(NamedTuple):
    """What to run.

    Attributes:
        wire: the cable.
        command: for the client; empty: the user's shell.
        server: a shell command for the server; by default an echo server.
    """

    wire: Wire
    command: tuple[str, ...]
    server: str | None


class _Stop:
    """What the stop signals do. While the command runs, Ctrl-C is for the command.

    Attributes:
        scope: is cancelled by a signal.
        number: of this signal.
        command_runs: whether the command runs.
    """

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.number = 0
        self.command_runs = False

    async def receive(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with receive_stop_signals(hang_up=True) as signals:
            task_status.started()
            async for number in signals:
                if number != signal.SIGINT or not self.command_runs:
                    self.number = number
                    self.scope.cancel()


async def run(asked: Asked, capture: CaptureFile | None) -> int:
    """Run the command behind the cable; return its exit status, or 128 and the stop signal.

    If Ctrl-C ended the command, the status is minus SIGINT.

    The status is 1 if the command ended with 0, but not every frame could be kept.

    Args:
        asked: what to run.
        capture: keeps the frames.

    Raises:
        LanError: the hosts cannot be made.
        SocketCallError: of a call that makes them.
        OSError: there is no room for the processes on them.
    """
    stop = _Stop()
    status: int | None = None
    made: lan.Network | None = None
    cable = asked.wire.cable(_CLIENT, _SERVER, keep=0)
    if capture is not None:
        cable.on_passage(capture.add)
    with ungrouped(Exception):
        async with trio.open_nursery() as nursery:
            await nursery.start(stop.receive)
            with stop.scope:
                async with (
                    nullcontext() if capture is None else capture.open(),
                    lan.hosts(_CLIENT, _SERVER, cable=cable, mtu=asked.wire.mtu) as made,
                ):
                    status = await _run(asked, made, stop)
            nursery.cancel_scope.cancel()
    if made is not None:
        _say(counted(made))
    if capture is not None:
        _say(f"{safe(str(capture.path))}: {capture.frames:,} frames")
        if capture.error is not None:
            _say(f"{safe(str(capture.path))} is not complete: {capture.error.strerror}")
            status = 1 if status == 0 else status
    return 128 + stop.number if status is None else status


async def _run(asked: Asked, net: lan.Network, stop: _Stop) -> int:
    client, server = net[_CLIENT], net[_SERVER]
    does = f"port {DEFAULT_PORT}: an echo server" if asked.server is None else "your server"
    addresses = (f"{one.name} {one.ipv4} {one.ipv6}" for one in (client, server))
    _say(f"{', '.join(addresses)} ({does})")
    settings = str(asked.wire.seeded(net.cable))
    _say(f"in each direction: {settings}" if settings else "a perfect cable")
    if (warning := asked.wire.warning) is not None:
        _say(warning)
    starting = (
        served(DEFAULT_PORT, hosts=ANY, open_process=server.open_process)
        if asked.server is None
        else _running(server, asked.server)
    )
    async with starting:
        stop.command_runs = True
        try:
            return await _command(client, asked.command)
        finally:
            stop.command_runs = False


async def _command(host: lan.Host, words: tuple[str, ...]) -> int:
    """Run the command at the terminal; return its exit status, as a shell has it."""
    number, environment = signal.SIGTERM, _environment(host)
    if not words:
        words = (os.environ.get("SHELL") or "/bin/sh",)
        number = _HANGUP  # shells ignore SIGTERM
        environment["PS1"] = f"{host.name}$ "
    done = await host.run(
        words,
        stdin=None,
        env=environment,
        check=False,
        deliver_cancel=partial(_end, number),
    )
    status = done.returncode
    return status if status == -signal.SIGINT else _as_in_a_shell(status)


def _as_in_a_shell(status: int) -> int:
    return status if status >= 0 else 128 - status


@asynccontextmanager
async def _running(host: lan.Host, command: str) -> AsyncIterator[None]:
    """Run a server of the user's; yields when it listens, or has failed, or after a while.

    One that ends with 0 may have left itself in the background, as a daemon does.
    """
    shell = partial(
        host.run,
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=_STDERR,  # standard output is for the other command
        env=_environment(host),
        start_new_session=True,  # Ctrl-C too
        check=False,
        deliver_cancel=partial(_end, signal.SIGTERM),
    )
    waiting, waited = trio.CancelScope(), trio.Event()
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(shell)

        async def watch() -> None:
            status = await process.wait()
            if status == 0:
                await waited.wait()
                if _listens(host.snapshot()):
                    return
            waiting.cancel()
            _say(f"the server has ended with {_as_in_a_shell(status)}")

        nursery.start_soon(watch)
        waiting.deadline = trio.current_time() + _PATIENCE
        with waiting:
            await host.until(_listens)
        waited.set()
        if waiting.cancelled_caught and not process.returncode:
            _say(f"the server does not listen after {_PATIENCE:g} s")
        yield
        nursery.cancel_scope.cancel()


def _listens(seen: Snapshot) -> bool:
    return any(row.state == "LISTEN" for row in seen.rows)


def _environment(host: lan.Host) -> dict[str, str]:
    return {**os.environ, "TRIO_ECHO_HOST": host.name}


async def _end(number: int, process: trio.Process) -> None:
    process.send_signal(number)
    await trio.sleep(_GRACE)
    process.kill()


def _say(line: str) -> None:
    with suppress(OSError):
        click.echo(f"[wire] {line}", err=True)
