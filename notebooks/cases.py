"""What happens in the captures of notebook 17, on two hosts that are 10 ms apart.

`record.py` runs them. A capture shows what one host saw, as a capture on a real network does.
"""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import trio

from trio_echo import lan, receive_exactly
from trio_echo.addresses import DEFAULT_PORT
from trio_echo.errors import SocketCallError
from trio_echo.observe.packets import Trace, seen_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

_WAY = 0.01  # seconds
_QUIET = 0.1  # seconds: long enough for everything that is on its way


class Pair(NamedTuple):
    """A connection between the two hosts."""

    client: trio.SocketStream
    server: trio.SocketStream


@asynccontextmanager
async def connected(net: lan.Network, *, room: int | None = None) -> AsyncIterator[Pair]:
    """Connect the hosts.

    Args:
        net: the hosts.
        room: the size of the server's receive buffer, in bytes.
    """
    with net["server"].socket() as listener:
        if room is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        await listener.bind((net["server"].ipv4, DEFAULT_PORT))
        listener.listen()
        client = await net["client"].open_tcp_stream(net["server"].ipv4, DEFAULT_PORT)
        server = trio.SocketStream((await listener.accept())[0])
        async with client, server:
            yield Pair(client, server)


async def close(pair: Pair) -> None:
    """Let the client close first, and wait until nothing is on its way."""
    await pair.client.aclose()
    await receive_all(pair.server)
    await pair.server.aclose()
    await trio.sleep(_QUIET)


async def receive_all(stream: trio.SocketStream) -> bytes:
    """Receive until the end of the stream."""
    return b"".join([chunk async for chunk in stream])


async def both_talk(net: lan.Network) -> None:
    """Both sides send as soon as they are connected, and nobody answers."""
    async with connected(net) as pair:
        async with trio.open_nursery() as nursery:
            for one in (b"one", b"two"):
                await pair.client.send_all(one)
            nursery.start_soon(pair.server.send_all, b"welcome")
            await receive_exactly(pair.client, 7)
        await close(pair)


async def nobody_listens(net: lan.Network) -> None:
    """Connect to a port on which nobody listens."""
    try:
        await net["client"].connect(net["server"].ipv4, DEFAULT_PORT)
    except SocketCallError:
        return
    raise AssertionError("somebody listens")


async def send_after_the_end(net: lan.Network) -> None:
    """Send to a server that has closed its socket."""
    async with connected(net) as pair:
        await pair.server.aclose()
        await trio.sleep(_QUIET)
        await pair.client.send_all(b"hello")
        await trio.sleep(_QUIET)


async def throw_away(net: lan.Network) -> None:
    """Close on the client with the answer unread."""
    async with connected(net) as pair:
        await pair.client.send_all(b"hello")
        await receive_exactly(pair.server, 5)
        await pair.server.send_all(b"hello")
        await trio.lowlevel.wait_readable(pair.client.socket)
        await trio.sleep(_QUIET)
        await pair.client.aclose()
        await trio.sleep(_QUIET)


async def vanish(net: lan.Network) -> None:
    """Cut the cable; the client's keepalive finds out."""
    async with connected(net) as pair:
        await pair.client.send_all(b"hello")
        await receive_exactly(pair.server, 5)
        for name, value in (("TCP_KEEPIDLE", 2), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3)):
            pair.client.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await trio.sleep(_QUIET)
        net.cable.cut()
        try:
            await pair.client.receive_some()
        except trio.BrokenResourceError:
            return
    raise AssertionError("the connection did not end")


async def lose_data(net: lan.Network) -> None:
    """Lose the client's message once."""
    net.cable.rules.append(lan.drop(lan.data, source="client", first=1))
    await one_message(net)


async def lose_the_ack(net: lan.Network) -> None:
    """Lose the acknowledgement of the client's message once."""
    net.cable.rules.append(lan.drop(lan.ack, source="server", first=1))
    await one_message(net)


async def one_message(net: lan.Network) -> None:
    """Send one message that nobody answers, and close half a second later."""
    async with connected(net) as pair:
        await pair.client.send_all(b"hello")
        await receive_exactly(pair.server, 5)
        await trio.sleep(0.5)
        await close(pair)


async def lose_every_syn(net: lan.Network) -> None:
    """Connect through a cable that loses each SYN, and give up after four seconds."""
    net.cable.rules.append(lan.drop(lan.syn))
    with trio.move_on_after(4):
        await net["client"].open_tcp_stream(net["server"].ipv4, DEFAULT_PORT)


async def do_not_read(net: lan.Network) -> None:
    """Send to a program that does not receive for a second."""
    async with connected(net, room=4096) as pair:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pair.client.send_all, b"x" * 6000)
            await trio.sleep(1)
            await receive_exactly(pair.server, 6000)
        await close(pair)


async def download(net: lan.Network) -> None:
    """Ask for 24,000 bytes."""
    async with connected(net) as pair:
        await pair.client.send_all(b"24000\n")
        await receive_exactly(pair.server, 6)
        await pair.server.send_all(b"x" * 24_000)
        await receive_exactly(pair.client, 24_000)
        await close(pair)


CASES: dict[str, tuple[Callable[[lan.Network], Awaitable[None]], dict[str, int]]] = {
    "both-talk": (both_talk, {}),
    "case-1": (throw_away, {}),
    "case-2": (nobody_listens, {}),
    "case-3": (vanish, {}),
    "case-4": (send_after_the_end, {}),
    "case-5": (lose_the_ack, {}),
    "case-6": (do_not_read, {}),
    "case-7": (lose_data, {}),
    "case-8": (lose_every_syn, {}),
    "download": (download, {"client": 1400, "server": 1500}),
}
"""By the name of the recording: what happens, and the MTU of each host if they differ."""


async def record(folder: Path) -> AsyncIterator[Trace]:
    """Run each case, and write what its client saw into a folder."""
    for name, (talk, mtus) in CASES.items():
        async with lan.hosts("client", "server", mtu=mtus or 1500) as net:
            net.cable.delay = _WAY
            await talk(net)
            trace = Trace.parse(seen_at("client", net.cable.passages), recording=f"{name}.pcap")
        trace.save(folder / f"{name}.pcap")
        yield trace
