"""A TCP echo service on Trio: a server, a client and an exact receive, on IPv4 and IPv6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import events
from .addresses import AddressError, Endpoint
from .background import BackgroundServer
from .client import EchoClient, connect
from .errors import SocketCallError, TlsError
from .exact import ExactReceiver, IncompleteReceiveError, receive_exactly
from .faults import Faults, FaultyStream
from .limits import Limits
from .relay import Relay
from .server import serve
from .tls_problems import TlsProblem

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = [
    "AddressError",
    "BackgroundServer",
    "EchoClient",
    "Endpoint",
    "ExactReceiver",
    "Faults",
    "FaultyStream",
    "IncompleteReceiveError",
    "Limits",
    "Relay",
    "SocketCallError",
    "TlsError",
    "TlsProblem",
    "connect",
    "events",
    "receive_exactly",
    "serve",
]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Run every cell in Trio from now on: `%load_ext trio_echo`."""
    from .notebook import jupyter

    jupyter.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Run cells as before: `%unload_ext trio_echo`."""
    from .notebook import jupyter

    jupyter.unload(shell)
