"""The options of `serve` for TLS, its self-signed certificate, and SIGHUP."""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
import trio

from trio_echo.addresses import DEFAULT_PORT
from trio_echo.certificates import CertificateFiles
from trio_echo.errors import SocketCallError
from trio_echo.events import CertificatesKept, CertificatesReloaded
from trio_echo.listening import LOOPBACK

from .signals import has_terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import trustme

    from trio_echo.certificates import LiveCertificates
    from trio_echo.events import ServerObserver

    from .options import Command


def certificate_options(command: Command) -> Command:
    """Add `--tls-cert`, `--tls-key`, `--tls-client-ca` and `--tls-self-signed`."""
    command = click.option(
        "--tls-self-signed",
        is_flag=True,
        help="Speak TLS with a new certificate for this machine, for a first try.",
    )(command)
    command = click.option(
        "--tls-client-ca",
        metavar="F",
        help="Serve only clients with a certificate that an authority in this PEM file has signed.",
    )(command)
    command = click.option(
        "--tls-key", metavar="F", help="PEM file with the certificate's private key."
    )(command)
    return click.option(
        "--tls-cert",
        metavar="F",
        help="Speak TLS, with the certificate in this PEM file; SIGHUP reads it again.",
    )(command)


@contextmanager
def certificate_files(
    certificate: str | None,
    key: str | None,
    client_authority: str | None,
    self_signed_for: Sequence[str] | None,
) -> Iterator[CertificateFiles | None]:
    """Yield the files that the options name, or make them; `None` for plain TCP.

    Args:
        certificate: `--tls-cert`.
        key: `--tls-key`.
        client_authority: `--tls-client-ca`.
        self_signed_for: names and addresses for a certificate of our own, or `None`. Its files are
            removed at the end.

    Raises:
        click.UsageError: the options do not go together.
    """
    if self_signed_for is not None:
        if certificate is not None or key is not None:
            raise click.UsageError("--tls-self-signed makes a certificate: leave out the other one")
        authority, issued = _self_signed(self_signed_for)
        with TemporaryDirectory(prefix="trio-echo-") as folder:
            yield _written(Path(folder), authority, issued, client_authority)
        return
    if (certificate is None) != (key is None):
        raise click.UsageError("--tls-cert and --tls-key need each other")
    if certificate is None or key is None:
        if client_authority is not None:
            raise click.UsageError("--tls-client-ca needs --tls-cert and --tls-key")
        yield None
        return
    yield CertificateFiles(certificate, key, client_authority)


def _self_signed(hosts: Sequence[str]) -> tuple[trustme.CA, trustme.LeafCert]:
    try:
        import trustme
    except ImportError as exc:
        raise click.UsageError(
            'a certificate of our own needs trustme: python -m pip install "trio-echo[tls]"'
        ) from exc
    names = dict.fromkeys(["localhost", *LOOPBACK, *map(_without_zone, hosts)])
    authority = trustme.CA()
    try:
        return authority, authority.issue_cert(*names, common_name="trio-echo")
    except ValueError as exc:
        raise click.UsageError(f"no certificate can have such a name: {exc}") from exc


def _written(
    folder: Path,
    authority: trustme.CA,
    issued: trustme.LeafCert,
    client_authority: str | None,
) -> CertificateFiles:
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(key))
    authority.cert_pem.write_to_path(str(authority_of(str(certificate))))
    return CertificateFiles(str(certificate), str(key), client_authority)


def trusting_command(certificate: str, port: int) -> str:
    """Return the command of a client that trusts a certificate of our own."""
    command = f"python -m trio_echo connect --tls --tls-ca {authority_of(certificate)}"
    if port == DEFAULT_PORT:
        return command
    return f"{command} localhost {port or 'PORT'}"


async def reload_on_hangup(
    certificates: LiveCertificates,
    observer: ServerObserver,
    stop: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Read the files again at each SIGHUP, until cancelled.

    If SIGHUP comes because the terminal was closed, set `stop` instead, unless nohup(1) ignores it.
    """
    if sys.platform == "win32":
        task_status.started()
        return
    ends_with_terminal = signal.getsignal(signal.SIGHUP) != signal.SIG_IGN and has_terminal()
    with trio.open_signal_receiver(signal.SIGHUP) as signals:
        task_status.started()
        async for _ in signals:
            if ends_with_terminal and not has_terminal():
                stop.set()
                continue
            try:
                await certificates.reload()
            except SocketCallError as exc:
                observer(CertificatesKept(exc))
            else:
                observer(CertificatesReloaded())


def authority_of(certificate: str) -> Path:
    """Return the file with the authority of a certificate of our own."""
    return Path(certificate).with_name("ca.pem")


def _without_zone(host: str) -> str:
    with suppress(ValueError):
        return str(ip_address(host.partition("%")[0]))
    return host
