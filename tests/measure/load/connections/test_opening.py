"""How the connections of a load are opened."""

from __future__ import annotations

import errno
import socket
from typing import Any

import pytest
from support import PATIENCE, ipv6

from trio_echo import BackgroundServer
from trio_echo.errors import strerror
from trio_echo.measure.load.connections.opening import Failure, connect


@pytest.fixture(params=["127.0.0.1", pytest.param("::1", marks=ipv6)])
def host(request: pytest.FixtureRequest) -> str:
    """The loopback address of each family."""
    return str(request.param)


def test_a_connection_to_itself_is_a_refused_one(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may choose the very port that is to be connected to."""

    def connect_ex(sock: socket.socket, address: Any) -> int:
        sock.bind(address)
        return connect_as_usual(sock, address)

    with BackgroundServer(hosts=[host]) as server:
        (target,) = server.addresses  # when it ends, nobody listens there
    connect_as_usual = socket.socket.connect_ex
    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
    waker, wake = socket.socketpair()
    with waker, wake:
        opened = connect(*target, 1, wake, patience=PATIENCE)
        reason = Failure("connect()", errno.ECONNREFUSED, strerror(errno.ECONNREFUSED))
        assert opened == ([], {reason: 1})


def test_connections_have_keepalive(host: str) -> None:
    waker, wake = socket.socketpair()
    with BackgroundServer(hosts=[host]) as server, waker, wake:
        (sock,), _ = connect(*server.addresses[0], 1, wake, patience=PATIENCE)
        with sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
