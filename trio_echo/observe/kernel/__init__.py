"""The kernel's view of sockets: its tables, their queues, and what changes in them."""

from __future__ import annotations

from .calls import Calls
from .changes import Changes, changes
from .congestion import Sample, sampled
from .snapshot import SocketLike, snapshot, until
from .sockets import Snapshot, SocketRow
from .watch import Look, Watch

__all__ = [
    "Calls",
    "Changes",
    "Look",
    "Sample",
    "Snapshot",
    "SocketLike",
    "SocketRow",
    "Watch",
    "changes",
    "sampled",
    "snapshot",
    "until",
]
