"""The pytest plugin of trio_echo: servers that misbehave on demand, for tests of TCP clients.

pytest imports this module wherever trio_echo is installed. So it imports nothing of trio_echo, and
no Trio, until a test asks for a fixture.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trio_echo.testing import EchoServer
    from trio_echo.testing.secure import SecureEchoServer
    from trio_echo.testing.wired import WiredEchoServer


@pytest.fixture
def echo_server() -> Iterator[EchoServer]:
    """A TCP echo server on 127.0.0.1 and ::1, on a free port (`trio_echo.testing.EchoServer`)."""
    from trio_echo.testing import EchoServer

    with EchoServer() as server:
        yield server


@pytest.fixture
def echo_server_tls() -> Iterator[SecureEchoServer]:
    """A TCP echo server with TLS, and whom to trust (`trio_echo.testing.secure`).

    It is skipped if there is no trustme.
    """
    if find_spec("trustme") is None:
        pytest.skip('TLS needs trustme: python -m pip install "trio-echo[tls]"')
    from trio_echo.testing.secure import SecureEchoServer

    with SecureEchoServer() as server:
        yield server


@pytest.fixture
def echo_server_wired() -> Iterator[WiredEchoServer]:
    """A TCP echo server on a host of its own, behind a cable (`trio_echo.testing.wired`).

    It is skipped if this system does not allow that.
    """
    from trio_echo import lan
    from trio_echo.testing.wired import wired_echo_server

    reason = lan.why_not()
    if reason is not None:
        pytest.skip(reason)
    with wired_echo_server() as server:
        yield server
