"""Fixtures of the workers' tests."""

from __future__ import annotations

import errno
import socket

import pytest


@pytest.fixture
def without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system on which no IPv6 address can be bound."""
    original = socket.socket.bind

    def bind(sock: socket.socket, address: tuple[str, int]) -> None:
        if sock.family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        original(sock, address)

    monkeypatch.setattr(socket.socket, "bind", bind)
