"""TLS over streams in memory: who learns what when a handshake fails."""

from __future__ import annotations

import pickle
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import trio
import trustme
from trio.testing import memory_stream_pair

from trio_echo.errors import SocketCallError, TlsError, naming
from trio_echo.screen.language import translations
from trio_echo.screen.transcript import Transcript
from trio_echo.tls import shake_hands
from trio_echo.tls_problems import TlsProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[ssl.SSLContext, ssl.SSLContext, trustme.CA], object]

NAME = "echo.test"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert(NAME)


async def problems(
    server: ssl.SSLContext, client: ssl.SSLContext
) -> tuple[TlsProblem | None, TlsProblem | None]:
    """Shake hands, and let the server say hello; return what went wrong for each side."""
    near, far = memory_stream_pair()
    found: dict[str, TlsProblem] = {}

    async def serve() -> None:
        try:
            stream = await shake_hands(near, server, server_side=True)
            await stream.send_all(b"hello")
        except TlsError as exc:
            found["server"] = exc.problem

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        try:
            stream = await shake_hands(far, client, server_hostname=NAME)
            with naming("recv()"):
                assert await stream.receive_some() == b"hello"
        except TlsError as exc:
            found["client"] = exc.problem
    return found.get("server"), found.get("client")


def present(
    of: str,
    authority: trustme.CA | None = None,
    name: str = NAME,
    not_after: datetime | None = None,
) -> Change:
    """Let a side present another certificate: of this authority, or of the right one."""

    def change(server: ssl.SSLContext, client: ssl.SSLContext, right: trustme.CA) -> None:
        certificate = (authority or right).issue_cert(name, not_after=not_after)
        certificate.configure_cert(server if of == "server" else client)

    return change


def want(server: ssl.SSLContext, _client: ssl.SSLContext, authority: trustme.CA) -> None:
    """Let the server want a certificate."""
    server.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(server)


def differ(server: ssl.SSLContext, client: ssl.SSLContext, _authority: trustme.CA) -> None:
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    client.minimum_version = ssl.TLSVersion.TLSv1_3


def want_in_1_2(server: ssl.SSLContext, client: ssl.SSLContext, authority: trustme.CA) -> None:
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    want(server, client, authority)


def differ_in_ciphers(
    server: ssl.SSLContext, client: ssl.SSLContext, _authority: trustme.CA
) -> None:
    server.maximum_version = ssl.TLSVersion.TLSv1_2
    server.set_ciphers("ECDHE+CHACHA20")
    client.set_ciphers("ECDHE+AESGCM")


@pytest.mark.parametrize(
    ("changes", "of_server", "of_client"),
    [
        ([], None, None),
        ([want_in_1_2], TlsProblem.NO_CERTIFICATE, TlsProblem.CERTIFICATE_WANTED),
        (
            [present("server", trustme.CA())],
            TlsProblem.OWN_UNTRUSTED,
            TlsProblem.UNTRUSTED,
        ),
        (
            [present("server", name="other.test")],
            TlsProblem.OWN_REFUSED,
            TlsProblem.WRONG_NAME,
        ),
        (
            [present("server", not_after=LONG_AGO)],
            TlsProblem.OWN_EXPIRED,
            TlsProblem.EXPIRED,
        ),
        ([want], TlsProblem.NO_CERTIFICATE, TlsProblem.CERTIFICATE_WANTED),
        (
            [want, present("client", trustme.CA())],
            TlsProblem.UNTRUSTED,
            TlsProblem.OWN_UNTRUSTED,
        ),
        (
            [want, present("client", not_after=LONG_AGO)],
            TlsProblem.EXPIRED,
            TlsProblem.OWN_EXPIRED,
        ),
        ([differ], TlsProblem.NO_COMMON_VERSION, TlsProblem.NO_COMMON_VERSION),
        ([differ_in_ciphers], TlsProblem.NO_COMMON_CIPHER, TlsProblem.ALERT),
    ],
)
async def test_both_sides_learn_why_a_handshake_fails(
    authority: trustme.CA,
    certificate: trustme.LeafCert,
    changes: list[Change],
    of_server: TlsProblem | None,
    of_client: TlsProblem | None,
) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    for change in changes:
        change(server, client, authority)
    assert await problems(server, client) == (of_server, of_client)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"hello\n", TlsProblem.NOT_TLS),
        (b"GET / HTTP/1.1\r\n\r\n", TlsProblem.NOT_TLS),
        (b"", TlsProblem.ENDED),
        (b"\x16\x03\x01", TlsProblem.ENDED),
        (b"\x16\x03\x01\x00\x05hello", TlsProblem.NOT_TLS),
    ],
)
async def test_a_server_says_what_a_peer_said_instead(
    certificate: trustme.LeafCert, said: bytes, problem: TlsProblem
) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(server)
    near, far = memory_stream_pair()
    await far.send_all(said)
    await far.send_eof()
    with pytest.raises(TlsError) as caught:
        await shake_hands(near, server, server_side=True, where="127.0.0.1:51188")
    assert (caught.value.call, caught.value.where) == ("do_handshake()", "127.0.0.1:51188")
    assert caught.value.problem is problem


@pytest.mark.parametrize("problem", TlsProblem)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_problem_is_words_for_a_person(problem: TlsProblem, language: str) -> None:
    error = TlsError("recv()", problem, "why", "127.0.0.1:9000")
    line = Transcript(translations(language), "utf-8").describe(error)
    assert line.startswith("[recv()] ")
    assert line.endswith(": 127.0.0.1:9000")
    assert "{" not in line
    assert (line == str(error)) == (language == "en")


def test_an_error_of_tls_survives_pickling() -> None:
    error = TlsError("recv()", TlsProblem.ALERT, "internal error", "127.0.0.1:9000")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    assert type(copy) is TlsError
    assert (copy.call, copy.problem, copy.detail, copy.where) == (
        ("recv()", TlsProblem.ALERT, "internal error", "127.0.0.1:9000")
    )
    assert str(copy) == str(error)


def test_an_end_without_farewell_is_one_of_the_handshake_or_cuts_data_off() -> None:
    def problem(call: str) -> TlsProblem:
        error = SocketCallError.wrap(call, ssl.SSLEOFError(8, "EOF"))
        assert isinstance(error, TlsError)
        return error.problem

    assert problem("do_handshake()") is TlsProblem.ENDED
    assert problem("recv()") is TlsProblem.TRUNCATED
