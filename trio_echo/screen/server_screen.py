"""A server's screen: what becomes of an event on its way to the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from trio_echo.events import is_essential

from .display import Screen
from .folding import Folding
from .pacing import Pacing
from .transcript import Transcript

if TYPE_CHECKING:
    from trio_echo.events import Connection, ServerEvent
    from trio_echo.relay import BaseRelay

    from .json_lines import JsonLines


class ServerScreen(Screen):
    """A screen for the events of a server. In text, silent clients share a line.

    Args:
        form: turns events into lines.
        quiet: show only the events that are `is_essential`.
        paced: show no more than a person can follow.
    """

    def __init__(self, form: Transcript | JsonLines, *, quiet: bool, paced: bool) -> None:
        super().__init__(form)
        self._is_quiet = quiet
        self._pacing = Pacing(self.post) if paced else None
        self._last = self.post if self._pacing is None else self._pacing.put
        self._folding = Folding(self._last)
        self._first = self._folding.put if isinstance(form, Transcript) else self._last

    def observe(self, event: ServerEvent) -> None:
        """Show an event now or later, or count it."""
        if not self._is_quiet or is_essential(event):
            self._first(event)

    def take_over(self, connection: Connection, relay: BaseRelay) -> None:
        """Show what else a client sends; see `serve(take_over=)`."""
        if self._pacing is not None:
            self._pacing.take_over(connection, relay)
        else:
            super().take_over(connection, relay)

    async def run(self) -> None:
        """Show what is observed and posted, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._folding.run)
            if self._pacing is not None:
                nursery.start_soon(self._pacing.run)
            await super().run()

    async def flush(self) -> None:
        """Wait until everything is on the screen, also what was counted."""
        self._folding.flush()
        if self._pacing is not None:
            self._pacing.flush()
        await super().flush()
