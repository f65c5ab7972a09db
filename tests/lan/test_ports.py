"""The ends of cables at hosts."""

from __future__ import annotations

import os
import socket
import struct
import sys
import time

import pytest

from trio_echo import lan
from trio_echo.lan.ports import PacketPort

if sys.platform != "linux":
    pytest.skip("hosts need Linux", allow_module_level=True)

import fcntl

pytestmark = pytest.mark.usefixtures("hosts_allowed")

_SIOCSIFMTU = 0x8922  # linux/sockios.h


async def test_frames_wait_in_their_order_and_those_without_room_are_counted() -> None:
    mtu = 32_000  # a ring of 128 frames
    async with lan.hosts("client", "server", mtu=mtu) as net:
        client, server = net.hosts.values()
        with (
            client.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
            server.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        ):
            await far.bind((server.ipv4, 7))
            await near.connect((server.ipv4, 7))
            await near.send(b"find the address")
            await far.recv(100)
            for number in range(200):  # no checkpoint: nobody receives
                os.write(near.fileno(), b"%d" % number)
            received = [int(await far.recv(100)) for _ in range(128)]
            assert received == list(range(128))
            assert net.overruns == 200 - 128
            await near.send(b"again")
            assert await far.recv(100) == b"again"


@pytest.mark.parametrize(
    "mtu", [*(pytest.param(one, marks=pytest.mark.slow) for one in (1280, 1500, 9000)), 65535]
)
async def test_the_largest_packets_pass(mtu: int) -> None:
    async with lan.hosts("client", "server", mtu=mtu) as net:
        client, server = net.hosts.values()
        with (
            client.socket(socket.AF_INET6, socket.SOCK_DGRAM) as near,
            server.socket(socket.AF_INET6, socket.SOCK_DGRAM) as far,
        ):
            await far.bind((server.ipv6, 7))
            data = os.urandom(mtu - 40 - 8)  # the headers of IPv6 and UDP
            await near.sendto(data, (server.ipv6, 7))
            assert await far.recv(65535) == data
        assert max(len(one.data) for one in net.cable.passages) == mtu + 14


async def test_a_frame_beyond_the_mtu_of_the_plan_is_dropped_and_counted() -> None:
    """Somebody on the host has changed its MTU; the ring has no room for such a frame."""
    async with lan.hosts("client", "server") as net:
        client, server = net.hosts.values()
        with (
            client.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
            server.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        ):
            fcntl.ioctl(near.fileno(), _SIOCSIFMTU, struct.pack("16si", b"eth0", 9000))
            await far.bind((server.ipv4, 7))
            for data in (b"find the address", bytes(5000), b"again"):
                await near.sendto(data, (server.ipv4, 7))
            assert await far.recv(100) == b"find the address"
            assert await far.recv(100) == b"again"
        assert max(len(one.data) for one in net.cable.passages) < 100
        assert net.overruns == 1


async def test_a_port_knows_how_long_each_frame_has_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, list[int]]] = []
    receive = PacketPort.receive

    async def observed(port: PacketPort) -> list[bytes]:
        frames = await receive(port)
        seen.append((len(frames), port.waits))
        return frames

    monkeypatch.setattr(PacketPort, "receive", observed)
    begin = time.monotonic_ns()
    async with lan.hosts("client", "server") as net:
        listeners = await net["server"].open_tcp_listeners(0)
        port = listeners[0].socket.getsockname()[1]
        async with await net["client"].open_tcp_stream("server", port):
            pass
        for one in listeners:
            await one.aclose()
    longest = time.monotonic_ns() - begin
    assert seen
    for count, waits in seen:
        assert len(waits) == count
        assert all(0 <= one <= longest for one in waits)
        assert waits == sorted(waits, reverse=True)
