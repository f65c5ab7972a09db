"""Unusual standard streams: closed, missing, non-blocking."""

from __future__ import annotations

import os
import shutil
import socket
import sys

import pytest
from support import Process, receive_all

from trio_echo import BackgroundServer

if sys.platform == "win32":
    pytest.skip("the streams are set up with sh", allow_module_level=True)

SHELL = shutil.which("sh") or "sh"


def with_streams(redirections: str) -> tuple[str, ...]:
    return (SHELL, "-c", f'exec "$@" {redirections}', "sh")


def test_a_server_without_standard_streams_serves() -> None:
    with BackgroundServer() as other:
        port = other.addresses[0].port
    with Process(
        "serve", "--host", "127.0.0.1", "--port", str(port), prefix=with_streams("<&- >&- 2>&-")
    ) as server:
        while True:
            try:
                sock = socket.create_connection(("127.0.0.1", port))
            except ConnectionRefusedError:
                assert server.popen.poll() is None
            else:
                break
        with sock:
            sock.sendall(b"hello\n")
            sock.shutdown(socket.SHUT_WR)
            assert receive_all(sock) == b"hello\n"
        assert server.stop() == 0


def test_a_client_without_standard_input_ends() -> None:
    with (
        BackgroundServer() as server,
        Process("connect", str(server.addresses[0]), prefix=with_streams("<&-")) as client,
    ):
        assert client.wait() == 0
        assert client.out.text == "\n[data to send] \n"
        assert client.err.text == ""


def test_unreadable_input_is_a_one_line_error() -> None:
    with (
        BackgroundServer() as server,
        Process("connect", str(server.addresses[0]), prefix=with_streams("0>/dev/null")) as client,
    ):
        assert client.wait() == 1
        assert client.err.seen == ["[read()] Bad file descriptor\n"]


def test_non_blocking_streams_are_waited_for() -> None:
    read_input, write_input = os.pipe()
    read_output, write_output = os.pipe()
    for descriptor in (read_input, write_output):
        os.set_blocking(descriptor, False)
    text = "x" * 200_000  # more than the screen's pipe holds
    with (
        os.fdopen(read_input, "rb") as stdin,
        os.fdopen(write_output, "wb") as stdout,
        os.fdopen(read_output, "rb") as screen,
        BackgroundServer() as server,
        Process("connect", str(server.addresses[0]), stdin=stdin, stdout=stdout) as client,
    ):
        stdout.close()
        with os.fdopen(write_input, "wb") as keyboard:
            shown = b""
            while not shown.endswith(b"[data to send] "):
                shown += os.read(screen.fileno(), 100)
            keyboard.write(text.encode() + b"\n")
        shown += screen.read()
        assert client.wait() == 0
    assert f"[received data] {text}\n".encode() in shown
    assert client.err.text == ""
