"""Servers of any design beside clients: plain sockets in a thread, and handlers under Trio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from support import PATIENCE

from trio_echo.observe.experiments import serving

if TYPE_CHECKING:
    import socket

    from trio_echo.observe.experiments.serving import Handler, Plain


def one_at_a_time(listener: socket.socket) -> None:
    while True:
        sock, _ = listener.accept()
        with sock:
            while data := sock.recv(512):
                sock.sendall(data)


async def echo(stream: trio.SocketStream) -> None:
    async for data in stream:
        await stream.send_all(data)


@pytest.mark.parametrize("design", [one_at_a_time, echo])
async def test_a_server_serves_during_the_block(design: Plain | Handler, host: str) -> None:
    async with serving(design, host) as server:
        assert server.address[0] == host
        async with await trio.open_tcp_stream(*server.address) as stream:
            await stream.send_all(b"hello")
            assert await stream.receive_some() == b"hello"
    assert server.error is None
    with pytest.raises(OSError, match="connect"):
        await trio.open_tcp_stream(*server.address)


def fails_with_its_second_client(listener: socket.socket) -> None:
    listener.accept()
    listener.accept()
    raise ValueError("a bug")


async def test_a_plain_server_that_fails_closes_its_sockets() -> None:
    async with (
        serving(fails_with_its_second_client) as server,
        await trio.open_tcp_stream(*server.address) as first,
        await trio.open_tcp_stream(*server.address),
    ):
        assert await first.receive_some() == b""
    assert isinstance(server.error, ValueError)


async def fails(stream: trio.SocketStream) -> None:
    await stream.receive_some()
    raise ValueError("a bug")


async def test_a_handler_that_fails_cancels_the_block() -> None:
    async with serving(fails) as server:
        stream = await trio.open_tcp_stream(*server.address)
        async with stream:
            await stream.send_all(b"hello")
            await trio.sleep_forever()
    assert isinstance(server.error, ExceptionGroup)


@pytest.mark.parametrize("design", [one_at_a_time, echo])
async def test_an_error_of_the_block_is_not_the_servers(design: Plain | Handler) -> None:
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with serving(design):
            raise ZeroDivisionError


async def test_the_thread_of_a_plain_server_ends_after_an_error_of_the_block() -> None:
    begun, ended = trio.Event(), trio.Event()
    token = trio.lowlevel.current_trio_token()

    def serve(listener: socket.socket) -> None:
        token.run_sync_soon(begun.set)
        try:
            listener.accept()
        finally:
            token.run_sync_soon(ended.set)

    with pytest.RaisesGroup(ZeroDivisionError):
        async with serving(serve):
            await begun.wait()
            raise ZeroDivisionError
    with trio.fail_after(PATIENCE):
        await ended.wait()


async def test_an_address_of_another_machine_is_refused() -> None:
    for design in (one_at_a_time, echo):
        with pytest.raises(OSError, match=r"assign|requested address"):
            async with serving(design, "192.0.2.1"):
                pass
