"""Clients that send far more than a person can read."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from support import PATIENCE, Process, receive_count

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

COMMAND = ["-m", "trio_echo", "serve", "--host", "127.0.0.1", "--port", "0", "--lang", "en"]


def flood(address: tuple[str, int], lines: int) -> int:
    """Send one line after the other, each after the echo of the one before; returns the port."""
    with socket.create_connection(address) as sock:
        for number in range(lines):
            line = b"line %d\n" % number
            sock.sendall(line)
            assert receive_count(sock, len(line)) == line
        port: int = sock.getsockname()[1]
        return port


def test_a_file_has_every_line_of_each_client_in_order(tmp_path: Path) -> None:
    lines, path = 3000, tmp_path / "screen"
    with path.open("wb") as file, Process(*COMMAND[2:], stdout=file) as server:
        while not (found := re.match(rb".*port=(\d+)\n", path.read_bytes())):
            assert server.popen.poll() is None
        address = ("127.0.0.1", int(found[1]))
        with ThreadPoolExecutor() as pool:
            ports = [one.result() for one in [pool.submit(flood, address, lines) for _ in "abcd"]]
        assert server.stop() == 0
    screen = path.read_text()
    assert "not shown" not in screen
    for port in ports:
        numbers = re.findall(rf"^\[TCP/127\.0\.0\.1:{port}\] line (\d+)$", screen, re.MULTILINE)
        assert [int(number) for number in numbers] == list(range(lines))


@pytest.mark.skipif(sys.platform == "win32", reason="pexpect has no terminal on Windows")
@pytest.mark.parametrize("option", [(), ("--workers", "2")], ids=["one process", "workers"])
def test_a_terminal_shows_a_part_of_a_flood_counts_the_rest_and_hides_no_other(
    option: tuple[str, ...],
) -> None:
    import pexpect

    lines = 4000
    server = pexpect.spawn(
        sys.executable,
        [*COMMAND, *option],
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(24, 120),
    )
    try:
        server.expect(r"127\.0\.0\.1, port=(\d+)\r\n")
        assert isinstance(server.match, re.Match)
        address = ("127.0.0.1", int(server.match[1]))
        screen = ""
        with ThreadPoolExecutor() as pool, socket.create_connection(address) as quiet:
            flooding = [pool.submit(flood, address, lines) for _ in "ab"]
            quiet_port = quiet.getsockname()[1]
            for number in range(5):
                quiet.sendall(b"quiet %d\n" % number)
                server.expect(rf":{quiet_port}\] quiet {number}\r\n")
                screen += f"{server.before}{server.after}"
            ports = [one.result() for one in flooding]
        server.expect(rf"client closed: IP address=127\.0\.0\.1, port={quiet_port}\r\n")
        screen += f"{server.before}{server.after}"
        server.kill(signal.SIGINT)  # Ctrl-C would empty the terminal's buffer
        server.expect(pexpect.EOF)
        screen += str(server.before)
    finally:
        server.close(force=True)
    assert "[TCP server] stopped: 3 clients served" in screen
    assert screen.count(f":{quiet_port}] quiet") == 5
    for port in ports:
        for what in ("connected", "closed"):
            assert screen.count(f"client {what}: IP address=127.0.0.1, port={port}\r\n") == 1
        shown = [int(one) for one in re.findall(rf":{port}\] line (\d+)\r\n", screen)]
        missing = re.findall(rf"(\d+) lines? of 127\.0\.0\.1:{port} not shown", screen)
        assert shown == sorted(shown)
        assert len(shown) + sum(map(int, missing)) == lines
        assert missing
