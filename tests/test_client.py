"""The client against this server, against servers that misbehave, and over memory streams."""

from __future__ import annotations

import errno
import math
import socket
import sys
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import papers
import pytest
import trio
from support import ipv6
from trio.testing import memory_stream_pair

from trio_echo import (
    AddressError,
    EchoClient,
    Endpoint,
    IncompleteReceiveError,
    Relay,
    SocketCallError,
    connect,
    receive_exactly,
    serve,
)
from trio_echo.errors import ZoneMissingError, strerror
from trio_echo.events import DataSent, EchoReceived

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


class Place(NamedTuple):
    """Where a server listens, and whether it speaks TLS."""

    host: str
    tls: bool = False


@pytest.fixture(
    params=[Place("127.0.0.1"), pytest.param(Place("::1"), marks=ipv6), Place("127.0.0.1", True)],
    ids=["IPv4", "IPv6", "TLS"],
)
def place(request: pytest.FixtureRequest) -> Place:
    """Each kind of connection; what holds for one holds for all."""
    found: Place = request.param
    return found


@asynccontextmanager
async def connected_to(
    handler: Callable[[trio.abc.Stream], Awaitable[None]], place: Place
) -> AsyncIterator[EchoClient]:
    """Connect to a server that runs `handler` for its client."""

    async def serve(transport: trio.SocketStream) -> None:
        if not place.tls:
            await handler(transport)
            return
        async with trio.SSLStream(transport, papers.server_context(), server_side=True) as secured:
            await secured.do_handshake()
            await handler(secured)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host=place.host))
        port = listeners[0].socket.getsockname()[1]
        trust = papers.client_context() if place.tls else None
        async with await connect(place.host, port, ssl_context=trust) as client:
            yield client
        nursery.cancel_scope.cancel()


async def echo(stream: trio.abc.Stream) -> None:
    await Relay(stream).run()


@pytest.mark.parametrize(
    "message",
    [b"", b"a", bytes(range(256)), b"x" * 20_000_000],
    ids=["no byte", "one byte", "every byte", "20 MB"],
)
async def test_a_message_of_any_length_comes_back(place: Place, message: bytes) -> None:
    async with connected_to(echo, place) as client:
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


async def test_messages_of_several_tasks_do_not_mix(place: Place) -> None:
    async with connected_to(echo, place) as client, trio.open_nursery() as nursery:

        async def send(letter: bytes) -> None:
            for _ in range(20):
                assert await client.echo(letter * 10_000) == letter * 10_000

        for letter in (b"a", b"b", b"c"):
            nursery.start_soon(send, letter)


async def test_if_the_server_leaves_midway_the_error_has_the_partial_echo(place: Place) -> None:
    async def leave(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"par")

    async with connected_to(leave, place) as client:
        with pytest.raises(IncompleteReceiveError) as failure:
            await client.echo(b"partial")
        assert (failure.value.expected, failure.value.partial) == (7, b"par")


async def test_a_reset_is_one_typed_error_that_names_the_call(host: str) -> None:
    async def close_unread(stream: trio.abc.Stream) -> None:
        await stream.receive_some(1)  # closing with unread bytes sends RST

    async with connected_to(close_unread, Place(host)) as client:
        with pytest.raises(SocketCallError) as failure:
            await client.echo(b"x" * 10_000_000)
        assert failure.value.call in ("send()", "recv()")
        assert failure.value.errno in (errno.ECONNRESET, errno.EPIPE)


async def test_a_reset_between_two_echoes_is_found_while_waiting(host: str) -> None:
    async def reset(stream: trio.abc.Stream) -> None:
        await stream.receive_some(1)

    async with connected_to(reset, Place(host)) as client:
        assert isinstance(client.stream, trio.SocketStream)
        await client.stream.send_all(b"xx")
        with pytest.raises(SocketCallError) as failure:
            await client.receive_unsolicited()
        assert (failure.value.call, failure.value.errno) == ("recv()", errno.ECONNRESET)


async def test_after_an_interrupted_echo_the_connection_is_not_used_again(place: Place) -> None:
    scope = trio.CancelScope()

    async def interrupt(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        scope.cancel()
        await trio.sleep_forever()

    async with connected_to(interrupt, place) as client:
        with scope:
            await client.echo(b"hello")
        assert scope.cancelled_caught
        with pytest.raises(trio.BrokenResourceError, match="interrupted"):
            await client.echo(b"again")


async def test_bytes_that_a_server_sends_unsolicited_are_returned_and_so_is_its_end(
    place: Place,
) -> None:
    async def leave(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"bye")

    async with connected_to(leave, place) as client:
        assert await client.receive_unsolicited() == b"bye"
        assert await client.receive_unsolicited() == b""


async def test_an_echo_is_refused_during_receive_unsolicited(place: Place) -> None:
    async with connected_to(echo, place) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.receive_unsolicited)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await client.echo(b"hello")
        nursery.cancel_scope.cancel()


async def test_after_a_refused_echo_the_connection_can_be_used(place: Place) -> None:
    async with connected_to(echo, place) as client:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.receive_unsolicited)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError):
                await client.echo(b"refused")
            nursery.cancel_scope.cancel()
        assert await client.echo(b"hello") == b"hello"  # nothing of the first one was sent


async def test_receive_unsolicited_is_refused_during_an_echo_or_another_one() -> None:
    ours, theirs = memory_stream_pair()
    client = EchoClient(ours)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.echo, b"hello")
        await trio.testing.wait_all_tasks_blocked()
        await theirs.send_all(b"hello")  # the echo is there, and its task has not run yet
        with pytest.raises(trio.BusyResourceError):
            await client.receive_unsolicited()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.receive_unsolicited)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await client.receive_unsolicited()
        nursery.cancel_scope.cancel()


async def test_after_an_echo_that_sent_nothing_the_connection_can_be_used(place: Place) -> None:
    async with connected_to(echo, place) as client:
        await client._turn.acquire()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.echo, b"never sent")
            await trio.testing.wait_all_tasks_blocked()
            client._turn.release()
            nursery.cancel_scope.cancel()  # it is its turn, and it has not run yet
        assert await client.echo(b"hello") == b"hello"


async def test_an_echo_is_refused_while_another_task_sends_on_the_stream_itself(host: str) -> None:
    async def echo_later(stream: trio.abc.Stream) -> None:
        await refused.wait()
        await echo(stream)

    refused = trio.Event()
    async with connected_to(echo_later, Place(host)) as client:
        assert isinstance(client.stream, trio.SocketStream)
        size = 20_000_000
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.stream.send_all, bytes(size))
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(2):
                with pytest.raises(trio.BusyResourceError):
                    await client.echo(b"hello")
            refused.set()
            assert not any(await receive_exactly(client.stream, size))
        assert await client.echo(b"hello") == b"hello"


async def test_every_call_on_a_closed_client_says_so(place: Place) -> None:
    async with connected_to(echo, place) as client:
        await client.aclose()
        for _ in range(2):
            with pytest.raises(trio.ClosedResourceError):
                await client.echo(b"hello")


async def test_a_text_is_refused_and_the_connection_can_be_used(place: Place) -> None:
    async with connected_to(echo, place) as client:
        with pytest.raises(TypeError):
            await client.echo("text")  # type: ignore[arg-type]
        assert await client.echo(bytearray(b"bytes")) == b"bytes"
        assert await client.echo(memoryview(b"abcdefgh").cast("I")) == b"abcdefgh"


async def test_closing_during_an_echo_ends_it_with_one_error(place: Place) -> None:
    async def say_nothing(stream: trio.abc.Stream) -> None:
        await trio.sleep_forever()

    async with connected_to(say_nothing, place) as client, trio.open_nursery() as nursery:

        async def close_once_it_waits() -> None:
            await trio.testing.wait_all_tasks_blocked()
            await client.aclose()

        nursery.start_soon(close_once_it_waits)
        with pytest.raises(trio.ClosedResourceError):
            await client.echo(b"hello")


async def test_a_refused_connection_names_connect(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as unused:
        unused.bind((host, 0))  # bound but not listening: nobody else gets this port
        port = unused.getsockname()[1]
        with pytest.raises(SocketCallError) as failure:
            await connect(host, port)
    assert (failure.value.call, failure.value.errno) == ("connect()", errno.ECONNREFUSED)
    assert failure.value.where is not None
    assert failure.value.where.endswith(f":{port}")


async def test_port_0_is_not_a_port_to_connect_to(host: str) -> None:
    with pytest.raises(AddressError, match="port 0 cannot be reached: give 1 to 65535"):
        await connect(host, 0)


@pytest.mark.parametrize("name", ["nosuch.invalid", "a" * 70, "fe80::1%nosuch"])
async def test_a_host_that_does_not_exist_names_getaddrinfo(name: str) -> None:
    with pytest.raises(SocketCallError) as failure:
        await connect(name, 9000)
    assert failure.value.call == "getaddrinfo()"
    assert failure.value.where == name


@ipv6
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
async def test_a_name_is_reached_by_the_given_family(
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


@ipv6
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("name", ["localhost", "LOCALHOST."])
async def test_localhost_is_both_loopback_addresses(name: str, address: str) -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, hosts=[address]))
        port = listeners[0].socket.getsockname()[1]
        async with await connect(name, port) as client:
            assert await client.echo(b"hello") == b"hello"
        nursery.cancel_scope.cancel()


class Itself(trio.abc.SocketFactory):
    """Makes one socket that is already bound, so that it can connect to itself."""

    def __init__(self, host: str) -> None:
        self.bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.bound.bind((host, 0))
        self.port = self.bound.getsockname()[1]

    def socket(self, family: int = -1, type: int = -1, proto: int = -1) -> trio.socket.SocketType:  # noqa: A002
        if family == self.bound.family and self.bound.fileno() != -1:
            return trio.socket.from_stdlib_socket(self.bound)
        return trio.socket.from_stdlib_socket(socket.socket(family, type, proto))


class Name(trio.abc.HostnameResolver):
    """Resolves every name to both families, the one with the self-connection first."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts

    async def getaddrinfo(self, _: object, port: Any, *__: object) -> Any:
        return [
            (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 6, "", address)
            for host in self.hosts
            for address in [(host, port, 0, 0) if ":" in host else (host, port)]
        ]

    async def getnameinfo(self, *_: object) -> Any:
        raise NotImplementedError


async def test_a_connection_to_itself_counts_as_refused(host: str) -> None:
    itself = Itself(host)
    trio.socket.set_custom_socket_factory(itself)
    with pytest.raises(SocketCallError) as failure:
        await connect(host, itself.port)
    where = str(Endpoint(host, itself.port))
    assert str(failure.value) == f"[connect()] {strerror(errno.ECONNREFUSED)}: {where}"
    assert itself.bound.fileno() == -1


@ipv6
@pytest.mark.parametrize(
    ("name", "hosts"),
    [
        ("localhost", ["127.0.0.1", "::1"]),
        ("both.test", ["127.0.0.1", "::1"]),
        ("both.test", ["::1", "127.0.0.1"]),
    ],
)
async def test_after_a_connection_to_itself_the_other_addresses_are_tried(
    name: str, hosts: list[str]
) -> None:
    trio.socket.set_custom_hostname_resolver(Name(*hosts))
    itself = Itself(hosts[0])
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve, itself.port, hosts=hosts[1:]))
        trio.socket.set_custom_socket_factory(itself)
        async with await connect(name, itself.port) as client:
            assert isinstance(client.stream, trio.SocketStream)
            assert client.stream.socket.getpeername()[0] == hosts[1]
            assert await client.echo(b"hello") == b"hello"
        nursery.cancel_scope.cancel()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows picks a zone by itself")
@pytest.mark.parametrize("host", ["fe80::1", "FE80:0::1", "only.test"])
async def test_a_link_local_address_without_a_zone_is_refused_with_an_example(host: str) -> None:
    if host == "only.test":
        trio.socket.set_custom_hostname_resolver(Name("fe80::1"))
    with pytest.raises(ZoneMissingError) as failure:
        await connect(host, 9000)
    assert failure.value.example.startswith("fe80::1%")
    words = f"a link-local address needs a zone, such as {failure.value.example}"
    assert str(failure.value) == f"[getaddrinfo()] {words}: fe80::1"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not read these options back")
@pytest.mark.parametrize("keepalive", [60, math.inf])
async def test_a_connection_has_the_given_keepalive(host: str, keepalive: float) -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, hosts=[host]))
        port = listeners[0].socket.getsockname()[1]
        async with await connect(host, port, keepalive=keepalive) as client:
            assert isinstance(client.stream, trio.SocketStream)
            option = client.stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert bool(option) is (keepalive == 60)
        nursery.cancel_scope.cancel()


async def test_keepalive_is_on_by_default(host: str) -> None:
    async with connected_to(echo, Place(host)) as client:
        assert isinstance(client.stream, trio.SocketStream)
        assert client.stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_an_impossible_keepalive_is_refused_before_anything_is_tried() -> None:
    with pytest.raises(ValueError, match="keepalive must be"):
        await connect("nosuch.invalid", 9000, keepalive=0)


async def test_an_address_of_the_other_family_is_refused() -> None:
    with pytest.raises(SocketCallError) as failure:
        await connect("127.0.0.1", 9000, family=socket.AF_INET6)
    assert failure.value.call == "getaddrinfo()"


async def test_a_failure_without_attempts_is_reported_unchanged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(host: str, port: int) -> trio.SocketStream:
        raise OSError(errno.EMFILE, "none left")

    monkeypatch.setattr(trio, "open_tcp_stream", fail)
    with pytest.raises(SocketCallError) as failure:
        await connect("127.0.0.1", 9000)
    assert str(failure.value) == "[socket()] Too many open files: 127.0.0.1:9000"


async def test_the_attempt_that_got_furthest_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts = [OSError(errno.ENETUNREACH, "v6"), OSError(errno.ECONNREFUSED, "v4")]

    async def fail(host: str, port: int) -> trio.SocketStream:
        raise OSError("all attempts failed") from ExceptionGroup("all", attempts)

    monkeypatch.setattr(trio, "open_tcp_stream", fail)
    with pytest.raises(SocketCallError) as failure:
        await connect("both.example", 9000)
    assert str(failure.value) == f"[connect()] {strerror(errno.ECONNREFUSED)}: both.example:9000"
