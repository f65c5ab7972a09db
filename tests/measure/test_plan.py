"""The plan: which resource ends a load first, and where."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_echo.measure.plan import Figures, Limit, Plan, wire_bytes

FIGURES = Figures(
    server_message_seconds=5e-6,
    load_message_seconds=4e-6,
    server_connection_seconds=100e-6,
    load_connection_seconds=50e-6,
    round_trip_seconds=50e-6,
    server_connection_bytes=8192,
    memory_bytes=16 * 2**30,
    cores=8,
    link_bits_per_second=1e9,
    descriptors=100_000,
)


def first(limits: list[Limit]) -> tuple[str, int]:
    return limits[0].resource, round(limits[0].most)


def test_one_worker_is_the_limit_of_a_load_of_many_processes() -> None:
    plan = Plan(figures=FIGURES, processes=4)
    assert first(plan.messages_per_second(size=64, connections=100)) == ("server's cores", 200_000)


def test_one_load_process_is_the_limit_of_a_server_of_many_workers() -> None:
    plan = Plan(figures=FIGURES, workers=4)
    assert plan.messages_per_second(size=64, connections=100)[0] == Limit("load's cores", 2.5e5)


def test_one_connection_waits_for_its_echo() -> None:
    alone = Plan(figures=FIGURES).messages_per_second(size=64, connections=1)
    assert alone[0] == Limit("messages under way", 20_000)
    deep = Plan(figures=FIGURES).messages_per_second(size=64, connections=1, pipeline=100)
    assert first(deep) == ("server's cores", 200_000)


def test_large_messages_fill_the_servers_link_before_those_of_two_machines() -> None:
    plan = Plan(figures=FIGURES, workers=8, machines=2, processes=8)
    lowest = plan.messages_per_second(size=64 * 1024, connections=1000)[0]
    assert lowest.resource == "server's link"
    # iperf3 measures 94.1 % of such a link as data, with timestamps.
    assert lowest.most * 64 * 1024 * 8 == pytest.approx(0.941e9, rel=0.002)


def test_more_workers_than_cores_are_of_no_use() -> None:
    eight, sixteen = (
        Plan(figures=FIGURES, workers=workers, machines=100, processes=8).connections_per_second()
        for workers in (8, 16)
    )
    assert eight == sixteen


def test_ports_are_for_each_pair_of_addresses() -> None:
    assert Plan(figures=FIGURES).connections()[0] == Limit("ports", 28_232)
    ten = dict(Plan(figures=FIGURES, machines=10).connections())
    assert ten["ports"] == 282_320
    two = dict(Plan(figures=FIGURES, machines=10, addresses=2).connections())
    assert two["ports"] == 564_640


def test_ten_machines_have_more_ports_than_one_worker_has_descriptors() -> None:
    plan = Plan(figures=FIGURES, machines=10)
    assert plan.connections()[0] == Limit("server's descriptors", 100_000)


def test_a_port_is_taken_for_a_minute_after_its_connection() -> None:
    assert first(Plan(figures=FIGURES).connections_per_second()) == ("ports", 471)


def test_each_worker_has_a_queue_for_each_address() -> None:
    plan = Plan(figures=FIGURES, workers=3, addresses=2)
    assert plan.connections_in_one_burst() == [Limit("backlog", 6 * 4096)]


@pytest.mark.parametrize("name", ["workers", "machines", "processes", "addresses"])
def test_a_plan_without_a_server_or_a_load_is_refused(name: str) -> None:
    nothing: Any = {name: 0}
    with pytest.raises(ValueError, match=f"^{name} must be 1 or more$"):
        Plan(figures=FIGURES, **nothing)


@given(st.integers(1, 64), st.integers(1, 1000), st.integers(1, 64), st.integers(1, 10**6))
def test_more_of_anything_never_allows_less(
    workers: int, machines: int, processes: int, connections: int
) -> None:
    plan = Plan(figures=FIGURES, workers=workers, machines=machines, processes=processes)
    for name in ("workers", "machines", "processes", "addresses"):
        changed: Any = {name: getattr(plan, name) + 1}
        more = dataclasses.replace(plan, **changed)
        for before, after in (
            (plan.connections(), more.connections()),
            (plan.connections_per_second(), more.connections_per_second()),
            (
                plan.messages_per_second(size=64, connections=connections),
                more.messages_per_second(size=64, connections=connections),
            ),
        ):
            assert after[0].most >= before[0].most


def test_a_full_segment_over_ipv4_takes_1538_bytes_of_ethernet() -> None:
    assert wire_bytes(1448) == 1538
    assert wire_bytes(1449) == 1538 + 91
    assert wire_bytes(1428, "IPv6") == 1538
