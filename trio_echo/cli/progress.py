"""The progress of `bench`, on standard error."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from trio_echo.quantities import duration

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from trio_echo.measure.session import Session

# Seconds between two lines of progress if there is no terminal to draw a bar on.
_INTERVAL = 5.0


class Progress:
    """A bar on a terminal, otherwise a line now and then."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._first: tuple[float, int] | None = None
        self._said_at = time.monotonic()
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("round"),
            MofNCompleteColumn(),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=console,
            disable=not console.is_terminal,
            auto_refresh=False,
            transient=True,
        )
        self._task = self._bar.add_task("", total=len(session))

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._bar.stop()

    def update(self) -> None:
        """Show progress, if it can be shown. The measurement goes on in any case."""
        with suppress(OSError):
            self._update()

    def _update(self) -> None:
        now, done = time.monotonic(), len(self._session.done)
        messages, words = self._session.messages, []
        if messages == 0 or self._first is None:
            self._first = (now, messages) if messages else None  # the warm-up does not count
        elif now > self._first[0]:
            rate = (messages - self._first[1]) / (now - self._first[0])
            words.append(f"{rate:,.0f} messages/s")
        if done and (last := self._session.done[-1].summary.round_trip_ns) is not None:
            words += [
                f"{name} {duration(last.percentiles[name])}"
                for name in ("p50", "p99")
                if name in last.percentiles
            ]
        if self._bar.console.is_terminal:
            self._bar.update(
                self._task,
                total=len(self._session),
                completed=done,
                description=", ".join(words),
                refresh=True,
            )
        elif now - self._said_at >= _INTERVAL:
            self._said_at = now
            which = min(done + 1, len(self._session))
            click.echo(", ".join([f"round {which} of {len(self._session)}", *words]), err=True)
