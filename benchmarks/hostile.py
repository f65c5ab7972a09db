"""Clients that try to harm an echo server, and well-behaved ones that must not notice.

Each client draws all it does from a generator of its own. With the same seed, the same clients do
the same; when they do it depends on the machine.
"""

from __future__ import annotations

import random
import socket
import struct
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import trio

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

    from trio_echo import Endpoint

Client: TypeAlias = Callable[["Endpoint", random.Random], Awaitable[None]]

_WELL_BEHAVED = 0.5  # of all clients
_RESET = struct.pack("ii", 1, 0)
# What a terminal, a log or a decoder could take the wrong way.
_TRAPS = [
    b"\x1b[2J\x1b[H\x1b]0;title\x07",
    b"\r\n[TCP server] client closed: IP address=127.0.0.1, port=1\r\n",
    b"\n[TCP/127.0.0.1:1] forged\n",
    "\u202eright to left\u2066\u200b\ufeff".encode(),
    "\u4dc0\u2630\U0001f1e6".encode() * 30,
    b"\xff\xfe\xc0\xaf\xed\xa0\x80",
    b"\x00" * 40,
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),  # a ClientHello, cut short
]


@dataclass
class Tally:
    """What happened to the clients of an attack.

    Attributes:
        clients: how many there were of each kind.
        checked: bytes that well-behaved clients got back and compared.
        slowest: the longest time, in seconds, from sending a piece to the last byte of its echo.
        cut: how many well-behaved clients lost their connection before they had all.
        wrong: what well-behaved clients got back wrongly, a line each.
    """

    clients: Counter[str] = field(default_factory=Counter)
    checked: int = 0
    slowest: float = 0.0
    cut: int = 0
    wrong: list[str] = field(default_factory=list)


async def attack(
    endpoint: Endpoint,
    tally: Tally,
    *,
    seed: int,
    tasks: int = 20,
    clients: int | None = None,
    stop: trio.Event | None = None,
    kinds: Sequence[Client] | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Let well-behaved and hostile clients come in random order, many at a time.

    Args:
        endpoint: the server's.
        tally: is kept up to date.
        seed: of all that is drawn.
        tasks: how many clients there are at a time.
        clients: how many in all; `None` for no limit.
        stop: once set, no further ones come.
        kinds: of hostile clients; `None` for `HOSTILE`.
        tls: the well-behaved ones use TLS, with this context.
    """
    source = random.Random(seed)
    kinds = HOSTILE if kinds is None else kinds

    async def come() -> None:
        while (stop is None or not stop.is_set()) and (
            clients is None or tally.clients.total() < clients
        ):
            draws = random.Random(source.getrandbits(64))
            if draws.random() < _WELL_BEHAVED:
                tally.clients["behave"] += 1
                await behave(endpoint, draws, tally, tls)
                continue
            kind = draws.choice(kinds)
            tally.clients[kind.__name__] += 1
            try:
                await kind(endpoint, draws)
            except* (OSError, trio.BrokenResourceError):
                pass  # of course it may fail

    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(come)


async def behave(
    endpoint: Endpoint, draws: random.Random, tally: Tally, tls: ssl.SSLContext | None
) -> None:
    """Send data in pieces, receive at the same time, and compare; end as a client should."""
    data = draws.randbytes(int(2 ** draws.uniform(0, 19)))
    sent_at: deque[tuple[int, float]] = deque()

    async def send(stream: trio.abc.Stream) -> None:
        start = 0
        while start < len(data):
            piece = data[start : start + int(2 ** draws.uniform(0, 17))]
            start += len(piece)
            sent_at.append((start, trio.current_time()))
            await stream.send_all(piece)
            if draws.random() < 0.1:
                await trio.sleep(draws.random() / 20)
        if isinstance(stream, trio.abc.HalfCloseableStream):  # TLS has no half
            await stream.send_eof()

    received = 0
    try:
        plain = trio.SocketStream(await connected(endpoint))
        stream = plain if tls is None else trio.SSLStream(plain, tls)
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(send, stream)
            while tls is None or received < len(data):
                if not (piece := await stream.receive_some()):
                    break
                if data[received : received + len(piece)] != piece:
                    tally.wrong.append(f"{endpoint}: other bytes than were sent, from {received}")
                    nursery.cancel_scope.cancel()
                received += len(piece)
                tally.checked += len(piece)
                while sent_at and sent_at[0][0] <= received:
                    tally.slowest = max(tally.slowest, trio.current_time() - sent_at.popleft()[1])
            if received < len(data):
                tally.cut += 1
                nursery.cancel_scope.cancel()
    except* (OSError, trio.BrokenResourceError):
        tally.cut += 1


async def reset_anywhere(endpoint: Endpoint, draws: random.Random) -> None:
    """Reset the connection: before anything, while an echo is under way, or after it."""
    with await connected(endpoint) as sock:
        with suppress(OSError):
            for _ in range(draws.randrange(4)):
                await sock.send(draws.randbytes(draws.randrange(1, 100_000)))
                if draws.random() < 0.5:
                    await sock.recv(draws.randrange(1, 70_000))
        reset(sock)


async def say_nothing(endpoint: Endpoint, draws: random.Random) -> None:
    """Connect, send nothing, and leave in either way."""
    with await connected(endpoint) as sock:
        await trio.sleep(draws.random())
        if draws.random() < 0.5:
            reset(sock)


async def end_at_once(endpoint: Endpoint, draws: random.Random) -> None:
    """Send and end the sending side, then stay and receive nothing for a while."""
    with await connected(endpoint) as sock:
        await sock.send(draws.randbytes(draws.randrange(1, 200_000)))
        sock.shutdown(socket.SHUT_WR)
        await trio.sleep(draws.random())


async def receive_slowly(endpoint: Endpoint, draws: random.Random) -> None:
    """Send much, with a small buffer to receive in, and receive a little at a time."""
    with trio.socket.socket(*_family(endpoint)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        await sock.connect(endpoint)
        with trio.move_on_after(draws.random() * 2):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_flood, sock)
                while await sock.recv(draws.randrange(1, 500)):  # noqa: ASYNC110  slowly
                    await trio.sleep(0.005)
        reset(sock)


async def send_slowly(endpoint: Endpoint, draws: random.Random) -> None:
    """Send one byte at a time."""
    with await connected(endpoint) as sock:
        for _ in range(draws.randrange(1, 100)):
            await sock.send(draws.randbytes(1))
            await trio.sleep(0.005)


async def receive_nothing(endpoint: Endpoint, draws: random.Random) -> None:
    """Send until nothing fits any more: the receive window is closed, on both sides."""
    with await connected(endpoint) as sock:
        with trio.move_on_after(draws.random() * 2):
            await _flood(sock)
        if draws.random() < 0.5:
            reset(sock)


async def flood(endpoint: Endpoint, draws: random.Random) -> None:
    """Send and receive as fast as the server can."""
    with await connected(endpoint) as sock:
        with trio.move_on_after(draws.random() / 4):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_flood, sock)
                while await sock.recv(65536):
                    pass
        reset(sock)


async def send_urgently(endpoint: Endpoint, draws: random.Random) -> None:
    """Send urgent data in between."""
    with await connected(endpoint) as sock:
        for _ in range(draws.randrange(1, 20)):
            await sock.send(draws.randbytes(draws.randrange(1, 50)), socket.MSG_OOB)
            await sock.recv(draws.randrange(1, 50))


async def set_traps(endpoint: Endpoint, draws: random.Random) -> None:
    """Send what could harm a terminal or forge a line, cut at any point."""
    with await connected(endpoint) as sock:
        data = b"".join(draws.choices(_TRAPS, k=draws.randrange(1, 20)))
        start = 0
        while start < len(data):
            start += await sock.send(data[start : start + draws.randrange(1, 100)])
            await trio.lowlevel.checkpoint()
        if draws.random() < 0.5:
            reset(sock)


async def storm(endpoint: Endpoint, draws: random.Random) -> None:
    """Open many connections at once, and drop them all."""
    socks: list[trio.socket.SocketType] = []

    async def one() -> None:
        sock = trio.socket.socket(*_family(endpoint))
        socks.append(sock)
        with suppress(OSError):
            await sock.connect(endpoint)

    try:
        with trio.move_on_after(1):
            async with trio.open_nursery() as nursery:
                for _ in range(draws.randrange(20, 100)):
                    nursery.start_soon(one)
    finally:
        for sock in socks:
            if draws.random() < 0.5:
                reset(sock)
            sock.close()


HOSTILE: tuple[Client, ...] = (
    reset_anywhere,
    say_nothing,
    end_at_once,
    receive_slowly,
    send_slowly,
    receive_nothing,
    flood,
    send_urgently,
    set_traps,
    storm,
)


async def connected(endpoint: Endpoint) -> trio.socket.SocketType:
    """Connect."""
    sock = trio.socket.socket(*_family(endpoint))
    try:
        await sock.connect(endpoint)
    except BaseException:
        sock.close()
        raise
    return sock


def _family(endpoint: Endpoint) -> tuple[int, int]:
    return socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET, socket.SOCK_STREAM


async def _flood(sock: trio.socket.SocketType) -> None:
    while True:
        await sock.send(bytes(65536))


def reset(sock: trio.socket.SocketType) -> None:
    """Let the close of a socket be a reset."""
    if sock.fileno() != -1:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
