"""Connects to a Dask scheduler, or starts a cluster on this machine."""

from __future__ import annotations

import asyncio
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

import trio
from distributed import Client, LocalCluster

from .calling import event_loop, in_loop
from .errors import ClusterError, line
from .executor import PATIENCE, on_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .executor import ClusterExecutor

LOCAL = "local"
"""In place of an address: a cluster of processes of this machine."""


@asynccontextmanager
async def connected(address: str, *, patience: float = PATIENCE) -> AsyncIterator[ClusterExecutor]:
    """Run parts on a cluster.

    Args:
        address: of the scheduler, such as `tcp://10.0.0.1:8786`; or `LOCAL`.
        patience: as for `on_cluster`; also seconds for the scheduler to answer.

    Raises:
        ClusterError: it cannot be reached; or as `on_cluster`.
    """
    async with event_loop() as loop:
        stack = AsyncExitStack()
        try:
            client = await in_loop(loop, _open, stack, address, patience)
            async with on_cluster(client, patience=patience) as executor:
                yield executor
        finally:
            with trio.CancelScope(shield=True):
                await in_loop(loop, stack.aclose)


async def _open(stack: AsyncExitStack, address: str, patience: float) -> Client:
    """Connect, and let the stack close what was opened, also if this fails."""
    target: str | LocalCluster = address
    if address == LOCAL:
        if sys.platform != "win32":
            # Ctrl-C is not for the workers: they inherit this thread's mask. The preload below is
            # too late for a Ctrl-C while they start. Python's resource tracker clears the mask when
            # it starts, so it starts first.
            resource_tracker.ensure_running()
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        target = LocalCluster(
            asynchronous=True,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
            preload=[f"{__package__}.apart"],
        )
        stack.push_async_exit(target)
        started = asyncio.ensure_future(target)
        # A cluster cannot be closed while it starts.
        stack.push_async_callback(asyncio.wait, [started])
        await asyncio.shield(started)
    try:
        client = Client(target, asynchronous=True, timeout=patience, set_as_default=False)
        stack.push_async_exit(client)
        async with asyncio.timeout(patience):  # Dask's limit ends when the connection is open
            await client
    except (OSError, ValueError) as exc:  # the second one: of an address that is not valid
        why = line(exc) if str(exc) else f"no answer within {patience:g} s"
        raise ClusterError(f"no Dask scheduler at {address}: {why}") from None
    except Exception as exc:  # noqa: BLE001  another server's bytes raise anything in Dask
        why = f"its answer is not that of one ({line(exc)})"
        raise ClusterError(f"no Dask scheduler at {address}: {why}") from None
    return client
