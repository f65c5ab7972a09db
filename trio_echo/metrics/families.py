"""Totals as metrics, with names and units by Prometheus' conventions."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from trio_echo.events import Refusal
from trio_echo.totals import Ending

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator

    from prometheus_client import Metric

    from trio_echo.totals import Totals

KindT = TypeVar("KindT", bound=Enum)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of `Families.page`: the text format that every Prometheus reads."""


class Families(Collector):
    """The metrics of a server, and those of its main process.

    Args:
        totals: returns what the server has done so far.
        dropped_lines: returns how many lines its screen has left out so far.
    """

    def __init__(self, totals: Callable[[], Totals], dropped_lines: Callable[[], int]) -> None:
        self._totals = totals
        self._dropped_lines = dropped_lines
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def page(self) -> bytes:
        """Return all metrics, in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the server's metrics; the registry calls this."""
        totals = self._totals()
        yield CounterMetricFamily(
            "trio_echo_connections", "Clients that were served.", totals.clients
        )
        yield GaugeMetricFamily(
            "trio_echo_connections_open", "Clients that are connected now.", totals.connected
        )
        yield GaugeMetricFamily(
            "trio_echo_connections_waiting",
            "Clients that were accepted and are not served yet.",
            totals.waiting,
        )
        yield _by(
            "trio_echo_connections_ended",
            "Connections that ended, by how they did.",
            "how",
            Ending,
            totals.ended,
        )
        yield _by(
            "trio_echo_connections_refused",
            "Clients that were refused, by why.",
            "reason",
            Refusal,
            totals.refused,
        )
        yield CounterMetricFamily(
            "trio_echo_accept_errors",
            "Clients that could not be accepted; each is tried again.",
            totals.accept_errors,
        )
        yield CounterMetricFamily(
            "trio_echo_handshake_failures",
            "Clients that were not served because TLS failed.",
            totals.failed_handshakes,
        )
        yield CounterMetricFamily(
            "trio_echo_echoed_bytes", "Bytes that were sent back to clients.", totals.echoed
        )
        yield CounterMetricFamily(
            "trio_echo_screen_dropped_lines",
            "Lines that the screen left out because too many waited.",
            self._dropped_lines(),
        )


def _by(
    name: str, documentation: str, label: str, kinds: type[KindT], counts: Counter[KindT]
) -> CounterMetricFamily:
    """Make a metric of a sample for each kind, also for those that never happened."""
    family = CounterMetricFamily(name, documentation, labels=[label])
    for kind in kinds:
        family.add_metric([kind.name.lower()], counts[kind])
    return family
