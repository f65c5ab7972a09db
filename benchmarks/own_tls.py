"""TLS for the servers of this directory: `python SERVER.py PORT [PEM]`."""

from __future__ import annotations

import ssl
import sys


def server_context() -> ssl.SSLContext | None:
    """Return the context of a server whose certificate and key are in PEM; `None` without it."""
    if len(sys.argv) < 3:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2])
    return context
