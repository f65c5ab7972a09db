"""What `bench` does: run the rounds, keep the results, report them."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, NamedTuple

import click
import trio

from trio_echo.errors import SocketCallError, ungrouped
from trio_echo.measure.results import files
from trio_echo.measure.serving import served
from trio_echo.measure.session import Session, named
from trio_echo.screen.text import safe

from .plot import draw
from .progress import Progress
from .report import report
from .signals import receive_stop_signals

if TYPE_CHECKING:
    from pathlib import Path

    from trio_echo.addresses import Endpoint
    from trio_echo.measure.load.workload import Samples, Workload
    from trio_echo.measure.results.run import Run


class Asked(NamedTuple):
    """What to measure.

    Attributes:
        targets: servers; empty with `serve`.
        serve: measure this package's server.
        workloads: the cells of the sweep.
        rounds: how many with each target and workload.
        timeout: seconds without an echo after which a connection has failed.
    """

    targets: list[Endpoint]
    serve: bool
    workloads: list[Workload]
    rounds: int
    timeout: float


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


async def run(asked: Asked, kept: Files) -> int:
    """Measure, report, and return the exit status.

    Raises:
        OSError: a file cannot be written.
        SocketCallError: of `getaddrinfo()`: there is no such host; of `bind()`: no server started;
            of `connect()`: the target of the first round takes no connection.
    """
    session: Session | None = None
    refused: SocketCallError | None = None
    starting, stop = trio.CancelScope(), trio.Event()
    # Signals from the first moment on, so that one of them ends what was started by then.
    with ungrouped(OSError):
        async with trio.open_nursery() as nursery, AsyncExitStack() as stack:
            await nursery.start(_stop_on_signal, starting, stop)
            with starting:
                session = await _prepared(asked, stack)
            if session is not None:
                with Progress(session) as shown:
                    try:
                        await session.run(progress=shown.update, stop=stop)
                    except SocketCallError as exc:
                        if not session.done:
                            raise
                        refused = exc
            nursery.cancel_scope.cancel()
    if session is None or not session.done:
        click.echo("partial: the run ended before its first round did")
        return 1
    result = session.results()
    try:
        _keep(kept, result, session.samples)
    finally:  # files may fail to be written, and so may the screen
        for line in report(result):
            click.echo(line)
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


async def _prepared(asked: Asked, stack: AsyncExitStack) -> Session:
    """Resolve the targets; start the server if asked, for as long as the stack lasts."""
    targets = asked.targets
    if asked.serve:
        targets = await stack.enter_async_context(served())
    return Session(
        targets=[await named(target) for target in targets],
        workloads=asked.workloads,
        rounds=asked.rounds,
        timeout=asked.timeout,
    )


async def _stop_on_signal(
    starting: trio.CancelScope,
    stop: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    with receive_stop_signals(hang_up=True) as signals:
        task_status.started()
        async for _ in signals:
            starting.cancel()
            stop.set()
