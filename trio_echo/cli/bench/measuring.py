"""What `bench` does: run the rounds, keep the results, report them."""

from __future__ import annotations

from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import trio

from trio_echo.errors import SocketCallError, ungrouped
from trio_echo.measure.cluster.errors import ClusterError
from trio_echo.measure.results import files
from trio_echo.measure.search import Search
from trio_echo.measure.serving import served
from trio_echo.measure.session import Session, named
from trio_echo.screen.text import safe

from ..counting import counted
from ..plot import draw
from ..signals import receive_stop_signals
from .json_lines import written
from .progress import Progress
from .report import report
from .verdicts import verdicts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio_echo.addresses import Endpoint
    from trio_echo.certificates import CertificateFiles
    from trio_echo.lan.options import Wire
    from trio_echo.measure.cluster.executor import ClusterExecutor
    from trio_echo.measure.load.connections.tls import Tls
    from trio_echo.measure.load.workload import Samples, Workload
    from trio_echo.measure.results.run import Run
    from trio_echo.measure.wired import Wired

    from .json_lines import Lines
    from .options.demands import Demands


class Asked(NamedTuple):
    """What to measure.

    Attributes:
        targets: servers; empty with `serve`.
        serve: measure this package's server.
        wire: the cable between it and the load, if there is one.
        workloads: the cells of the sweep.
        rounds: how many with each target and workload.
        timeout: seconds without an echo after which a connection has failed; `None` for what suits
            the cable.
        tls: how the load uses TLS; `None` if it does not.
        certificates: of the server that is started, for TLS.
        keep: of how many messages every time is kept.
        payload: what messages consist of; random bytes if it is empty.
        demands: what the measurement must find or prove.
        cluster: the Dask scheduler whose workers make the load; `None` for this machine.
        spread: on a cluster, run a part of each load on each worker.
    """

    targets: list[Endpoint]
    serve: bool
    wire: Wire | None
    workloads: list[Workload]
    rounds: int
    timeout: float | None
    tls: Tls | None
    certificates: CertificateFiles | None
    keep: int
    payload: bytes
    demands: Demands
    cluster: str | None
    spread: bool


class Files(NamedTuple):
    """Where to write the results.

    Attributes:
        output: as JSON, with the raw samples beside it.
        csv: as a table.
        plot: as a page of pictures.
        lines: for a line of JSON each second.
        aside: whether the report goes to standard error, because the lines are on standard output.
    """

    output: Path | None
    csv: Path | None
    plot: Path | None
    lines: Lines | None
    aside: bool


async def run(asked: Asked, kept: Files) -> int:
    """Measure, report, and return the exit status.

    Raises:
        OSError: a file cannot be written.
        SocketCallError: of `getaddrinfo()`: there is no such host; of `bind()`: no server started;
            of `connect()`: the target of the first round takes no connection.
        ClusterError: the cluster cannot run the load.
        LanError: there can be no cable.
        click.UsageError: the baseline was measured in another way.
    """
    session: Session | None = None
    refused: SocketCallError | ClusterError | None = None
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
                async with _servers(asked) as (targets, far), _cluster(asked) as executor:
                    known = [await named(target, tls=asked.tls) for target in targets]
                    wire = None if far is None else str(far.wire)
                    workloads = asked.workloads
                    if executor is not None and asked.spread:
                        workloads = [executor.spread(one) for one in workloads]
                    asked.demands.check_baseline(
                        known, workloads, wire=wire, tls=asked.tls is not None
                    )
                    session = _session(
                        asked.demands,
                        targets=known,
                        workloads=workloads,
                        rounds=asked.rounds,
                        timeout=asked.timeout,
                        tls=asked.tls,
                        wired=far,
                        keep=asked.keep,
                        payload=asked.payload,
                        executor=executor,
                    )
                    refused = await _rounds(session, kept.lines, stop)
                    if far is not None:
                        crossed = counted(far.net)
            nursery.cancel_scope.cancel()
    if session is None or not session.done:
        click.echo("partial: the run ended before its first round did", err=kept.aside)
        return 1
    result = session.results()
    try:
        _keep(kept, result, session.samples)
    finally:  # files may fail to be written, and so may the screen
        for line in report(result):
            click.echo(line, err=kept.aside)
        judged = verdicts(result, asked.demands)
        for line in judged.lines:
            click.echo(line, err=kept.aside)
        if crossed:
            click.echo(crossed, err=kept.aside)
        if refused is not None:
            click.echo(safe(str(refused)), err=True)
        for line in judged.unmet:
            click.echo(line, err=True)
    incomplete = kept.lines is not None and kept.lines.incomplete
    if incomplete or _failed(result, asked.demands):
        return 1
    return 3 if judged.unmet else 0


def _session(demands: Demands, **options: Any) -> Session:
    """Make a measurement, or one that searches."""
    if demands.search is None:
        return Session(**options)
    return Search(requirement=demands.search, **options)


def _failed(result: Run, demands: Demands) -> bool:
    """Return whether something went wrong that no requirement judges."""
    if result.partial or result.searches:  # a search loads a server until it fails
        return result.partial
    silent = any(cell.silent_rounds for cell in result.cells)
    return silent or bool(result.failures and not demands.accepts_failures)


async def _rounds(
    session: Session, lines: Lines | None, stop: trio.Event
) -> SocketCallError | ClusterError | None:
    """Run the rounds, and show how they go on; returns what ended them after the first round.

    Raises:
        SocketCallError: of `connect()`: the target of the first round takes no connection.
        ClusterError: a machine of the load is gone in the first round.
    """
    async with written(lines) as write:
        with Progress(session) as shown:
            watchers = [one for one in (shown.watcher, write) if one is not None]
            if watchers:
                session.watch = lambda second: [watch(second) for watch in watchers]
            try:
                await session.run(progress=shown.update, stop=stop)
            except (SocketCallError, ClusterError) as exc:
                if not session.done:
                    raise
                return exc
    return None


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
        from trio_echo.measure.wired import wired  # only when needed: it is slow

        if (warning := asked.wire.warning) is not None:
            click.echo(warning, err=True)
        async with wired(asked.wire, certificates=asked.certificates) as far:
            yield far.targets, far
    elif asked.serve:
        async with served(certificates=asked.certificates) as targets:
            yield targets, None
    else:
        yield asked.targets, None


@asynccontextmanager
async def _cluster(asked: Asked) -> AsyncIterator[ClusterExecutor | None]:
    """Connect to the cluster, if there is one."""
    if asked.cluster is None:
        yield None
        return
    from trio_echo.measure.cluster.connecting import connected  # when it is needed: it takes Dask

    async with connected(asked.cluster) as executor:
        yield executor
