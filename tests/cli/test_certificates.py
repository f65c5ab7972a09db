"""The options of `serve` for TLS, as a user gives them."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from support import PATIENCE, Process, ipv6, receive_all, without_module

if TYPE_CHECKING:
    from support import CommandLine

    from trio_echo import Endpoint

AUTHORITY = trustme.CA()
CERTIFICATE = AUTHORITY.issue_cert("localhost")


def write_pair(folder: Path, certificate: trustme.LeafCert = CERTIFICATE) -> list[str]:
    """Write the files of a server; return the options that name them."""
    chain, key = folder / "cert.pem", folder / "key.pem"
    chain.write_bytes(b"".join(one.bytes() for one in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    AUTHORITY.cert_pem.write_to_path(str(folder / "ca.pem"))
    return ["--tls-cert", str(chain), "--tls-key", str(key)]


def connect(address: Endpoint, authority: Path | str) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=str(authority))
    plain = socket.create_connection(address, PATIENCE)
    return context.wrap_socket(plain, server_hostname="localhost")


def echo(sock: ssl.SSLSocket) -> bytes:
    sock.sendall(b"hello")
    return sock.recv(100)


def serial_number(sock: ssl.SSLSocket) -> object:
    found = sock.getpeercert()
    assert found is not None
    return found["serialNumber"]


@pytest.mark.parametrize(
    ("changed", "text", "line"),
    [
        ("cert.pem", None, "[open()] No such file or directory"),
        ("key.pem", None, "[open()] No such file or directory"),
        ("cert.pem", "hello", "[load_cert_chain()] the file has no certificate in PEM"),
        ("key.pem", "hello", "[load_cert_chain()] the file has no private key in PEM"),
        (
            "key.pem",
            AUTHORITY.issue_cert("localhost").private_key_pem.bytes().decode(),
            "[load_cert_chain()] the private key does not belong to the certificate",
        ),
        ("ca.pem", None, "[open()] No such file or directory"),
        ("ca.pem", "hello", "[load_verify_locations()] the file has no certificate in PEM"),
    ],
)
def test_a_bad_file_is_one_line_with_its_name(
    tmp_path: Path, command_line: CommandLine, changed: str, text: str | None, line: str
) -> None:
    options = [*write_pair(tmp_path), "--tls-client-ca", str(tmp_path / "ca.pem")]
    if text is None:
        (tmp_path / changed).unlink()
    else:
        (tmp_path / changed).write_text(text, "utf-8")
    assert command_line("serve", "--port", "0", *options) == (
        1,
        "",
        f"{line}: {tmp_path / changed}\n",
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--tls-cert", "c.pem"], "--tls-cert and --tls-key need each other"),
        (["--tls-key", "k.pem"], "--tls-cert and --tls-key need each other"),
        (["--tls-client-ca", "ca.pem"], "--tls-client-ca needs --tls-cert and --tls-key"),
        (["--tls-self-signed", "--tls-cert", "c.pem"], "leave out the other one"),
        (["--tls-handshake-timeout", "3"], "needs --tls-cert or --tls-self-signed"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    command_line: CommandLine, options: list[str], words: str
) -> None:
    status, output, errors = command_line("serve", "--port", "0", *options)
    assert (status, output, errors.count("\n")) == (2, "", 1)
    assert words in errors


@pytest.mark.slow
@ipv6
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]], ids=["one process", "workers"])
def test_sighup_reads_the_certificate_again_and_loses_nobody(
    tmp_path: Path, workers: list[str]
) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no SIGHUP")
    options = write_pair(tmp_path)
    with Process("serve", "--port", "0", *options, *workers) as server:
        address, _ = server.endpoints()

        def reload(certificate: trustme.LeafCert, key: trustme.LeafCert) -> None:
            write_pair(tmp_path, certificate)
            (tmp_path / "key.pem").write_bytes(key.private_key_pem.bytes())
            server.popen.send_signal(signal.SIGHUP)

        authority = tmp_path / "ca.pem"
        new = AUTHORITY.issue_cert("localhost")
        with connect(address, authority) as before:
            old_number = serial_number(before)
            reload(new, new)
            server.out.expect("certificate reloaded")
            last = old_number
            while last == old_number:  # a worker may not have read the files yet
                with connect(address, authority) as sock:
                    last = serial_number(sock)
                    sock.unwrap()
            reload(CERTIFICATE, new)
            server.err.expect(r"does not belong to the certificate.*\(the old certificate stays\)")
            with connect(address, authority) as sock:
                assert echo(sock) == b"hello"
                sock.unwrap()
            assert echo(before) == b"hello"
            before.unwrap()
        assert server.stop() == 0


@pytest.mark.slow
def test_a_server_ends_with_its_terminal() -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no SIGHUP")
    own_terminal = (
        "import os, sys; os.login_tty(os.open(sys.argv[1], os.O_RDWR));"
        "os.execv(sys.executable, [sys.executable, '-m', 'trio_echo', *sys.argv[2:]])"
    )
    ours, its = os.openpty()
    words = [sys.executable, "-c", own_terminal, os.ttyname(its)]
    words += ["serve", "--port", "0", "--tls-self-signed", "--lang", "en"]
    with subprocess.Popen(words) as server:
        try:
            shown = os.read(ours, 4096)
            os.close(its)
            while b"listening" not in shown:
                shown += os.read(ours, 4096)
            server.send_signal(signal.SIGHUP)
            while b"certificate reloaded" not in shown:
                shown += os.read(ours, 4096)
            os.close(ours)
            assert server.wait(PATIENCE) == 0
        finally:
            server.kill()


@pytest.mark.slow
@ipv6
@pytest.mark.parametrize("workers", [(), ("--workers", "1")])
def test_a_self_signed_certificate_says_how_to_trust_it_and_leaves_no_files(
    tmp_path: Path, workers: tuple[str, ...]
) -> None:
    words = ["serve", "--port", "0", "--tls-self-signed", "--host", "localhost", *workers]
    with Process(*words, env={"TMPDIR": str(tmp_path)}) as server:
        line = server.err.expect(r"--tls --tls-ca (\S+) localhost PORT")
        authority = Path(line[1])
        for address in server.endpoints():
            context = ssl.create_default_context(cafile=str(authority))
            for name in ("localhost", "127.0.0.1", "::1"):
                with (
                    socket.create_connection(address, PATIENCE) as plain,
                    context.wrap_socket(plain, server_hostname=name) as sock,
                ):
                    assert echo(sock) == b"hello"
                    sock.unwrap()
        if sys.platform == "linux":
            assert not list(tmp_path.iterdir())  # so SIGKILL leaves none
        assert server.stop() == 0
        assert not authority.exists()
        assert not list(tmp_path.iterdir())


def test_a_key_with_a_password_is_refused_with_the_remedy(
    tmp_path: Path, command_line: CommandLine
) -> None:
    options = write_pair(tmp_path)
    key = tmp_path / "key.pem"
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert command_line("serve", "--port", "0", *options) == (
        1,
        "",
        "[load_cert_chain()] the private key has a password; remove it: "
        f"openssl pkey -in KEY -out NEW_KEY: {key}\n",
    )


@pytest.mark.parametrize("host", ["a b", "a..b"])
def test_a_name_that_no_certificate_can_have_is_one_line(
    host: str, command_line: CommandLine
) -> None:
    words = f"[getaddrinfo()] No such host is known: {host}\n"
    options = ("--port", "0", "--tls-self-signed", "--host", host)
    assert command_line("serve", *options) == (1, "", words)


@pytest.mark.slow
def test_a_client_has_as_long_for_the_handshake_as_the_option_says() -> None:
    options = ("--port", "0", "--tls-self-signed", "--tls-handshake-timeout", "0.1")
    with Process("serve", *options) as server:
        with socket.create_connection(server.endpoints()[0], PATIENCE) as silent:
            server.out.expect(r"\[do_handshake\(\)\] the peer did not finish the handshake in time")
            assert receive_all(silent) == b""
        assert server.stop() == 0


@pytest.mark.slow
def test_a_self_signed_certificate_needs_the_extra(tmp_path: Path) -> None:
    env = without_module("trustme", tmp_path)
    with Process("serve", "--port", "0", "--tls-self-signed", env=env) as server:
        assert server.wait() == 2
        assert 'needs trustme: python -m pip install "trio-echo[tls]"' in server.err.text


@pytest.mark.slow
@ipv6
@pytest.mark.parametrize("language", ["en", "ko"])
def test_any_with_an_authority_for_clients_has_no_warning(tmp_path: Path, language: str) -> None:
    options = [*write_pair(tmp_path), "--tls-client-ca", str(tmp_path / "ca.pem")]
    with Process("serve", "--port", "0", "--any", "--lang", language, *options) as server:
        port = int(server.out.expect(r"0\.0\.0\.0.*=(\d+)")[1])
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
            sock.sendall(b"hello\n")
            receive_all(sock)
        words = {"en": "the peer does not speak TLS", "ko": "상대방이 TLS로 통신하지 않습니다"}
        server.out.expect(re.escape(f"[do_handshake()] {words[language]}: 127.0.0.1:"))
        assert server.stop() == 0
        assert server.err.text == ""
