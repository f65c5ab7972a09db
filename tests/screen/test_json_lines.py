"""Events as JSON lines."""

from __future__ import annotations

import errno
import json
import math
import re
import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_echo import Endpoint, SocketCallError, events
from trio_echo.errors import TlsError
from trio_echo.events import Connection, Refusal
from trio_echo.screen.json_lines import JsonLines
from trio_echo.tls_problems import TlsProblem

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "log.md"
CLIENT = Connection(7, Endpoint("::1", 9000), Endpoint("::1", 51188))
OF_CLIENT = {"connection": 7, "local": "[::1]:9000", "remote": "[::1]:51188"}
RESET = SocketCallError("recv()", ConnectionResetError(errno.ECONNRESET, "Connection reset"))
RESET_WRITTEN = {
    "call": "recv()",
    "errno": "ECONNRESET",
    "reason": "Connection reset",
    "where": None,
}
EVENTS: list[tuple[events.ServerEvent, dict[str, object]]] = [
    (events.Listening(CLIENT.local), {"endpoint": "[::1]:9000"}),
    (events.FamilyMissing(RESET), {"error": RESET_WRITTEN}),
    (events.AcceptFailed(RESET), {"error": RESET_WRITTEN}),
    (events.CertificatesReloaded(), {}),
    (events.CertificatesKept(RESET), {"error": RESET_WRITTEN}),
    (events.WorkerDied(1, -9, 2, 0.1), {"number": 1, "cause": -9, "clients": 2, "pause": 0.1}),
    (events.WorkerReplaced(1), {"number": 1}),
    (events.LinesMissing(3), {"lines": 3, "connection": None}),
    (events.ClientsWaiting(5), {"max_clients": 5}),
    (
        events.ClientsRefused(Refusal.TOO_MANY, 2, CLIENT.remote),
        {"reason": "too_many", "clients": 2, "remote": "[::1]:51188"},
    ),
    (
        events.HandshakeFailed(CLIENT, TlsError("do_handshake()", TlsProblem.NOT_TLS)),
        {
            **OF_CLIENT,
            "error": {
                "call": "do_handshake()",
                "errno": "EPROTO",
                "reason": "the peer does not speak TLS",
                "where": None,
                "tls": "not_tls",
            },
        },
    ),
    (events.ClientConnected(CLIENT), OF_CLIENT),
    (
        events.DataReceived(CLIENT, b"h\xff\n"),
        {**OF_CLIENT, "bytes": 3, "text": "h\\xff\n"},
    ),
    (events.ClientFailed(CLIENT, RESET), {**OF_CLIENT, "error": RESET_WRITTEN}),
    (events.ClientIdle(CLIENT, 2.5), {**OF_CLIENT, "idle_timeout": 2.5}),
    (events.ClientResetOnPurpose(CLIENT, 4), {**OF_CLIENT, "echoed": 4}),
    (events.ClientClosedOnPurpose(CLIENT, 4), {**OF_CLIENT, "echoed": 4}),
    (events.ClientClosed(CLIENT, 4), {**OF_CLIENT, "echoed": 4}),
    (events.Draining(1, math.inf), {"clients": 1, "grace": None}),
    (
        events.Stopped(1, 2, 3, 4, 5),
        {"clients": 1, "echoed": 2, "cut_off": 3, "refused": 4, "failed_handshakes": 5},
    ),
]


def parsed(line: str) -> dict[str, Any]:
    assert line.isascii()
    found: dict[str, Any] = json.loads(line)
    assert datetime.fromisoformat(found.pop("time")).utcoffset() == timedelta(0)
    return found


@pytest.mark.parametrize(("event", "expected"), EVENTS, ids=lambda one: type(one).__name__)
def test_an_event_is_one_object(event: events.ServerEvent, expected: dict[str, object]) -> None:
    (line,) = JsonLines("utf-8").lines(event)
    assert line.endswith("\n")
    name = parsed(line)["event"]
    assert {**expected, "event": name} == parsed(line)


def test_the_page_lists_the_keys_of_every_event() -> None:
    listed = {
        event: re.findall("`([a-z_]+)`", keys)
        for event, keys in re.findall(
            r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE
        )
    }
    for event, _ in EVENTS:
        written = parsed("".join(JsonLines("utf-8").lines(event)))
        assert listed.pop(written.pop("event")) == list(written)
    assert set(listed) == {"open_to_all", "self_signed", "failed", "metrics"}


def test_an_error_has_no_number_of_the_wrong_kind() -> None:
    reason = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    error = parsed(JsonLines("utf-8").describe(SocketCallError("getaddrinfo()", reason, "nosuch")))
    assert error["error"] == {
        "call": "getaddrinfo()",
        "errno": None,
        "reason": "Name or service not known",
        "where": "nosuch",
    }


def test_a_bug_is_named() -> None:
    line = "".join(JsonLines("utf-8").lines(events.ClientFailed(CLIENT, ValueError("\x1b[2J"))))
    assert parsed(line)["error"] == {"exception": "ValueError('\\x1b[2J')"}


@given(st.binary())
def test_no_peer_can_forge_a_line(data: bytes) -> None:
    line = "".join(JsonLines("utf-8").lines(events.DataReceived(CLIENT, data)))
    assert line.count("\n") == 1
    assert line[:-1].isprintable()
    assert parsed(line)["bytes"] == len(data)


def test_the_command_that_trusts_a_self_signed_certificate_is_a_key() -> None:
    assert parsed(JsonLines("utf-8").self_signed("connect --tls")) == {
        "event": "self_signed",
        "command": "connect --tls",
    }
