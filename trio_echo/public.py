"""The names that `trio_echo` offers."""

from __future__ import annotations

from . import events
from .addresses import AddressError, Endpoint
from .background import BackgroundServer
from .client import EchoClient, connect
from .errors import SocketCallError, TlsError
from .exact import ExactReceiver, IncompleteReceiveError, receive_exactly
from .faults import Faults, FaultSwitch, FaultyStream
from .limits import Limits
from .relay import Relay
from .server import serve
from .tls_problems import TlsProblem

__all__ = [
    "AddressError",
    "BackgroundServer",
    "EchoClient",
    "Endpoint",
    "ExactReceiver",
    "FaultSwitch",
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
