"""What the README shows is what happens."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from pages import ROOT, blocks, run_python, without_ports
from support import Process, end, exchange, has_ipv6, reset

import trio_echo
from trio_echo.cli import cli

if TYPE_CHECKING:
    from pathlib import Path

README = (ROOT / "README.md").read_text("utf-8")
LAB = ("--lang", "ko", "--encoding", "cp949")


def transcript(command: str) -> str:
    """The screen that the README shows under a command, without changing ports."""
    (block,) = [one for one in blocks(README, "text") if one.startswith(f"$ {command}\n")]
    return without_ports(block.split("\n", 1)[1])


@pytest.mark.parametrize("code", blocks(README, "python"))
def test_the_python_code_runs(code: str, tmp_path: Path) -> None:
    run_python(code, tmp_path)


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
    heads, *rows = transcript("python -m trio_echo sockets --port 9000").splitlines()
    real_heads, *real_rows = shown.out.text.splitlines()
    assert real_heads.split() == heads.split()

    def columns(row: str) -> tuple[str, ...]:
        protocol, _, _, state, *rest = row.split()
        # The process has another name in a test.
        return protocol, state, re.sub(r"\S+ \([0-9]+\)|[0-9]+", "N", " ".join(rest))

    real = [columns(row) for row in real_rows if set(row.split()[1:3]) <= ends]
    assert real == [columns(row) for row in rows if "TIME_WAIT" not in row]
    assert [columns(row) for row in rows if "TIME_WAIT" in row] == [("TCP/IPv4", "TIME_WAIT", "")]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ((), ["hello", "nice to meet you", ""]),
        (LAB, ["한국산업기술대학교", "게임공학과", ""]),
    ],
)
def test_the_transcripts_of_the_client_are_real(options: tuple[str, ...], lines: list[str]) -> None:
    with (
        trio_echo.BackgroundServer() as server,
        Process("connect", *options, str(server.addresses[0]), stdin=subprocess.PIPE) as client,
    ):
        assert client.popen.stdin is not None
        client.popen.stdin.write("".join(f"{line}\n" for line in lines).encode())
        client.popen.stdin.close()
        client.wait()
    assert client.out.text == transcript(" ".join(["python -m trio_echo connect", *options]))


@pytest.mark.skipif(not has_ipv6(), reason="this system has no IPv6 loopback")
def test_the_transcript_of_the_server_is_real() -> None:
    with Process("serve", "--port", "0") as server:
        ipv4, ipv6 = server.endpoints()
        for address, messages in (
            (ipv4, [b"hello", b"nice to meet you"]),
            (ipv6, [b"\x1b[2J[TCP/127.0.0.1:1] forged\xff"]),
        ):
            with socket.create_connection(address) as sock:
                for message in messages:
                    sock.sendall(message)
                    assert sock.recv(100) == message
            server.out.expect("client closed")
        server.stop()
    assert without_ports(server.out.text) == transcript("python -m trio_echo serve")


@pytest.mark.skipif(not has_ipv6(), reason="this system has no IPv6 loopback")
@pytest.mark.skipif(sys.platform == "win32", reason="there, a reset discards what came before")
def test_the_transcripts_of_a_misbehaving_server_are_real() -> None:
    faults = ["--fragment", "2", "--reset-after", "5"]
    with Process("serve", "--port", "0", *faults) as server:
        _, ipv6 = server.endpoints()
        with Process("connect", str(ipv6), stdin=subprocess.PIPE) as client:
            assert client.popen.stdin is not None
            client.popen.stdin.write(b"hello, world\n")
            client.popen.stdin.flush()
            client.wait()
        server.out.expect("client closed")
        server.stop()
    assert without_ports(server.out.text) == transcript(
        " ".join(["python -m trio_echo serve", *faults])
    )
    assert client.out.text + client.err.text == transcript("python -m trio_echo connect ::1")


@pytest.mark.skipif(not has_ipv6(), reason="this system has no IPv6 loopback")
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
    assert shown == transcript("python -m trio_echo serve --lang ko --encoding cp949")


def test_every_option_of_serve_is_explained() -> None:
    command = cli.get_command(click.Context(cli), "serve")
    assert command is not None
    options = {name for option in command.params for name in option.opts if name.startswith("--")}
    assert options <= set(re.findall(r"^\| `(--[a-z-]+)", README, re.MULTILINE))


def test_every_public_function_and_class_is_named() -> None:
    for name in trio_echo.__all__:
        assert name in README
