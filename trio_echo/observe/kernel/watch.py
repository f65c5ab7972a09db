"""Look at the same sockets again and again: what has changed since, and what is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .interest import Interest
from .snapshot import Changes, Snapshot, changes, look

if TYPE_CHECKING:
    from .snapshot import SocketLike


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
    """Keeps the names of sockets, what was of interest, and the snapshot of the last look.

    What a closed socket leaves in the kernel's tables stays in sight.

    Args:
        ports: as for `snapshot`.
        sockets: likewise.
    """

    def __init__(self, /, *ports: int, **sockets: SocketLike) -> None:
        self._interest = Interest(*ports)
        self._sockets = sockets
        self._last = look(self._interest, sockets) if ports or sockets else Snapshot(())

    def look(self, /, **sockets: SocketLike) -> Look:
        """Take a snapshot, and say what has changed since the last one.

        Args:
            sockets: further sockets, shown by these names from now on. A name that is given to
                another socket stands for that one from now on.
        """
        self._sockets = {**self._sockets, **sockets}
        before, self._last = self._last, look(self._interest, self._sockets)
        return Look(changes(before, self._last), self._last)
