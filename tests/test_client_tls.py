"""A client's context and the names that it expects, and TLS with servers that go wrong."""

from __future__ import annotations

import ssl
from functools import partial
from typing import TYPE_CHECKING

import papers
import pytest
import trio
from support import RawServer
from trio.testing import MemorySendStream, memory_stream_pair

from trio_echo import EchoClient, connect, serve
from trio_echo.addresses import parse_endpoint
from trio_echo.client_tls import client_context, server_name_of
from trio_echo.errors import SocketCallError, TlsError
from trio_echo.tls_problems import TlsProblem

if TYPE_CHECKING:
    from pathlib import Path


def test_a_context_takes_nothing_older_than_tls_1_2_and_verifies_the_server() -> None:
    context = client_context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_wireshark_can_have_the_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = str(tmp_path / "keys.log")
    monkeypatch.setenv("SSLKEYLOGFILE", keys)
    assert client_context().keylog_filename == keys


def test_a_file_for_the_keys_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = str(tmp_path / "missing" / "keys.log")
    monkeypatch.setenv("SSLKEYLOGFILE", keys)
    with pytest.raises(SocketCallError) as caught:
        client_context()
    assert (caught.value.call, caught.value.where) == ("open()", keys)


def test_only_the_given_authority_is_trusted(tmp_path: Path) -> None:
    files = papers.written(tmp_path)
    (trusted,) = client_context(ca=files.ca, cert=files.cert, key=files.key).get_ca_certs()
    assert "trustme" in str(trusted["subject"])


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("localhost.", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("한국.test", "xn--3e0b707e.test"),
    ],
)
def test_the_name_of_a_server_is_its_host(host: str, name: str) -> None:
    assert server_name_of(host) == name


@pytest.mark.parametrize("host", ["", ".", ".test", "a..test", "a" * 64, "a." * 127 + "a"])
def test_a_name_that_no_certificate_can_have_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="is not the name of a server"):
        server_name_of(host)


async def test_a_wrong_name_is_refused_before_it_connects() -> None:
    with pytest.raises(ValueError, match="not the name"):
        await connect("localhost", 1, ssl_context=client_context(), server_hostname=".test")


async def test_a_server_without_tls_returns_the_hello_and_that_is_said() -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(serve, 0, hosts=["127.0.0.1"]))
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(TlsError) as failure:
            await connect("127.0.0.1", port, ssl_context=papers.client_context())
        nursery.cancel_scope.cancel()
    assert (failure.value.call, failure.value.where) == ("do_handshake()", f"127.0.0.1:{port}")
    assert failure.value.problem is TlsProblem.NOT_TLS


async def test_the_name_may_differ_from_the_host() -> None:
    context = papers.server_context("echo.test")
    with RawServer(papers.over_tls(lambda sock: sock.sendall(sock.recv(9)), context)) as address:
        async with await connect(
            *parse_endpoint(address),
            ssl_context=papers.client_context(),
            server_hostname="echo.test",
        ) as client:
            assert await client.echo(b"hello") == b"hello"


async def test_a_server_that_wants_a_certificate_says_so_at_the_first_echo() -> None:
    context = papers.server_context(wants_certificate=True)
    with RawServer(papers.over_tls(lambda _: None, context)) as address:
        async with await connect(
            *parse_endpoint(address), ssl_context=papers.client_context()
        ) as client:
            with pytest.raises(TlsError) as failure:
                await client.echo(bytes(5_000_000))
    assert (failure.value.call, failure.value.problem) == (
        "recv()",
        TlsProblem.CERTIFICATE_WANTED,
    )


async def test_a_handshake_that_is_cancelled_closes_the_connection() -> None:
    near, far = memory_stream_pair()
    client = EchoClient(near)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.start_tls, papers.client_context(), "localhost")
            assert (await far.receive_some()).startswith(b"\x16\x03\x01")
            scope.cancel()
    assert scope.cancelled_caught
    assert await far.receive_some() == b""


async def shaken() -> tuple[EchoClient, trio.SSLStream[trio.abc.Stream], MemorySendStream]:
    """A client, its server, and the stream on which the client sends."""
    near, far = memory_stream_pair()
    client = EchoClient(near)
    server = trio.SSLStream[trio.abc.Stream](far, papers.server_context(), server_side=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.do_handshake)
        await client.start_tls(papers.client_context(), "localhost")
    assert isinstance(near.send_stream, MemorySendStream)
    return client, server, near.send_stream


async def test_the_server_learns_that_the_client_has_ended() -> None:
    client, server, _ = await shaken()
    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(server.send_all, b"unasked")
        assert await client.receive_unsolicited() == b"unasked"
    assert await server.receive_some() == b""


async def test_a_server_that_does_not_receive_cannot_hold_up_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    client, _, way = await shaken()
    way.send_all_hook = trio.sleep_forever
    await client.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await client.receive_unsolicited()


@pytest.mark.parametrize("half", ["cert", "key"])
def test_a_certificate_without_its_key_is_refused(half: str) -> None:
    with pytest.raises(ValueError, match="cert and key need each other"):
        client_context(**{half: "client.pem"})
