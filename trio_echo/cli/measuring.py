"""What `bench` does: run the rounds, show progress, report the results."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import click
import trio
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from trio_echo.errors import SocketCallError, ungrouped
from trio_echo.measure.quantities import duration, size
from trio_echo.measure.results import files
from trio_echo.measure.results.remarks import remarks
from trio_echo.measure.results.run import Cell, Run, labels
from trio_echo.measure.serving import served
from trio_echo.measure.session import Session, named
from trio_echo.screen.text import safe

from .counting import counted
from .plot import draw
from .signals import receive_stop_signals

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from trio_echo.addresses import Endpoint
    from trio_echo.lan.options import Wire
    from trio_echo.measure.load.workload import Samples, Workload
    from trio_echo.measure.wired import Wired

# Seconds between two lines of progress if there is no terminal to draw a bar on.
_INTERVAL = 5.0


class Asked(NamedTuple):
    """What to measure.

    Attributes:
        targets: servers; empty with `serve`.
        serve: measure a server of this package.
        wire: the cable between it and the load, if there is one.
        workloads: the cells of the sweep.
        rounds: how many with each target and workload.
        timeout: seconds without an echo after which a connection has failed; `None` for what suits
            the cable.
    """

    targets: list[Endpoint]
    serve: bool
    wire: Wire | None
    workloads: list[Workload]
    rounds: int
    timeout: float | None


class Files(NamedTuple):
    """Where to write the results.

    Attributes:
        output: as JSON, with the raw samples beside it.
        csv: as a table.
        plot: as a page of pictures.
    """

    output: Path | None
    csv: Path | None
    plot: Path | None


async def measure(asked: Asked, kept: Files) -> int:
    """Measure, report, and return the exit status.

    Raises:
        OSError: a file cannot be written.
        SocketCallError: of `getaddrinfo()`: there is no such host; of `bind()`: no server started;
            of `connect()`: the target of the first round takes no connection.
        LanError: there can be no cable.
    """
    session: Session | None = None
    refused: SocketCallError | None = None
    crossed = ""
    starting, stop = trio.CancelScope(), trio.Event()

    async def stop_on_signal(*, task_status: trio.TaskStatus[None]) -> None:
        with receive_stop_signals(hang_up=True) as signals:
            task_status.started()
            async for _ in signals:
                stop.set()
                if session is None:
                    starting.cancel()

    # Signals from the first moment on, so that one of them ends what was started by then.
    with ungrouped(Exception):
        async with trio.open_nursery() as nursery:
            await nursery.start(stop_on_signal)
            with starting:
                async with _servers(asked) as (targets, far):
                    session = Session(
                        targets=[await named(target) for target in targets],
                        workloads=asked.workloads,
                        rounds=asked.rounds,
                        timeout=asked.timeout,
                        wired=far,
                    )
                    with _Shown(session) as shown:
                        try:
                            await session.run(progress=shown.update, stop=stop)
                        except SocketCallError as exc:
                            if not session.done:
                                raise
                            refused = exc
                    if far is not None:
                        crossed = counted(far.net)
            nursery.cancel_scope.cancel()
    if session is None or not session.done:
        click.echo("partial: the run ended before its first round did")
        return 1
    result = session.results()
    try:
        _keep(kept, result, session.samples)
    finally:  # files may fail to be written, and so may the screen
        for line in _report(result):
            click.echo(line)
        if crossed:
            click.echo(crossed)
        if refused is not None:
            click.echo(safe(str(refused)), err=True)
    silent = any(cell.silent_rounds for cell in result.cells)
    return 1 if result.partial or result.failures or silent else 0


def _keep(kept: Files, result: Run, samples: list[Samples]) -> None:
    """Write every file that can be written.

    Raises:
        OSError: one cannot.
    """
    with ExitStack() as all_of_them:  # each is tried, even if another one fails
        if kept.plot is not None:
            all_of_them.callback(draw, kept.plot, result, samples)
        if kept.csv is not None:
            all_of_them.callback(files.write_csv, kept.csv, result)
        if kept.output is not None:
            all_of_them.callback(files.write, kept.output, result, samples)


@asynccontextmanager
async def _servers(asked: Asked) -> AsyncIterator[tuple[list[Endpoint], Wired | None]]:
    """Start the server if asked; yields the targets, and the cable before them."""
    if asked.wire is not None:
        from trio_echo.measure.wired import wired  # when it is needed: it takes long

        if (warning := asked.wire.warning) is not None:
            click.echo(warning, err=True)
        async with wired(asked.wire) as far:
            yield far.targets, far
    elif asked.serve:
        async with served() as targets:
            yield targets, None
    else:
        yield asked.targets, None


class _Shown:
    """Progress on standard error: a bar on a terminal, otherwise a line now and then."""

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
            self._bar.update(self._task, completed=done, description=", ".join(words), refresh=True)
        elif now - self._said_at >= _INTERVAL:
            self._said_at = now
            which = min(done + 1, len(self._session))
            click.echo(", ".join([f"round {which} of {len(self._session)}", *words]), err=True)


def _failures(result: Run, names: Sequence[str]) -> list[str]:
    """Say how many connections failed, and if there are several targets, of which."""
    counts: Counter[tuple[int, str]] = Counter()
    for one in result.rounds:
        for kind, count in one.summary.failures.items():
            counts[one.target, kind] += count
    several = len(names) > 1
    return [
        f"{safe(names[target])}, failed: {count} x {safe(kind)}"
        if several
        else f"failed: {count} x {safe(kind)}"
        for (target, kind), count in sorted(counts.items())
    ]


def _missing(result: Run, cell: Cell) -> str:
    """Say how many rounds and connections of a cell had no answer; "" if all had."""
    which = cell.target, cell.workload
    rounds = [one for one in result.rounds if (one.target, one.workload) == which]
    if not any(one.summary.messages for one in rounds):
        return "nothing came back"
    said = []
    if cell.silent_rounds:
        said.append(f"nothing came back in {cell.silent_rounds} of {len(rounds)} rounds")
    if failed := sum(sum(one.summary.failures.values()) for one in rounds):
        asked = result.workloads[cell.workload].connections * len(rounds)
        said.append(f"{failed:,} of {asked:,} connections failed")
    return ", ".join(said)


def _report(result: Run) -> list[str]:
    """Write the report: a line for each target and workload, then the comparisons."""
    names = labels(result.targets)
    lines = []
    incomplete: set[tuple[int, int]] = set()
    for cell in result.cells:
        asked = result.workloads[cell.workload]
        words = [f"{safe(names[cell.target])}, {asked.connections} x {size(asked.size)}:"]
        rate = cell.messages_per_second
        if missing := _missing(result, cell):
            incomplete.add((cell.target, cell.workload))
            words.append(missing)
        if missing == "nothing came back":
            lines.append(" ".join(words))
            continue
        if missing:
            words[-1] += "; what came back:"
        if rate is None:
            words.append("too few messages")
        else:
            words.append(f"{rate.median:,.0f} messages/s")
        if rate and rate.median and rate.interval is not None:
            words.append(f"({rate.interval.low:,.0f} to {rate.interval.high:,.0f})")
        for kind, estimates in (
            ("round trip", cell.round_trip_ns),
            ("from the intended start", cell.from_intended_ns),
        ):
            if estimates:
                times = ", ".join(
                    f"{name} {duration(one.median)}" for name, one in estimates.items()
                )
                words.append(f"{kind} {times}")
        lines.append(" ".join(words))
    several = len({one.connections for one in result.workloads}) > 1
    for one in result.comparisons:
        asked = result.workloads[one.workload]
        which = f"{asked.connections} x {size(asked.size)}" if several else f"{size(asked.size)}"
        line = f"{which}: {safe(one.comparison.sentence())}"
        if incomplete & {(one.target, one.workload), (one.baseline, one.workload)}:
            line += "; but not every connection answered"
        lines.append(line)
    if result.wire is not None:
        lines.append(f"wire: {result.wire or 'a perfect cable'}")
    lines += [safe(one) for one in remarks(result)]
    # In a closed loop, each round ends with messages under way.
    open_loops = [one for one in result.rounds if result.workloads[one.workload].rate is not None]
    due = sum(one.summary.messages + one.summary.unanswered for one in open_loops)
    if unanswered := sum(one.summary.unanswered for one in open_loops):
        lines.append(f"unanswered when its round ended: {unanswered:,} of {due:,}")
    lines += _failures(result, names)
    if any(one.cut for one in result.rounds):
        lines.append("the last round was cut short: it counts only where it has enough messages")
    if result.partial:
        lines.append("partial: the run ended early")
    return lines
