"""A host's tables of TCP sockets, for `trio_echo.observe.kernel`."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from trio_echo.observe.kernel import sockdiag
from trio_echo.observe.kernel.sockets import SocketRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_PROC = Path("/proc")


class HostTables:
    """What sock_diag(7) lists on a host. It does not say who owns a socket: /proc does.

    Args:
        open_netlink: opens a netlink socket for sock_diag on the host.
        addresses: the host's own.
    """

    def __init__(self, open_netlink: Callable[[], socket.socket], addresses: Iterable[str]) -> None:
        self._open_netlink = open_netlink
        self._addresses = set(addresses)

    def rows(self) -> tuple[list[SocketRow], str]:
        """Return all TCP sockets that have a port and are not idle."""
        found = [one for one in self.queues() if one.state != "CLOSE"]
        owners = _owners({one.inode for one in found if one.inode})
        rows = []
        for one in found:
            pid, descriptor = owners.get(one.inode, (None, None))
            rows.append(
                SocketRow(
                    family=socket.AF_INET6 if ":" in one.local.host else socket.AF_INET,
                    state=one.state,
                    local=one.local,
                    remote=one.remote,
                    process_id=pid,
                    descriptor=descriptor,
                )
            )
        return rows, ""

    def queues(self) -> list[sockdiag.Queues]:
        """Return the queues of all TCP sockets."""
        with self._open_netlink() as netlink:
            return sockdiag.read(netlink)

    def addresses(self) -> set[str]:
        """Return the host's own addresses."""
        return self._addresses


def _owners(inodes: set[int]) -> dict[int, tuple[int, int]]:
    """Find for each socket a process that has it, and its descriptor there: this one first."""
    owners: dict[int, tuple[int, int]] = {}
    for pid in _processes():
        if inodes <= owners.keys():
            break
        with suppress(OSError):  # it has ended, or it is another user's
            for one in (_PROC / str(pid) / "fd").iterdir():
                inode = _socket_inode(one)
                if inode in inodes:
                    owners.setdefault(inode, (pid, int(one.name)))
    return owners


def _processes() -> Iterator[int]:
    yield os.getpid()
    yield from (int(one.name) for one in _PROC.iterdir() if one.name.isdecimal())


def _socket_inode(descriptor: Path) -> int | None:
    with suppress(OSError):  # it was closed
        target = str(descriptor.readlink())  # such as socket:[4711]
        if target.startswith("socket:["):
            return int(target[len("socket:[") : -1])
    return None
