"""Record what the notebooks show if packets cannot be captured, or hosts cannot be made.

    python notebooks/record.py

It needs Linux and CAP_NET_RAW, and listens on the lecture's port, 9000. The experiments on hosts
are those of the notebooks themselves, which are run for this.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cases
import execute
import trio

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
from trio_echo.observe import packets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from trio_echo.observe.packets.files import Frame

RECORDINGS = Path(__file__).parent / "recordings"


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
        async for trace in cases.record(folder):
            sys.stdout.write(f"{trace.title}\n")


def record_experiments() -> None:
    """Run the notebooks with experiments on hosts, which then write their recordings."""
    os.environ[lan.RECORD] = "1"
    for path in execute.committed():
        if "lan.observe(" in path.read_text("utf-8"):
            execute.execute(path)
            sys.stdout.write(f"{path.name}: recorded\n")


if __name__ == "__main__":
    if (problem := lan.why_not()) is not None:
        sys.exit(problem)
    try:
        trio.run(record, RECORDINGS)
    except SocketCallError as exc:
        sys.exit(str(exc))
    record_experiments()
