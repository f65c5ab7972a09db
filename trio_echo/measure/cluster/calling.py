"""Calls from Trio into an asyncio event loop that runs in another thread: that of a Dask client."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

T = TypeVar("T")

# Seconds that a cancelled coroutine has to end.
_GRACE = 10.0


async def in_loop(
    loop: asyncio.AbstractEventLoop, work: Callable[..., Coroutine[Any, Any, T]], *args: Any
) -> T:
    """Run a coroutine function in an event loop, and wait for it here.

    If this is cancelled, it is cancelled there too, and its end is awaited.

    Raises:
        RuntimeError: the loop is closed.
    """
    ended, token = trio.Event(), trio.lowlevel.current_trio_token()
    tasks: list[asyncio.Task[T]] = []

    def start() -> None:
        task = loop.create_task(work(*args))
        task.add_done_callback(lambda _: token.run_sync_soon(ended.set))
        tasks.append(task)

    loop.call_soon_threadsafe(start)
    try:
        await ended.wait()
    finally:
        if not ended.is_set():
            loop.call_soon_threadsafe(lambda: tasks[0].cancel())
            with trio.CancelScope(shield=True, deadline=trio.current_time() + _GRACE):
                await ended.wait()
    return tasks[0].result()


@asynccontextmanager
async def event_loop() -> AsyncIterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread during a block."""
    token, started = trio.lowlevel.current_trio_token(), trio.Event()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        ended = asyncio.Event()
        running.append((asyncio.get_running_loop(), ended))
        token.run_sync_soon(started.set)
        await ended.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="Dask")
    thread.start()
    with trio.CancelScope(shield=True):
        await started.wait()
    loop, ended = running[0]
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(ended.set)
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(thread.join)
