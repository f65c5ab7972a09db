"""What leaves a load process while it goes on."""

from __future__ import annotations

import json
import os
import time
from array import array
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from trio_echo.measure.load.connections.traffic import FOREVER, Traffic
from trio_echo.measure.load.outgoing import ARRAYS, Outgoing, Outlet


class KeptOutlet:
    """An outlet that keeps what it was given."""

    def __init__(self) -> None:
        self.busy = False
        self.given: list[tuple[dict[str, Any], list[list[int]]]] = []

    def write(self, fields: dict[str, Any], arrays: list[array[int]]) -> None:
        self.given.append((fields, [list(one) for one in arrays]))


def traffic(*received: int) -> SimpleNamespace:
    """Messages that took a nanosecond each."""
    made = SimpleNamespace(
        intended=array("q"),
        sent=array("q", [one - 1 for one in received]),
        received=array("q", received),
        failures={"closed early": 1},
        pending=0,
    )
    made.arrays = (made.intended, made.sent, made.received)
    return made


def outgoing(outlet: KeptOutlet, load: SimpleNamespace, end: int, quota: int = FOREVER) -> Outgoing:
    made = cast("Outlet", outlet), cast("Traffic", load)
    return Outgoing(*made, 100, end, quota, open_loop=False)


def test_what_has_gone_out_is_no_longer_in_memory() -> None:
    outlet, load = KeptOutlet(), traffic(101, 103)
    going = outgoing(outlet, load, time.perf_counter_ns() + 10**12)
    going.send()
    ((fields, arrays),) = outlet.given
    assert arrays == [[], [100, 102], [101, 103]]
    assert fields["failures"] == {"closed early": 1}
    assert (going.count, going.last, len(load.sent), len(load.received)) == (2, 103, 0, 0)


def test_only_what_counts_goes_out() -> None:
    outlet, load = KeptOutlet(), traffic(101, 103, 105, 107)
    going = outgoing(outlet, load, 105, quota=2)
    going.send()
    assert outlet.given[0][1][2] == [101, 103]
    going.send()
    assert outlet.given[1][1][2] == []
    assert outlet.given[1][0]["until"] == 5  # the round is over
    assert list(load.received) == [105, 107]


def test_messages_of_the_warm_up_stay_out_even_if_it_ended_late() -> None:
    """On a busy machine, some come back between its end and the moment when that is noticed."""
    outlet, load = KeptOutlet(), traffic(101, 103)
    load.intended.extend([99, 98])
    load.keep_due = partial(Traffic.keep_due, cast("Traffic", load))
    made = cast("Outlet", outlet), cast("Traffic", load)
    going = Outgoing(*made, 100, time.perf_counter_ns() + 10**12, FOREVER, open_loop=True)
    load.intended.append(100)
    load.sent.append(104)
    load.received.append(105)
    going.send()
    assert outlet.given[0][1] == [[100], [104], [105]]
    assert going.count == 1


def test_nothing_goes_out_before_the_last_has() -> None:
    outlet, load = KeptOutlet(), traffic(101)
    outlet.busy = True
    outgoing(outlet, load, 200).send()
    assert not outlet.given
    assert len(load.received) == 1


def test_an_outlet_writes_lines_with_their_arrays() -> None:
    ours, its = os.pipe()
    with open(ours, "rb") as reader:  # noqa: PTH123  a descriptor
        outlet = Outlet(its)
        outlet.write({"connected": 2})
        outlet.write({"until": 3}, [array("q", numbers) for numbers in ([], [1], [2, 3])])
        outlet.close()
        assert not outlet.busy
        os.close(its)
        assert json.loads(reader.readline()) == {"connected": 2}
        line = json.loads(reader.readline())
        assert line == {"until": 3, **dict(zip(ARRAYS[:3], (0, 8, 16), strict=True))}
        assert array("q", reader.read()).tolist() == [1, 2, 3]
