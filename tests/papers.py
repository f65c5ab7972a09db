"""Certificates for tests of TLS: an authority, and files as the command line takes them."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import trustme

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from socket import socket

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NAMES = ("localhost", "127.0.0.1", "::1")


@cache
def authority() -> trustme.CA:
    """The one that tests trust."""
    return trustme.CA()


class Files(NamedTuple):
    """Paths of PEM files.

    Attributes:
        ca: the authority.
        cert: a certificate for `NAMES`.
        key: its key.
    """

    ca: str
    cert: str
    key: str

    @property
    def trust(self) -> list[str]:
        """The options of a client that trusts the authority."""
        return ["--tls", "--tls-ca", self.ca]

    @property
    def identity(self) -> list[str]:
        """The options of a client with the certificate."""
        return ["--tls-cert", self.cert, "--tls-key", self.key]


def written(folder: Path) -> Files:
    """Write the files."""
    files = Files(*(str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem")))
    issued = authority().issue_cert(*NAMES)
    authority().cert_pem.write_to_path(files.ca)
    issued.private_key_pem.write_to_path(files.key)
    for one in issued.cert_chain_pems:
        one.write_to_path(files.cert, append=True)
    return files


def server_context(
    *names: str,
    issuer: trustme.CA | None = None,
    not_after: datetime | None = None,
    wants_certificate: bool = False,
) -> ssl.SSLContext:
    """Make the context of a server.

    Args:
        names: in its certificate; by default `NAMES`.
        issuer: who signs it; by default `authority()`.
        not_after: when it ends.
        wants_certificate: of its clients.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer = authority() if issuer is None else issuer
    issuer.issue_cert(*(names or NAMES), not_after=not_after).configure_cert(context)
    if wants_certificate:
        authority().configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context() -> ssl.SSLContext:
    """Make the context of a client that trusts the authority."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    return context


def over_tls(
    treat: Callable[[ssl.SSLSocket], None], context: ssl.SSLContext
) -> Callable[[socket], None]:
    """Make what `RawServer` runs of what handles a connection after its handshake."""

    def run(sock: socket) -> None:
        try:
            secured = context.wrap_socket(sock, server_side=True, suppress_ragged_eofs=False)
        except OSError:  # the client refuses it
            return
        with secured:
            treat(secured)

    return run
