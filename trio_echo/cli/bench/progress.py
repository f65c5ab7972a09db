"""The progress of `bench`, on standard error."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.live import Live as Area
from rich.text import Text

from trio_echo.quantities import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from trio_echo.measure.live import Second
    from trio_echo.measure.session import Session

# Seconds between two lines of progress if there is no terminal to draw on.
_INTERVAL = 5.0
# The rates of so many seconds are drawn.
_DRAWN = 24
_BARS = "▁▂▃▄▅▆▇█"


class Progress:
    """One line in place on a terminal, new each second; otherwise a line now and then."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._first: tuple[float, int] | None = None
        self._began = self._said_at = time.monotonic()
        self._said_kept = False
        self._rates: deque[float] = deque(maxlen=_DRAWN)
        self._console = Console(stderr=True)
        self._area: Area | None = None
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._area = Area(
                self._line([]), console=self._console, auto_refresh=False, transient=True
            )

    @property
    def watcher(self) -> Callable[[Second], object] | None:
        """What shows each second of a round; `None` if there is no terminal."""
        return None if self._area is None else self._show

    def __enter__(self) -> Self:
        if self._area is not None:
            self._area.start(refresh=True)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._area is not None:
            with suppress(OSError):
                self._area.stop()

    def update(self) -> None:
        """Show progress, if it can be shown. The measurement goes on in any case."""
        with suppress(OSError):
            if not self._said_kept and self._session.keep > 0 and self._session.full:
                self._said_kept = True
                # Above the line of live numbers, if there is one.
                self._console.print(
                    f"the run has more than {self._session.keep:,} messages (--keep-samples): "
                    "this round goes into histograms",
                    highlight=False,
                    soft_wrap=True,
                )
            if self._area is None:
                self._say()

    def _say(self) -> None:
        now, done = time.monotonic(), len(self._session.done)
        messages, words = self._session.messages, []
        if messages == 0 or self._first is None:
            self._first = (now, messages) if messages else None  # the warm-up does not count
        elif now > self._first[0]:
            rate = (messages - self._first[1]) / (now - self._first[0])
            words.append(f"{rate:,.0f} {self._session.workloads[0].unit}/s")
        if done and (last := self._session.done[-1].summary.round_trip_ns) is not None:
            words += [
                f"{name} {duration(last.percentiles[name])}"
                for name in ("p50", "p99")
                if name in last.percentiles
            ]
        if now - self._said_at >= _INTERVAL:
            self._said_at = now
            click.echo(", ".join([self._round, *words]), err=True)

    def _show(self, second: Second) -> None:
        """Show a second of a round, if it can be shown."""
        self._rates.append(second.messages_per_second)
        words = [f"{second.messages_per_second:,.0f} {second.workload.unit}/s"]
        if failed := sum(second.failures.values()):
            words.append(f"{failed:,} failed")
        times = {"p50": second.p50_ns, "p99": second.p99_ns}
        if second.workload.rate is not None:
            times = {"p50": second.from_intended_p50_ns, "p99": second.from_intended_p99_ns}
        words += [f"{name} {duration(one)}" for name, one in times.items() if one is not None]
        words += [self._sparkline(), self._left(second)]
        if self._area is not None:
            with suppress(OSError):
                self._area.update(self._line(filter(None, words)), refresh=True)

    @property
    def _round(self) -> str:
        which = min(len(self._session.done) + 1, len(self._session))
        return f"round {which} of {len(self._session)}"

    def _line(self, words: Iterable[str]) -> Text:
        """Put together what fits on one line, the most important first."""
        line = self._round
        for one in words:
            if len(line) + 2 + len(one) < self._console.width:
                line += f"  {one}"
        return Text(line, no_wrap=True, overflow="crop")

    def _sparkline(self) -> str:
        """Draw the rates of the latest seconds, if the terminal can show that."""
        try:
            _BARS.encode(self._console.encoding)
        except UnicodeEncodeError:
            return ""
        most = max(self._rates, default=0) or 1
        return "".join(_BARS[round(one / most * (len(_BARS) - 1))] for one in self._rates)

    def _left(self, second: Second) -> str:
        """Say how long the run still takes, if it goes on as it did."""
        done = float(len(self._session.done))
        if second.workload.duration is not None:
            done += min((second.second + second.seconds) / second.workload.duration, 1.0)
        elapsed = time.monotonic() - self._began
        if not done:
            return ""
        left = elapsed * max(len(self._session) - done, 0.0) / done
        return f"{timedelta(seconds=round(left))} left"
