"""The server under systemd: sockets that it opened, and what it is informed of."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from support import PATIENCE, Process, exchange

from trio_echo.cli import systemd
from trio_echo.cli.systemd import Notifier, opened_listeners
from trio_echo.errors import SocketCallError

if TYPE_CHECKING:
    from support import CommandLine

if sys.platform != "linux":
    pytest.skip("systemd runs on Linux only", allow_module_level=True)

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "systemd.md"
ACTIVATE = shutil.which("systemd-socket-activate")
ANALYZE = shutil.which("systemd-analyze")
activated = pytest.mark.skipif(ACTIVATE is None, reason="systemd-socket-activate is missing")
# Descriptor 3 as systemd would hand it over.
HANDED = 'exec 3<"$1"; shift; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'

# Two descriptors from here on are not in use.
FREE = 900


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


@activated
def test_it_serves_on_sockets_that_systemd_opened() -> None:
    address = ("127.0.0.1", free_port())
    prefix = (str(ACTIVATE), "-l", f"{address[0]}:{address[1]}")
    with Process("serve", prefix=prefix) as server:
        server.err.expect("Listening on")
        exchange(address, b"first")
        server.out.expect(f"listening: IP address=127.0.0.1, port={address[1]}")
        exchange(address, b"second")
        assert server.stop() == 0
        assert server.out.seen[-1].endswith("stopped: 2 clients served, 11 bytes echoed\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "0"], "leave out --host, --any and --port"),
        (["--any"], "leave out --host, --any and --port"),
        (["--host", "::1"], "leave out --host, --any and --port"),
        (["--workers", "2"], "--workers opens its own sockets"),
    ],
)
def test_other_addresses_are_refused(
    arguments: list[str],
    words: str,
    command_line: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        monkeypatch.setattr(systemd, "opened_listeners", lambda: [listener])
        status, _, err = command_line("serve", *arguments)
    assert status == 2
    assert words in err


def test_what_is_not_a_listening_socket_is_a_one_line_error() -> None:
    with Process("serve", prefix=("sh", "-c", HANDED, "sh", "/dev/null")) as server:
        assert server.wait() == 1
        assert server.err.text == (
            "[sd_listen_fds()] Socket operation on non-socket: descriptor 3\n"
        )


@activated
def test_a_datagram_socket_is_a_one_line_error() -> None:
    port = free_port()
    prefix = (str(ACTIVATE), "--datagram", "-l", f"127.0.0.1:{port}")
    with Process("serve", prefix=prefix) as server:
        server.err.expect("Listening on")
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.sendto(b"hello", ("127.0.0.1", port))
        assert server.wait() == 1
        server.err.expect(r"^\[sd_listen_fds\(\)\] not a listening TCP socket")


def test_a_datagram_socket_after_a_listening_one_is_a_socket_call_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(systemd, "_FIRST", FREE)
    environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2"}
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(type=socket.SOCK_DGRAM) as other,
    ):
        os.dup2(listener.fileno(), FREE)
        os.dup2(other.fileno(), FREE + 1)
        with pytest.raises(SocketCallError, match=f"not a listening TCP socket .*{FREE + 1}"):
            opened_listeners(environment)
    for descriptor in (FREE, FREE + 1):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_PID": "x", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "a"},
    ],
)
def test_sockets_of_another_process_are_left_alone(environment: dict[str, str]) -> None:
    assert opened_listeners(environment) == []
    assert environment == {}  # no child may take them for its own


@pytest.mark.parametrize("workers", [[], pytest.param(["--workers", "1"], marks=pytest.mark.slow)])
def test_systemd_learns_when_it_listens_lives_and_stops(workers: list[str], tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        with Process("serve", "--port", "0", *workers, env=env) as server:
            seen: list[str] = []
            while seen[-2:] != ["READY=1", "WATCHDOG=1"]:
                seen.append(manager.recv(100).decode())
            server.interrupt()
            while seen[-1] != "STOPPING=1":
                seen.append(manager.recv(100).decode())
            assert server.wait() == 0
    assert set(seen) == {"READY=1", "WATCHDOG=1", "STOPPING=1"}


def test_a_notify_socket_that_is_not_there_is_a_one_line_error(tmp_path: Path) -> None:
    env = {"NOTIFY_SOCKET": str(tmp_path / "nowhere")}
    with Process("serve", "--port", "0", env=env) as server:
        assert server.wait() == 1
        assert server.err.text == "[connect()] No such file or directory: NOTIFY_SOCKET\n"


def test_a_watchdog_of_another_process_is_left_alone(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        environment = {
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "1000000",
            "WATCHDOG_PID": "1",
        }
        notifier = Notifier(environment)
        notifier.close()
        assert (notifier.watchdog, environment) == (None, {})


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is missing")
def test_systemd_accepts_the_units_of_the_page(tmp_path: Path) -> None:
    units = re.findall(r"```ini\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for name, unit in zip(("trio-echo.service", "trio-echo.socket"), units, strict=True):
        (tmp_path / name).write_text(unit.replace("/opt/trio_echo/bin/python", sys.executable))
    done = subprocess.run(
        [str(ANALYZE), "verify", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
