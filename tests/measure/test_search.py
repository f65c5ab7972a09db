"""A search on made-up servers, whose rounds cost no time, and on a real one."""

from __future__ import annotations

from array import array
from itertools import islice
from typing import TYPE_CHECKING

import pytest
import runs
import trio
from msgspec.structs import replace

from trio_echo import BackgroundServer
from trio_echo.measure.load.usage import Usage
from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.results.json_text import from_json, to_json
from trio_echo.measure.results.remarks import remarks
from trio_echo.measure.results.run import Round
from trio_echo.measure.results.summary import summarize
from trio_echo.measure.search import Search, lowest_rate
from trio_echo.measure.session import named
from trio_echo.measure.verdicts.requirements import parse_requirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIMIT = parse_requirement("p50 < 5 ms")
CLOSED = Workload(connections=4, duration=1.0)


def answered(search: Search, capacities: Sequence[float], *, most: int = 1000) -> Search:
    """Do what `run` does, but for at most so many rounds."""
    for _ in islice(answering(search, capacities), most):
        pass
    return search


def answering(search: Search, capacities: Sequence[float]) -> Iterator[tuple[int, int, int]]:
    """Do what `run` does, with servers that answer so many messages a second, each in 1 ms.

    The load is as busy as the first server.
    """
    for number, workload, target in search.visits():
        load, capacity = search.workloads[workload], capacities[target]
        rate = capacity / 2 if load.rate is None else load.rate
        late = 1 if rate <= capacity else 9
        sent = [round(i / rate * 1e9) for i in range(min(int(rate), 40))]
        samples = Samples(0, 1_000_000_000, intended=array("q", sent), sent=array("q", sent))
        samples.received = array("q", [one + late * 1_000_000 for one in sent])
        busy = min(rate / capacities[0], 1.0)
        search.done.append(
            Round(
                number=number,
                target=target,
                workload=workload,
                summary=replace(summarize(samples, load), messages_per_second=rate),
                usage=Usage(load=(busy,), server=busy, others=0.0, load_average=0.0),
            )
        )
        yield number, workload, target


def search_of(targets: int = 1, rounds: int = 10) -> Search:
    return Search(
        targets=runs.TARGETS[:targets], workloads=[CLOSED], rounds=rounds, requirement=LIMIT
    )


def test_each_target_has_its_own_search() -> None:
    run = answered(search_of(2), (40_000, 10_000)).results()
    fast, slow = run.searches
    for found, capacity in ((fast, 40_000), (slow, 10_000)):
        assert found.complete
        assert found.holds is not None
        assert found.fails is not None
        assert found.holds <= capacity < found.fails <= found.holds * 1.06
    assert not run.partial
    assert run.comparisons == ()
    assert {one.requirement for one in run.searches} == {"p50 < 5 ms"}


def test_every_rate_tried_is_a_cell() -> None:
    run = answered(search_of(), (40_000,)).results()
    assert run.workloads[0] == CLOSED
    assert all(one == replace(CLOSED, rate=one.rate) for one in run.workloads)
    assert len(run.cells) == len(run.workloads)
    numbers = [one.number for one in run.rounds if one.workload == 1]
    assert numbers == list(range(1, len(numbers) + 1))
    assert from_json(to_json(run)) == run


def test_a_search_that_is_ended_early_keeps_what_it_has() -> None:
    run = answered(search_of(), (40_000,), most=14).results()
    (found,) = run.searches
    assert run.partial
    assert not found.complete
    assert found.holds == 40_000


def test_a_search_without_a_whole_rate_has_found_nothing() -> None:
    (found,) = answered(search_of(), (40_000,), most=4).results().searches
    assert (found.holds, found.fails, found.interval) == (None, None, None)


def test_a_load_that_was_busy_is_the_limit() -> None:
    fast, slow = answered(search_of(2), (40_000, 10_000)).results().searches
    assert fast.load_limited
    assert not slow.load_limited


def test_rates_that_fail_need_no_remark() -> None:
    assert remarks(answered(search_of(2), (40_000, 10_000)).results()) == [
        "the load was busy for more than 95 % of the time in 12 of 38 rounds: "
        "it may be the limit, not the server"
    ]


def test_the_number_of_planned_rounds_gets_more_exact() -> None:
    search = search_of()
    planned = [len(search) for _, _, _ in answering(search, (40_000,))]
    assert planned[-12:] == [len(search.done)] * 12
    assert len(search) == len(search.done)


@pytest.mark.parametrize(
    ("text", "workload", "why"),
    [
        ("rate > 5", CLOSED, "a search needs a limit on a percentile"),
        ("failures == 0", CLOSED, "a search needs a limit on a percentile"),
        ("p99 < 5 ms", replace(CLOSED, rate=1.0), "finds the rate itself"),
        ("p99 < 5 ms", replace(CLOSED, duration=None, messages=9), "rounds of a duration"),
        ("p99 < 5 ms", replace(CLOSED, pipeline=2), "no pipelining depth"),
        ("p99 < 60 ms", CLOSED, "they need a duration of 1.2 s"),
    ],
)
def test_what_a_search_cannot_answer_is_refused(text: str, workload: Workload, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        lowest_rate(workload, parse_requirement(text))


def test_the_lowest_rate_has_enough_messages_in_a_round() -> None:
    assert lowest_rate(CLOSED, parse_requirement("p99 < 5 ms")) == 1100
    assert lowest_rate(replace(CLOSED, duration=10.0), parse_requirement("p99 < 5 ms")) == 110


async def test_a_real_server_is_searched_and_a_stop_ends_it() -> None:
    with BackgroundServer() as server:
        search = Search(
            targets=[await named(server.addresses[0])],
            workloads=[Workload(connections=2, duration=0.04)],
            rounds=1,
            requirement=parse_requirement("p50 < 2 ms"),
        )
        stop = trio.Event()

        def progress() -> None:
            if len(search.done) == 3:
                stop.set()

        await search.run(progress=progress, stop=stop)
    run = search.results()
    assert run.partial
    assert len(run.rounds) == 3
    assert run.workloads[0].rate is None
    assert all(one.rate is not None for one in run.workloads[1:])
