"""What the pages show of a screen that takes more than a person at a prompt."""

from __future__ import annotations

import re
import socket
import subprocess

from pages import PAGES, blocks, typed, without_ports
from support import Process, end, exchange, ipv6, reset

import trio_echo

LAB = ("--lang", "ko", "--encoding", "cp949")


def transcript(page: str, command: str) -> str:
    """The screen that a page shows under a command, without the ports that change."""
    (block,) = [one for one in blocks(PAGES[page], "text") if one.startswith(f"$ {command}\n")]
    return without_ports(block.split("\n", 1)[1])


def test_the_table_of_sockets_is_real() -> None:
    with trio_echo.BackgroundServer() as server:
        address = server.addresses[0]
        exchange(address, b"hello")
        with (
            socket.create_connection(address) as sock,
            Process("sockets", "--port", str(address.port)) as shown,
        ):
            assert shown.wait() == 0
            ends = {*map(str, server.addresses), str(end(sock)), "-"}
    heads, *rows = transcript("how-to/look", "python -m trio_echo sockets --port 9000").splitlines()
    real_heads, *real_rows = shown.out.text.splitlines()
    assert real_heads.split() == heads.split()

    def shape(row: str) -> tuple[str, ...]:
        protocol, _, _, state, *rest = row.split()
        # The process has one name when it runs the tests, and another for a person.
        return protocol, state, re.sub(r"\S+ \([0-9]+\)|[0-9]+", "N", " ".join(rest))

    real = [shape(row) for row in real_rows if set(row.split()[1:3]) <= ends]
    assert real == [shape(row) for row in rows if "TIME_WAIT" not in row]
    assert [shape(row) for row in rows if "TIME_WAIT" in row] == [("TCP/IPv4", "TIME_WAIT", "")]


def test_the_korean_transcript_of_the_client_is_real() -> None:
    shown = transcript("how-to/lecture", "python -m trio_echo connect --lang ko --encoding cp949")
    with (
        trio_echo.BackgroundServer() as server,
        Process("connect", *LAB, str(server.addresses[0]), stdin=subprocess.PIPE) as client,
    ):
        assert client.popen.stdin is not None
        client.popen.stdin.write(typed(shown))
        client.popen.stdin.close()
        client.wait()
    assert client.out.text == shown


@ipv6
def test_the_korean_transcript_of_the_server_is_real() -> None:
    with Process("serve", "--port", "0", *LAB) as server:
        port = int(server.out.expect(r"127\.0\.0\.1, 포트 번호=(\d+)")[1])
        sock = socket.create_connection(("127.0.0.1", port))
        for text in ("한국산업기술대학교", "게임공학과"):
            sock.sendall(text.encode("cp949"))
            sock.recv(100)
        reset(sock)
        server.out.expect("클라이언트 종료")
        shown = without_ports(server.out.text)
    assert shown == transcript(
        "how-to/lecture", "python -m trio_echo serve --lang ko --encoding cp949"
    )


@ipv6
def test_what_a_hostile_client_sends_is_shown_escaped() -> None:
    with Process("serve", "--port", "0") as server:
        _, ipv6 = server.endpoints()
        exchange(ipv6, b"\x1b[2J[TCP/127.0.0.1:1] forged\xff")
        server.out.expect("client closed")
        server.stop()
    assert without_ports(server.out.text) == transcript("how-to/serve", "python -m trio_echo serve")
