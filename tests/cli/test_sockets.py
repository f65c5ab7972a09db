"""`python -m trio_echo sockets`: the netstat step."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support import Process, among, end

from trio_echo import BackgroundServer
from trio_echo.observe.kernel.snapshot import snapshot

if TYPE_CHECKING:
    from support import CommandLine


def run(*arguments: str, env: dict[str, str] | None = None) -> tuple[int, str, str]:
    with Process("sockets", *arguments, env=env) as command:
        return command.wait(), command.out.text, command.err.text


def test_it_shows_the_listener_and_both_ends_of_a_connection(host: str) -> None:
    with BackgroundServer(hosts=[host]) as server:
        (address,) = server.addresses
        with socket.create_connection(address) as sock:
            sock.sendall(b"hello")
            sock.recv(5)  # the server has accepted it
            status, out, err = run("--port", str(address.port))
            client = end(sock)
    assert (status, err) == (0, "")
    heads, *lines = [line.split() for line in out.splitlines()]
    assert heads[:3] == ["Proto", "Local", "address"]
    for ends, state in (
        ([address, "-"], "LISTEN"),
        ([address, client], "ESTABLISHED"),
        ([client, address], "ESTABLISHED"),
    ):
        assert [line[3] for line in lines if line[1:3] == list(map(str, ends))] == [state]


def test_json_has_the_same_rows(command_line: CommandLine) -> None:
    with BackgroundServer() as server:
        port = server.addresses[0].port
        status, out, _ = command_line("sockets", "--json", "--port", str(port))
        assert status == 0
        expected = [row.as_json() for row in among(server.addresses, snapshot(port))]
    rows = json.loads(out)
    assert len(expected) == len(server.addresses)
    assert [row for row in rows if row["state"] == "LISTEN"] == json.loads(json.dumps(expected))


def test_a_port_without_sockets_is_not_an_error(command_line: CommandLine) -> None:
    status, out, err = command_line("sockets", "--port", "0")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 2
    assert "There is no such socket." in out
    assert command_line("sockets", "--port", "0", "--json")[:2] == (0, "[]\n")


@pytest.mark.slow
def test_several_ports_can_be_named(command_line: CommandLine) -> None:
    with BackgroundServer() as one, BackgroundServer() as two:
        ports = [str(server.addresses[0].port) for server in (one, two)]
        _, out, _ = command_line("sockets", "--port", ports[0], "--port", ports[1])
        _, everything, _ = command_line("sockets")
    for port in ports:
        assert f"127.0.0.1:{port}" in out
        assert f"127.0.0.1:{port}" in everything


def test_a_bad_port_is_a_one_line_error(command_line: CommandLine) -> None:
    status, out, err = command_line("sockets", "--port", "65536")
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "'65536' is not a port number" in err


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux can a process rename itself")
@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("utf-8", "한\\x1b[2J ("), pytest.param("ascii", "\\ud55c\\x1b[2J (", marks=pytest.mark.slow)],
)
def test_a_process_cannot_drive_the_terminal_with_its_name(encoding: str, shown: str) -> None:
    code = """
import socket, sys
open("/proc/self/comm", "w").write("한\\x1b[2J")
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-X", "utf8", "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        port = other.stdout.readline().strip()
        status, out, err = run("--port", port, env={"PYTHONIOENCODING": encoding})
    assert (status, err) == (0, "")
    assert shown in out
