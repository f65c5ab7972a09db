"""The server with TLS, and an authority that its clients can trust."""

from __future__ import annotations

import ssl

import trustme

from trio_echo.certificates import CertificateFiles

from .server import EchoServer

_NAMES = "localhost", "127.0.0.1", "::1"


class SecureEchoServer(EchoServer):
    """An `EchoServer` with TLS, whose certificate is for `localhost`, `127.0.0.1` and `::1`.

    Attributes:
        ca: the authority that has signed the certificate: `ca.configure_trust(context)` trusts it,
            and `ca.cert_pem` has its certificate for other programs.
        client_context: the context of a client that trusts this authority alone.
    """

    def __init__(self) -> None:
        self.ca = trustme.CA()
        self.client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.ca.configure_trust(self.client_context)
        with self.ca.issue_cert(*_NAMES).private_key_and_cert_chain_pem.tempfile() as file:
            context = CertificateFiles(file, file).server_context()
        super().__init__(ssl_context=context)
