"""Fixtures for all tests."""

from __future__ import annotations

import sys
from contextlib import nullcontext

import pytest
from support import has_ipv6

import trio_echo.server

LOOPBACKS = [
    "127.0.0.1",
    pytest.param(
        "::1", marks=pytest.mark.skipif(not has_ipv6(), reason="this system has no IPv6 loopback")
    ),
]
WAYS = [
    pytest.param(
        "reactor", marks=pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux's")
    ),
    "portable",
]


@pytest.fixture(params=LOOPBACKS)
def host(request: pytest.FixtureRequest) -> str:
    """The loopback address of each family."""
    return str(request.param)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a server echoes: each way that it has on this system."""
    if request.param == "portable":
        monkeypatch.setattr(trio_echo.server, "open_reactor", nullcontext)
    return str(request.param)
