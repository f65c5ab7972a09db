"""`serve --metrics`: the totals of the server, for Prometheus."""

from __future__ import annotations

import importlib.util
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from trio_echo.errors import SocketCallError, WorkerError, ungrouped
from trio_echo.listening import endpoint_of
from trio_echo.screen.display import Complaint, Text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio_echo.addresses import Endpoint
    from trio_echo.screen.display import Screen
    from trio_echo.screen.json_lines import JsonLines
    from trio_echo.screen.transcript import Transcript
    from trio_echo.totals import Tally

_NEEDED = ("h11", "prometheus_client")  # the `metrics` extra


def missing_library() -> str | None:
    """Say how to install what metrics need, if it is missing."""
    if all(importlib.util.find_spec(module) for module in _NEEDED):
        return None
    return 'metrics need prometheus_client: python -m pip install "trio-echo[metrics]"'


@asynccontextmanager
async def served(
    endpoint: Endpoint, tally: Tally, screen: Screen, form: Transcript | JsonLines
) -> AsyncIterator[None]:
    """Serve the metrics of a server during a block.

    Args:
        endpoint: where.
        tally: reads the server's totals.
        screen: shows where the metrics are, and why they fail.
        form: the screen's.

    Raises:
        SocketCallError: it cannot listen there.
    """
    # Imported here, because no other server may wait for these libraries.
    from trio_echo.metrics.families import CONTENT_TYPE, Families
    from trio_echo.metrics.serving import PATH, PageServer, open_listeners

    def failed(error: Exception) -> None:
        screen.post(Complaint(form.describe(error)))

    families = Families(tally.totals, lambda: screen.dropped)
    page_server = PageServer(CONTENT_TYPE, families.page, failed)
    listeners = await open_listeners(endpoint)
    for listener in listeners:
        screen.post(Text(form.metrics_at(f"http://{endpoint_of(listener)}{PATH}") + "\n"))
    with ungrouped(SocketCallError, WorkerError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(page_server.run, listeners, screen.post)
            yield
            nursery.cancel_scope.cancel()
