"""The machines that make a load together: values, no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .workload import Samples


class Machine(NamedTuple):
    """A machine that runs a part of a round.

    Attributes:
        name: its host name.
        address: where it is reached.
        offset: how far its clock is ahead of that of this process, in nanoseconds.
        error: the most by which the offset may be wrong.
    """

    name: str
    address: str
    offset: int
    error: int

    def __str__(self) -> str:
        return f"{self.name} ({self.address})"


class MachineSamples(NamedTuple):
    """What one machine brought back.

    Attributes:
        machine: the machine.
        connections: how many it had.
        samples: its raw samples; `None` if all of its parts are missing.
    """

    machine: Machine
    connections: int
    samples: Samples | None
