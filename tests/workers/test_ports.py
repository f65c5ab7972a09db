"""Reserved ports, on both families."""

from __future__ import annotations

import errno
import re
import socket

import pytest
from support import ipv6

from trio_echo import Endpoint, SocketCallError
from trio_echo.workers import ports
from trio_echo.workers.ports import open_listener, reserved

linux = pytest.mark.skipif(not ports.SPREADS, reason="only Linux spreads connections")


def listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen()
    except BaseException:
        sock.close()
        raise
    return sock


@linux
def test_no_other_program_gets_a_reserved_port(host: str) -> None:
    with reserved([Endpoint(host, 0)]) as found:
        (endpoint,) = found.endpoints
        assert found.missing == []
        assert found.listeners == []
        assert endpoint.host == host
        with pytest.raises(OSError, match="in use"):
            listening(*endpoint)
        with pytest.raises(SocketCallError, match="in use"), reserved([endpoint]):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(endpoint)
    with listening(*endpoint):
        pass


@linux
async def test_our_own_listeners_share_a_reserved_port(host: str) -> None:
    with reserved([Endpoint(host, 0)]) as found:
        (endpoint,) = found.endpoints
        listeners = [open_listener(endpoint) for _ in range(2)]
        with pytest.raises(OSError, match="in use"):  # a listener without SO_REUSEPORT
            listening(*endpoint)
        found.close()
        with pytest.raises(OSError, match="in use"):  # our listeners still have it
            listening(*endpoint)
        for one in listeners:
            await one.aclose()
    with listening(*endpoint):
        pass


@linux
async def test_a_port_that_is_not_reserved_is_not_shared(host: str) -> None:
    with listening(host, 0) as taken, pytest.raises(SocketCallError, match="in use") as caught:
        open_listener(Endpoint.from_sockaddr(taken.getsockname()))
    assert caught.value.call == "bind()"


async def test_on_other_systems_all_workers_share_one_listener(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "SPREADS", False)
    with reserved([Endpoint(host, 0)]) as found:
        (listener,) = found.listeners
        assert Endpoint.from_sockaddr(listener.getsockname()) == found.endpoints[0]
        taken = pytest.raises(SocketCallError, match=re.escape("[bind()]"))
        with taken, reserved(found.endpoints):
            pass
        with socket.create_connection(found.endpoints[0]) as client:
            accepted, address = listener.accept()
            assert address == client.getsockname()
            accepted.close()
        found.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(found.endpoints[0])


async def test_connections_in_time_wait_do_not_block_a_port(host: str) -> None:
    with listening(host, 0) as listener:
        address = listener.getsockname()
        client = socket.create_connection(address[:2])
        served, _ = listener.accept()
        served.close()  # the side that closes first enters TIME_WAIT
        client.recv(1)
        client.close()
    with reserved([Endpoint(*address[:2])]) as found:
        if ports.SPREADS:
            open_listener(*found.endpoints).socket.close()


@ipv6
def test_a_free_port_is_the_same_for_all_addresses() -> None:
    with reserved([Endpoint("127.0.0.1", 0), Endpoint("::1", 0)]) as found:
        assert [one.host for one in found.endpoints] == ["127.0.0.1", "::1"]
        assert found.endpoints[0].port == found.endpoints[1].port != 0


def test_if_a_free_port_is_taken_on_the_second_address_another_one_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = socket.socket.bind
    taken: list[int] = []

    def bind(sock: socket.socket, address: tuple[str, int]) -> None:
        if address[0] == "127.0.0.2" and len(taken) < 3:
            taken.append(address[1])
            raise OSError(errno.EADDRINUSE, "Address already in use")
        original(sock, address)

    monkeypatch.setattr(socket.socket, "bind", bind)
    with reserved([Endpoint("127.0.0.1", 0), Endpoint("127.0.0.2", 0)]) as found:
        assert len(taken) == 3
        assert len({one.port for one in found.endpoints}) == 1


@pytest.mark.usefixtures("without_ipv6")
@pytest.mark.parametrize("wanted", [["127.0.0.1", "::1"], ["::1"]])
def test_a_missing_family_is_skipped_unless_it_is_the_only_one(wanted: list[str]) -> None:
    endpoints = [Endpoint(host, 0) for host in wanted]
    if len(wanted) == 1:
        with pytest.raises(SocketCallError, match=r"\[bind\(\)\] Cannot assign.*: \[::1\]:0"):
            reserved(endpoints).__enter__()
    else:
        with reserved(endpoints) as found:
            assert [one.host for one in found.endpoints] == ["127.0.0.1"]
            assert [one.where for one in found.missing] == [f"[::1]:{found.endpoints[0].port}"]
