"""Clients that try to harm a TLS server: garbage before, during and after the handshake."""

from __future__ import annotations

import ssl
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

import trio
from hostile import connected, reset

if TYPE_CHECKING:
    import random

    from hostile import Client

    from trio_echo import Endpoint

# Types of records (RFC 8446, section 5.1).
_ALERT, _HANDSHAKE, _APPLICATION = 21, 22, 23
_LARGEST = 1 << 14  # bytes of a record
_NO_RENEGOTIATION = b"\x01\x64"  # an alert that is a warning


async def cut_a_hello_short(endpoint: Endpoint, draws: random.Random) -> None:
    """Send the beginning of a ClientHello, stay for a moment, and leave in either way."""
    hello = _hello()
    with await connected(endpoint) as sock:
        await sock.send(hello[: draws.randrange(len(hello))])
        await trio.sleep(draws.random() / 2)
        if draws.random() < 0.5:
            reset(sock)


async def crumble_a_hello(endpoint: Endpoint, draws: random.Random) -> None:
    """Send a ClientHello in records of a few bytes, and never go on."""
    await _send(endpoint, draws, _records(_hello()[5:], draws.randrange(1, 4)))


async def damage_a_hello(endpoint: Endpoint, draws: random.Random) -> None:
    """Send a ClientHello with a few other bytes."""
    hello = bytearray(_hello())
    for _ in range(draws.randrange(1, 10)):
        hello[draws.randrange(len(hello))] = draws.randrange(256)
    await _send(endpoint, draws, bytes(hello))


async def make_noise(endpoint: Endpoint, draws: random.Random) -> None:
    """Send random bytes, some of them in records."""
    noise = b"".join(
        (_record(draws.randrange(20, 25), noise) if draws.random() < 0.7 else noise)
        for noise in (draws.randbytes(draws.randrange(2000)) for _ in range(draws.randrange(1, 9)))
    )
    await _send(endpoint, draws, noise)


async def announce_a_huge_message(endpoint: Endpoint, draws: random.Random) -> None:
    """Begin a handshake message of 16 MiB, and send as much of it as the server takes."""
    message = b"\x01\xff\xff\xff" + bytes(1 << 20)
    await _send(endpoint, draws, _records(message, _LARGEST))


async def flood_with_records(endpoint: Endpoint, draws: random.Random) -> None:
    """After a ClientHello, send warnings or empty records until the server has enough."""
    record = draws.choice([_record(_ALERT, _NO_RENEGOTIATION), _record(_HANDSHAKE, b"")])
    await _send(endpoint, draws, _hello() + record * 50_000)


async def spoil_a_connection(endpoint: Endpoint, draws: random.Random) -> None:
    """After the handshake and an echo, send a second ClientHello, or what no key has made."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = draws.choice([ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    with await connected(endpoint) as sock:
        stream = trio.SSLStream(trio.SocketStream(sock), context)
        await stream.send_all(b"hello\n")
        await stream.receive_some()
        await sock.send(draws.choice([_hello(), _record(_APPLICATION, draws.randbytes(100))]))
        await _received(sock)
        if draws.random() < 0.5:
            reset(sock)


async def take_no_answer(endpoint: Endpoint, draws: random.Random) -> None:
    """After the handshake, send until nothing fits any more."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with await connected(endpoint) as sock:
        stream = trio.SSLStream(trio.SocketStream(sock), context)
        with trio.move_on_after(draws.random()):
            while True:
                await stream.send_all(bytes(_LARGEST))
        if draws.random() < 0.5:
            reset(sock)


NOISE: tuple[Client, ...] = (
    cut_a_hello_short,
    crumble_a_hello,
    damage_a_hello,
    make_noise,
    announce_a_huge_message,
    flood_with_records,
    spoil_a_connection,
    take_no_answer,
)


def _hello() -> bytes:
    """Return a ClientHello, as OpenSSL sends it: one record."""
    outgoing = ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="a.test")
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("!BHH", kind, 0x0303, len(content)) + content


def _records(message: bytes, size: int) -> bytes:
    """Put a message of the handshake into records of a size."""
    pieces = (message[start : start + size] for start in range(0, len(message), size))
    return b"".join(_record(_HANDSHAKE, piece) for piece in pieces)


async def _send(endpoint: Endpoint, draws: random.Random, data: bytes) -> None:
    """Send all that the server takes, and leave in either way."""
    with await connected(endpoint) as sock:
        with trio.move_on_after(1):
            await trio.SocketStream(sock).send_all(data)
            await _received(sock)
        if draws.random() < 0.5:
            reset(sock)


async def _received(sock: trio.socket.SocketType) -> None:
    """Receive what the server answers, until it ends the connection or half a second is over."""
    with trio.move_on_after(0.5):
        while await sock.recv(_LARGEST):
            pass
