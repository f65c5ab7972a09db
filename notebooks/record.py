"""Record what the notebooks show without packets to capture, hosts, or a C compiler.

    python notebooks/record.py

It needs Linux, CAP_NET_RAW and a Chromium, and listens on the lecture's port, 9000. The experiments
on hosts and with C programs are those of the notebooks themselves, which are run for this.
"""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import struct
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cases
import execute
import trio
import trustme

from trio_echo import (
    IncompleteReceiveError,
    SocketCallError,
    connect,
    lan,
    receive_exactly,
    serve,
)
from trio_echo.addresses import DEFAULT_PORT
from trio_echo.errors import ungrouped
from trio_echo.notebook import browser
from trio_echo.observe import packets
from trio_echo.writing import whole

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio_echo.observe.packets.files import Frame

RECORDINGS = Path(__file__).parent / "recordings"
# What the server of notebook 09 answers.
PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
    b"Content-Length: 23\r\n\r\n<p>A page from Trio</p>"
)


async def echo(host: str) -> None:
    """Send one message, receive its echo, close."""
    async with await connect(host, DEFAULT_PORT) as client:
        await client.echo(b"hello")


async def reset(host: str) -> None:
    """Close with the echo unread: the kernel sends RST instead of FIN."""
    stream = await trio.open_tcp_stream(host, DEFAULT_PORT)
    await stream.send_all(b"hello")
    await trio.lowlevel.wait_readable(stream.socket)
    await stream.aclose()


async def refused(host: str) -> None:
    """Connect to a port on which nobody listens."""
    with socket.socket() as holder:
        holder.bind((host, DEFAULT_PORT))
        try:
            await connect(host, DEFAULT_PORT)
        except SocketCallError:
            return
        raise AssertionError(f"somebody listens on {host}:{DEFAULT_PORT}")


async def wait_for_room(host: str) -> None:
    """Connect while the accept queue is full; the server makes room after six seconds."""
    with trio.socket.socket() as listener, trio.socket.socket() as first:
        await listener.bind((host, DEFAULT_PORT))
        listener.listen(0)
        await first.connect((host, DEFAULT_PORT))
        late = trio.socket.socket()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(late.connect, (host, DEFAULT_PORT))
            await trio.sleep(6)
            accepted, _ = await listener.accept()
        late.close()
        with (await listener.accept())[0] as server_side, accepted:
            await server_side.recv(1)


async def wait_for_ack(host: str) -> None:
    """Send requests in two pieces; the second waits for the ACK of the first."""
    header, body = b"length: 5;", b"hello"

    async def answer(stream: trio.SocketStream) -> None:
        with suppress(IncompleteReceiveError):  # the client closes
            while True:
                await receive_exactly(stream, len(header + body))
                await stream.send_all(b"thanks")

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_tcp, answer, DEFAULT_PORT, host=host))
        async with await trio.open_tcp_stream(host, DEFAULT_PORT) as stream:
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
            for _ in range(3):
                await stream.send_all(header)
                await stream.send_all(body)
                await stream.receive_some()
        nursery.cancel_scope.cancel()


async def ask_plainly(host: str) -> None:
    """Send a message with its length in front, and receive one."""
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_tcp, answer_one, DEFAULT_PORT, host=host))
        async with await trio.open_tcp_stream(host, DEFAULT_PORT) as stream:
            await ask_one(stream)
        nursery.cancel_scope.cancel()


async def ask_secretly(host: str) -> None:
    """Do the same with TLS."""
    authority = trustme.CA()
    for_server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("echo.example").configure_cert(for_server)
    for_client = ssl.create_default_context()
    authority.configure_trust(for_client)

    async def answer(stream: trio.SocketStream) -> None:
        async with trio.SSLStream(stream, for_server, server_side=True) as secret:
            await answer_one(secret)

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_tcp, answer, DEFAULT_PORT, host=host))
        async with await trio.open_tcp_stream(host, DEFAULT_PORT) as stream:
            secret = trio.SSLStream(stream, for_client, server_hostname="echo.example")
            await ask_one(secret)
            await secret.unwrap()
        nursery.cancel_scope.cancel()


async def ask_one(stream: trio.abc.Stream) -> None:
    """Send a message, and receive its answer of the same length."""
    message = b"the code is 1234"
    await stream.send_all(struct.pack("!I", len(message)) + message)
    await receive_exactly(stream, 4 + len(message))


async def answer_one(stream: trio.abc.Stream) -> None:
    """Answer a message in capital letters, and wait for the end."""
    length = await receive_exactly(stream, 4)
    message = await receive_exactly(stream, *struct.unpack("!I", length))
    await stream.send_all(length + message.upper())
    await stream.receive_some()


async def record(folder: Path) -> None:
    """Write all captures into a folder; one of them has all the connections on loopback."""
    frames: list[Frame] = []

    async def save(name: str, talk: Callable[[str], Awaitable[None]], host: str) -> None:
        async with packets.capture(DEFAULT_PORT) as capture:
            await talk(host)
            trace = await capture.connection()
        trace.save(folder / name)
        frames.extend(trace.frames)
        sys.stdout.write(f"{name}: {trace.title}\n")

    with ungrouped(SocketCallError):
        await save("refused.pcap", refused, "127.0.0.1")
        async with trio.open_nursery() as nursery:
            await nursery.start(serve, DEFAULT_PORT)
            await save("echo-ipv4.pcap", echo, "127.0.0.1")
            await save("echo-ipv6.pcap", echo, "::1")
            await save("reset.pcap", reset, "127.0.0.1")
            nursery.cancel_scope.cancel()
        await save("nagle.pcap", wait_for_ack, "127.0.0.1")
        await save("unanswered.pcap", wait_for_room, "127.0.0.1")
        packets.Traffic(frames).save(folder / "several.pcap")
        await save("plain.pcap", ask_plainly, "127.0.0.1")
        await save("tls.pcap", ask_secretly, "127.0.0.1")
        async for trace in cases.record(folder):
            sys.stdout.write(f"{trace.title}\n")


async def record_visit(path: Path, answer: bytes | None) -> None:
    """Write what a browser sends, and what it makes of this answer; `None` for an echo."""
    requests: list[bytes] = []

    async def reply(stream: trio.SocketStream) -> None:
        request = b""
        async for piece in stream:
            request += piece
            if request.endswith(b"\r\n\r\n"):
                requests.append(request)
                await stream.send_all(answer or request)
                return

    async with trio.open_nursery() as nursery:
        await nursery.start(partial(trio.serve_tcp, reply, DEFAULT_PORT, host="127.0.0.1"))
        visit = await browser.visit(DEFAULT_PORT, recording=path)
        nursery.cancel_scope.cancel()
    if visit.recorded is not None:
        raise AssertionError(visit.recorded)
    seen = {"request": requests[0].decode(), "page": visit.page, "error": visit.error}
    with whole(path) as file:
        file.write(f"{json.dumps(seen, indent=1)}\n".encode())
    sys.stdout.write(f"{path.name}: {visit.error or visit.page}\n")


def record_experiments() -> None:
    """Run the notebooks with experiments, which then write their recordings."""
    os.environ[lan.RECORD] = "1"
    for path in execute.committed():
        if re.search(r"\b(lan\.experiment|terminals\.perform)\(", path.read_text("utf-8")):
            execute.execute(path)
            sys.stdout.write(f"{path.name}: recorded\n")


if __name__ == "__main__":
    if (problem := lan.why_not()) is not None:
        sys.exit(problem)
    try:
        trio.run(record, RECORDINGS)
        trio.run(record_visit, RECORDINGS / "browser-echo.json", None)
        trio.run(record_visit, RECORDINGS / "browser-page.json", PAGE)
    except SocketCallError as exc:
        sys.exit(str(exc))
    record_experiments()
