"""`python -m trio_echo connect`, with input from a pipe."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from support import PATIENCE, SESSION, Process, RawServer, ipv6, reset

from trio_echo import BackgroundServer, Faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import CommandLine

SPELLINGS = ["{0} {1}", "[::1]:{1}", "::1 {1}", ":{1}"]


@pytest.fixture
def server() -> Iterator[BackgroundServer]:
    with BackgroundServer() as server:
        yield server


def piped(data: bytes, *arguments: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Run `connect` with input from a pipe; returns exit status, output and errors."""
    with Process("connect", *arguments, env=env, stdin=subprocess.PIPE) as client:
        assert client.popen.stdin is not None
        with client.popen.stdin as stdin:
            stdin.write(data)
        return client.wait(), client.out.text, client.err.text


def test_a_piped_session_looks_like_a_typed_one(server: BackgroundServer) -> None:
    ends = ("\n\n", "\n", "")
    for address, end in zip(itertools.cycle(server.addresses), ends, strict=False):
        assert piped(f"hello\n한국{end}".encode(), str(address)) == (0, SESSION, "")


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("{0}:{1}", marks=pytest.mark.slow),
        "{1}",
        *(pytest.param(one, marks=pytest.mark.slow) for one in SPELLINGS),
    ],
)
@ipv6
def test_every_usual_spelling_of_an_endpoint_works(spelling: str, server: BackgroundServer) -> None:
    words = spelling.format("localhost", server.addresses[0].port).split()
    assert piped(b"hello\n", *words)[::2] == (0, "")


@ipv6
@pytest.mark.parametrize(
    ("option", "number"), [pytest.param("-4", 0, marks=pytest.mark.slow), ("-6", 1)]
)
def test_a_family_can_be_chosen(option: str, number: int) -> None:
    with (
        BackgroundServer() as both,
        BackgroundServer(hosts=[both.addresses[number].host]) as server,
    ):
        port = server.addresses[0].port
        assert piped(b"hello\n", option, "localhost", str(port))[::2] == (0, "")
        other = {"-4": "-6", "-6": "-4"}[option]
        status, _, error = piped(b"hello\n", other, "localhost", str(port))
        assert (status, error) == (1, f"[connect()] Connection refused: localhost:{port}\n")


@pytest.mark.slow
@pytest.mark.parametrize("mib", [12, pytest.param(50, marks=pytest.mark.slow)])
def test_a_line_larger_than_buffers_does_not_deadlock(server: BackgroundServer, mib: int) -> None:
    line = b"0123456789abcdef" * (mib * 65536)
    status, out, error = piped(line + b"\nnext\n", str(server.addresses[0]))
    assert (status, error) == (0, "")
    assert f"\n[TCP client] {len(line)} bytes received.\n[received data] 0123456789" in out
    assert "\n[received data] next\n" in out


def test_bytes_that_are_not_text_are_sent_unchanged_and_shown_escaped() -> None:
    got: list[bytes] = []

    def echo(sock: socket.socket) -> None:
        got.append(sock.recv(100))
        sock.sendall(got[0])

    with RawServer(echo) as address:
        status, out, error = piped(b"\x1b[2J\xff\x00\n", address)
    assert (status, error) == (0, "")
    assert got == [b"\x1b[2J\xff\x00"]
    assert "[received data] \\x1b[2J\\xff\\x00\n" in out
    assert "\x1b" not in out


def test_an_echo_that_differs_is_reported_and_the_session_continues() -> None:
    def misbehave(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(b"heLlo")
        sock.sendall(sock.recv(100))

    with RawServer(misbehave) as address:
        status, out, error = piped(b"hello\nfine\n", address)
    assert status == 1
    assert "[received data] heLlo\n" in out
    assert "[received data] fine\n" in out
    assert error == ("[TCP client] the echo differs at byte 3: sent 0x6c, received 0x4c\n")


@pytest.mark.parametrize(
    "extra",
    [pytest.param(b"!", marks=pytest.mark.slow), bytes(300_000)],
    ids=["one byte", "a flood"],
)
def test_bytes_that_are_not_an_echo_are_reported(extra: bytes) -> None:
    def add(sock: socket.socket) -> None:
        with suppress(ConnectionResetError):  # the client closes with unread bytes
            sock.sendall(sock.recv(100) + extra)
            sock.recv(100)

    with RawServer(add) as address:
        status, out, error = piped(b"hello\n", address)
    assert status == 1
    assert "[received data] hello\n" in out
    assert re.fullmatch(r"\[recv\(\)\] received \d+ bytes? that (is|are) not an echo\n", error)


def break_off(sock: socket.socket) -> None:
    sock.recv(100)
    reset(sock)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot interrupt one process alone")
def test_a_signal_ends_it_while_the_screen_is_stalled() -> None:
    reading, writing = os.pipe()
    broken = threading.Event()

    def leave(sock: socket.socket) -> None:
        break_off(sock)
        broken.set()

    with (
        os.fdopen(reading, "rb"),
        os.fdopen(writing, "wb") as screen,
        RawServer(leave) as address,
        Process("connect", address, stdin=subprocess.PIPE, stdout=screen) as client,
    ):
        assert client.popen.stdin is not None
        with client.popen.stdin as stdin, suppress(BrokenPipeError):
            stdin.write(bytes(1_000_000) + b"\n")  # showing it fills the pipe
        assert broken.wait(PATIENCE)  # now the client is in the middle of an echo
        while client.popen.poll() is None:
            client.popen.send_signal(signal.SIGTERM)
            time.sleep(0.1)  # an impatient user
        assert client.wait() == 1


def test_a_connection_closed_within_an_echo_is_reported_with_the_count() -> None:
    def leave(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(b"abc")

    with RawServer(leave) as address:
        status, out, error = piped("한국산업기\nmore\n".encode(), address, "--encoding", "utf-8")
    assert status == 1
    assert error == "[recv()] connection closed after 3 of 15 bytes\n"
    assert out.endswith("[TCP client] 15 bytes sent.\n")


@pytest.mark.slow
def test_a_reset_names_the_call() -> None:
    with RawServer(break_off) as address:
        status, _, error = piped(b"hello\n", address)
    assert (status, error) == (1, "[recv()] Connection reset by peer\n")


@pytest.mark.parametrize(
    "faults",
    [pytest.param(Faults(fragment=1), marks=pytest.mark.slow), Faults(delay=0.01)],
    ids=str,
)
def test_it_waits_for_the_whole_echo_if_that_is_in_pieces_or_late(faults: Faults) -> None:
    with BackgroundServer(faults=faults) as server:
        for address in server.addresses:
            assert piped("hello\n한국\n\n".encode(), str(address)) == (0, SESSION, "")


def test_a_reset_within_an_echo_names_the_call() -> None:
    with BackgroundServer(faults=Faults(reset_after=3)) as server:
        for address in server.addresses:
            status, out, error = piped(b"hello\n", str(address))
            assert (status, error) == (1, "[recv()] Connection reset by peer\n")
            assert "[TCP client] 5 bytes sent.\n" in out
            assert "received" not in out


@pytest.mark.slow
def test_an_echo_times_out() -> None:
    def dawdle(sock: socket.socket) -> None:
        sock.recv(100)
        sock.sendall(b"he")
        assert sock.recv(100) == b""

    with RawServer(dawdle) as address:
        status, _, error = piped(b"hello\n", address, "--timeout", "1")
    assert status == 1
    # On a busy machine, even the two bytes may be late.
    assert re.fullmatch(r"\[recv\(\)\] timed out after [02] of 5 bytes\n", error)


@pytest.mark.slow
def test_connecting_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        status, _, error = piped(b"", f"127.0.0.1:{address[1]}", "--timeout", "0.3")
        for filler in fillers:
            filler.close()
    assert (status, error) == (1, f"[connect()] Connection timed out: 127.0.0.1:{address[1]}\n")


# Windows has the same number for both.
NO_ADDRESS = (
    "No such host is known" if sys.platform == "win32" else "The host has no address of that family"
)


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["localhost", "0"], 2, "port 0 cannot be reached: give 1 to 65535"),
        (["localhost", "65536"], 2, "'65536' is not a port number (0 to 65535)"),
        (["localhost:9000", "9000"], 2, "names the port twice"),
        (["[::1:9000"], 2, "write [IPV6]:PORT"),
        (["-4", "-6"], 2, "-4 and -6 cannot be used together"),
        (["--timeout", "0"], 2, "more than 0 seconds"),
        (["--keepalive", "0"], 2, "keepalive must be 1 to 32767 seconds, or inf, not 0"),
        (["--keepalive", "40000"], 2, "keepalive must be 1 to 32767 seconds, or inf"),
        (["--encoding", "klingon"], 2, "unknown text encoding: klingon"),
        (["--lang", "tlh"], 2, "'tlh'"),
        (["nosuch.invalid"], 1, "[getaddrinfo()] No such host is known: nosuch.invalid"),
        (["fe80::1", "9000"], 1, "[getaddrinfo()] a link-local address needs a zone"),
        (["-6", "127.0.0.1"], 1, f"[getaddrinfo()] {NO_ADDRESS}"),
        (["--lang", "ko", "nosuch.invalid"], 1, "[getaddrinfo()] 알려진 호스트가 없습니다"),
    ],
)
def test_a_wrong_command_line_is_a_one_line_error(
    arguments: list[str], status: int, line: str, command_line: CommandLine
) -> None:
    got, out, error = command_line("connect", *arguments)
    assert got == status
    assert error.count("\n") == 1
    assert line in error
    assert out == ""


def test_a_character_missing_from_the_encoding_is_named(server: BackgroundServer) -> None:
    status, _, error = piped("a한\n".encode(), str(server.addresses[0]), "--encoding", "ascii")
    assert (status, error) == (1, "[encode()] ascii cannot encode 한 (U+D55C)\n")


@pytest.mark.slow
def test_a_closed_screen_ends_it(server: BackgroundServer) -> None:
    reading, writing = os.pipe()
    with (
        os.fdopen(writing, "wb") as screen,
        Process(
            "connect", str(server.addresses[0]), stdin=subprocess.PIPE, stdout=screen
        ) as client,
    ):
        os.close(reading)
        assert client.popen.stdin is not None
        with client.popen.stdin as stdin, suppress(OSError):
            stdin.write(b"hello\n" * 10)
        assert client.wait() == 1
        assert client.err.seen == ["[write()] Broken pipe\n"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no /dev/full")
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")  # noqa: PTH110
def test_a_screen_that_cannot_be_written_ends_it(server: BackgroundServer) -> None:
    with (
        open("/dev/full", "wb") as full,  # noqa: PTH123
        Process("connect", str(server.addresses[0]), stdout=full) as client,
    ):
        assert client.wait() == 1
        assert client.err.seen == ["[write()] No space left on device\n"]


# Runs in its own network namespace: echoes a line, then cuts the network while the prompt waits.
VANISH = """
import subprocess, sys, trio_echo
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
with trio_echo.BackgroundServer(hosts=["127.0.0.1"]) as server:
    command = [sys.executable, "-m", "trio_echo", "connect", "--keepalive", "2"]
    client = subprocess.Popen(
        [*command, str(server.addresses[0])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    client.stdin.write(b"hello\\n")
    client.stdin.flush()
    seen = b""
    while not seen.endswith(b"[received data] hello\\n\\n[data to send] "):
        seen += client.stdout.read1()
    subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
    print(client.wait())
"""


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("unshare") is None or not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="needs root, to make a network namespace",
)
def test_a_server_that_vanishes_during_the_prompt_is_a_one_line_error() -> None:
    ran = subprocess.run(
        ["unshare", "-n", sys.executable, "-c", VANISH],  # noqa: S607
        env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (ran.stdout, ran.stderr) == ("1\n", "[recv()] Connection timed out\n")
