"""The server of a soak: a process on this machine, or on a host of its own behind a cable."""

from __future__ import annotations

import re
import ssl
import sys
from contextlib import asynccontextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import psutil
import trio
import trustme
from checked_screen import CheckedScreen
from hostile import HOSTILE, Tally, attack
from hostile_tls import NOISE
from soak_report import Rest

from trio_echo import Endpoint, lan

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Sequence

    from trio_echo.lan.options import Wire

_LOOPBACK = ("127.0.0.1", "::1")
# What a server may say on standard error: about killed workers, too few descriptors, and its end.
_EXPECTED = re.compile(
    r"\[TCP server\] worker \d+ died: SIGKILL; .*"
    r"|\[accept\(\)\] Too many open files.*"
    r"|\[TCP server\] \d+ lines? not shown"
)


class Server:
    """The server as a process, on this machine or on a host of its own.

    Args:
        process: as Trio started it, with pipes.
        hosts: its addresses, one of each family.
        net: the hosts, if there are any: clients are on one of them.
        tls: what its clients trust, if they use TLS.

    Attributes:
        endpoints: where it listens; empty if it ended before that.
        cable: the one before it, if there is one.
        screen: what it has written.
        errors: what it has written to standard error.
    """

    def __init__(
        self,
        process: trio.Process,
        hosts: Sequence[str],
        net: lan.Network | None,
        tls: trustme.CA | None,
    ) -> None:
        self.process = process
        self.endpoints: list[Endpoint] = []
        self.screen = CheckedScreen()
        self.errors = b""
        self._hosts = hosts
        self._client = None if net is None else net["client"]
        self.cable = None if net is None else net.cable
        self._tls: ssl.SSLContext | None = None
        if tls is not None:
            self._tls = ssl.create_default_context()
            self._tls.check_hostname = False  # over a cable, its addresses are others
            tls.configure_trust(self._tls)

    async def read_screen(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Check its lines until it ends; this is started once it listens, or has ended."""
        beginning = b""
        async with _pipe(self.process.stdout) as screen:
            while data := await screen.receive_some():
                self.screen.feed(data)
                if self.endpoints:
                    continue
                beginning += data
                ports = re.findall(rb"port=(\d+)\n", beginning)
                if len(ports) == len(self._hosts):
                    ends = zip(self._hosts, map(int, ports), strict=True)
                    self.endpoints = [Endpoint(*one) for one in ends]
                    task_status.started()
        if not self.endpoints:
            task_status.started()

    async def read_errors(self) -> None:
        """Keep its standard error."""
        async with _pipe(self.process.stderr) as errors:
            while data := await errors.receive_some():
                self.errors += data

    def complaints(self) -> list[str]:
        """Return the lines of standard error that should not be there, and a torn last line."""
        lines = self.errors.decode(errors="replace").splitlines()
        wrong = [f"on standard error: {one}" for one in lines if not _EXPECTED.fullmatch(one)]
        # If it ended before its screen was read, it has said that lines are missing.
        if self.screen.rest and not (lines and lines[-1].endswith("not shown")):
            wrong.append(f"the last line has no end: {self.screen.rest[:100]!r}")
        return wrong

    async def attack(
        self, tally: Tally, draws: random.Random, tasks: int, stop: trio.Event
    ) -> None:
        """Let clients come, on both families, until `stop` is set and all have left."""
        with nullcontext() if self._client is None else self._client.here():
            async with trio.open_nursery() as nursery:
                kinds = HOSTILE if self._tls is None else HOSTILE + NOISE
                for one in self.endpoints:
                    seed = draws.getrandbits(64)
                    come = partial(attack, one, tally, seed=seed, tasks=tasks, stop=stop)
                    nursery.start_soon(partial(come, kinds=kinds, tls=self._tls))

    def processes(self) -> list[psutil.Process]:
        """List its processes; the first one is the parent of the workers. None if it has ended."""
        try:
            started = psutil.Process(self.process.pid)
            family = [started, *started.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        if self._client is not None:
            del family[0]  # it entered the host, and waits for the server
        return family

    def rest(self, second: float) -> Rest:
        """Read its memory and descriptors."""
        memory = descriptors = 0
        for one in self.processes():
            with suppress(psutil.NoSuchProcess, FileNotFoundError):  # a killed worker
                memory += one.memory_info().rss
                descriptors += len(list(Path(f"/proc/{one.pid}/fd").iterdir()))
        return Rest(second, memory, descriptors)


def _pipe(stream: trio.abc.ReceiveStream | None) -> trio.abc.ReceiveStream:
    if stream is None:
        raise ValueError("the server was started without pipes")
    return stream


@asynccontextmanager
async def started(
    options: Sequence[str], wire: Wire | None, descriptors: int | None, *, tls: bool
) -> AsyncIterator[Server]:
    """Start the server, and read what it writes; at the end of the block it is killed."""
    limit = [] if descriptors is None else ["prlimit", f"--nofile={descriptors}"]
    serve = [sys.executable, "-m", "trio_echo", "serve", "--port", "0", "--lang", "en"]
    command = [*limit, *serve, *options]
    with TemporaryDirectory() as folder:
        authority = None
        if tls:
            authority = trustme.CA()
            command += _certificate(authority, Path(folder, "cert.pem"))
        async with trio.open_nursery() as nursery:
            if wire is None:
                run, hosts, net = trio.run_process, _LOOPBACK, None
            else:
                net = await nursery.start(_hosts, wire)
                hosts, run = (net["server"].ipv4, net["server"].ipv6), net["server"].run
                command += ["--host", hosts[0], "--host", hosts[1]]
            process = await nursery.start(
                partial(run, command, stdout=PIPE, stderr=PIPE, check=False)
            )
            server = Server(process, hosts, net, authority)
            nursery.start_soon(server.read_errors)
            await nursery.start(server.read_screen)
            yield server
            nursery.cancel_scope.cancel()


def _certificate(authority: trustme.CA, path: Path) -> list[str]:
    """Write a certificate with its key; returns the options of a server."""
    issued = authority.issue_cert("localhost").private_key_and_cert_chain_pem
    issued.write_to_path(str(path))
    return ["--tls-cert", str(path), "--tls-key", str(path)]


async def _hosts(wire: Wire, task_status: trio.TaskStatus[lan.Network]) -> None:
    cable = wire.cable("client", "server", keep=0)
    async with lan.hosts("client", "server", cable=cable, mtu=wire.mtu) as net:
        task_status.started(net)
        await trio.sleep_forever()
