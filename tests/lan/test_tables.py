"""A host's tables of sockets."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from trio_echo import Endpoint, lan

if sys.platform != "linux":
    pytest.skip("hosts need Linux", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("hosts_allowed")


async def test_a_snapshot_shows_the_sockets_of_its_host_only() -> None:
    async with lan.hosts("client", "server") as net:
        client, server = net.hosts.values()
        (listener,) = await server.open_tcp_listeners(9000, host=server.ipv6)
        stream = await client.open_tcp_stream(server.ipv6, 9000)
        async with listener, stream:
            taken = client.snapshot(stream=stream)
            assert [row.name for row in taken.rows] == ["stream"]
            assert (taken["stream"].state, taken["stream"].process_id) == (
                "ESTABLISHED",
                os.getpid(),
            )
            assert taken["stream"].remote == Endpoint(server.ipv6, 9000)
            far = server.snapshot(9000, listener=listener)
            assert [row.name for row in far.rows] == ["listener", None]
            assert (far["listener"].accept_queue, far.rows[1].owned) == (1, False)
            # All addresses of this host have the listener's connections.
            assert server.snapshot(listener=listener).rows == far.rows
            accepted = await listener.accept()
            async with accepted:
                assert server.snapshot(9000, one=accepted)["one"].accepted


async def test_queues_are_those_of_the_sockets_on_the_host() -> None:
    async with lan.hosts("client", "server") as net:
        client, server = net.hosts.values()
        (listener,) = await server.open_tcp_listeners(9000, host=server.ipv4)
        stream = await client.open_tcp_stream(server.ipv4, 9000)
        accepted = await listener.accept()
        async with listener, stream, accepted:
            await stream.send_all(b"hello")
            taken = await server.until(lambda seen: seen["one"].receive_queue, one=accepted)
            assert taken["one"].receive_queue == 5
            await client.until(lambda seen: seen["stream"].send_queue == 0, stream=stream)
            net.cable.cut()
            await stream.send_all(b"lost")
            assert client.snapshot(stream=stream)["stream"].send_queue == 4


async def test_a_socket_in_no_table_is_shown_if_it_is_named() -> None:
    async with lan.hosts("client", "server") as net:
        client = net["client"]
        with client.socket() as new, client.socket() as bound:
            await bound.bind((client.ipv4, 7000))
            taken = client.snapshot(new=new, bound=bound)
            assert {row.name: row.state for row in taken.rows} == {"new": "CLOSE", "bound": "CLOSE"}
            assert client.snapshot().rows == ()


async def test_what_only_the_kernel_keeps_is_shown() -> None:
    async with lan.hosts("client", "server") as net:
        client, server = net.hosts.values()
        (listener,) = await server.open_tcp_listeners(9000, host=server.ipv4)
        stream = await client.open_tcp_stream(server.ipv4, 9000)
        async with listener:
            accepted = await listener.accept()
            await stream.aclose()
            await accepted.receive_some()
            await accepted.aclose()
            taken = await client.until(lambda seen: seen.rows[0].state == "TIME_WAIT", 9000)
            assert taken.rows[0].owned is False
            assert taken.rows[0].family == socket.AF_INET


async def test_a_watch_reports_what_changed_on_its_host() -> None:
    async with lan.hosts("client", "server") as net:
        client, server = net.hosts.values()
        watch = server.watch(9000)
        (listener,) = await server.open_tcp_listeners(9000, host=server.ipv4)
        async with listener:
            assert [row.state for row in watch.look().snapshot.rows] == ["LISTEN"]
            async with await client.open_tcp_stream(server.ipv4, 9000):
                seen = watch.look(listener=listener)
            assert [row.name for row in seen.snapshot.rows] == ["listener", None]
            assert "LISTEN" not in str(watch.look().changes)
