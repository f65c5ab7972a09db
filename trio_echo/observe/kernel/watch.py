"""Repeated looks at the same sockets: what changed since the last look, and what is there now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .changes import Changes, changes
from .interest import Interest
from .snapshot import look
from .sockets import Snapshot
from .tables import OWN_TABLES, Tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .snapshot import SocketLike


@dataclass(frozen=True, slots=True, repr=False)
class Look:
    """One look; shown as the changes and the table.

    Attributes:
        changes: what changed since the last look.
        snapshot: the sockets now.
    """

    changes: Changes
    snapshot: Snapshot

    def __repr__(self) -> str:
        return f"{self.changes}\n{self.snapshot}"

    def _repr_html_(self) -> str:
        return self.changes._repr_html_() + self.snapshot._repr_html_()


class Watch:
    """Looks at the same sockets repeatedly and reports what changed.

    What a closed socket leaves in the kernel's tables is still shown.

    Args:
        ports: as for `snapshot`.
        sockets: as for `snapshot`.
    """

    def __init__(self, /, *ports: int, **sockets: SocketLike) -> None:
        self._begin(OWN_TABLES, ports, sockets)

    @classmethod
    def on(cls, tables: Tables, /, *ports: int, **sockets: SocketLike) -> Watch:
        """Watch the sockets of another system, such as a host's of `trio_echo.lan`."""
        watch = cls.__new__(cls)
        watch._begin(tables, ports, sockets)  # noqa: SLF001  its own
        return watch

    def _begin(
        self, tables: Tables, ports: Sequence[int], sockets: Mapping[str, SocketLike]
    ) -> None:
        self._tables = tables
        self._interest = Interest(*ports)
        self._sockets = sockets
        self._last = Snapshot(())
        if ports or sockets:
            self._last = look(self._interest, sockets, tables)

    def look(self, /, **sockets: SocketLike) -> Look:
        """Take a snapshot and list what changed since the last one.

        Args:
            sockets: more sockets to show from now on, by these names. A name that was in use is
                given to the new socket.
        """
        self._sockets = {**self._sockets, **sockets}
        before, self._last = self._last, look(self._interest, self._sockets, self._tables)
        return Look(changes(before, self._last), self._last)
