"""What a search found: the highest rate at which a requirement holds."""

from __future__ import annotations

from ..records import Amount, Count, Record
from ..statistics import Interval


class Found(Record, frozen=True, kw_only=True):
    """The result of a search, for one target.

    Attributes:
        target: the target's index in `targets`.
        requirement: what must hold, as it was written: `p99 < 5 ms`.
        holds: the highest rate tried at which it holds, in messages a second: in more than half of
            the rounds, as at all lower rates. `None` if it holds at none.
        fails: the lowest rate tried at which it does not hold; `None` if it holds at each.
        interval: from the highest rate at which it holds to the lowest at which it does not, both
            with 95 % confidence; `None` if one of them is not known.
        load_limited: whether the load, or the cable, was busy for more than 95 % of the time in
            most rounds at the lowest rate that does not hold: the server may hold more.
        complete: whether the search was finished. If not, it was ended early, or the rounds
            disagreed for too long.
    """

    target: Count
    requirement: str
    holds: Amount | None
    fails: Amount | None
    interval: Interval | None
    load_limited: bool
    complete: bool
