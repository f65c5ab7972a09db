"""Look at the same sockets again and again: what has changed since, and what is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .kernel import Changes, Snapshot, changes, snapshot

if TYPE_CHECKING:
    from .kernel import SocketLike


@dataclass(frozen=True, slots=True, repr=False)
class Look:
    """One look; it is shown as the sentences and the table.

    Attributes:
        changes: what has changed since the look before.
        snapshot: what there is now.
    """

    changes: Changes
    snapshot: Snapshot

    def __repr__(self) -> str:
        return f"{self.changes}\n{self.snapshot}"

    def _repr_html_(self) -> str:
        return self.changes._repr_html_() + self.snapshot._repr_html_()


class Watch:
    """Keeps the names of sockets, their ports, and the snapshot of the last look.

    A port that a socket once had stays in sight when the socket is closed.

    Args:
        ports: as for `snapshot`.
        sockets: likewise.
    """

    def __init__(self, /, *ports: int, **sockets: SocketLike) -> None:
        self._ports = set(ports)
        self._sockets = sockets
        self._last = self._snapshot() if ports or sockets else Snapshot(())

    def look(self, /, **sockets: SocketLike) -> Look:
        """Take a snapshot, and say what has changed since the last one.

        Args:
            sockets: further sockets, shown by these names from now on. A name that is given to
                another socket stands for that one from now on.
        """
        self._sockets = {**self._sockets, **sockets}
        before, self._last = self._last, self._snapshot()
        return Look(changes(before, self._last), self._last)

    def _snapshot(self) -> Snapshot:
        taken = snapshot(*self._ports, **self._sockets)
        for row in taken.rows:
            if row.name is not None:
                self._ports |= {end.port for end in (row.local, row.remote) if end is not None}
        return taken
