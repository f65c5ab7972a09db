"""What a client of TLS needs: whom it trusts, who it is, and the name that it expects."""

from __future__ import annotations

import ssl
from pathlib import Path

_LONGEST_NAME = 253  # RFC 1035, section 2.3.4, as text


class PemError(ValueError):
    """A file with certificates or a key cannot be used. The message is one line."""


def client_context(
    *, ca: str | None = None, cert: str | None = None, key: str | None = None
) -> ssl.SSLContext:
    """Make the context of a client: TLS 1.2 or newer, and the server's certificate is verified.

    Args:
        ca: a PEM file with the authorities to trust; by default those of the system.
        cert: a PEM file with the client's certificate and those that lead to its authority.
        key: a PEM file with its key, which is not encrypted.

    Raises:
        PemError: a file cannot be used.
    """
    if ca is not None:
        _check_readable(ca)
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise PemError(f"there is no certificate in {ca}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert is not None:
        for path in (cert, key):
            if path is not None:
                _check_readable(path)
        try:
            context.load_cert_chain(cert, key, password=_refuse_password)
        except ssl.SSLError as exc:
            raise PemError(_reason(exc, cert, key or cert)) from None
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


def _check_readable(path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as exc:  # OpenSSL would not name the file
        raise PemError(f"{exc.strerror}: {path}") from None


def _refuse_password() -> str:
    # OpenSSL would ask for it at the terminal.
    raise PemError("the key is encrypted: give one without a password")


def _reason(exc: ssl.SSLError, cert: str, key: str) -> str:
    if exc.reason == "KEY_VALUES_MISMATCH":
        return f"the key in {key} is not that of the certificate in {cert}"
    return f"there is no certificate in {cert}, or no key in {key}"
