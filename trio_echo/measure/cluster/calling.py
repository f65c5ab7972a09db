"""Calls from Trio to a Dask client, whose event loop runs in a thread of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar, cast

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from distributed import Client

T = TypeVar("T")


async def in_loop(client: Client, work: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
    """Run a coroutine function in a client's event loop, and wait for it here.

    If this is cancelled, it is cancelled there too.

    Raises:
        RuntimeError: the client is closed.
    """
    ended, token = trio.Event(), trio.lowlevel.current_trio_token()
    loop: asyncio.AbstractEventLoop = cast("Any", client.loop).asyncio_loop
    future = asyncio.run_coroutine_threadsafe(work(*args), loop)
    future.add_done_callback(lambda _: token.run_sync_soon(ended.set))
    try:
        await ended.wait()
    finally:
        future.cancel()
    return future.result()


async def call(client: Client, address: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a worker. Runs in the client's event loop."""
    return (await client.run(function, *args, workers=[address]))[address]
