"""Notebook cells in Trio: what `%load_ext trio_echo` does, in Jupyter and in IPython.

Each cell is the main task of its own `trio.run`, even without `await`, so that
`trio.socket.socket()` or `trio.current_time()` work in every cell. Sockets and streams live on from
cell to cell; nurseries and tasks end with their cell. Whatever must run between cells, such as a
server, needs its own loop: `trio_echo.BackgroundServer`, `trio_echo.lan.BackgroundHosts`.
Interrupting a cell raises `KeyboardInterrupt` in it.

The cell with `%load_ext` itself still runs as before, and so does code outside cells: a widget's
callback may call `trio.run`, as any program does. A cell must not call such a callback, as
`ipywidgets.interact` does for its first picture: there, `await` the same function.
"""

from __future__ import annotations

from bdb import BdbQuit
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from IPython.core.interactiveshell import InteractiveShell

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CellRunner:
    """Runs a cell in Trio, and remembers the earlier runners.

    Attributes:
        loop_runner: IPython's own runner for cells with `await`.
        autoawait: whether cells could use `await`.
        trio_runner: another extension's runner for all cells.
    """

    loop_runner: object
    autoawait: bool
    trio_runner: object

    def __call__(self, cell: Coroutine[Any, Any, T]) -> T:
        """Run a cell, which IPython passes as a coroutine, to its end."""
        if trio.lowlevel.in_trio_run():
            return _run_without_loop(cell)

        async def main() -> T:
            trio.lowlevel.current_task().name = "cell"  # for pictures of the task tree
            return await cell

        return trio.run(main)


def _run_without_loop(cell: Coroutine[Any, Any, T]) -> T:
    """Run a cell inside a cell, such as the rest of a cell that begins with `%%capture`."""
    try:
        cell.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    with suppress(StopIteration):
        cell.throw(BdbQuit())  # IPython would show any other exception, also that of close()
    cell.close()
    raise RuntimeError("a cell inside a cell cannot wait: move its await out of it")


def load(shell: InteractiveShell) -> None:
    """Run every cell in Trio from now on. A second call does nothing.

    Raises:
        RuntimeError: this is not an IPython shell.
    """
    if not hasattr(shell, "set_trio_runner"):
        raise RuntimeError(
            "only Jupyter and IPython run cells: write %load_ext trio_echo in a notebook"
        )
    if isinstance(shell.trio_runner, CellRunner):
        return
    runner = CellRunner(shell.loop_runner, shell.autoawait, shell.trio_runner)
    # Jupyter's kernel runs a cell with `await` in asyncio, unless another runner is set; IPython
    # itself prefers the Trio runner, for all cells.
    shell.loop_runner = runner
    shell.autoawait = True
    shell.set_trio_runner(runner)


def unload(shell: InteractiveShell) -> None:
    """Run cells as before `load`."""
    runner = shell.trio_runner
    if isinstance(runner, CellRunner):
        shell.loop_runner = runner.loop_runner
        shell.autoawait = runner.autoawait
        shell.set_trio_runner(runner.trio_runner)
