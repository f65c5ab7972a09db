"""Events as JSON lines (RFC 8259), one object a line, for programs that collect logs.

Each object has `time`, when the line was written (UTC, ISO 8601), and `event`, the class's name in
lower case with underscores. The other keys are the event's attributes. Everything outside ASCII is
escaped, so no peer can forge a line or drive a terminal.
"""

from __future__ import annotations

import errno
import json
import math
import re
import socket
from dataclasses import fields
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING

from trio_echo.addresses import Endpoint
from trio_echo.errors import SocketCallError, TlsError
from trio_echo.events import Connection, DataReceived, LinesMissing

from .text import as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_echo.events import ClientEvent, ServerEvent

    from .folding import ClientsFolded


class JsonLines:
    """Turns events into JSON lines.

    Args:
        encoding: of the peers' text; bytes that are not text in it become backslash escapes.
    """

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def lines(self, event: ServerEvent | ClientEvent | ClientsFolded) -> Iterator[str]:
        """Yield an event as one line."""
        if isinstance(event, DataReceived):
            yield self.pieces_of(event.connection).plain(event.data).decode()
            return
        attributes: dict[str, object] = {}
        for field in fields(event):
            attributes |= self._attribute(field.name, getattr(event, field.name))
        yield _line(_name(type(event)), attributes) + "\n"

    def pieces_of(self, connection: Connection) -> JsonPieces:
        """Return what writes the pieces of a client."""
        return JsonPieces(connection, self._encoding)

    def dropped(self, count: int) -> str:
        """Report that lines are missing here."""
        return "".join(self.lines(LinesMissing(count)))

    def describe(self, error: Exception) -> str:
        """Report why the command fails, without a newline."""
        return _line("failed", {"error": _error(error)})

    def open_to_all(self) -> str:
        """Report that every address may connect."""
        return _line("open_to_all", {})

    def self_signed(self, command: str) -> str:
        """Report how a client trusts the certificate of `--tls-self-signed`."""
        return _line("self_signed", {"command": command})

    def metrics_at(self, url: str) -> str:
        """Say where the metrics are."""
        return _line("metrics", {"url": url})

    def _attribute(self, name: str, value: object) -> dict[str, object]:
        match value:
            case Connection():
                return _ends(value)
            case bytes():
                return {"bytes": len(value), "text": as_text(value, self._encoding)}
            case Endpoint():
                return {name: str(value)}
            case Exception():
                return {name: _error(value)}
            case Enum():
                return {name: value.name.lower()}
            case math.inf:
                return {name: None}  # JSON has no infinity
            case _:
                return {name: value}


class JsonPieces:
    """What one client sends, as JSON lines.

    Args:
        connection: the client's.
        encoding: as for `JsonLines`.
    """

    def __init__(self, connection: Connection, encoding: str) -> None:
        self._encoding = encoding
        beginning = {"event": _name(DataReceived), **_ends(connection)}
        self._beginning = json.dumps(beginning)[1:-1]

    def plain(self, data: bytes) -> bytes:
        """Return a piece as one line."""
        text = json.dumps(as_text(data, self._encoding))
        rest = f'"bytes": {len(data)}, "text": {text}'
        return f'{{"time": "{_time()}", {self._beginning}, {rest}}}\n'.encode()


def _ends(connection: Connection) -> dict[str, object]:
    return {
        "connection": connection.number,
        "local": str(connection.local),
        "remote": str(connection.remote),
    }


def _name(kind: type) -> str:
    return re.sub("(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def _error(error: Exception) -> dict[str, object]:
    if not isinstance(error, SocketCallError):
        return {"exception": repr(error)}
    problem = {"tls": error.problem.name.lower()} if isinstance(error, TlsError) else {}
    found = not isinstance(error.reason, socket.gaierror)  # it has numbers of its own
    return {
        "call": error.call,
        "errno": errno.errorcode.get(error.errno or 0) if found else None,
        "reason": error.strerror,
        "where": error.where,
        **problem,
    }


def _time() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _line(event: str, attributes: dict[str, object]) -> str:
    return json.dumps({"time": _time(), "event": event, **attributes}, allow_nan=False)
