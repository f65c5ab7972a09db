"""Hosts in a thread of their own, used from synchronous code and from several runs of Trio."""

from __future__ import annotations

import gc
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from functools import partial

import pytest
import trio
from rooms import open_descriptors, processes_below
from support import PATIENCE, receive_count

from trio_echo import BackgroundServer, lan

if sys.platform != "linux":
    pytest.skip("hosts need Linux", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("hosts_allowed")


def serving(net: lan.BackgroundHosts) -> BackgroundServer:
    """A server on the host "server", at port 9000 of all addresses."""
    return BackgroundServer(listeners=trio.run(net["server"].open_tcp_listeners, 9000))


def test_plain_sockets_and_every_run_of_trio_use_the_hosts() -> None:
    with lan.BackgroundHosts("client", "server") as net, serving(net):
        client, server = net.hosts.values()
        with client.blocking_socket() as sock:
            sock.settimeout(PATIENCE)
            sock.connect((server.ipv4, 9000))
            sock.sendall(b"hello")
            assert receive_count(sock, 5) == b"hello"
        for name in (server.ipv4, server.ipv6, "server"):
            connection = trio.run(client.connect, name, 9000)
            assert trio.run(connection.echo, b"hello") == b"hello"
            trio.run(connection.aclose)
        ran = trio.run(partial(client.run, ["hostname"], capture_stdout=True))
        assert ran.stdout == b"client\n"


def test_tasks_started_here_stay_on_the_host_after_the_block() -> None:
    async def main() -> None:
        client, server = net.hosts.values()
        bound = trio.Event()

        async def bind() -> None:
            with trio.socket.socket() as sock:
                await sock.bind((server.ipv4, 9000))
            bound.set()

        async with trio.open_nursery() as nursery:
            with server.here():
                nursery.start_soon(bind)
            await bound.wait()
        with pytest.raises(OSError, match="assign"), trio.socket.socket() as outside:
            await outside.bind((client.ipv4, 9000))

    with lan.BackgroundHosts("client", "server") as net:
        trio.run(main)


def test_start_and_stop_do_what_a_block_does_and_leave_nothing() -> None:
    trio.run(trio.sleep, 0)
    gc.collect()
    before = open_descriptors()
    net = lan.BackgroundHosts("client", "server")
    assert repr(net) == "<BackgroundHosts: not started>"
    with pytest.raises(RuntimeError, match="not started"):
        _ = net.cable
    assert net.start() is net
    assert repr(net) == "<BackgroundHosts: client, server>"
    assert net.cables["client"] is net.cable
    client = net["client"]
    net.stop()
    assert not processes_below(os.getpid())
    with pytest.raises(lan.LanError, match="the hosts are gone: their block was left"):
        client.blocking_socket()
    net.stop()
    assert open_descriptors() == before
    assert "trio_echo.BackgroundHosts" not in [one.name for one in threading.enumerate()]


@pytest.mark.slow
def test_after_an_interrupt_each_answer_is_still_the_right_one() -> None:
    """Ctrl-C may come between a request and its answer."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGPROF, interrupt)
    draw = random.Random(5)
    try:
        with lan.BackgroundHosts("client", "server") as net:
            for _ in range(50):
                with suppress(KeyboardInterrupt):
                    signal.setitimer(signal.ITIMER_PROF, draw.uniform(0.0001, 0.002))
                    while True:
                        net["client"].sysctl("net.ipv4.tcp_timestamps")
                with net["server"].blocking_socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
                    sock.bind((net["server"].ipv6, 0))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def test_what_cannot_be_made_is_an_error_of_start() -> None:
    with pytest.raises(lan.LanError, match="two hosts are named 'a'"):
        lan.BackgroundHosts("a", "a").start()


def test_a_rule_that_raises_is_an_error_of_the_next_use_and_of_stop() -> None:
    def wrong(_: object) -> bool:
        raise ZeroDivisionError("a rule's own mistake")

    net = lan.BackgroundHosts("client", "server").start()
    client, server = net.hosts.values()
    net.cable.rules.append(lan.drop(wrong))
    with client.blocking_socket() as sock:
        sock.setblocking(False)
        sock.connect_ex((server.ipv4, 9000))
        _wait_for_end(net)
    with pytest.raises(ZeroDivisionError, match="own mistake"):
        _ = net["client"]
    with pytest.raises(lan.LanError, match="the hosts are gone: ZeroDivisionError: a rule's own"):
        trio.run(client.open_tcp_stream, "server", 9000)
    with pytest.raises(ZeroDivisionError, match="own mistake"):
        net.stop()
    assert not processes_below(os.getpid())


def _wait_for_end(net: lan.BackgroundHosts) -> None:
    """Wait until the thread has ended."""
    assert net._thread is not None
    net._thread.join(PATIENCE)
    assert not net._thread.is_alive()


def test_a_killed_process_behind_the_hosts_is_an_error_too() -> None:
    net = lan.BackgroundHosts("client", "server").start()
    os.kill(processes_below(os.getpid())[0], signal.SIGKILL)
    _wait_for_end(net)
    with pytest.raises(lan.LanError, match="the hosts are lost"):
        _ = net.hosts
    with pytest.raises(lan.LanError, match="the hosts are lost"):
        net.stop()


def test_threads_open_sockets_at_one_time() -> None:
    """Each gets its own answers from the process that owns the hosts."""
    wrong: list[str] = []

    def ask(host: lan.Host) -> None:
        for _ in range(100):
            with host.blocking_socket() as sock:
                sock.bind((host.ipv4, 0))  # fails on the other host
                if (name := host.sysctl("net.ipv4.ip_default_ttl")) != ttls[host.name]:
                    wrong.append(name)

    with lan.BackgroundHosts("client", "server") as net:
        ttls = {"client": "51", "server": "52"}
        for host in net.hosts.values():
            host.sysctl("net.ipv4.ip_default_ttl", ttls[host.name])
        threads = [threading.Thread(target=ask, args=(one,)) for one in [*net.hosts.values()] * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    assert not wrong


def test_a_frame_inside_feels_a_change_from_another_thread() -> None:
    with (
        lan.BackgroundHosts("client", "server") as net,
        net["client"].blocking_socket(type=socket.SOCK_DGRAM) as near,
        net["server"].blocking_socket(type=socket.SOCK_DGRAM) as far,
    ):
        far.settimeout(PATIENCE)
        far.bind((net["server"].ipv4, 9000))
        near.connect(far.getsockname())
        near.send(b"now the hosts know each other's MAC addresses")
        far.recv(100)
        net.cable.rate = 1  # bits a second
        near.send(b"hello")
        while not net.cable.toward("server").inside:
            pass
        net.cable.rate = None
        assert far.recv(100) == b"hello"


_UNSTOPPED = """
import trio
from trio_echo import lan
net = lan.BackgroundHosts("client", "server").start()
trio.run(trio.sleep, 0)
sock = net["client"].blocking_socket()
sock.close()
"""


@pytest.mark.slow
def test_hosts_that_are_not_stopped_end_silently_with_their_process() -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-c", _UNSTOPPED],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
