"""The fixtures of the pytest plugin, as other people's tests use them."""

from __future__ import annotations

import math
import socket
import threading
from typing import TYPE_CHECKING

import pytest
import trio
from support import exchange, has_ipv6, receive_all, receive_count

from trio_echo import Faults
from trio_echo.events import ClientClosed, ClientConnected, DataReceived, Listening, Stopped
from trio_echo.testing import EchoServer, EventList

if TYPE_CHECKING:
    from trio_echo.testing.secure import SecureEchoServer
    from trio_echo.testing.wired import WiredEchoServer


def test_it_has_an_address_of_each_family_and_one_port(echo_server: EchoServer) -> None:
    for address, host in ((echo_server.ipv4, "127.0.0.1"), (echo_server.ipv6, "::1")):
        if address is None:
            assert host == "::1"
            assert not has_ipv6()
            continue
        assert address == (host, echo_server.port)
        exchange(address, b"hello")
    assert str(echo_server.addresses[0]) in repr(echo_server)


def test_a_family_that_is_missing_has_no_address() -> None:
    server = EchoServer()
    assert (server.ipv4, server.ipv6) == (None, None)  # it was not started
    assert repr(server) == "<EchoServer: not started>"


def test_its_faults_change_while_a_client_is_connected(echo_server: EchoServer) -> None:
    with socket.create_connection(echo_server.addresses[0]) as sock:
        sock.sendall(b"a")
        assert receive_count(sock, 1) == b"a"
        echo_server.faults = Faults(close_after=1)
        assert echo_server.faults == Faults(close_after=1)
        sock.sendall(b"bc")
        assert receive_all(sock) == b"b"
    echo_server.faults = Faults()
    exchange(echo_server.addresses[0], b"hello")


def test_its_events_can_be_waited_for_and_compared(echo_server: EchoServer) -> None:
    for message in (b"hello", b"again"):
        exchange(echo_server.addresses[0], message)
    second = echo_server.events.wait_for(ClientClosed, 2)
    assert second.connection.number == 2
    assert b"".join(one.data for one in echo_server.events.of(DataReceived)) == b"helloagain"
    assert [one.endpoint for one in echo_server.events.of(Listening)] == [*echo_server.addresses]
    assert echo_server.events.wait_for(ClientConnected) == echo_server.events.wait_for(
        ClientConnected, 1
    )


async def test_an_async_test_waits_in_a_thread(echo_server: EchoServer) -> None:
    stream = await trio.open_tcp_stream(*echo_server.addresses[0])
    async with stream, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def wait() -> None:
            await trio.to_thread.run_sync(echo_server.events.wait_for, DataReceived)
            echo_server.stop()

        await stream.send_all(b"hello")


def test_a_test_can_stop_it_before_its_end(echo_server: EchoServer) -> None:
    with socket.create_connection(echo_server.addresses[0]) as sock:
        echo_server.events.wait_for(ClientConnected)
        echo_server.stop()
        assert sock.recv(1) == b""
    assert isinstance(echo_server.events[-1], Stopped)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(echo_server.addresses[0])


def test_an_event_that_does_not_come_is_an_error_that_says_what_came() -> None:
    events = EventList()
    with pytest.raises(TimeoutError, match=r"^no Stopped within 0 s; there were: no event$"):
        events.wait_for(Stopped, timeout=0)
    for _ in range(2):
        events.append(Stopped(1, 2, 3))
    words = r"^no Stopped number 3 within 0 s; there were: 2 Stopped$"
    with pytest.raises(TimeoutError, match=words):
        events.wait_for(Stopped, 3, timeout=0)
    with pytest.raises(TimeoutError, match="no ClientClosed within"):
        events.wait_for(ClientClosed, timeout=0)


def test_an_event_from_another_thread_wakes_the_one_that_waits() -> None:
    events = EventList()
    thread = threading.Timer(0.01, events.append, [Stopped(1, 2, 3)])
    thread.start()
    assert events.wait_for(Stopped, timeout=120) == Stopped(1, 2, 3)
    thread.join()


def test_a_client_trusts_the_server_with_tls(echo_server_tls: SecureEchoServer) -> None:
    echo_server_tls.faults = Faults(fragment=1, close_after=3)
    for address in echo_server_tls.addresses:
        with (
            socket.create_connection(address) as sock,
            echo_server_tls.client_context.wrap_socket(
                sock, server_hostname=address.host
            ) as secure,
        ):
            secure.sendall(b"hello")
            assert receive_all(secure) == b"hel"


def test_tls_ends_in_order_when_the_lifetime_is_over(echo_server_tls: SecureEchoServer) -> None:
    echo_server_tls.faults = Faults(delay=math.inf, lifetime=0.05)
    with (
        socket.create_connection(echo_server_tls.addresses[0]) as sock,
        echo_server_tls.client_context.wrap_socket(
            sock, server_hostname="localhost", suppress_ragged_eofs=False
        ) as secure,
    ):
        secure.sendall(b"hello")
        assert receive_all(secure) == b""  # without close_notify, this raises


@pytest.mark.slow
@pytest.mark.usefixtures("hosts_allowed")
def test_the_server_behind_a_cable_has_both_families(echo_server_wired: WiredEchoServer) -> None:
    echo_server_wired.faults = Faults(fragment=2)
    for family, address in (
        (socket.AF_INET, echo_server_wired.ipv4),
        (socket.AF_INET6, echo_server_wired.ipv6),
    ):
        assert address is not None
        assert address.port == echo_server_wired.port
        with echo_server_wired.client.blocking_socket(family) as sock:
            sock.connect(address)
            sock.sendall(b"hello")
            assert receive_count(sock, 5) == b"hello"
    assert len(echo_server_wired.cable.passages) > 10
