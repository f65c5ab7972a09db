"""One round as numbers: how many messages came back, how fast, and how long each took. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, TypeAlias

from ..records import Among, Amount, Count, Nanoseconds, Ordinal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..load.workload import Samples, Workload

PERCENTILES = {
    "p50": Fraction("0.5"),
    "p90": Fraction("0.9"),
    "p99": Fraction("0.99"),
    "p99.9": Fraction("0.999"),
    "p99.99": Fraction("0.9999"),
}
"""What is told of a distribution, by name. As floats, ranks such as 0.999 * 10000 are inexact."""

PercentileName: TypeAlias = Annotated[str, Among(tuple(PERCENTILES))]

MINIMUM_BEYOND = 10
"""A percentile is told if at least so many samples lie beyond it.

With k samples expected beyond it, chance alone moves that number by its square root: 10 ± 3. The
samples that bound a 95 % interval (10 ± 6) are then all there. With three, the upper one is not,
and the percentile is one unlucky message.
"""

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How long messages took, in nanoseconds.

    Attributes:
        min: the shortest.
        mean: the arithmetic mean.
        max: the longest.
        percentiles: by their names in `PERCENTILES`; those that too few samples
            tell are absent.
    """

    min: Nanoseconds
    mean: Amount
    max: Nanoseconds
    percentiles: dict[PercentileName, Nanoseconds]

    @classmethod
    def of(cls, times: Sequence[int]) -> Distribution | None:
        """Summarize nanoseconds; `None` if there are none."""
        if not times:
            return None
        ordered = sorted(times)
        mean = sum(ordered) / len(ordered)
        return cls(min=ordered[0], mean=mean, max=ordered[-1], percentiles=percentiles(ordered))


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One round.

    Attributes:
        messages: how many came back.
        unanswered: how many were under way when the round ended.
        seconds: how long was measured.
        messages_per_second: `None` if no time was measured, or of a round that was cut short
            before it had enough messages for a median.
        bytes_per_second: of those messages, each counted once, though it went there and back.
        round_trip_ns: from the send to the last byte of the echo; `None` without a message.
        from_intended_ns: in an open loop also from the moment when the message should have been
            sent, which holds the wait behind late ones; without it, a server that stalls delays
            the very messages that would have shown it (coordinated omission).
        failures: how many connections failed, by kind.
    """

    messages: Count
    unanswered: Count
    seconds: Amount
    messages_per_second: Amount | None
    bytes_per_second: Amount | None
    round_trip_ns: Distribution | None
    from_intended_ns: Distribution | None
    failures: dict[str, Ordinal]


def summarize(samples: Samples, workload: Workload, *, cut: bool = False) -> Summary:
    """Summarize what a round brought back.

    Args:
        samples: what that is.
        workload: what was asked for.
        cut: whether the run was ended amid it.

    Raises:
        ValueError: the arrays are not of one length.
    """
    messages = len(samples.received)
    elapsed = samples.ended - samples.began
    times = Distribution.of(_between(samples.sent, samples.received))
    enough = not cut or (times is not None and "p50" in times.percentiles)
    rate = messages * _SECOND / elapsed if elapsed > 0 and enough else None
    open_loop = workload.rate is not None
    return Summary(
        messages=messages,
        unanswered=samples.unanswered,
        seconds=elapsed / _SECOND,
        messages_per_second=rate,
        bytes_per_second=None if rate is None else rate * workload.size,
        round_trip_ns=times,
        from_intended_ns=(
            Distribution.of(_between(samples.intended, samples.received)) if open_loop else None
        ),
        failures=dict(samples.failures),
    )


def percentiles(ordered: Sequence[int]) -> dict[str, int]:
    """Tell the percentiles that the count allows, of sorted samples.

    By nearest rank, the first of the nine definitions of Hyndman and Fan (Sample Quantiles in
    Statistical Packages, The American Statistician 50(4), 1996): the smallest sample that at least
    this share of all does not exceed. It is a time that a message took; the definitions that
    interpolate invent one between two.
    """
    count = len(ordered)
    ranks = {name: -(-count * share // 1) for name, share in PERCENTILES.items()}  # rounded up
    return {
        name: ordered[int(rank) - 1]
        for name, rank in ranks.items()
        if count - rank >= MINIMUM_BEYOND
    }


def _between(start: Sequence[int], end: Sequence[int]) -> list[int]:
    return [after - before for before, after in zip(start, end, strict=True)]
