"""Hosts and their network: names, addresses, sockets, links, and that nothing is left behind."""

from __future__ import annotations

import importlib.util
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from functools import partial
from subprocess import PIPE
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel
from rooms import open_descriptors, processes_below

import trio_echo
from trio_echo import lan
from trio_echo.listening import ANY

if TYPE_CHECKING:
    from trio_echo.observe.packets.passage import Passage

if sys.platform != "linux":
    pytest.skip("hosts need Linux", allow_module_level=True)

import fcntl

pytestmark = pytest.mark.usefixtures("hosts_allowed")

ARP, IPV4, IPV6 = b"\x08\x06", b"\x08\x00", b"\x86\xdd"


async def serve_on(host: lan.Host, nursery: trio.Nursery) -> None:
    """Echo at port 9000 of all addresses of a host."""
    with host.here():

        async def serve(task_status: trio.TaskStatus[list[trio.SocketListener]]) -> None:
            await trio_echo.serve(9000, hosts=ANY, task_status=task_status)

        await nursery.start(serve)


async def test_what_a_switch_drops_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_echo.lan.switch._ROOM", 0)
    async with lan.hosts("a", "b", "c") as net:
        entered = trio.Event()
        net.cables["a"].on_passage(lambda _: entered.set())
        with net["a"].socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            await sock.sendto(b"who has b's address?", (net["b"].ipv4, 7))
            await entered.wait()
        assert net.overruns == 2


async def test_a_host_serves_and_another_connects_by_name_and_by_every_address() -> None:
    async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
        client, server = net.hosts.values()
        await serve_on(server, nursery)
        for address in ("server", server.ipv4, server.ipv6, f"{server.link_local}%eth0"):
            async with await client.connect(address, 9000) as connection:
                assert await connection.echo(b"hello") == b"hello"
        stream = await client.open_tcp_stream("SERVER", 9000)
        assert stream.socket.getpeername()[0] == server.ipv6
        assert stream.socket.getsockname()[0] == client.ipv6
        await stream.aclose()
        nursery.cancel_scope.cancel()


async def test_opened_listeners_serve_both_families() -> None:
    async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
        client, server = net.hosts.values()
        listeners = await server.open_tcp_listeners(9000)

        async def serve() -> None:
            await trio_echo.serve(listeners=listeners)

        nursery.start_soon(serve)
        for address in (server.ipv4, server.ipv6):
            async with await client.connect(address, 9000) as connection:
                assert await connection.echo(b"hello") == b"hello"
        nursery.cancel_scope.cancel()


async def test_the_cable_carries_what_was_sent_and_nothing_else() -> None:
    async with lan.hosts("client", "server") as net:
        client, server = net.hosts.values()
        listeners = await server.open_tcp_listeners(9000, host=server.ipv4)
        assert net.cable.passages == ()
        stream = await client.open_tcp_stream(server.ipv4, 9000)
        passages: tuple[Passage, ...] = net.cable.passages
        frames = [(one.source, one.data) for one in passages]
        kinds = [(source, data[12:14]) for source, data in frames]
        assert kinds[:2] == [("client", ARP), ("server", ARP)]
        assert {kind for _, kind in kinds[2:]} == {IPV4}
        macs = [bytes.fromhex(one.mac.replace(":", "")) for one in (client, server)]
        assert frames[0][1][6:12] == macs[0]
        assert frames[2][1][:12] == macs[1] + macs[0]
        await stream.aclose()
        await listeners[0].aclose()


async def test_segments_are_whole_checksummed_and_fit_the_mtu() -> None:
    size = 200_000
    async with lan.hosts("client", "server", mtu=1400) as net, trio.open_nursery() as nursery:
        client, server = net.hosts.values()
        await serve_on(server, nursery)
        for address in (server.ipv4, server.ipv6):
            async with await client.connect(address, 9000) as connection:
                data = os.urandom(size)
                assert await connection.echo(data) == data
        assert max(len(one.data) for one in net.cable.passages) == 1400 + 14
        nursery.cancel_scope.cancel()


async def test_only_tasks_that_are_here_open_sockets_on_a_host() -> None:
    async with lan.hosts("client", "server") as net:
        client = net["client"]
        with client.here():
            assert (await trio.socket.getaddrinfo("server", 9000))[0][4][0] == net["server"].ipv6
            with pytest.raises(socket.gaierror, match="not known"):
                await trio.socket.getaddrinfo("example.org", 80)
            inside = trio.socket.socket()
        outside = trio.socket.socket()
        with inside, outside:
            await inside.bind((client.ipv4, 9000))
            with pytest.raises(OSError, match="assign requested address"):
                await outside.bind((client.ipv4, 9000))
        assert await trio.socket.getaddrinfo("localhost", 80)


async def test_elsewhere_trio_is_as_before() -> None:
    class Factory(trio.abc.SocketFactory):
        def socket(
            self,
            family: int = socket.AF_INET,
            type: int = socket.SOCK_STREAM,  # noqa: A002
            proto: int = 0,
        ) -> trio.socket.SocketType:
            raise NotImplementedError

    trio.socket.set_custom_socket_factory(Factory())
    for _ in range(2):
        async with lan.hosts("a", "b") as net:
            with net["a"].here():
                trio.socket.socket().close()
            with pytest.raises(NotImplementedError):
                trio.socket.socket()
    assert await trio.socket.getaddrinfo("localhost", 80)


async def test_three_hosts_share_a_switch() -> None:
    async with lan.hosts("a", "b", "c") as net, trio.open_nursery() as nursery:
        await serve_on(net["a"], nursery)
        for name in ("b", "c"):
            for address in (net["a"].ipv4, net["a"].ipv6):
                async with await net[name].connect(address, 9000) as connection:
                    assert await connection.echo(b"hello") == b"hello"
        assert list(net.cables) == ["a", "b", "c"]
        with pytest.raises(lan.LanError, match=r"several cables: net\.cables"):
            _ = net.cable
        # All hear who has a's address; only the one that talks gets its segments.
        kinds = {one.data[12:14] for one in net.cables["c"].passages if one.source == "switch"}
        assert kinds == {ARP, IPV4, IPV6}
        to_b = bytes.fromhex(net["b"].mac.replace(":", ""))
        assert to_b not in {one.data[:6] for one in net.cables["c"].passages}
        nursery.cancel_scope.cancel()


async def test_a_router_reports_packets_that_are_too_big_for_the_next_link() -> None:
    mtu = {"client": 1500, "server": 1280}
    async with (
        lan.hosts("client", "server", router="router", mtu=mtu) as net,
        trio.open_nursery() as nursery,
    ):
        client, server, router = net.hosts.values()
        await serve_on(server, nursery)
        # A host's own limit would hide the smaller link behind the router: the MSS says 1240.
        for host in (client, server):
            host.sysctl("net.ipv4.tcp_mtu_probing", 0)
        for family, address in ((socket.AF_INET, server.ipv4), (socket.AF_INET6, server.ipv6)):
            with client.socket(family, socket.SOCK_DGRAM) as sock:
                if family == socket.AF_INET:
                    sock.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
                await sock.connect((address, 7))
                sock.setsockopt(*((0, 11, 1) if family == socket.AF_INET else (41, 25, 1)))
                await sock.send(bytes(1400))
                with pytest.raises(OSError, match="Message too long"):
                    await sock.recv(1)  # the ICMP message is the socket's error
        assert {one.source for one in net.cables["client"].passages} == {"client", "router"}
        assert len(router.interfaces) == 2
        async with await client.connect("server", 9000) as connection:
            assert await connection.echo(bytes(100_000)) == bytes(100_000)
        sizes = {len(one.data) for one in net.cables["server"].passages}
        assert max(sizes) == 1280 + 14
        nursery.cancel_scope.cancel()


async def wait_for_carrier(host: lan.Host, expected: bool) -> None:
    """Wait for the flag IFF_RUNNING of `eth0` (netdevice(7)): the kernel sets it a little later."""
    with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        found = not expected
        while found != expected:
            flags = fcntl.ioctl(sock.fileno(), 0x8913, struct.pack("16sH14x", b"eth0", 0))
            found = bool(struct.unpack("16xH14x", flags)[0] & 0x40)
            await trio.sleep(0.001)


@pytest.mark.slow
async def test_a_host_sees_that_it_is_unplugged_and_the_echo_comes_when_it_is_plugged_in() -> None:
    async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
        client, server = net.hosts.values()
        await serve_on(server, nursery)
        for address in (server.ipv4, server.ipv6):
            async with await client.connect(address, 9000) as connection:
                assert await connection.echo(b"before") == b"before"
                client.unplug()
                await wait_for_carrier(client, False)
                await wait_for_carrier(server, True)
                async with trio.open_nursery() as echoing:
                    echoing.start_soon(connection.echo, b"after")
                    await client.until(
                        lambda one: any(row.send_queue == 5 for row in one.rows), 9000
                    )
                    client.plug_in()
                await wait_for_carrier(client, True)
        nursery.cancel_scope.cancel()


async def test_settings_are_a_hosts_own() -> None:
    async with lan.hosts("client", "server") as net:
        client, server = net.hosts.values()
        assert client.sysctl("net.ipv4.tcp_timestamps", 0) == "0"
        assert client.sysctl("net.ipv4.tcp_timestamps") == "0"
        assert server.sysctl("net.ipv4.tcp_timestamps") == "1"
        client.sysctl("net.ipv4.route.flush", 1)  # this one can be written only
        for outside in ("/proc/version", "../../proc/version"):
            with pytest.raises(trio_echo.SocketCallError, match="No such file"):
                client.sysctl(outside)
        with pytest.raises(trio_echo.SocketCallError, match=r"\[open\(\)\] No such file.*net\.no"):
            client.sysctl("net.no")
        with pytest.raises(trio_echo.SocketCallError, match=r"\[write\(\)\] Invalid argument: net"):
            client.sysctl("net.ipv4.tcp_timestamps", "many")


async def test_a_socket_that_the_kernel_refuses_is_an_error_of_its_call() -> None:
    async with lan.hosts("client", "server") as net:
        with pytest.raises(trio_echo.SocketCallError, match=r"\[socket\(\)\] "):
            net["client"].socket(socket.AF_INET, 77)
        with net["client"].socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:  # needs no privilege
            assert raw.family == socket.AF_PACKET


async def test_a_failure_in_the_block_is_raised_as_it_is() -> None:
    error = ExceptionGroup("as it is", [ValueError()])
    with pytest.raises(ExceptionGroup) as caught:
        async with lan.hosts("client", "server"):
            raise error
    assert caught.value is error


async def test_a_rule_that_raises_fails_the_block() -> None:
    def rule(_crossing: object) -> bool:
        raise ZeroDivisionError

    cable = lan.Cable("client", "server")
    cable.rules.append(lan.drop(rule))
    with pytest.raises(ZeroDivisionError):
        async with lan.hosts("client", "server", cable=cable) as net:
            await net["client"].open_tcp_stream("server", 9000)


async def test_a_cable_must_fit_the_hosts() -> None:
    with pytest.raises(lan.LanError, match="the cable's ends are named 'a' and 'b', the hosts"):
        async with lan.hosts("client", "server", cable=lan.Cable("a", "b")):
            pass
    with pytest.raises(lan.LanError, match="for two hosts only"):
        async with lan.hosts("a", "b", "c", cable=lan.Cable("a", "b")):
            pass


async def test_nothing_is_left_when_the_block_is_left() -> None:
    async with lan.hosts("warm", "up"):  # Trio keeps threads and a wakeup socket
        pass
    before = open_descriptors()
    async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
        process = await nursery.start(
            partial(net["client"].run, ["sh", "-c", "echo; exec sleep infinity"], stdout=PIPE)
        )
        async with process.stdout:
            await process.stdout.receive_some()
        assert len(processes_below(os.getpid())) == 4  # two of the namespaces, a shim, sleep
        nursery.cancel_scope.cancel()
    assert not processes_below(os.getpid())
    assert open_descriptors() == before


@pytest.mark.slow
@pytest.mark.parametrize("step", range(7))
async def test_nothing_is_left_when_the_set_up_is_cancelled(
    step: int, capfd: pytest.CaptureFixture[str]
) -> None:
    async with lan.hosts("warm", "up"):
        pass
    before = open_descriptors()

    class Cut(trio.abc.Instrument):
        """Cancels the task as it waits for the nth time."""

        waits = 0

        def after_task_step(self, stepped: trio.lowlevel.Task) -> None:
            if stepped is task:
                self.waits += 1
                if self.waits == step:
                    scope.cancel()

    task = trio.lowlevel.current_task()
    with trio.CancelScope() as scope:
        trio.lowlevel.add_instrument(cut := Cut())
        try:
            if step == 0:
                scope.cancel()
            async with lan.hosts("client", "server"):
                scope.cancel()
                await trio.sleep_forever()
        finally:
            trio.lowlevel.remove_instrument(cut)
    assert scope.cancelled_caught
    assert not processes_below(os.getpid())
    assert open_descriptors() == before
    assert capfd.readouterr().err == ""


async def test_when_the_process_behind_the_hosts_is_killed_the_block_fails() -> None:
    with pytest.raises(lan.LanError, match="the hosts are lost"):  # noqa: PT012  likewise
        async with lan.hosts("client", "server"):
            os.kill(processes_below(os.getpid())[0], signal.SIGKILL)
            await trio.sleep_forever()


async def test_a_call_on_lost_hosts_says_so() -> None:
    with pytest.raises(lan.LanError, match="the hosts are lost"):  # noqa: PT012  likewise
        async with lan.hosts("client", "server") as net:
            for one in processes_below(os.getpid()):
                os.kill(one, signal.SIGKILL)
            await net["client"].open_tcp_stream("server", 9000)


_OWNER = """
import trio
from functools import partial
from trio_echo import lan

async def main():
    async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
        command = ["sh", "-c", "echo ready; exec sleep infinity"]
        await nursery.start(partial(net["client"].run, command, stdout=None))
        await trio.sleep_forever()

trio.run(main)
"""


def test_nothing_is_left_when_the_owner_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE) as owner:
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == b"ready\n"
            left = processes_below(owner.pid)
            lives = [os.pidfd_open(one) for one in left]
        finally:
            owner.kill()
    assert len(left) == 4
    for one in lives:
        select.select([one], [], [])  # it has ended
        os.close(one)


_WITHOUT = """
import os, trio
from trio_echo import lan

async def main():
    async with lan.hosts("client", "server") as net:
        listeners = await net["server"].open_tcp_listeners(80)
        stream = await net["client"].open_tcp_stream("server", 80)
        print(os.getuid(), stream.socket.getpeername()[1])
        with open("/proc/self/status") as status:
            assert f"CapEff:\\t{0:016x}\\n" in status
        for one in [stream, *listeners]:
            await one.aclose()

trio.run(main)
"""


def test_an_ordinary_user_without_capabilities_makes_hosts() -> None:
    user, drop = os.getuid(), list[str]()
    if user == 0:
        # This user may read the same files: its number is another one only for itself.
        user = 1000
        drop = ["unshare", "-U", "--map-user=1000", "--map-group=1000", "setpriv", "--no-new-privs"]
    command = [*drop, sys.executable, "-c", _WITHOUT]
    done = subprocess.run(command, stdout=PIPE, check=True)
    assert done.stdout.decode() == f"{user} 80\n"


def test_hosts_that_are_not_allowed_are_refused_with_the_call_that_failed() -> None:
    script = "from trio_echo import lan; print(lan.why_not())"
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'
    command = ["unshare", "-Ur", "sh", "-c", forbid, "sh", sys.executable, "-c", script]
    done = subprocess.run(command, stdout=PIPE, check=True)
    words = "hosts need user and network namespaces"
    assert (
        done.stdout.decode() == f"[unshare()] the limits in /proc/sys/user are reached: {words}\n"
    )


async def test_without_pyroute2_the_message_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert lan.why_not() == 'hosts need pyroute2: python -m pip install "trio-echo[lan]"'
    with pytest.raises(lan.LanError, match="hosts need pyroute2"):
        async with lan.hosts("client", "server"):
            pass


async def test_another_system_has_no_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    reason = lan.why_not()
    monkeypatch.undo()
    assert reason is not None
    assert reason.endswith("hosts can be made on Linux only")
