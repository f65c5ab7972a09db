"""This package's server in its own process, to be measured.

`served` starts `python -m trio_echo.measure.serving` and sends it a line of JSON, a `Service`. The
process answers with a line: where it listens, or why it does not. It ends with its standard input,
a pipe that closes when the process that started it ends, in any way.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import msgspec
import trio

from trio_echo.addresses import Endpoint
from trio_echo.certificates import CertificateFiles
from trio_echo.errors import SocketCallError, naming, ungrouped
from trio_echo.faults import Faults
from trio_echo.listening import LOOPBACK
from trio_echo.server import GC_THRESHOLD, serve
from trio_echo.workers.process import STARTING_CALL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from .load.processes import OpenProcess


class Service(msgspec.Struct, frozen=True):
    """What to serve: arguments of `trio_echo.serve`, and the files for its `ssl_context`."""

    port: int
    hosts: tuple[str, ...]
    faults: Faults
    certificates: CertificateFiles | None


class Started(msgspec.Struct, frozen=True, tag=True):
    """It listens.

    Attributes:
        endpoints: where.
    """

    endpoints: list[Endpoint]


class Failed(msgspec.Struct, frozen=True, tag=True):
    """It does not listen; the fields of a `SocketCallError`."""

    call: str
    number: int | None
    reason: str
    where: str | None


@asynccontextmanager
async def served(
    port: int = 0,
    *,
    hosts: Sequence[str] = LOOPBACK,
    faults: Faults = Faults(),
    certificates: CertificateFiles | None = None,
    open_process: OpenProcess = trio.lowlevel.open_process,
) -> AsyncIterator[list[Endpoint]]:
    """Run this package's server in its own process; yields where it listens.

    In this process it would share the GIL with the code that measures: round trips would take
    longer, and vary more. The server ends with this process, even if this process is killed.

    Args:
        port: as for `serve`; by default a free one.
        hosts: as for `serve`; by default loopback on both families.
        faults: as for `serve`.
        certificates: for TLS.
        open_process: what starts the process, such as `Host.open_process` of `trio_echo.lan`.

    Raises:
        SocketCallError: its process cannot be started, cannot listen, or ended at once.
    """
    apart: dict[str, Any] = {"start_new_session": True}  # a Ctrl-C is for this process
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    with naming(STARTING_CALL):
        process = await open_process(
            [sys.executable, "-m", __spec__.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # no log of it on this process's screen
            **apart,
        )
    stdin = cast("trio.abc.SendStream", process.stdin)
    stdout = cast("trio.abc.ReceiveStream", process.stdout)
    try:
        service = Service(port, tuple(hosts), faults, certificates)
        with suppress(trio.BrokenResourceError):  # it has ended, and says so below
            await stdin.send_all(msgspec.json.encode(service) + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            chunk = await stdout.receive_some()
            if not chunk:
                status = await process.wait()
                raise SocketCallError("listen()", OSError(f"the server ended with {status}"))
            answer += chunk
        match msgspec.json.decode(answer, type=Started | Failed):
            case Failed(call, number, reason, where):
                raise SocketCallError(call, OSError(number, reason), where)
            case Started(endpoints):
                yield endpoints
    finally:
        process.terminate()
        with trio.CancelScope(shield=True):
            await process.wait()
            await stdin.aclose()
            await stdout.aclose()


def main() -> None:
    """Serve as asked, until standard input ends."""
    # Not the buffered one: its lock would be held by the thread below when the process ends.
    commands = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115  it stays
    line = commands.readline()
    if not line:
        return

    def end_with_input() -> None:
        while commands.read(4096):
            pass
        os._exit(1)

    # A thread, because Windows cannot wait for a pipe and for sockets at once. It takes nothing
    # from the server: it sleeps in read().
    threading.Thread(target=end_with_input, daemon=True).start()
    gc.set_threshold(GC_THRESHOLD)
    trio.run(_serve, msgspec.json.decode(line, type=Service))


async def _serve(service: Service) -> None:
    files = service.certificates
    try:
        start = partial(
            serve,
            service.port,
            hosts=service.hosts,
            faults=service.faults,
            ssl_context=None if files is None else files.server_context(),
            observe_data=False,
        )
        with ungrouped(SocketCallError):
            async with trio.open_nursery() as nursery:
                listeners = await nursery.start(start)
                _answer(
                    Started([Endpoint.from_sockaddr(one.socket.getsockname()) for one in listeners])
                )
    except SocketCallError as exc:
        _answer(Failed(exc.call, exc.errno, exc.strerror or "", exc.where))


def _answer(answer: Started | Failed) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
