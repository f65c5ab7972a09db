"""A server to measure behind a cable."""

from __future__ import annotations

import sys

import pytest

from trio_echo import lan
from trio_echo.measure.load.workload import Workload
from trio_echo.measure.session import Session, measure, named
from trio_echo.measure.wired import wired
from trio_echo.observe.packets.passage import Fate

if sys.platform != "linux":
    pytest.skip("hosts can be made on Linux only", allow_module_level=True)

pytestmark = [pytest.mark.usefixtures("hosts_allowed"), pytest.mark.slow]

DELAY = 0.02


async def test_no_round_trip_is_shorter_than_that_of_the_cable() -> None:
    async with wired(f"delay={DELAY * 1000:g}ms") as far:
        run = await measure(far.targets, rounds=1, seconds=0.5, wired=far)
        assert run.wire == "delay=20ms"
        assert [one.family for one in run.targets] == ["IPv4", "IPv6"]
        assert len(run.rounds) == 2
        for one in run.rounds:
            assert one.summary.round_trip_ns is not None
            assert one.summary.round_trip_ns.min >= 2 * DELAY * 1e9
            assert one.usage is not None
            assert one.usage.server is not None
            assert one.usage.cable is not None
        assert far.net.cable.counts.total() > 2 * sum(one.summary.messages for one in run.rounds)


async def test_a_lost_frame_costs_time_and_no_message() -> None:
    async with wired("loss=0.1%,seed=7") as far:
        far.net.cable.rules.append(lan.drop(lan.data, source="server", first=1))
        targets = [await named(far.targets[0])]
        session = Session(targets=targets, workloads=[Workload(messages=20)], rounds=1, wired=far)
        await session.run()
        run = session.results()
    assert run.wire == "loss=0.1%,seed=7"
    assert far.net.cable.counts[Fate.LOST] >= 1
    summary = run.rounds[0].summary
    assert (summary.messages, summary.failures) == (20, {})
    assert summary.round_trip_ns is not None
    assert summary.round_trip_ns.max >= 200_000_000  # Linux repeats a segment after 200 ms


async def test_a_wrong_line_is_refused() -> None:
    with pytest.raises(lan.SettingError, match="delay: '20' has no unit"):
        async with wired("delay=20"):
            pytest.fail("it started")


@pytest.mark.parametrize(("line", "seconds"), [("delay=20ms", 10), ("delay=3s,jitter=1s", 32)])
async def test_a_connection_has_the_time_that_the_cable_takes(line: str, seconds: int) -> None:
    async with wired(line) as far:
        assert Session(targets=[], workloads=[], rounds=1, wired=far).patience == seconds
