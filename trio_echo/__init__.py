"""A TCP echo service on Trio: a server, a client and an exact receive, on IPv4 and IPv6."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .addresses import AddressError, Endpoint, parse_endpoint
from .background import BackgroundServer
from .client import EchoClient, connect
from .errors import SocketCallError
from .events import (
    ClientClosed,
    ClientConnected,
    ClientFailed,
    ClientIdle,
    ClientReset,
    ClientsWaiting,
    Connection,
    DataReceived,
    DataSent,
    Draining,
    EchoReceived,
    FamilyMissing,
    Listening,
    Stopped,
)
from .exact import ExactReceiver, IncompleteReceiveError, receive_exactly
from .faults import Faults, FaultyStream
from .limits import Limits
from .listening import ANY, LOOPBACK
from .relay import Relay
from .server import serve

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = [
    "ANY",
    "LOOPBACK",
    "AddressError",
    "BackgroundServer",
    "ClientClosed",
    "ClientConnected",
    "ClientFailed",
    "ClientIdle",
    "ClientReset",
    "ClientsWaiting",
    "Connection",
    "DataReceived",
    "DataSent",
    "Draining",
    "EchoClient",
    "EchoReceived",
    "Endpoint",
    "ExactReceiver",
    "FamilyMissing",
    "Faults",
    "FaultyStream",
    "IncompleteReceiveError",
    "Limits",
    "Listening",
    "Relay",
    "SocketCallError",
    "Stopped",
    "connect",
    "parse_endpoint",
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
