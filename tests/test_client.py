"""The client against this server, against servers that misbehave, and over memory streams."""

from __future__ import annotations

import errno
import socket
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from support import has_ipv6
from trio.testing import memory_stream_pair

from trio_echo import (
    DataSent,
    EchoClient,
    EchoReceived,
    IncompleteReceiveError,
    Relay,
    SocketCallError,
    connect,
    serve,
)
from trio_echo.errors import strerror

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@asynccontextmanager
async def connected_to(
    handler: Callable[[trio.SocketStream], Awaitable[None]], host: str
) -> AsyncIterator[EchoClient]:
    """Connect to a server that treats its client as `handler` says."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, handler, 0, host=host))
        async with await connect(host, listeners[0].socket.getsockname()[1]) as client:
            yield client
        nursery.cancel_scope.cancel()


async def echo(stream: trio.SocketStream) -> None:
    await Relay(stream).run()


@pytest.mark.parametrize(
    "message",
    [b"", b"a", bytes(range(256)), b"x" * 20_000_000],
    ids=["no byte", "one byte", "every byte", "20 MB"],
)
async def test_a_message_of_any_length_comes_back(host: str, message: bytes) -> None:
    async with connected_to(echo, host) as client:
        assert await client.echo(message) == message
        assert await client.echo(message) == message


async def test_it_works_over_any_stream() -> None:
    ours, theirs = memory_stream_pair()
    events: list[object] = []
    async with EchoClient(ours, observer=events.append) as client, trio.open_nursery() as nursery:
        nursery.start_soon(Relay(theirs).run)
        assert await client.echo(b"hello") == b"hello"
        await client.aclose()
    assert events == [DataSent(5), EchoReceived(b"hello")]


async def test_messages_of_several_tasks_do_not_mix(host: str) -> None:
    async with connected_to(echo, host) as client, trio.open_nursery() as nursery:

        async def send(letter: bytes) -> None:
            for _ in range(20):
                assert await client.echo(letter * 10_000) == letter * 10_000

        for letter in (b"a", b"b", b"c"):
            nursery.start_soon(send, letter)


async def test_a_server_that_leaves_midway_gives_the_partial_echo(host: str) -> None:
    async def leave(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"par")

    async with connected_to(leave, host) as client:
        with pytest.raises(IncompleteReceiveError) as failure:
            await client.echo(b"partial")
        assert (failure.value.expected, failure.value.partial) == (7, b"par")


async def test_a_reset_is_one_typed_error_that_names_the_call(host: str) -> None:
    async def close_unread(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)  # closing with the rest unread sends RST

    async with connected_to(close_unread, host) as client:
        with pytest.raises(SocketCallError) as failure:
            await client.echo(b"x" * 10_000_000)
        assert failure.value.call in ("send()", "recv()")
        assert failure.value.errno in (errno.ECONNRESET, errno.EPIPE)


async def test_a_reset_between_two_echoes_is_found_while_waiting(host: str) -> None:
    async def reset(stream: trio.SocketStream) -> None:
        await stream.receive_some(1)

    async with connected_to(reset, host) as client:
        assert isinstance(client.stream, trio.SocketStream)
        await client.stream.send_all(b"xx")
        with pytest.raises(SocketCallError) as failure:
            await client.receive_unasked()
        assert (failure.value.call, failure.value.errno) == ("recv()", errno.ECONNRESET)


async def test_after_an_interrupted_echo_the_connection_is_not_used_further(host: str) -> None:
    scope = trio.CancelScope()

    async def interrupt(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        scope.cancel()
        await trio.sleep_forever()

    async with connected_to(interrupt, host) as client:
        with scope:
            await client.echo(b"hello")
        assert scope.cancelled_caught
        with pytest.raises(trio.BrokenResourceError, match="interrupted"):
            await client.echo(b"again")


async def test_what_a_server_sends_unasked_is_told_and_so_is_its_end(host: str) -> None:
    async def leave(stream: trio.SocketStream) -> None:
        await stream.send_all(b"bye")

    async with connected_to(leave, host) as client:
        assert await client.receive_unasked() == b"bye"
        assert await client.receive_unasked() == b""


async def test_an_echo_is_refused_while_something_unasked_is_waited_for(host: str) -> None:
    async with connected_to(echo, host) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.receive_unasked)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await client.echo(b"hello")
        nursery.cancel_scope.cancel()


async def test_what_holds_no_bytes_is_refused_and_the_connection_stays_good(host: str) -> None:
    async with connected_to(echo, host) as client:
        with pytest.raises(TypeError):
            await client.echo("text")  # type: ignore[arg-type]
        assert await client.echo(bytearray(b"bytes")) == b"bytes"
        assert await client.echo(memoryview(b"abcdefgh").cast("I")) == b"abcdefgh"


async def test_closing_during_an_echo_ends_it_with_one_error(host: str) -> None:
    async def say_nothing(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with connected_to(say_nothing, host) as client, trio.open_nursery() as nursery:

        async def close_once_it_waits() -> None:
            await trio.testing.wait_all_tasks_blocked()
            await client.aclose()

        nursery.start_soon(close_once_it_waits)
        with pytest.raises(trio.ClosedResourceError):
            await client.echo(b"hello")


async def test_a_refused_connection_names_connect(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as unused:
        unused.bind((host, 0))  # bound and not listening: nobody else gets this port
        port = unused.getsockname()[1]
        with pytest.raises(SocketCallError) as failure:
            await connect(host, port)
    assert (failure.value.call, failure.value.errno) == ("connect()", errno.ECONNREFUSED)
    assert failure.value.where is not None
    assert failure.value.where.endswith(f":{port}")


@pytest.mark.parametrize("name", ["nosuch.invalid", "a" * 70, "fe80::1%nosuch"])
async def test_a_host_that_there_is_not_names_getaddrinfo(name: str) -> None:
    with pytest.raises(SocketCallError) as failure:
        await connect(name, 9000)
    assert failure.value.call == "getaddrinfo()"
    assert failure.value.where == name


@pytest.mark.skipif(not has_ipv6(), reason="this system has no IPv6 loopback")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_a_name_is_reached_by_the_family_that_is_asked_for(
    family: socket.AddressFamily,
) -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(serve, 0)
        port = listeners[0].socket.getsockname()[1]
        async with await connect("localhost", port, family=family) as client:
            assert isinstance(client.stream, trio.SocketStream)
            assert client.stream.socket.family == family
            assert await client.echo(b"hello") == b"hello"
        nursery.cancel_scope.cancel()


@pytest.mark.skipif(not has_ipv6(), reason="this system has no IPv6 loopback")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("name", ["localhost", "LOCALHOST."])
async def test_localhost_is_both_loopback_addresses(name: str, address: str) -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, hosts=[address]))
        port = listeners[0].socket.getsockname()[1]
        async with await connect(name, port) as client:
            assert await client.echo(b"hello") == b"hello"
        nursery.cancel_scope.cancel()


async def test_an_address_of_the_other_family_is_refused() -> None:
    with pytest.raises(SocketCallError) as failure:
        await connect("127.0.0.1", 9000, family=socket.AF_INET6)
    assert failure.value.call == "getaddrinfo()"


async def test_a_failure_without_attempts_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(host: str, port: int) -> trio.SocketStream:
        raise OSError(errno.EMFILE, "none left")

    monkeypatch.setattr(trio, "open_tcp_stream", fail)
    with pytest.raises(SocketCallError) as failure:
        await connect("127.0.0.1", 9000)
    assert str(failure.value) == "[socket()] Too many open files: 127.0.0.1:9000"


async def test_of_several_attempts_the_one_that_got_furthest_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts = [OSError(errno.ENETUNREACH, "v6"), OSError(errno.ECONNREFUSED, "v4")]

    async def fail(host: str, port: int) -> trio.SocketStream:
        raise OSError("all attempts failed") from ExceptionGroup("all", attempts)

    monkeypatch.setattr(trio, "open_tcp_stream", fail)
    with pytest.raises(SocketCallError) as failure:
        await connect("both.example", 9000)
    assert str(failure.value) == f"[connect()] {strerror(errno.ECONNREFUSED)}: both.example:9000"
