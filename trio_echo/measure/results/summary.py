"""One round as numbers: how many messages came back, how fast, and how long each took. No I/O."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, get_args

from msgspec import Meta

from ..histogram import RELATIVE_ERROR
from ..load.keeping import took
from ..load.workload import FROM_INTENDED, ROUND_TRIP
from ..records import Amount, Count, Nanoseconds, Ordinal, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..histogram import Histogram
    from ..load.workload import Samples, Workload

PercentileName: TypeAlias = Literal["p50", "p90", "p99", "p99.9", "p99.99"]

PERCENTILES: Final[dict[PercentileName, Fraction]] = {
    "p50": Fraction("0.5"),
    "p90": Fraction("0.9"),
    "p99": Fraction("0.99"),
    "p99.9": Fraction("0.999"),
    "p99.99": Fraction("0.9999"),
}
"""As fractions, because as floats ranks such as 0.999 * 10000 are inexact."""

BY_PERCENTILE: Final = Meta(
    extra_json_schema={"propertyNames": {"enum": list(get_args(PercentileName))}}
)
"""What msgspec does not say in the JSON Schema of a dict with such keys."""

MINIMUM_BEYOND: Final = 10
"""A percentile is reported only if at least this many samples lie beyond it.

With k samples expected beyond it, chance alone moves that number by its square root: 10 ± 3. The
samples that bound a 95 % interval (10 ± 6) are then all there. With three, the upper one is not,
and the percentile is one unlucky message.
"""

_SECOND = 1_000_000_000


class Distribution(Record, frozen=True, kw_only=True):
    """How long messages took, in nanoseconds.

    Attributes:
        min: the shortest.
        mean: the arithmetic mean.
        max: the longest.
        percentiles: by nearest rank (Hyndman and Fan's definition 1). A percentile with fewer
            than 10 samples beyond it is absent.
        relative_error: the largest relative error of a percentile: 0 if the time of every message
            was kept, 0.004 if times were counted in a histogram. The other values are exact.
    """

    min: Nanoseconds
    mean: Amount
    max: Nanoseconds
    percentiles: Annotated[dict[PercentileName, Nanoseconds], BY_PERCENTILE]
    relative_error: Amount = 0.0

    @classmethod
    def of(cls, times: Sequence[int]) -> Distribution | None:
        """Summarize times in nanoseconds; `None` without any."""
        if not times:
            return None
        ordered = sorted(times)
        mean = sum(ordered) / len(ordered)
        return cls(min=ordered[0], mean=mean, max=ordered[-1], percentiles=percentiles(ordered))

    @classmethod
    def counted(cls, times: Histogram) -> Distribution | None:
        """Summarize times that a histogram has counted; `None` without any."""
        count = len(times)
        if not count:
            return None
        ranks = _ranks(count)
        return cls(
            min=times.shortest,
            mean=times.total / count,
            max=times.longest,
            percentiles=dict(zip(ranks, times.at(ranks.values()), strict=True)),
            relative_error=RELATIVE_ERROR,
        )


class Summary(Record, frozen=True, kw_only=True):
    """One round in numbers.

    Attributes:
        messages: how many came back.
        unanswered: how many were under way when the round ended.
        seconds: how long the round was measured.
        messages_per_second: `None` if no time was measured, if the round was of a single message,
            or if it was cut short before it had enough messages for a median.
        bytes_per_second: of those messages, each counted once, although it went there and back.
        round_trip_ns: from the send to the last byte of the echo; `None` without a message.
        from_intended_ns: in an open loop, from the intended send time to the last byte of the
            echo. It includes the wait behind late messages. Without it, a server that stalls
            delays the very messages that would have shown it (coordinated omission).
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


def summarize(samples: Samples, workload: Workload) -> Summary:
    """Summarize what a round brought back.

    Args:
        samples: what it brought back.
        workload: what was asked for.

    """
    messages = samples.messages
    elapsed = samples.ended - samples.began
    times = distribution(samples, ROUND_TRIP)
    # A round of one message lasts as long as that takes. So its rate, also that of an open loop,
    # would only be the round trip again.
    enough = workload.messages != 1
    if samples.cut:
        enough = times is not None and "p50" in times.percentiles
    rate = messages * _SECOND / elapsed if elapsed > 0 and enough else None
    open_loop = workload.rate is not None
    return Summary(
        messages=messages,
        unanswered=samples.unanswered,
        seconds=elapsed / _SECOND,
        messages_per_second=rate,
        bytes_per_second=None if rate is None else rate * workload.size,
        round_trip_ns=times,
        from_intended_ns=distribution(samples, FROM_INTENDED) if open_loop else None,
        failures=dict(samples.failures),
    )


def percentiles(ordered: Sequence[int]) -> dict[PercentileName, int]:
    """Return those percentiles of sorted samples that their number allows.

    By nearest rank, the first of the nine definitions of Hyndman and Fan (Sample Quantiles in
    Statistical Packages, The American Statistician 50(4), 1996): the smallest sample that at least
    this share of all samples does not exceed. A message really took that time; the definitions
    that interpolate make up a time between two samples.
    """
    return {name: ordered[rank - 1] for name, rank in _ranks(len(ordered)).items()}


def _ranks(count: int) -> dict[PercentileName, int]:
    """Return the ranks of the percentiles that so many samples allow; rank 1 is the shortest."""
    ranks = {name: int(-(-count * share // 1)) for name, share in PERCENTILES.items()}  # rounded up
    return {name: rank for name, rank in ranks.items() if count - rank >= MINIMUM_BEYOND}


def distribution(samples: Samples, kind: str) -> Distribution | None:
    """Summarize how long something took, by its name in `KINDS`; `None` if nothing did."""
    if samples.timelines:
        timeline = samples.timelines.get(kind)
        return None if timeline is None else Distribution.counted(timeline.whole())
    return Distribution.of(took(samples, kind))
