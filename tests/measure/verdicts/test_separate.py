"""Runs of different days: what they share."""

from __future__ import annotations

import runs
from msgspec.structs import replace

from trio_echo.measure.load.workload import Workload
from trio_echo.measure.results.run import Target
from trio_echo.measure.verdicts.baseline import mismatch
from trio_echo.measure.verdicts.separate import estimate_of, ratio, shared, unshared

SMALL = Workload(duration=1.0)
LARGE = Workload(duration=1.0, size=1024)
OPEN = Workload(duration=1.0, size=1024, rate=100.0)
ONE = runs.TARGETS[:1]


def test_cells_are_matched_by_target_and_load() -> None:
    first, _ = runs.run(2, workloads=[SMALL, LARGE])
    other, _ = runs.run(2, workloads=[replace(LARGE, duration=9.0), OPEN])
    found = shared([first, other])
    assert [one.name for one in found] == ["IPv4, 1 x 1 KiB", "IPv6, 1 x 1 KiB"]
    assert [[cell.workload for cell in one.cells] for one in found] == [[1, 0]] * 2
    assert unshared([first, other]) == [
        ["IPv4, 1 x 64 B", "IPv6, 1 x 64 B"],
        ["IPv4, 1 x 1 KiB at 100/s", "IPv6, 1 x 1 KiB at 100/s"],
    ]


def test_a_cell_must_be_in_every_run() -> None:
    first, _ = runs.run(2, workloads=[SMALL, LARGE], targets=ONE)
    other, _ = runs.run(2, workloads=[LARGE], targets=ONE)
    assert [one.name for one in shared([first, first, other])] == ["IPv4, 1 x 1 KiB"]
    assert unshared([first, first, other]) == [["IPv4, 1 x 64 B"], ["IPv4, 1 x 64 B"], []]


def test_the_target_of_one_run_is_found_in_a_run_of_several_servers() -> None:
    both = [
        Target(name=f"here:{port}", address=f"127.0.0.1:{port}", family="IPv4") for port in (1, 2)
    ]
    several, _ = runs.run(6, workloads=[SMALL], targets=both)
    alone, _ = runs.run(6, workloads=[SMALL], targets=both[1:])
    for order in ([several, alone], [alone, several]):
        assert [one.name for one in shared(order)] == ["here:2, 1 x 64 B"]
    assert unshared([several, alone]) == [["here:1, 1 x 64 B"], []]
    assert mismatch(several, alone.targets, [SMALL], wire=None, tls=False) is None
    other = [Target(name="here:3", address="127.0.0.1:3", family="IPv4")]
    why = mismatch(several, other, [SMALL], wire=None, tls=False)
    assert why == "it has no target here:3: it has here:1, here:2"


def test_in_an_open_loop_times_are_from_the_intended_start() -> None:
    run, _ = runs.run(6, workloads=[LARGE, OPEN], targets=ONE)
    closed, opened = run.cells
    assert estimate_of(run, closed, "p50") == closed.round_trip_ns["p50"]
    assert estimate_of(run, opened, "p50") == opened.from_intended_ns["p50"]
    assert estimate_of(run, opened, "p50") != opened.round_trip_ns["p50"]
    assert estimate_of(run, opened, "p99") is None
    assert ratio((run, opened), (run, opened), "p99") is None
    same = ratio((run, opened), (run, opened), "p50")
    assert same is not None
    assert same.median == 1
