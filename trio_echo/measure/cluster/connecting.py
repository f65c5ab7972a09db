"""Connects to a Dask scheduler, or starts a cluster on this machine."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import trio
from distributed import Client, LocalCluster

from .errors import ClusterError
from .executor import on_cluster

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .executor import ClusterExecutor

LOCAL = "local"
"""In place of an address: a cluster of processes of this machine."""

# Seconds for the scheduler to answer, and for what was started to end.
_PATIENCE = 10.0


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[ClusterExecutor]:
    """Run parts on a cluster.

    Args:
        address: of the scheduler, such as `tcp://10.0.0.1:8786`; or `LOCAL`.

    Raises:
        ClusterError: it cannot be reached; or as `on_cluster`.
    """
    if address != LOCAL:
        async with _client(address) as client, on_cluster(client) as executor:
            yield executor
        return
    # Signals of the terminal are for this process, which ends the cluster.
    make = partial(
        LocalCluster,
        threads_per_worker=1,
        dashboard_address=None,
        silence_logs="CRITICAL",
        preload=[f"{__package__}.apart"],
    )
    cluster = await trio.to_thread.run_sync(make)
    try:
        async with _client(cluster) as client, on_cluster(client) as executor:
            yield executor
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(partial(cluster.close, timeout=_PATIENCE))


@asynccontextmanager
async def _client(address: str | LocalCluster) -> AsyncIterator[Client]:
    make = partial(Client, address, timeout=_PATIENCE, set_as_default=False)
    try:
        client = await trio.to_thread.run_sync(make)
    except (OSError, ValueError) as exc:
        reason = (str(exc) or type(exc).__name__).partition("\n")[0]
        raise ClusterError(f"no Dask scheduler at {address}: {reason}") from None
    try:
        yield client
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(partial(client.close, timeout=_PATIENCE))
