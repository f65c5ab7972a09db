"""A TCP echo service on Trio: a server, a client and an exact receive, on IPv4 and IPv6."""

from .addresses import AddressError, Endpoint, parse_endpoint
from .background import BackgroundServer
from .client import EchoClient, connect
from .errors import SocketCallError
from .events import (
    ClientClosed,
    ClientConnected,
    ClientFailed,
    ClientIdle,
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
from .relay import Relay
from .server import ANY, LOOPBACK, Limits, serve

__all__ = [
    "ANY",
    "LOOPBACK",
    "AddressError",
    "BackgroundServer",
    "ClientClosed",
    "ClientConnected",
    "ClientFailed",
    "ClientIdle",
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
