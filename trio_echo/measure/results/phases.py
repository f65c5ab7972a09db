"""How long the phases of connections took, if each message had one of its own. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from ..load.workload import CLOSE, CONNECT, FIRST_BYTE, HANDSHAKE
from ..records import Count, Record
from ..statistics import Estimate
from .summary import BY_PERCENTILE, Distribution, PercentileName, distribution

if TYPE_CHECKING:
    from ..load.workload import Samples
    from .run import Run

PHASES: Final[dict[str, str]] = {
    "connect_ns": "connect",
    "handshake_ns": "TLS handshake",
    "first_byte_ns": "first byte",
    "close_ns": "close",
}
"""What a reader calls them, by the names of their fields."""

WHOLE: Final = ("round_trip_ns", "whole connection")
"""The same of the round trip, which is that of a whole connection then."""


class Phases(Record, frozen=True, kw_only=True):
    """How long the phases of a round's connections took.

    Attributes:
        connect_ns: from the call of `connect()` until the connection was established.
        handshake_ns: from then until TLS could be used; `None` without TLS.
        first_byte_ns: from the call of `connect()` to the first byte of the echo, as a user waits
            for it.
        close_ns: from the last byte of the echo, when the load closed its side, until the server
            closed its own.
        resumed: how many handshakes resumed an earlier session; `None` without TLS.
    """

    connect_ns: Distribution
    handshake_ns: Distribution | None
    first_byte_ns: Distribution
    close_ns: Distribution
    resumed: Count | None


class PhaseEstimates(Record, frozen=True, kw_only=True):
    """The percentiles of `Phases` over the rounds, as `round_trip_ns` of a cell has them.

    Attributes:
        connect_ns: from the call of `connect()` until the connection was established.
        handshake_ns: from then until TLS could be used; empty without TLS.
        first_byte_ns: from the call of `connect()` to the first byte of the echo.
        close_ns: from the last byte of the echo until the server closed its side.
    """

    connect_ns: Annotated[dict[PercentileName, Estimate], BY_PERCENTILE]
    handshake_ns: Annotated[dict[PercentileName, Estimate], BY_PERCENTILE]
    first_byte_ns: Annotated[dict[PercentileName, Estimate], BY_PERCENTILE]
    close_ns: Annotated[dict[PercentileName, Estimate], BY_PERCENTILE]


def phases_of(samples: Samples) -> Phases | None:
    """Summarize the connections of a round; `None` if none of them was for one message."""
    found = {
        kind: distribution(samples, kind) if there or kind in samples.timelines else None
        for kind, there in (
            (CONNECT, samples.connected),
            (HANDSHAKE, samples.secured),
            (FIRST_BYTE, samples.answered),
            (CLOSE, samples.echoed),
        )
    }
    connect, first_byte, close = found[CONNECT], found[FIRST_BYTE], found[CLOSE]
    if connect is None or first_byte is None or close is None:
        return None
    handshake = found[HANDSHAKE]
    return Phases(
        connect_ns=connect,
        handshake_ns=handshake,
        first_byte_ns=first_byte,
        close_ns=close,
        resumed=None if handshake is None else samples.resumptions + sum(samples.resumed),
    )


def resumed_words(run: Run) -> str:
    """Say how many handshakes resumed a session; "" if none was to."""
    asked = [one for one in run.rounds if run.workloads[one.workload].resume]
    resumed = sum(one.phases.resumed or 0 for one in asked if one.phases is not None)
    made = sum(one.summary.messages for one in asked)
    return f"{resumed:,} of {made:,} handshakes resumed a session" if asked else ""
