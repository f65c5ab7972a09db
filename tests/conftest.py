"""Fixtures for all tests."""

from __future__ import annotations

import pytest
from support import has_ipv6

LOOPBACKS = [
    "127.0.0.1",
    pytest.param(
        "::1", marks=pytest.mark.skipif(not has_ipv6(), reason="this system has no IPv6 loopback")
    ),
]


@pytest.fixture(params=LOOPBACKS)
def host(request: pytest.FixtureRequest) -> str:
    """The loopback address of each family."""
    return str(request.param)
