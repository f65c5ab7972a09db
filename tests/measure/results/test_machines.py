from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
import runs
from msgspec.structs import replace

from trio_echo.measure.load.machine import Machine, MachineSamples
from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.results import environment
from trio_echo.measure.results.json_text import from_json, to_json
from trio_echo.measure.results.machines import (
    MachineRound,
    machine_lines,
    machines_of,
    missing_parts,
    outliers,
)
from trio_echo.measure.results.run import Round, Run, collect
from trio_echo.measure.results.summary import Distribution, summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

WORKLOAD = Workload(duration=1.0)


def machine(number: int, offset: int = 0, error: int = 0) -> Machine:
    return Machine(f"host{number}", f"tcp://10.0.0.{number}:1", offset, error)


def slowed(factor: float) -> Samples:
    """A round whose round trips are so many times as long."""
    samples = runs.samples(100)
    for i, sent in enumerate(samples.sent):
        samples.received[i] = sent + int((samples.received[i] - sent) * factor)
    return samples


def run_of(*rounds: Sequence[Samples | None]) -> Run:
    """A run over machines, of which each round has the samples; `None` if they are missing."""
    made = []
    for number, several in enumerate(rounds, 1):
        whole = runs.samples(100)
        whole.machines = [
            MachineSamples(machine(i, i * 1_000_000, 500_000), 4, one)
            for i, one in enumerate(several, 1)
        ]
        made.append(
            Round(
                number=number,
                target=0,
                workload=0,
                summary=summarize(whole, WORKLOAD),
                missing=sum(one is None for one in several),
                machines=machines_of(whole, WORKLOAD),
            )
        )
    partial = any(None in several for several in rounds)
    return collect(environment.describe(), runs.TARGETS[:1], [WORKLOAD], made, partial=partial)


def test_a_machine_has_the_percentiles_of_its_own_samples() -> None:
    draw = random.Random(3)
    own, others = slowed(draw.random()), slowed(1 + draw.random())
    run = run_of([own, others])
    first, second = run.rounds[0].machines
    times = [end - start for start, end in zip(own.sent, own.received, strict=True)]
    assert first.round_trip_ns == Distribution.of(times)
    assert first.round_trip_ns != second.round_trip_ns
    assert (first.name, first.connections, first.messages) == ("host1", 4, 100)
    assert (second.offset_ns, second.offset_error_ns) == (2_000_000, 500_000)
    assert from_json(to_json(run)) == run


@pytest.mark.parametrize(
    ("factors", "named"),
    [
        ([1, 1.2], []),
        ([1, 4], [(2, "4")]),
        ([4, 1], [(1, "4")]),
        ([1, 4, 1], [(2, "4")]),
        ([4, 4, 1], [(3, "0.25")]),
        ([1, 4, 4, 1], [(2, "4"), (3, "4")]),
        ([1], []),
    ],
)
def test_an_outlier_is_named(factors: list[float], named: list[tuple[int, str]]) -> None:
    run = run_of(*[[slowed(one) for one in factors]] * 3)
    assert outliers(run) == [
        f"machine host{number} (tcp://10.0.0.{number}:1) is an outlier: its median round trip is "
        f"{ratio} times that of the others"
        for number, ratio in named
    ]


def test_a_round_of_bad_luck_makes_no_outlier() -> None:
    well, ill = [slowed(1), slowed(1)], [slowed(1), slowed(9)]
    assert outliers(run_of(well, ill, well)) == []


def test_a_missing_machine_is_not_silent() -> None:
    run = run_of([slowed(1), slowed(1)], [slowed(1), None])
    assert missing_parts(run) == "a part of the load is missing in 1 of 2 rounds"
    _, line = machine_lines(run, run.cells[0])
    assert line.startswith("host2 (tcp://10.0.0.2:1): 4 connections, 100 messages, round trip p50 ")
    assert line.endswith(", clock +2.000 ms ± 0.500 ms, missing in 1 of 2 rounds")
    missing = run.rounds[1].machines[1]
    assert missing == MachineRound(
        name="host2",
        address="tcp://10.0.0.2:1",
        connections=4,
        missing=True,
        messages=0,
        round_trip_ns=None,
        offset_ns=2_000_000,
        offset_error_ns=500_000,
    )


def test_the_line_of_a_machine_counts_what_the_load_counts() -> None:
    run = run_of([slowed(1), slowed(1)])
    connecting = replace(run, workloads=(replace(WORKLOAD, reconnect=True),))
    line, _ = machine_lines(connecting, connecting.cells[0])
    assert ": 4 at once, 100 connections, whole connection p50 " in line


def test_a_load_from_one_machine_has_no_machines() -> None:
    run, _ = runs.run(2)
    assert [line for cell in run.cells for line in machine_lines(run, cell)] == []
    assert outliers(run) == []
    assert missing_parts(run) == ""
    assert json.loads(to_json(run))["rounds"][0]["machines"] == []
