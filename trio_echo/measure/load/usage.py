"""How busy the load, the server and the rest of the machine were during a round. No I/O."""

from __future__ import annotations

from ..records import Amount, Record


class Usage(Record, frozen=True, kw_only=True):
    """What kept the processors busy while a round ran.

    The numbers are processors: 0.5 is half of the time of one, 2 is all of the time of two.

    Attributes:
        load: each process of the load. The time that an open loop spins, waiting for the next
            message to be due, does not count.
        server: the process that listens at the target's address, with its children; `None` if it
            does not run on this machine, or this user may not see it.
        cable: the process that carries the frames of `--wire`; `None` without it.
        others: all other programs; `None` if the server is among them, or the round was too short.
        load_average: the system's, over a minute, when the round began; `None` on Windows.
    """

    load: tuple[Amount, ...]
    server: Amount | None
    cable: Amount | None = None
    others: Amount | None
    load_average: Amount | None
