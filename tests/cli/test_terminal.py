"""Both commands at a real terminal."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import unicodedata
from typing import TYPE_CHECKING

import pytest
from support import PATIENCE, SESSION, RawServer, exchange

from trio_echo import BackgroundServer

if sys.platform == "win32":
    pytest.skip("pexpect has no terminal on Windows", allow_module_level=True)

import termios

import pexpect

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[BackgroundServer]:
    with BackgroundServer() as server:
        yield server


def spawn(*arguments: str, **env: str) -> pexpect.spawn[str]:
    return pexpect.spawn(
        sys.executable,
        ["-m", "trio_echo", "connect", *arguments],
        env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm", **env},
        encoding="utf-8",
        timeout=PATIENCE,
    )


def end(client: pexpect.spawn[str]) -> tuple[int | None, str]:
    """Wait for the end; returns the exit status and the last output."""
    client.expect(pexpect.EOF)
    client.close()
    assert client.signalstatus is None
    return client.exitstatus, str(client.before).replace("\r\n", "\n")


def test_a_terminal_of_another_session_is_left_as_it_is(server: BackgroundServer) -> None:
    program = [sys.executable, "-m", "trio_echo", "connect", str(server.addresses[0])]
    script = "import os, sys; os.fork() and sys.exit(os.waitstatus_to_exitcode(os.wait()[1])); "
    script += "os.setsid(); os.execv(sys.argv[1], sys.argv[1:])"
    client = pexpect.spawn(
        sys.executable, ["-Sc", script, *program], encoding="utf-8", timeout=PATIENCE
    )
    client.expect_exact("[data to send] ")
    client.sendline()
    assert end(client)[0] == 0


@pytest.mark.parametrize("last", ["\n", pytest.param("\x04", marks=pytest.mark.slow)])
def test_a_typed_session_looks_like_the_lectures(server: BackgroundServer, last: str) -> None:
    client = spawn(str(server.addresses[0]))
    shown = ""
    for keys in ("hello\n", "한국\n", last):
        client.expect_exact("[data to send] ")
        shown += f"{client.before}{client.after}"
        client.send(keys)
    status, rest = end(client)
    assert status == 0
    assert (shown + rest).replace("\r\n", "\n").replace("\r", "\n") == SESSION


def test_lines_can_be_edited_and_recalled(server: BackgroundServer) -> None:
    client = spawn(str(server.addresses[0]))
    client.expect_exact("[data to send] ")
    client.send("helo\x1b[Dl\n")  # left, then the missing letter
    client.expect_exact("[received data] hello\r\n")
    client.expect_exact("[data to send] ")
    client.send("\x1b[A!\n")  # up: the last line
    client.expect_exact("[received data] hello!\r\n")
    client.expect_exact("[data to send] ")
    client.send("한글\x7f국\n")  # backspace takes a whole character
    client.expect_exact("[received data] 한국\r\n")
    client.expect_exact("[data to send] ")
    client.sendcontrol("d")
    assert end(client)[0] == 0


@pytest.mark.parametrize("locale", [pytest.param("C", marks=pytest.mark.slow), "xx_XX.UTF-8"])
def test_korean_can_be_typed_without_its_locale(server: BackgroundServer, locale: str) -> None:
    client = spawn(str(server.addresses[0]), LC_ALL=locale)
    client.expect_exact("[data to send] ")
    client.send("한글\n")
    client.expect_exact("6 bytes sent.")
    client.expect_exact("[data to send] ")
    client.sendcontrol("d")
    assert end(client)[0] == 0


def test_ctrl_c_leaves_the_prompt_cleanly(server: BackgroundServer) -> None:
    client = spawn(str(server.addresses[0]))
    client.expect_exact("[data to send] ")
    client.send("half a line")
    client.expect_exact("half a line")
    client.sendcontrol("c")
    assert end(client) == (0, "\n")


def test_a_server_that_closes_is_reported_without_a_key_press() -> None:
    go = threading.Event()

    def close_when_set(_: socket.socket) -> None:
        assert go.wait(PATIENCE)

    with RawServer(close_when_set) as address:
        client = spawn(address)
        client.expect_exact("[data to send] ")
        client.send("half a line")
        client.expect_exact("half a line")
        go.set()
        assert end(client) == (1, "\n[recv()] connection closed by the server\n")


def test_an_abandoned_prompt_restores_the_terminal() -> None:
    go = threading.Event()

    def close_when_set(_: socket.socket) -> None:
        assert go.wait(PATIENCE)

    with RawServer(close_when_set) as address:
        shell = pexpect.spawn(
            "sh",
            [
                "-c",
                'read -r go; "$@"; echo ended $?; read -r end',
                "sh",
                sys.executable,
                "-m",
                "trio_echo",
                "connect",
                address,
            ],
            encoding="utf-8",
            timeout=PATIENCE,
        )
        before = termios.tcgetattr(shell.child_fd)
        shell.send("go\n")
        shell.expect_exact("[data to send] ")
        assert termios.tcgetattr(shell.child_fd)[3] != before[3]
        go.set()
        shell.expect_exact("[recv()] connection closed by the server\r\nended 1\r\n")
        shell.send("end\n")
        shell.expect("end")
        assert termios.tcgetattr(shell.child_fd) == before
        shell.expect(pexpect.EOF)
        shell.close()


@pytest.mark.slow
def test_ctrl_c_within_an_echo_reports_how_much_came() -> None:
    started = threading.Event()

    def dawdle(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(b"he")
        started.set()
        assert sock.recv(100) == b""

    with RawServer(dawdle) as address:
        client = spawn(address)
        client.expect_exact("[data to send] ")
        client.send("hello\n")
        client.expect_exact("5 bytes sent.")
        assert started.wait(PATIENCE)
        client.sendcontrol("c")
        status, rest = end(client)
        assert status == 1
        assert "interrupted after" in rest
        assert "of 5 bytes" in rest


@pytest.mark.parametrize(
    ("columns", "charset"),
    [
        pytest.param(40, "utf-8", marks=pytest.mark.slow),
        (80, "utf-8"),
        pytest.param(80, "ascii", marks=pytest.mark.slow),
    ],
)
def test_no_client_can_forge_a_row_of_a_terminal_with_a_long_line(
    columns: int, charset: str
) -> None:
    command = [sys.executable, "-m", "trio_echo", "serve", "--port", "0", "--lang", "en"]
    server = pexpect.spawn(
        command[0],
        command[1:],
        env={**os.environ, "PYTHONIOENCODING": charset},
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(24, columns),
    )
    server.expect(r"127\.0\.0\.1, port=(\d+)")
    assert isinstance(server.match, re.Match)
    address = ("127.0.0.1", int(server.match[1]))
    for padding in range(columns):
        exchange(address, b" " * padding + "가".encode() * 30 + b"[TCP/127.0.0.1:1] forged" * 9)
        server.expect("connected")
        server.expect(r"(?s)\n(.*)\n\[TCP server\] client closed")
        assert isinstance(server.match, re.Match)
        rows = server.match[1].splitlines()[1:]
        assert len(rows) > 2
        for row in rows:
            assert re.match(r"\[TCP/127\.0\.0\.1:\d{2,}\][ +]", row)
            assert sum(1 + (unicodedata.east_asian_width(one) == "W") for one in row) < columns
    server.kill(signal.SIGKILL)
    server.close()


def test_no_server_can_forge_a_row_of_a_terminal_with_a_long_echo() -> None:
    def forge(sock: socket.socket) -> None:
        size = len(sock.recv(1000))
        sock.sendall((b"x" * 80 + b"[TCP client] forged ").ljust(size, b"x"))
        assert sock.recv(1) == b""

    with RawServer(forge) as address:
        client = spawn(address, "--lang", "en")
        client.setwinsize(24, 80)
        client.expect_exact("[data to send] ")
        client.send("y" * 200 + "\n")
        client.expect(r"200 bytes received\.\r\n(.*)\r\n\[TCP client\] the echo differs")
        assert isinstance(client.match, re.Match)
        first, *rows = client.match[1].splitlines()
        assert first == "[received data] " + "x" * 63
        assert len(rows) == 3
        for row in rows:
            assert row.startswith("[received data]+")
            assert len(row) < 80
        client.expect_exact("[data to send] ")
        client.sendcontrol("d")
        assert end(client)[0] == 1
