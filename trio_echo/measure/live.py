"""A run second by second, while it goes on. Values only, no I/O.

The JSON lines of `bench --json-lines` are `Second` records. `python -m trio_echo.measure.live`
writes `live.schema.json`, which describes them, from its docstring and types.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .histogram import Histogram
from .load.keeping import SECOND
from .load.workload import FROM_INTENDED, ROUND_TRIP, Workload
from .records import Amount, Count, Nanoseconds, Ordinal, Record
from .results.schema import generated
from .results.summary import Distribution

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .load.loader import Report

SCHEMA: Final = Path(__file__).with_name("live.schema.json")

# Seconds that one part of a load may be behind another one. Then its messages count later.
_BEHIND = 2


class Second(Record, frozen=True, kw_only=True):
    """What came back in one second of a round; the last one of a round may be shorter.

    The messages of a round's seconds add up to those of the round. Percentiles are within
    0.4 %, and `None` if fewer than 10 messages lie beyond them. The longest time is exact.

    Attributes:
        time: when this was written: ISO 8601, UTC.
        round: its number, from 1, for each target and workload.
        target: the server, as the user gave it.
        workload: the load.
        second: its number in the round, from 0.
        seconds: how long it was: 1, or less at the end of a round.
        messages: how many came back in it.
        messages_per_second: their rate.
        p50_ns: half of the round trips were at most as long, in nanoseconds.
        p99_ns: 99 % of the round trips were at most as long.
        max_ns: the longest round trip; `None` without a message.
        from_intended_p50_ns: as `p50_ns`, from the intended send time; `None` in a closed loop.
        from_intended_p99_ns: as `p99_ns`, from the intended send time; `None` in a closed loop.
        from_intended_max_ns: as `max_ns`, from the intended send time; `None` in a closed loop.
        failures: how many connections failed so far in the round, by kind.
    """

    time: str
    round: Ordinal
    target: str
    workload: Workload
    second: Count
    seconds: Amount
    messages: Count
    messages_per_second: Amount
    p50_ns: Nanoseconds | None
    p99_ns: Nanoseconds | None
    max_ns: Nanoseconds | None
    from_intended_p50_ns: Nanoseconds | None
    from_intended_p99_ns: Nanoseconds | None
    from_intended_max_ns: Nanoseconds | None
    failures: dict[str, Ordinal]


class Live:
    """Gathers the reports of one round into seconds.

    Args:
        number: of the round.
        target: its server, as the user gave it.
        workload: its load.
    """

    def __init__(self, number: int, target: str, workload: Workload) -> None:
        self._number = number
        self._target = target
        self._workload = workload
        self._until = [0] * workload.processes
        self._failures: list[dict[str, int]] = [{}] * workload.processes
        self._times: dict[int, dict[str, Histogram]] = {}
        self._next = 0

    def add(self, report: Report) -> Iterator[Second]:
        """Add a report; yields the seconds that are complete now, in their order."""
        self._until[report.part] = report.until
        self._failures[report.part] = report.failures
        for second, times in report.times.items():
            for kind, histogram in times.items():
                kinds = self._times.setdefault(max(second, self._next), {})
                kinds.setdefault(kind, Histogram()).merge(histogram)
        until = max(min(self._until), max(self._until) - _BEHIND * SECOND)
        while (self._next + 1) * SECOND <= until:
            yield self._second(SECOND)

    def rest(self) -> Iterator[Second]:
        """Yield what is left when the round has ended."""
        until = max(self._until)
        while (left := until - self._next * SECOND) > 0 or self._times:
            yield self._second(max(1, min(left, SECOND)))

    def _second(self, length: int) -> Second:
        number, self._next = self._next, self._next + 1
        times = self._times.pop(number, {})
        messages = len(times.get(ROUND_TRIP, ()))
        failures: dict[str, int] = {}
        for part in self._failures:
            for kind, count in part.items():
                failures[kind] = failures.get(kind, 0) + count
        p50, p99, longest = _figures(times.get(ROUND_TRIP))
        intended_p50, intended_p99, intended_longest = _figures(times.get(FROM_INTENDED))
        return Second(
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            round=self._number,
            target=self._target,
            workload=self._workload,
            second=number,
            seconds=length / SECOND,
            messages=messages,
            messages_per_second=messages * SECOND / length,
            p50_ns=p50,
            p99_ns=p99,
            max_ns=longest,
            from_intended_p50_ns=intended_p50,
            from_intended_p99_ns=intended_p99,
            from_intended_max_ns=intended_longest,
            failures=failures,
        )


def _figures(times: Histogram | None) -> tuple[int | None, int | None, int | None]:
    found = None if times is None else Distribution.counted(times)
    if found is None:
        return None, None, None
    return found.percentiles.get("p50"), found.percentiles.get("p99"), found.max


def schema() -> str:
    """Return the schema of a JSON line as the text of its file."""
    return generated(Second, "A line of trio-echo bench --json-lines")


if __name__ == "__main__":
    SCHEMA.write_text(schema(), encoding="utf-8", newline="\n")
