"""`connect --tls`: sessions over TLS, and what is refused and why, as printed."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING

import papers
import pytest
import trustme
from support import SESSION, Process, RawServer, hanging_server

from trio_echo import BackgroundServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support import CommandLine


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> papers.Files:
    return papers.written(tmp_path_factory.mktemp("papers"))


def echo(sock: ssl.SSLSocket) -> None:
    while data := sock.recv(65536):
        sock.sendall(data)


def piped(data: bytes, *arguments: str) -> tuple[int, str, str]:
    """Run `connect` with input from a pipe; returns exit status, output and errors."""
    with Process("connect", *arguments, stdin=subprocess.PIPE) as client:
        assert client.popen.stdin is not None
        with client.popen.stdin as stdin:
            stdin.write(data)
        return client.wait(), client.out.text, client.err.text


def test_a_session_over_tls_looks_like_one_without(files: papers.Files) -> None:
    ended: list[bool] = []

    def serve(sock: ssl.SSLSocket) -> None:
        echo(sock)
        ended.append(True)  # by close_notify, or echo() would have raised

    with RawServer(papers.over_tls(serve, papers.server_context())) as address:
        said = piped("hello\n한국\n\n".encode(), address, *files.trust)
    assert said == (0, SESSION, "")
    assert ended == [True]


UNTRUSTED = lambda: papers.server_context(issuer=trustme.CA())  # noqa: E731
EXPIRED = lambda: papers.server_context(not_after=papers.LONG_AGO)  # noqa: E731
OTHER_NAME = lambda: papers.server_context("other.test")  # noqa: E731


@pytest.mark.parametrize(
    ("context", "en", "ko"),
    [
        (
            UNTRUSTED,
            "the peer's certificate is not signed by a trusted authority",
            "상대방의 인증서는 신뢰할 수 있는 기관이 서명한 것이 아닙니다",
        ),
        (EXPIRED, "the peer's certificate has expired", "상대방의 인증서가 만료되었습니다"),
        (
            OTHER_NAME,
            "the peer's certificate is for another name",
            "상대방의 인증서는 다른 이름으로 발급되었습니다",
        ),
    ],
    ids=["not trusted", "expired", "another name"],
)
def test_a_certificate_is_refused_in_one_line(
    context: Callable[[], ssl.SSLContext],
    en: str,
    ko: str,
    files: papers.Files,
    command_line: CommandLine,
) -> None:
    for language, words in (("en", en), ("ko", ko)):
        with RawServer(papers.over_tls(lambda _: None, context())) as address:
            said = command_line("connect", address, *files.trust, "--lang", language)
        assert said == (1, "", f"[do_handshake()] {words}: {address}\n")


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "the peer does not speak TLS"), ("ko", "상대방이 TLS로 통신하지 않습니다")],
    ids=["en", "ko"],
)
def test_a_server_without_tls_is_named_as_such(
    language: str, words: str, command_line: CommandLine
) -> None:
    with BackgroundServer(hosts=["127.0.0.1"]) as server:
        address = str(server.addresses[0])
        said = command_line("connect", address, "--tls", "--lang", language)
    assert said == (1, "", f"[do_handshake()] {words}: {address}\n")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "the peer did not finish the handshake in time"),
        ("ko", "상대방이 제한 시간 안에 핸드셰이크를 마치지 않았습니다"),
    ],
    ids=["en", "ko"],
)
def test_a_silent_server_is_given_up(language: str, words: str, command_line: CommandLine) -> None:
    with hanging_server(after=0) as endpoint:
        limit = ("--timeout", "1", "--lang", language)  # also for connect() on a busy machine
        said = command_line("connect", str(endpoint), "--tls", *limit)
    assert said == (1, "", f"[do_handshake()] {words}: {endpoint}\n")


def test_a_server_that_leaves_during_the_handshake(command_line: CommandLine) -> None:
    def leave(sock: socket.socket) -> None:
        sock.recv(65536)

    with RawServer(leave) as address:
        said = command_line("connect", address, "--tls")
    words = "the peer ended the connection during the handshake"
    assert said == (1, "", f"[do_handshake()] {words}: {address}\n")


@pytest.mark.parametrize(
    ("version", "language", "words"),
    [
        ("TLSv1_3", "en", "the peer wants a certificate"),
        ("TLSv1_3", "ko", "상대방이 인증서를 요구합니다"),
        ("TLSv1_2", "en", "the peer wants a certificate"),
    ],
    ids=["1.3", "1.3 in Korean", "1.2"],
)
@pytest.mark.slow
def test_a_server_that_wants_a_certificate(
    version: str, language: str, words: str, files: papers.Files
) -> None:
    context = papers.server_context(wants_certificate=True)
    context.maximum_version = getattr(ssl.TLSVersion, version)
    treat = papers.over_tls(echo, context)
    with RawServer(treat) as address:
        status, _, error = piped(b"hello\n", address, *files.trust, "--lang", language)
    assert status == 1
    assert error in (f"[recv()] {words}\n", f"[do_handshake()] {words}: {address}\n")
    with RawServer(treat) as address:
        assert piped(b"hello\n", address, *files.trust, *files.identity)[::2] == (0, "")


@pytest.mark.slow
def test_a_server_that_ends_without_close_notify_may_have_been_cut_off(
    files: papers.Files,
) -> None:
    def run(sock: ssl.SSLSocket) -> None:
        sock.recv(100)
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    with RawServer(papers.over_tls(run, papers.server_context())) as address:
        status, _, error = piped(b"hello\n", address, *files.trust)
    words = "the peer ended the connection without close_notify: data may be missing"
    assert (status, error) == (1, f"[recv()] {words}\n")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tls-ca", "ca.pem"], "--tls-ca is for --tls: give that too"),
        (["--tls-server-name", "a.test"], "--tls-server-name is for --tls: give that too"),
        (["--tls", "--tls-cert", "cert.pem"], "--tls-cert and --tls-key need each other"),
        (
            ["--tls", "--tls-server-name", ""],
            "Invalid value for '--tls-server-name': '' is not the name of a server",
        ),
    ],
)
@pytest.mark.parametrize("command", ["connect", "bench"])
def test_options_that_do_not_go_together_are_refused(
    command: str, options: list[str], words: str, command_line: CommandLine
) -> None:
    status, out, error = command_line(command, "localhost:1", *options)
    assert (status, out) == (2, "")
    assert f"{command}: {words} (try " in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("command", ["connect", "bench"])
def test_a_file_that_cannot_be_used_is_named(
    command: str, files: papers.Files, tmp_path: Path, command_line: CommandLine
) -> None:
    nowhere = str(tmp_path / "nowhere.pem")
    for options, line in (
        (["--tls-ca", nowhere], f"[open()] No such file or directory: {nowhere}\n"),
        (
            ["--tls-ca", files.key],
            f"[load_verify_locations()] the file has no certificate in PEM: {files.key}\n",
        ),
        (
            ["--tls-cert", files.cert, "--tls-key", files.cert],
            f"[load_cert_chain()] the file has no private key in PEM: {files.cert}\n",
        ),
    ):
        said = command_line(command, "localhost:1", "--tls", *options)
        assert said == (1, "", line)
