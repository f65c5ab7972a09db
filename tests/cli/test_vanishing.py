"""Commands whose other side vanishes: the cable is cut, and nobody says so."""

from __future__ import annotations

import re
import sys
from functools import partial
from subprocess import PIPE, STDOUT
from typing import TYPE_CHECKING

import pytest
import trio
from support import PATIENCE

from trio_echo import Endpoint, lan, serve
from trio_echo.events import ClientClosed

if sys.platform != "linux":
    pytest.skip("hosts can be made on Linux only", allow_module_level=True)

if TYPE_CHECKING:
    from trio_echo.events import ServerEvent

pytestmark = [pytest.mark.usefixtures("hosts_allowed"), pytest.mark.slow]

GONE = r"(Connection timed out|No route to host)"


class Command:
    """A command of ours on a host, and its output."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self.stdin = process.stdin
        self._stdout = process.stdout
        self.text = ""

    async def expect(self, pattern: str) -> None:
        """Wait until a pattern is in the output; at its end, it must be there."""
        with trio.fail_after(PATIENCE):
            while not re.search(pattern, self.text):
                data = await self._stdout.receive_some()
                assert data, f"no {pattern!r} in {self.text}"
                self.text += data.decode()

    async def ends(self) -> int:
        """Wait until it ends; returns its exit status."""
        with trio.fail_after(PATIENCE):
            async for data in self._stdout:
                self.text += data.decode()
            return await self.process.wait()


async def start(host: lan.Host, nursery: trio.Nursery, *words: str) -> Command:
    command = [sys.executable, "-m", "trio_echo", *words]
    run = partial(host.run, command, stdin=PIPE, stdout=PIPE, stderr=STDOUT, check=False)
    return Command(await nursery.start(partial(run, env={"LC_ALL": "C.UTF-8"})))


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
async def test_bench_ends_and_says_that_the_server_vanished(family: str) -> None:
    async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
        client, server = net.hosts.values()
        closed: list[ServerEvent] = []

        def observe(event: ServerEvent) -> None:
            if isinstance(event, ClientClosed):
                closed.append(event)
                if len(closed) == 2:
                    net.cable.cut()

        listeners = await server.open_tcp_listeners(9000)
        await nursery.start(partial(serve, listeners=listeners, observer=observe))
        load = ("--rounds", "1000", "--connections", "1", "--messages", "20", "--timeout", "1")
        target = str(Endpoint(getattr(server, family), 9000))
        bench = await start(client, nursery, "bench", target, *load)
        assert await bench.ends() == 1
        assert "partial: the run ended early\n" in bench.text
        assert re.search(rf"\[connect\(\)\] {GONE}: {re.escape(target)}\n", bench.text)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
async def test_a_client_at_its_prompt_notices_that_the_server_vanished(family: str) -> None:
    async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
        client, server = net.hosts.values()
        listeners = await server.open_tcp_listeners(9000)
        await nursery.start(partial(serve, listeners=listeners))
        connect = await start(
            client, nursery, "connect", "--keepalive", "2", getattr(server, family), "9000"
        )
        await connect.stdin.send_all(b"hello\n")
        await connect.expect(r"received data\] hello\n")
        net.cable.cut()
        assert await connect.ends() == 1
        assert re.search(rf"\[recv\(\)\] {GONE}", connect.text)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
async def test_a_server_ends_a_client_that_vanished(family: str) -> None:
    async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
        client, server = net.hosts.values()
        serving = await start(server, nursery, "serve", "--any", "--keepalive", "2")
        await serving.expect(r"listening(.|\n)*listening.*\n")
        connection = await client.connect(getattr(server, family), 9000)
        assert await connection.echo(b"hello") == b"hello"
        net.cable.cut()
        await serving.expect(rf"\[recv\(\)\] {GONE}")
        await serving.expect("client closed")
        await connection.aclose()
        nursery.cancel_scope.cancel()
