"""The server's limits and its end, and the client's connecting, over a long or a broken cable."""

from __future__ import annotations

import errno
import math
import signal
import socket
import sys
from functools import partial
from subprocess import PIPE

import pytest
import trio
from rooms import far_server
from support import PATIENCE, Events, reset

from trio_echo import Limits, SocketCallError, lan
from trio_echo.events import (
    ClientClosed,
    ClientConnected,
    ClientFailed,
    ClientIdle,
    Draining,
    Stopped,
)
from trio_echo.keepalive import _TCP_RTO_MAX_MS as TCP_RTO_MAX_MS
from trio_echo.observe.packets.passage import Fate, Passage

if sys.platform != "linux":
    pytest.skip("hosts need Linux", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("hosts_allowed")


@pytest.fixture(params=["ipv4", "ipv6"])
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def failure(events: Events) -> tuple[str, int | None]:
    """Wait for a client whose connection breaks; returns the call and the error's number."""
    error = (await events.wait(ClientFailed)).error
    assert isinstance(error, SocketCallError)
    return error.call, error.errno


async def test_a_client_connects_by_ipv4_if_no_syn_of_ipv6_arrives() -> None:
    async with far_server() as far:
        far.cable.rules.append(lan.drop(lan.syn & lan.ipv6))
        with trio.fail_after(PATIENCE):
            async with await far.client.connect("server", 9000) as connection:
                event = await far.events.wait(ClientConnected)
                assert event.connection.remote.host == far.client.ipv4
                assert await connection.echo(b"hello") == b"hello"
        assert far.cable.rules[0].acted >= 1


async def test_a_server_drains_at_a_distance(family: str) -> None:
    """A client that is far away finishes what it has begun, and no other one comes in."""
    stop = trio.Event()
    cable = lan.Cable("client", "server", delay=0.01)
    async with far_server(cable, limits=Limits(grace=PATIENCE), stop=stop) as far:
        address = getattr(far.server, family)
        with trio.fail_after(PATIENCE):
            async with await far.client.connect(address, 9000) as connection:
                assert await connection.echo(b"before") == b"before"
                stop.set()
                assert (await far.events.wait(Draining)).clients == 1
                with pytest.raises(SocketCallError) as refused:
                    await far.client.connect(address, 9000)
                assert (refused.value.call, refused.value.errno) == (
                    "connect()",
                    errno.ECONNREFUSED,
                )
                cable.rules.append(lan.drop(lan.data, nth=10))
                data = bytes(range(256)) * 500
                assert await connection.echo(data) == data
            assert await far.events.wait(Stopped) == Stopped(1, len(data) + 6, 0)
    assert cable.counts[Fate.LOST] == 1


@pytest.mark.slow
async def test_a_terminated_server_lets_a_far_client_finish(family: str) -> None:
    command = [sys.executable, "-m", "trio_echo", "serve", "--any", "--grace", "100"]
    cable = lan.Cable("client", "server", delay=0.02, loss=0.01, seed=3)
    with trio.fail_after(PATIENCE):
        async with (
            lan.hosts("client", "server", cable=cable) as net,
            trio.open_nursery() as nursery,
        ):
            client, server = net.hosts.values()
            process = await nursery.start(partial(server.run, command, stdout=PIPE))
            async with process.stdout:
                said = b""
                while said.count(b"9000") < 2:  # it is listening on both families
                    said += await process.stdout.receive_some()
                async with await client.connect(getattr(server, family), 9000) as connection:
                    assert await connection.echo(b"before") == b"before"
                    process.send_signal(signal.SIGTERM)
                    while b"stopping" not in said:
                        said += await process.stdout.receive_some()
                    data = bytes(range(256)) * 4000
                    assert await connection.echo(data) == data
                assert await process.wait() == 0
    assert cable.counts[Fate.LOST] > 0


@pytest.mark.slow
async def test_a_client_behind_a_slow_link_is_idle_only_when_nothing_moves(
    family: str, way: str
) -> None:
    """The server has sent everything long before the client has received it."""
    limit = 2.0
    cable = lan.Cable("client", "server")
    async with far_server(cable, limits=Limits(idle_timeout=limit)) as far:
        with trio.fail_after(PATIENCE):
            async with await far.client.connect(getattr(far.server, family), 9000) as connection:
                cable.toward("client").rate = 200_000  # bits a second
                data = bytes(150_000)
                begin = trio.current_time()
                assert await connection.echo(data) == data
                assert trio.current_time() - begin > 2 * limit
                assert not [one for one in far.events.seen if isinstance(one, ClientIdle)]
                cable.rate = None
                assert (await far.events.wait(ClientIdle)).idle_timeout == limit
                assert await connection.receive_unsolicited() == b""


async def test_a_reset_crosses_the_cable(family: str) -> None:
    cable = lan.Cable("client", "server", delay=0.01)
    async with far_server(cable) as far:
        with trio.fail_after(PATIENCE):
            stream = await far.client.open_tcp_stream(getattr(far.server, family), 9000)
            await far.events.wait(ClientConnected)
            reset(stream.socket)
            assert await failure(far.events) == ("recv()", errno.ECONNRESET)


@pytest.mark.slow
async def test_a_lost_reset_is_noticed_by_keepalive(family: str, way: str) -> None:
    async with far_server(limits=Limits(keepalive=1)) as far:
        far.cable.rules.append(lan.drop(lan.rst, first=1))
        with trio.fail_after(PATIENCE):
            stream = await far.client.open_tcp_stream(getattr(far.server, family), 9000)
            await far.events.wait(ClientConnected)
            reset(stream.socket)
            assert await failure(far.events) == ("recv()", errno.ECONNRESET)
        assert far.cable.counts[Fate.LOST] == 1


@pytest.mark.slow
async def test_both_sides_notice_that_the_other_one_has_vanished(family: str, way: str) -> None:
    async with far_server(limits=Limits(keepalive=1)) as far:
        address = getattr(far.server, family)
        with trio.fail_after(PATIENCE):
            async with await far.client.connect(address, 9000, keepalive=1) as connection:
                assert await connection.echo(b"hello") == b"hello"
                far.cable.cut()
                with pytest.raises(SocketCallError) as vanished:
                    await connection.receive_unsolicited()
                assert (vanished.value.call, vanished.value.errno) == ("recv()", errno.ETIMEDOUT)
                assert await failure(far.events) == ("recv()", errno.ETIMEDOUT)
        assert far.cable.counts[Fate.CUT] >= 2  # probes


@pytest.mark.slow
async def test_a_peer_that_vanishes_is_noticed_while_data_is_on_its_way() -> None:
    """Linux repeats the data; since 6.15, for 15 s with a short keepalive, else for 15 minutes."""
    async with far_server(limits=Limits(keepalive=1)) as far:
        connection = await far.client.connect(far.server.ipv4, 9000, keepalive=1)
        async with connection:
            assert isinstance(connection.stream, trio.SocketStream)
            try:
                connection.stream.setsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS, 1000)
            except OSError:
                pytest.skip("this kernel cannot limit the pauses between retransmissions")
            far.cable.cut()
            with trio.fail_after(PATIENCE), pytest.raises(SocketCallError) as vanished:
                await connection.echo(b"hello")
            assert (vanished.value.call, vanished.value.errno) == ("recv()", errno.ETIMEDOUT)
            with trio.fail_after(PATIENCE):
                assert await failure(far.events) == ("recv()", errno.ETIMEDOUT)


@pytest.mark.slow
async def test_a_quiet_peer_that_lives_stays(family: str, way: str) -> None:
    async with far_server(limits=Limits(keepalive=1)) as far:
        address = getattr(far.server, family)
        answers, send_answer = [], trio.Event()

        def count(passage: Passage) -> None:
            if passage.source == "client":
                answers.append(passage)
            if len(answers) == 4:  # to the server's probes; it gives up after two
                send_answer.set()

        with trio.fail_after(PATIENCE):
            async with await far.client.connect(address, 9000, keepalive=math.inf) as connection:
                assert await connection.echo(b"hello") == b"hello"
                far.cable.on_passage(count)
                await send_answer.wait()
                assert await connection.echo(b"again") == b"again"
            await far.events.wait(ClientClosed)
