"""The files of TLS: a certificate, its private key, and whom to trust."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trio

from .errors import TlsError, naming
from .tls_problems import TlsProblem

LOADING = "load_cert_chain()"
"""The call that reads a certificate and its key."""
TRUSTING = "load_verify_locations()"
"""The call that reads the certificates of authorities."""

# What is left to negotiate in TLS 1.2: forward secrecy and authenticated encryption (RFC 9325,
# section 4.2). All ciphers of TLS 1.3 have both.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Names the files of a server, all in PEM.

    Attributes:
        certificate: the server's certificate, then those between it and the authority.
        key: its private key, without a password.
        client_authority: certificates of the authorities, one of which must have signed a client's.
            `None` to ask clients for nothing.
    """

    certificate: str
    key: str
    client_authority: str | None = None

    def server_context(self) -> ssl.SSLContext:
        """Read the files.

        Returns:
            A context for TLS 1.2 and newer. It has no session tickets: a client that leaves without
            reading them would reset the connection, and a worker cannot read those of another.

        Raises:
            SocketCallError: a file cannot be read, or used.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
        context.num_tickets = 0
        load_pair(context, self.certificate, self.key)
        if self.client_authority is not None:
            trust(context, self.client_authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class LiveCertificates:
    """The context of a server whose files may change while it runs.

    Args:
        files: are read now.

    Attributes:
        files: as given.
        changed: is set when they were read again, and replaced by another event.

    Raises:
        SocketCallError: a file cannot be read, or used.
    """

    def __init__(self, files: CertificateFiles) -> None:
        self.files = files
        self.changed = trio.Event()
        self._context = files.server_context()

    def __call__(self) -> ssl.SSLContext:
        """Return the context for the next handshake, as `serve` takes it."""
        return self._context

    async def reload(self) -> None:
        """Read the files again, for later clients. If that fails, nothing has changed.

        Raises:
            SocketCallError: a file cannot be read, or used.
        """
        self._context = await trio.to_thread.run_sync(self.files.server_context)
        self.changed.set()
        self.changed = trio.Event()


def load_pair(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Load the certificate of this side, and its private key, from files.

    Raises:
        SocketCallError: a file cannot be read, or used.
    """

    def refuse() -> str:
        raise TlsError(LOADING, TlsProblem.KEY_ENCRYPTED, where=key)

    # Later calls do not say which file is at fault.
    _load_certificates(LOADING, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate)
    _check_readable(key)
    with naming(LOADING, f"{certificate}, {key}"):  # a file may vanish meanwhile
        try:
            context.load_cert_chain(certificate, key, password=refuse)
        except ssl.SSLError as exc:
            problem, where = TlsProblem.REFUSED_FILE, certificate
            if exc.reason == "KEY_VALUES_MISMATCH":
                problem, where = TlsProblem.KEY_MISMATCH, key
            elif exc.reason is None:
                problem, where = TlsProblem.NO_KEY, key
            raise TlsError(LOADING, problem, _words(exc), where) from exc


def trust(context: ssl.SSLContext, authority: str) -> None:
    """Trust the certificates in a file.

    Raises:
        SocketCallError: the file cannot be read, or used.
    """
    _load_certificates(TRUSTING, context, authority)


def _check_readable(path: str) -> None:
    with naming("open()", path), Path(path).open("rb"):
        pass


def _load_certificates(call: str, context: ssl.SSLContext, path: str) -> None:
    _check_readable(path)
    with naming(call, path):
        try:
            context.load_verify_locations(path)
        except ssl.SSLError as exc:
            raise TlsError(call, TlsProblem.NO_CERTIFICATE_IN_FILE, _words(exc), path) from exc


def _words(error: ssl.SSLError) -> str:
    return (error.reason or "PEM").replace("_", " ").lower()
