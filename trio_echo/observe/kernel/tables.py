"""The tables that a snapshot reads: by default, those of the system that this process runs on."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING, Any, Protocol

import psutil

from trio_echo.addresses import Endpoint

from . import sockdiag
from .sockets import SocketRow

if TYPE_CHECKING:
    from collections.abc import Iterable

_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class Tables(Protocol):
    """The tables of one system."""

    def rows(self) -> tuple[list[SocketRow], str]:
        """Return all TCP sockets, and a note on what is missing."""

    def queues(self) -> list[sockdiag.Queues]:
        """Return the queues of all TCP sockets; an empty list if they are unknown."""

    def addresses(self) -> set[str]:
        """Return the system's own addresses."""


class OwnTables:
    """The tables of the system that this process runs on."""

    def rows(self) -> tuple[list[SocketRow], str]:
        """Return what psutil lists."""
        pid: int | None = None
        found: Iterable[Any]  # psutil has several types of rows
        try:
            found = psutil.net_connections("tcp")
            note = "" if sys.platform == "linux" else "Queues are shown on Linux only."
        except psutil.AccessDenied:
            # macOS shows other processes' sockets to root only.
            pid = os.getpid()
            found = psutil.Process().net_connections("tcp")
            note = "Without more privilege, this system shows this process's sockets only."
        rows = [
            SocketRow(
                family=socket.AddressFamily(one.family),
                state=one.status,
                local=Endpoint(*one.laddr) if one.laddr else None,
                remote=Endpoint(*one.raddr) if one.raddr else None,
                process_id=getattr(one, "pid", pid) or None,  # Windows lists unowned ones under 0
                descriptor=None if one.fd == -1 else one.fd,
            )
            for one in found
        ]
        return rows, note

    def queues(self) -> list[sockdiag.Queues]:
        """Return what sock_diag(7) lists, on Linux."""
        return sockdiag.queues()

    def addresses(self) -> set[str]:
        """Return the addresses of all interfaces."""
        return {
            one.address
            for addresses in psutil.net_if_addrs().values()
            for one in addresses
            if one.family in _FAMILIES
        }


OWN_TABLES = OwnTables()
