"""`serve` behind a wire that is slow or cut."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from typing import IO, Self

import pytest
from namespaces import CLIENT, SERVER, Host, two_hosts
from support import Process

pytestmark = pytest.mark.slow  # the tests wait for the time limits of a server process

HOLD = """
import socket, sys
clients = [socket.create_connection((sys.argv[1], 9000)) for _ in range(int(sys.argv[2]))]
for one in clients:
    one.sendall(b"hello")
    assert one.recv(100) == b"hello"
print("connected", flush=True)
for line in sys.stdin:
    clients[0].sendall(b"still here")
    print(clients[0].recv(100).decode(), flush=True)
"""

RECEIVE_SLOWLY = """
import socket, sys, threading
data = bytes(range(250)) * 240
with socket.create_connection((sys.argv[1], 9000)) as sock:
    threading.Thread(target=sock.sendall, args=(data,)).start()
    back = b""
    while len(back) < len(data):
        piece = sock.recv(65536)
        assert piece, len(back)
        back += piece
    assert back == data
    assert sock.recv(1) == b""
print("whole", flush=True)
"""


class Clients:
    """Clients of `SERVER`, in a process on one of the hosts."""

    def __init__(self, host: Host, number: int) -> None:
        self._popen = subprocess.Popen(
            [*host.inside, sys.executable, "-c", HOLD, SERVER, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._stdin: IO[str] = self._popen.stdin
        self._stdout: IO[str] = self._popen.stdout

    def line(self) -> str:
        return self._stdout.readline()

    def talk(self) -> str:
        self._stdin.write("\n")
        self._stdin.flush()
        return self.line()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._popen.kill()
        self._popen.communicate()


@pytest.mark.parametrize("option", [(), ("--portable",), ("--workers", "1")], ids=str)
def test_vanished_clients_make_room_and_a_quiet_client_stays(option: tuple[str, ...]) -> None:
    words = ("serve", "--host", SERVER, "--max-clients", "4", "--keepalive", "2", *option)
    with two_hosts() as (near, far), Process(*words, prefix=near.inside) as server:
        server.out.expect("listening")
        with ExitStack() as stack:
            quiet = stack.enter_context(Clients(near, 1))
            assert quiet.line() == "connected\n"
            vanishing = stack.enter_context(Clients(far, 3))
            assert vanishing.line() == "connected\n"
            next_ones = stack.enter_context(Clients(near, 3))
            server.out.expect("further clients wait")
            far.run("ip link set eth0 down")
            for _ in range(3):
                server.out.expect(r"\[recv\(\)\] Connection timed out \(the client no longer")
                server.out.expect(f"client closed: IP address={CLIENT}")
            assert next_ones.line() == "connected\n"
            assert quiet.talk() == "still here\n"
        server.stop()
        assert server.out.text.count("timed out") == 3


@pytest.mark.parametrize("option", [(), ("--portable",)], ids=str)
def test_a_client_behind_a_slow_link_gets_its_whole_echo_and_is_then_closed(
    option: tuple[str, ...],
) -> None:
    words = ("serve", "--host", SERVER, "--idle-timeout", "2", "--quiet", *option)
    with two_hosts() as (near, far), Process(*words, prefix=near.inside) as server:
        near.run("tc qdisc add dev eth0 root tbf rate 48kbit burst 1600 latency 60s")
        server.out.expect("listening")
        command = [*far.inside, sys.executable, "-c", RECEIVE_SLOWLY, SERVER]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (ran.stdout, ran.stderr) == ("whole\n", "")
