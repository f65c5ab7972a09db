"""The kernel's view of sockets: its tables, their queues, and what changes in them."""

from __future__ import annotations

from .calls import Calls
from .changes import Changes, changes
from .snapshot import SocketLike, snapshot, until
from .sockets import Snapshot, SocketRow
from .watch import Look, Watch

__all__ = [
    "Calls",
    "Changes",
    "Look",
    "Snapshot",
    "SocketLike",
    "SocketRow",
    "Watch",
    "changes",
    "snapshot",
    "until",
]
