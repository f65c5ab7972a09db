"""A TCP echo service on Trio: a server, a client and an exact receive, on IPv4 and IPv6.

What is here is imported when it is first asked for: the command line must get as far as to see to
Ctrl-C, and the processes of a load have no use for Trio.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # type checkers know the name; importing typing takes longer than all this
if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

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

_MODULES = {
    "addresses": (
        "AddressError",
        "Endpoint",
        "parse_endpoint",
    ),
    "background": ("BackgroundServer",),
    "client": (
        "EchoClient",
        "connect",
    ),
    "errors": ("SocketCallError",),
    "events": (
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
        "EchoReceived",
        "FamilyMissing",
        "Listening",
        "Stopped",
    ),
    "exact": (
        "ExactReceiver",
        "IncompleteReceiveError",
        "receive_exactly",
    ),
    "faults": (
        "Faults",
        "FaultyStream",
    ),
    "limits": ("Limits",),
    "listening": (
        "ANY",
        "LOOPBACK",
    ),
    "relay": ("Relay",),
    "server": ("serve",),
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names}


if not TYPE_CHECKING:  # which would take any name for one of ours

    def __getattr__(name: str) -> object:
        """Import a name of `__all__` (PEP 562)."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_PLACES[name]}", __name__), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Run every cell in Trio from now on: `%load_ext trio_echo`."""
    from .observe import jupyter

    jupyter.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Run cells as before: `%unload_ext trio_echo`."""
    from .observe import jupyter

    jupyter.unload(shell)
