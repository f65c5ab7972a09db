"""The report of `bench`, and the plot beside it, of results that are made up."""

from __future__ import annotations

import re

import pytest
import runs
from msgspec.structs import replace

from trio_echo.cli.bench.report import report
from trio_echo.measure.load.workload import Workload
from trio_echo.measure.plots.conditions import troubles
from trio_echo.measure.results import environment
from trio_echo.measure.results.run import Round, Run, collect
from trio_echo.measure.results.summary import summarize


def hanging_run() -> Run:
    """Of the first target, a connection hangs in the second round, and all of them in the third."""
    load = Workload(connections=2, duration=1.0)
    rounds = []
    for number, (messages, hung) in enumerate([(100, 0), (50, 1), (0, 2)], 1):
        for target in range(2):
            brought = runs.samples(100 if target else messages)
            if hung and not target:
                brought.failures = {"no echo for 10 s": hung}
            summary = summarize(brought, load)
            rounds.append(Round(number=number, target=target, workload=0, summary=summary))
    return collect(environment.describe(), runs.TARGETS, [load], rounds, partial=False)


def test_missing_answers_are_reported_before_the_rate_and_beside_a_comparison() -> None:
    first, second, *compared, failed = report(hanging_run())
    assert first == (
        "IPv4, 2 x 64 B: nothing came back in 1 of 3 rounds, 3 of 6 connections failed; "
        "what came back: 50 messages/s"  # no percentiles: those of the others look well
    )
    assert second.startswith("IPv6, 2 x 64 B: 100 messages/s round trip p50 ")
    assert failed == "IPv4, failed: 3 x no echo for 10 s"
    compared = [line for line in compared if line.startswith("64 B: ")]
    assert len(compared) == 2
    for line in compared:
        assert line.endswith("; but not every connection answered")


def test_missing_answers_are_counted_in_the_results_and_on_the_plot() -> None:
    result = hanging_run()
    assert [one.silent_rounds for one in result.cells] == [1, 0]
    assert result.failures == {"no echo for 10 s": 3}
    assert troubles(result)[:2] == [
        "Failed connections: 3 x no echo for 10 s.",
        "Nothing came back in 1 of 6 rounds.",
    ]


@pytest.mark.parametrize(
    ("messages", "words"),
    [(0, "nothing came back"), (5, "too few messages"), (50, "50 messages/s")],
)
def test_a_round_that_was_cut_short_is_reported(messages: int, words: str) -> None:
    load = Workload(duration=1.0)
    brought = runs.samples(messages)
    brought.cut = True
    summary = summarize(brought, load)
    ran = [Round(number=1, target=0, workload=0, cut=True, summary=summary)]
    lines = report(collect(environment.describe(), runs.TARGETS[:1], [load], ran, partial=True))
    assert words in lines[0]
    assert lines[1:] == [
        "the last round was cut short: it counts only if it has enough messages",
        "partial: the run ended early",
    ]


def test_connections_for_each_message_are_reported_with_their_phases() -> None:
    run, _ = runs.run(messages=200, workloads=runs.RECONNECTING[1:])
    first, *others = report(run)
    assert first.startswith("IPv4, 1 x 64 B: 200 connections/s (200 to 200) whole connection p50 ")
    names = [re.match(r"  (\D+) p50 [^,]+, p90 [^,]+$", line) for line in others[:4]]
    assert [name and name[1] for name in names] == [
        "connect",
        "TLS handshake",
        "first byte",
        "close",
    ]
    assert any(line.startswith("64 B: IPv6's median connection takes ") for line in others)
    told = [replace(one, tls="TLSv1.3 X") for one in run.rounds]
    lines = report(replace(run, rounds=tuple(told)))
    assert "TLS: TLSv1.3 X; 1,200 of 2,400 handshakes resumed a session" in lines
