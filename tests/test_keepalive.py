"""Keepalive options of a socket, read back from the kernel."""

from __future__ import annotations

import math
import socket
import sys

import pytest

from trio_echo.keepalive import LONGEST, check_keepalive, keep_alive

if sys.platform == "win32":
    pytest.skip("Windows does not read these options back", allow_module_level=True)

if sys.platform == "darwin":
    IDLE = socket.TCP_KEEPALIVE
else:
    IDLE = socket.TCP_KEEPIDLE


def times(sock: socket.socket) -> tuple[int, int, int]:
    return (
        sock.getsockopt(socket.IPPROTO_TCP, IDLE),
        sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
        sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
    )


@pytest.mark.parametrize("seconds", [1, 1.5, 2, 3, 4, 5.9, 60, 100, LONGEST])
def test_silence_and_three_probes_take_the_given_time(seconds: float) -> None:
    with socket.socket() as sock:
        keep_alive(sock, seconds)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, interval, probes = times(sock)
        assert idle + interval * probes == max(2, int(seconds))


def test_a_socket_without_a_time_is_unchanged() -> None:
    with socket.socket() as sock:
        before = times(sock)
        keep_alive(sock, math.inf)
        assert not sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert times(sock) == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not promise it")
def test_accepted_sockets_inherit_a_listeners_options() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        keep_alive(listener, 60)
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert times(accepted) == (30, 10, 3)


@pytest.mark.parametrize("seconds", [0, 0.9, -1, LONGEST + 1, -math.inf, math.nan])
def test_an_impossible_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match=rf"keepalive must be 1 to {LONGEST} seconds, or inf"):
        check_keepalive(seconds)


@pytest.mark.parametrize("seconds", [1, 60.5, LONGEST, math.inf])
def test_every_other_time_is_accepted(seconds: float) -> None:
    check_keepalive(seconds)
