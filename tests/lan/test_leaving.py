"""However a network ends, nothing of it is left: no processes, no open files, no words."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from rooms import open_descriptors, processes_below
from support import PATIENCE

from trio_echo import SocketCallError, lan

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform != "linux":
    pytest.skip("hosts need Linux", allow_module_level=True)

import resource

pytestmark = pytest.mark.usefixtures("hosts_allowed")

FOREVER = ["sh", "-c", "echo; exec sleep infinity"]


@pytest.fixture(scope="module")
def warm(hosts_allowed: None) -> None:
    """Open what Trio and Python keep open."""

    async def main() -> None:
        async with lan.hosts("warm", "up") as net:
            await net["warm"].run(["true"])

    trio.run(main)


@pytest.fixture(autouse=True)
def nothing_is_left(warm: None, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Compare what is open before and after, and expect that nobody has said anything."""
    before = opened()
    running_before = processes_below(os.getpid())
    yield
    assert opened() == before
    assert processes_below(os.getpid()) == running_before
    assert capfd.readouterr().err == ""


def opened() -> dict[str, str]:
    """What this process has open, but for the files in which pytest keeps what is printed."""
    gc.collect()
    return {number: file for number, file in open_descriptors().items() if "(del" not in file}


async def running(net: lan.Network, nursery: trio.Nursery) -> trio.Process:
    """A command that runs on the host "client" until somebody ends it."""
    run = partial(net["client"].run, FOREVER, stdout=subprocess.PIPE, check=False)
    process: trio.Process = await nursery.start(run)
    assert process.stdout is not None
    async with process.stdout:
        assert await process.stdout.receive_some() == b"\n"
    return process


def test_a_block_is_left_while_sockets_are_open() -> None:
    async def main() -> None:
        async with lan.hosts("client", "server") as net:
            client, server = net.hosts.values()
            (listener, *_) = await server.open_tcp_listeners(9000, host=server.ipv4)
            stream = await client.open_tcp_stream(server.ipv4, 9000)
        await stream.send_all(b"into the void")
        for one in (stream, listener):
            await one.aclose()

    trio.run(main)


@pytest.mark.parametrize(
    "error",
    [
        LookupError,
        *(pytest.param(one, marks=pytest.mark.slow) for one in (KeyboardInterrupt, SystemExit)),
    ],
)
def test_what_a_block_raises_comes_out_as_it_is(error: type[BaseException]) -> None:
    async def main() -> None:
        async with lan.hosts("client", "server"):
            raise error("by the block")

    with pytest.raises(error, match="by the block"):
        trio.run(main)


def test_a_block_is_left_while_a_command_runs() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            async with lan.hosts("client", "server") as net:
                process = await running(net, nursery)
            with trio.fail_after(PATIENCE):
                assert await process.wait() == -signal.SIGKILL

    trio.run(main)


def test_a_block_is_cancelled_while_a_command_runs_and_sockets_wait() -> None:
    async def main() -> None:
        async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
            await running(net, nursery)
            with net["server"].socket() as sock:
                await sock.bind((net["server"].ipv4, 9000))
                sock.listen()
                nursery.start_soon(partial(net["client"].open_tcp_stream, "server", 9001))
                nursery.cancel_scope.cancel()
                await sock.accept()

    trio.run(main)


@pytest.mark.slow
def test_a_rule_raises_while_a_command_runs() -> None:
    def wrong(_: object) -> bool:
        raise ZeroDivisionError("a rule's own mistake")

    async def main() -> None:
        async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
            process = await running(net, nursery)
            net.cable.rules.append(lan.drop(wrong))
            nursery.start_soon(partial(net["client"].open_tcp_stream, net["server"].ipv4, 9000))
            await process.wait()
            await trio.sleep_forever()

    with pytest.raises(ZeroDivisionError, match="own mistake"):
        trio.run(main)


@pytest.mark.slow
@pytest.mark.parametrize("inner", [False, True])
def test_the_process_behind_the_hosts_is_killed_while_a_command_runs(inner: bool) -> None:
    async def main() -> None:
        async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
            (keeper,) = set(processes_below(os.getpid())) - set(below_others())
            if inner:
                (keeper,) = processes_below(keeper)
            await running(net, nursery)
            os.kill(keeper, signal.SIGKILL)
            await trio.sleep_forever()

    with pytest.raises(lan.LanError, match="the hosts are lost: the process that owns them"):
        trio.run(main)


def below_others() -> Iterator[int]:
    """The processes whose parent is another one than this one."""
    for one in processes_below(os.getpid()):
        yield from processes_below(one)


@pytest.mark.slow
def test_a_killed_command_ends_and_the_hosts_stay() -> None:
    async def main() -> None:
        async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
            process = await running(net, nursery)
            os.kill(processes_below(process.pid)[-1], signal.SIGKILL)
            with trio.fail_after(PATIENCE):
                assert await process.wait() == -signal.SIGKILL
            await net["client"].run(["true"])

    trio.run(main)


def test_what_is_done_after_the_block_is_refused_in_plain_words() -> None:
    async def main() -> None:
        async with lan.hosts("client", "server") as net:
            client = net["client"]
        words = "the hosts are gone: their block was left"
        for call in (client.socket, partial(client.sysctl, "net.core.somaxconn"), client.snapshot):
            with pytest.raises(lan.LanError, match=words):
                call()
        for wait in (
            partial(client.run, ["true"]),
            partial(client.open_tcp_stream, "server", 9000),
            partial(client.open_tcp_listeners, 9000),
            partial(client.connect, "server", 9000),
        ):
            with pytest.raises(lan.LanError, match=words):
                await wait()

    trio.run(main)


@pytest.mark.slow
def test_two_networks_at_once_know_nothing_of_each_other() -> None:
    async def serve(net: lan.Network) -> trio.SocketListener:
        (listener,) = await net["server"].open_tcp_listeners(9000, host=net["server"].ipv4)
        return listener

    async def main() -> None:
        async with lan.hosts("client", "server") as outer:
            async with lan.hosts("client", "server") as inner:
                listener = await serve(outer)
                server = outer["server"].ipv4
                assert server == inner["server"].ipv4
                with pytest.raises(OSError, match=f"connect to {server}:9000 failed"):
                    await inner["client"].open_tcp_stream(server, 9000)
                inner.cable.cut()
                await (await outer["client"].open_tcp_stream(server, 9000)).aclose()
            await (await outer["client"].open_tcp_stream(server, 9000)).aclose()
            await listener.aclose()

    trio.run(main)


@contextmanager
def more_files_at_most(count: int) -> Iterator[None]:
    """Let this process open so many more files."""
    free = sorted(set(range(1000)).difference(map(int, open_descriptors())))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[count], hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_few_files_are_a_reason_why_hosts_cannot_be_made() -> None:
    with more_files_at_most(3):
        reason = lan.why_not()
    assert reason == "[fork()] Too many open files"


@pytest.mark.slow
def test_too_few_files_are_an_error_of_a_call() -> None:
    """Whichever call it is that fails, the error has its name, and nothing stays open."""
    errors = set()

    async def main() -> None:
        before = opened()
        for count in range(20):
            try:
                with more_files_at_most(count):
                    async with lan.hosts("client", "server"):
                        pass
            except SocketCallError as exc:
                errors.add(str(exc))
            assert opened() == before

    trio.run(main)
    calls = ("fork()", "recvmsg()", "timerfd_create()")
    assert errors >= {f"[{call}] Too many open files" for call in calls}
    assert all("Too many open files" in one for one in errors)


@pytest.mark.slow
def test_one_network_after_another_leaves_nothing() -> None:
    async def main() -> None:
        for number in range(20):
            async with lan.hosts("client", "server") as net:
                client, server = net.hosts.values()
                (listener,) = await server.open_tcp_listeners(9000, host=server.ipv4)
                stream = await client.open_tcp_stream(server.ipv4, 9000)
                if number % 5 == 0:
                    await client.run(["true"])
                await stream.aclose()
                await listener.aclose()
            counts.append(len(open_descriptors()))

    counts: list[int] = []
    trio.run(main)
    assert len(set(counts)) == 1


_FORKS = """
import os, time, trio
from trio_echo import lan

async def main():
    async with lan.hosts("client", "server") as net:
        child = os.fork()
        if child == 0:
            try:
                net["client"].socket()
            except lan.LanError as exc:
                print(exc, flush=True)
            time.sleep(1000)
        return child

child = trio.run(main)
os.kill(child, 9)
print(os.waitpid(child, 0)[0] == child)
"""


@pytest.mark.slow
def test_a_forked_process_does_not_keep_the_hosts() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _FORKS],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    said = "a forked process cannot use the hosts\nTrue\n"
    assert (ran.stdout, ran.stderr) == (said, "")
