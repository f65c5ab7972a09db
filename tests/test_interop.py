"""Foreign peers against the real server, and hostile ones beside them."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import PATIENCE, Process, ipv6, reset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trio_echo import Endpoint

pytestmark = [
    ipv6,
    pytest.mark.skipif(sys.platform == "win32", reason="the foreign peers are Unix programs"),
]

MIB = 1024 * 1024
PIECE = os.urandom(MIB)


def pieces(count: int) -> Iterator[bytes]:
    """Make `count` MiB, each of them different."""
    for number in range(count):
        yield number.to_bytes(8, "big") + PIECE[8:]


def digest(data: Iterator[bytes]) -> str:
    total = hashlib.sha256()
    for piece in data:
        total.update(piece)
    return total.hexdigest()


def blocking_socket(address: Endpoint, count: int) -> str:
    """Echo through a plain blocking socket; returns the SHA-256 of what came back."""
    with socket.create_connection(address) as sock:

        def send() -> None:
            for piece in pieces(count):
                sock.sendall(piece)
            sock.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = digest(iter(lambda: sock.recv(MIB), b""))
        sender.join()
    return received


def program(*command: str) -> Callable[[Endpoint, int], str]:
    """Echo through a program that connects its standard input and output."""

    def run(address: Endpoint, count: int) -> str:
        words = [word.format(host=address.host, port=address.port) for word in command]
        if ":" in address.host:
            words = [word.replace("TCP4:::1", "TCP6:[::1]") for word in words]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as peer:
            assert peer.stdin is not None
            assert peer.stdout is not None
            stdin, stdout = peer.stdin, peer.stdout

            def send() -> None:
                with stdin:
                    for piece in pieces(count):
                        stdin.write(piece)

            sender = threading.Thread(target=send)
            sender.start()
            received = digest(iter(lambda: stdout.read(MIB), b""))
            sender.join()
        assert peer.returncode == 0
        return received

    return run


PEERS = {
    "blocking sockets": blocking_socket,
    # -t: how long to receive after its own input has ended.
    "socat": program("socat", "-t", "60", "-", "TCP4:{host}:{port}"),
    "ncat": program("ncat", "{host}", "{port}"),
}


def reset_at_once(address: Endpoint, _: threading.Event) -> None:
    for _n in range(20):
        reset(socket.create_connection(address))


def reset_amid_echo(address: Endpoint, _: threading.Event) -> None:
    for _n in range(20):
        sock = socket.create_connection(address)
        sock.sendall(bytes(100_000))
        reset(sock)


def send_nothing(address: Endpoint, over: threading.Event) -> None:
    with socket.create_connection(address):
        over.wait(PATIENCE)


def one_byte_now_and_then(address: Endpoint, over: threading.Event) -> None:
    with socket.create_connection(address) as sock:
        while not over.wait(0.1):
            sock.sendall(b"x")
            sock.recv(1)


def never_receive(address: Endpoint, over: threading.Event) -> None:
    with socket.create_connection(address) as sock, suppress(TimeoutError):
        sock.settimeout(PATIENCE)
        thread = threading.Thread(target=send_until_closed, args=(sock,))
        thread.start()
        over.wait(PATIENCE)
        sock.shutdown(socket.SHUT_RDWR)
        thread.join()


def send_until_closed(sock: socket.socket) -> None:
    with suppress(OSError):
        for _ in range(1024):  # 1 GiB, if the server received it
            sock.sendall(PIECE)


def end_one_side_and_stay(address: Endpoint, over: threading.Event) -> None:
    with socket.create_connection(address) as sock:
        sock.sendall(b"half\n")
        sock.shutdown(socket.SHUT_WR)
        over.wait(PATIENCE)


def drive_the_terminal(address: Endpoint, over: threading.Event) -> None:
    with socket.create_connection(address) as sock:
        while not over.wait(0.05):
            sock.sendall(b"\x1b]0;owned\x07\x1b[2J\r[TCP/127.0.0.1:1] forged\n")
            sock.recv(MIB)


def no_text(address: Endpoint, over: threading.Event) -> None:
    with socket.create_connection(address) as sock:
        while not over.wait(0.05):
            sock.sendall(b"\xff\xfe\x00\xed\xa0\x80" * 1000)
            sock.recv(MIB)


HOSTILE = [
    reset_at_once,
    reset_amid_echo,
    send_nothing,
    one_byte_now_and_then,
    never_receive,
    never_receive,
    never_receive,
    end_one_side_and_stay,
    drive_the_terminal,
    no_text,
]


def peak_memory(pid: int) -> int | None:
    """Return the peak of the resident memory in bytes (Linux only)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


@pytest.mark.parametrize("way", [(), ("--portable",)], ids=["default", "portable"])
@pytest.mark.parametrize("name", PEERS)
def test_a_foreign_peer_gets_back_what_it_sent(name: str, way: tuple[str, ...]) -> None:
    if name != "blocking sockets" and shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    with Process("serve", "--port", "0", "--quiet", *way) as server:
        expected = digest(pieces(4))
        for address in server.endpoints():
            assert PEERS[name](address, 4) == expected


@pytest.mark.parametrize(
    ("options", "count"),
    [
        pytest.param(("--quiet",), 16, id="quiet", marks=pytest.mark.slow),
        pytest.param((), 16, id="with the display", marks=pytest.mark.slow),
        pytest.param(("--quiet", "--portable"), 16, id="portable"),
        pytest.param(
            ("--quiet",), 1024, id="1 GiB", marks=[pytest.mark.slow, pytest.mark.timeout(600)]
        ),
    ],
)
def test_hostile_clients_do_not_disturb_peers_on_either_family(
    options: tuple[str, ...], count: int
) -> None:
    received: list[str] = []
    names = [name for name in PEERS if name == "blocking sockets" or shutil.which(name)]
    over = threading.Event()
    with Process("serve", "--port", "0", *options) as server:
        addresses = server.endpoints()
        before = peak_memory(server.popen.pid)
        hostile = [
            threading.Thread(target=treat, args=(addresses[number % 2], over))
            for number, treat in enumerate(HOSTILE)
        ]
        peers = [
            threading.Thread(target=lambda a=address, n=name: received.append(PEERS[n](a, count)))
            for address in addresses
            for name in names
        ]
        for thread in hostile + peers:
            thread.start()
        for thread in peers:
            thread.join()
        after = peak_memory(server.popen.pid)
        over.set()
        for thread in hostile:
            thread.join()
        assert received == [digest(pieces(count))] * len(peers)
        assert server.popen.poll() is None
    if before is not None and after is not None:
        assert after - before < 100 * MIB
