"""How a connection ends: who closes first, with which call, and the states that follow.

RFC 9293, section 3.6 and figure 5. The states are those in the kernel's tables after each call.
They show what was sent.
"""

from __future__ import annotations

import socket
import struct
import sys
import time
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

from trio_echo.addresses import Endpoint
from trio_echo.observe.kernel.snapshot import snapshot
from trio_echo.screen.text import safe

Side: TypeAlias = Literal["client", "server"]

GONE = "CLOSE"
"""The state of an end that the kernel no longer lists."""

# The pairs of states that last. All others turn into one of these within milliseconds.
_LASTING = (
    {"ESTABLISHED"},
    {"FIN_WAIT2", "CLOSE_WAIT"},
    {"TIME_WAIT", GONE},
    {GONE},
)
# Linux delays an acknowledgement by up to 40 ms, others by 200 ms (RFC 1122 allows 500 ms).
_PATIENCE = 5.0
_INTERVAL = 0.001


@dataclass(frozen=True, slots=True)
class Step:
    """One call and its effect.

    Attributes:
        side: whose socket.
        call: the call, as it is written in Python.
        outcome: what it returned or raised; empty if it returned nothing.
        client: the state of the client's end afterwards.
        server: the state of the server's end afterwards.
    """

    side: Side
    call: str
    outcome: str
    client: str
    server: str


class Parting:
    """A connection on 127.0.0.1, with plain sockets, so that a widget can use it.

    As a context manager, it closes both sockets at the end.

    Attributes:
        steps: the calls so far.
    """

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            server, _ = listener.accept()
        server.settimeout(_PATIENCE)
        client.settimeout(_PATIENCE)
        self._sockets: dict[Side, socket.socket] = {"client": client, "server": server}
        self._ends: dict[Side, Endpoint] = {
            side: Endpoint.from_sockaddr(one.getsockname()) for side, one in self._sockets.items()
        }
        self.steps: list[Step] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets.values():
            one.close()

    def do(self, side: Side, call: str, *args: object, shown: str | None = None) -> None:
        """Call a method of one side's socket, and wait for the states that follow.

        Args:
            side: whose socket.
            call: the method's name.
            args: its arguments.
            shown: how to show the call; by default with the `repr` of its arguments.
        """
        try:
            result = getattr(self._sockets[side], call)(*args)
        except OSError as exc:
            outcome = f"raised {type(exc).__name__}"
        else:
            outcome = "" if result is None else f"returned {result!r}"
        shown = shown or f"{call}({', '.join(map(repr, args))})"
        states = self._settled()
        self.steps.append(
            Step(side, safe(shown), safe(outcome), states["client"], states["server"])
        )

    def abort(self, side: Side) -> None:
        """Close one side's socket with a reset: SO_LINGER with a time of 0, socket(7)."""
        linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
        self._sockets[side].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.do(side, "close", shown="close(), linger 0")

    def _settled(self) -> dict[Side, str]:
        """Wait for a pair of states that lasts; after a time limit, return the current pair."""
        deadline = time.monotonic() + _PATIENCE
        while set((states := self._states()).values()) not in _LASTING:
            if time.monotonic() > deadline:
                break
            time.sleep(_INTERVAL)
        return states

    def _states(self) -> dict[Side, str]:
        client, server = self._ends["client"], self._ends["server"]
        listed = {(row.local, row.remote): row.state for row in snapshot(client.port).rows}
        return {
            "client": listed.get((client, server), GONE),
            "server": listed.get((server, client), GONE),
        }
