"""The options of `serve` for TLS, and SIGHUP."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import click
import trio

from trio_echo.certificates import CertificateFiles
from trio_echo.errors import SocketCallError
from trio_echo.events import CertificatesKept, CertificatesReloaded

from .signals import has_terminal

if TYPE_CHECKING:
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


def certificate_files(
    certificate: str | None, key: str | None, client_authority: str | None
) -> CertificateFiles | None:
    """Return the files that the options name; `None` for plain TCP.

    Args:
        certificate: `--tls-cert`.
        key: `--tls-key`.
        client_authority: `--tls-client-ca`.

    Raises:
        click.UsageError: the options do not go together.
    """
    if (certificate is None) != (key is None):
        raise click.UsageError("--tls-cert and --tls-key need each other")
    if certificate is None or key is None:
        if client_authority is not None:
            raise click.UsageError("--tls-client-ca needs --tls-cert and --tls-key")
        return None
    return CertificateFiles(certificate, key, client_authority)


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
