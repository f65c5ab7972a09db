"""What a client of TLS needs: whom it trusts, who it is, and the name that it expects."""

from __future__ import annotations

import os
import ssl

from .certificates import load_pair, trust
from .errors import naming

_LONGEST_NAME = 253  # RFC 1035, section 2.3.4, as text


def client_context(
    *, ca: str | None = None, cert: str | None = None, key: str | None = None
) -> ssl.SSLContext:
    """Make the context of a client: TLS 1.2 or newer, and the server's certificate is verified.

    With `SSLKEYLOGFILE` in the environment, the keys of its connections are written to that file.

    Args:
        ca: a PEM file with the authorities to trust; by default those of the system.
        cert: a PEM file with the client's certificate and those that lead to its authority.
        key: a PEM file with its key; goes with `cert`.

    Raises:
        SocketCallError: a file cannot be read, or used.
        ValueError: one of `cert` and `key` is missing.
    """
    if (cert is None) != (key is None):
        raise ValueError("cert and key need each other")
    if ca is not None:
        trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ca)  # it says what is wrong with the file
    with naming("open()", os.environ.get("SSLKEYLOGFILE", ca)):
        context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert is not None and key is not None:
        load_pair(context, cert, key)
    return context


def server_name_of(host: str) -> str:
    """Return the name that the certificate of a server must have, as certificates write it.

    Args:
        host: a name or an address. A zone, and the dot of a full name, are left out.

    Raises:
        ValueError: no certificate can have this name.
    """
    name = host.partition("%")[0].removesuffix(".")
    try:
        written = name.encode("idna").decode()
    except UnicodeError:
        written = ""
    if not 0 < len(written) <= _LONGEST_NAME or written.startswith("."):
        raise ValueError(f"{host!r} is not the name of a server")
    return written
