"""`bench --require`, `--baseline` and `--search`: what they print, and with what they exit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import runs
from msgspec.structs import replace

from trio_echo import BackgroundServer, Faults
from trio_echo.cli.bench.found import found_lines
from trio_echo.cli.bench.options.demands import Demands
from trio_echo.cli.bench.verdicts import verdicts
from trio_echo.measure.results import files
from trio_echo.measure.results.found import Found
from trio_echo.measure.statistics import Interval
from trio_echo.measure.verdicts.requirements import parse_requirement

if TYPE_CHECKING:
    from pathlib import Path

    from support import CommandLine

    from trio_echo.measure.results.run import Run
    from trio_echo.measure.results.summary import Summary

SHORT = ("--rounds", "1", "--messages", "60", "--warm-up", "0", "--connections", "3")


@pytest.fixture
def bench(command_line: CommandLine) -> CommandLine:
    return lambda *words: command_line("bench", *words)


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    run, samples = runs.run(6, targets=runs.TARGETS[:1], workloads=runs.WORKLOADS[:1])
    path = tmp_path / "baseline.json"
    files.write(path, run, samples)
    return path


def test_a_requirement_that_is_not_met_is_a_line_and_status_3(bench: CommandLine) -> None:
    with BackgroundServer() as server:
        target = str(server.addresses[0])
        limits = ("--require", "p50 < 1 ns", "--require", "failures==0", "--require", "p99<1s")
        status, out, err = bench(target, *SHORT, *limits)
    assert status == 3
    assert "\nmet: failures == 0: IPv4, 3 x 64 B: 0 connections failed\n" in out
    one, other = [line for line in err.splitlines() if not line.startswith("round ")]
    assert re.fullmatch(r"not met: p50 < 1 ns: IPv4, 3 x 64 B: p50 [\d.]+ .?s", one)
    assert other == (
        "not met: p99 < 1 s: IPv4, 3 x 64 B: unknown: every round needs 1,000 messages for p99"
    )


@pytest.mark.slow
def test_a_run_that_failed_exits_with_1_unless_a_requirement_judges_its_failures(
    bench: CommandLine,
) -> None:
    """A server that resets each connection after a message."""
    with BackgroundServer(faults=Faults(reset_after=64)) as server:
        target = str(server.addresses[0])
        for limit, expected in (("rate > 0", 1), ("failures == 0", 3), ("failures <= 3", 0)):
            status, _, err = bench(target, *SHORT, "--require", limit)
            assert status == expected
            assert ("not met: " in err) is (expected == 3)


@pytest.mark.slow
def test_a_slower_server_than_the_baseline_is_status_3(bench: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "stored.json"
    load = ("--rounds", "6", "--messages", "60", "--warm-up", "0", "--connections", "3")
    with BackgroundServer() as server:
        target = str(server.addresses[0])
        assert bench(target, *load, "--output", str(path))[0] == 0
        stored = files.read(path)
        cells = [replace(one, summary=_faster(one.summary)) for one in stored.rounds]
        files.write(path, replace(stored, rounds=tuple(cells)), files.read_samples(path, stored))
        status, out, err = bench(target, *load, "--baseline", str(path))
    # Other programs may be busy on the machine that runs this test.
    line = "IPv4, 3 x 64 B: rate 0.00 of the baseline"
    assert (status, f"not met: {line}" in err) in ((3, True), (0, False))
    assert (f"undecided: {line}" in out) is (status == 0)
    assert "3 x 64 B: p50 " in out + err


def _faster(summary: Summary) -> Summary:
    return replace(summary, messages_per_second=1e9)


def test_another_load_than_that_of_the_baseline_is_refused_in_one_line(
    bench: CommandLine, baseline: Path
) -> None:
    # Nobody listens there: a measurement would fail with status 1.
    status, out, err = bench("127.0.0.1:1", "--size", "9", "--baseline", str(baseline))
    assert (status, out) == (2, "")
    assert "bench: --baseline: it has no load 16 x 9 B: it has 1 x 64 B (try" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--require", "p99 < 5"], "'p99 < 5' is not a requirement: p50, p90, p99, p99.9 or"),
        (["--tolerance", "5%"], "--tolerance is for --baseline"),
        (["--tolerance", "5"], "'5' is not a share, such as 10%"),
        (["--baseline", "missing.json"], "No such file or directory: missing.json"),
        (["--search", "rate > 5"], "--search: a search needs a limit on a percentile"),
        (["--search", "p99<5ms", "--size", "1,2"], "one size and one number of connections"),
        (["--search", "p99<5ms", "--rate", "9"], "finds the rate itself"),
        (["--search", "p99<5ms", "--require", "p50<1s"], "only the rate found can be required"),
        (["--search", "p99<5s"], "they need a duration of 100 s"),
        (["--rate", "9", "--require", "p50<1s"], "rounds of 1 s cannot show it: --duration must"),
    ],
)
def test_what_does_not_go_together_is_refused(
    bench: CommandLine, words: list[str], error: str
) -> None:
    status, out, err = bench("127.0.0.1:9", *words)
    assert (status, out) == (2, "")
    assert error in err
    assert err.count("\n") == 1


def test_a_baseline_needs_rounds_for_an_interval(bench: CommandLine, baseline: Path) -> None:
    status, _, err = bench("127.0.0.1:9", "--baseline", str(baseline), "--rounds", "5")
    assert status == 2
    assert "--baseline needs at least 6 rounds" in err


def test_failed_connections_of_a_baseline_are_reported_before_it_is_judged() -> None:
    run, _ = runs.run(6, targets=runs.TARGETS[:1], workloads=runs.WORKLOADS[:1])
    for failures, expected in (({}, []), ({"closed early": 2, "echo differs": 1}, ["3"])):
        judged = verdicts(run, Demands(None, (), replace(run, failures=failures), 0.1))
        words = "failed connections in the baseline: "
        assert judged.lines[: len(expected)] == [f"{words}{count}" for count in expected]
        assert len(judged.lines + judged.unmet) == 2 + len(expected)


def test_a_baseline_that_is_not_results_is_refused(bench: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text("{}")
    status, _, err = bench("127.0.0.1:9", "--baseline", str(path))
    assert status == 2
    assert "not a results file" in err


@pytest.mark.slow
def test_a_search_reports_each_rate(bench: CommandLine, tmp_path: Path) -> None:
    """A limit that nothing keeps: the search ends at the lowest rate, soon."""
    path, picture = tmp_path / "found.json", tmp_path / "found.png"
    kept = ("--output", str(path), "--plot", str(picture))
    with BackgroundServer() as server:
        target = str(server.addresses[0])
        load = ("--connections", "2", "--duration", "0.05", "--warm-up", "0", "--rounds", "1")
        status, out, err = bench(target, "--search", "p50 < 1 ns", *load, *kept)
    assert status == 3
    assert out.startswith(
        "IPv4, 2 x 64 B: p50 < 1 ns holds at no rate tried, down to 440 messages/s: there, p50 is "
    )
    assert "not met: p50 < 1 ns: IPv4, 2 x 64 B: it holds at no rate tried" in err
    run = files.read(path)
    assert [(one.holds, one.fails, one.complete) for one in run.searches] == [(None, 440, True)]
    assert picture.stat().st_size
    rates = [one.rate for one in run.workloads if one.rate is not None]
    assert {f"{one:,g}" for one in rates} <= set(out.split())


def found_run(**changes: object) -> Run:
    """A search that tried the rate of the open loop."""
    run, _ = runs.run(6, targets=runs.TARGETS[:1], messages=50)
    found = Found(
        target=0,
        requirement="p50 < 5 ms",
        holds=1000.0,
        fails=None,
        interval=None,
        load_limited=False,
        complete=True,
    )
    return replace(run, searches=(replace(found, **changes),))


def test_what_was_found_is_a_line_above_a_table() -> None:
    line, heads, row = found_lines(found_run())
    assert re.fullmatch(
        r"IPv4, 1 x 64 B: p50 < 5 ms holds up to 1,000 messages/s: p50 [\d.]+ µs", line
    )
    assert heads.split() == ["messages/s", "rounds", "held", "p50", "95", "%", "interval", "load"]
    assert row.split()[:3] == ["1,000", "6", "6"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"interval": Interval(low=900.0, high=1100.0)},
            " up to 1,000 messages/s (900 to 1,100): ",
        ),
        ({"fails": 1000.0}, "; at 1,000 it is "),
        (
            {"fails": 1000.0, "load_limited": True},
            "holds up to at least 1,000 messages/s: p50 ",
        ),
        ({"fails": 1000.0, "load_limited": True}, ", but there the load itself was busy"),
        ({"complete": False}, "; the search was not finished"),
        ({"holds": None, "fails": 1000.0}, "holds at no rate tried, down to 1,000 messages/s"),
        (
            {"fails": 1000.0, "requirement": "p50 < 50.7 us"},
            " µs, but it held in 3 of 6 rounds only",
        ),
        (
            {"holds": None, "fails": 1000.0, "complete": False, "requirement": "p50 < 5 us"},
            " µs; the search was not finished",
        ),
        ({"holds": None}, "has no answer yet: no rate had all its rounds"),
    ],
)
def test_what_was_found_is_said_as_it_is(changes: dict[str, object], words: str) -> None:
    assert words in found_lines(found_run(**changes))[0]


@pytest.mark.parametrize(
    ("changes", "limit", "outcome"),
    [
        ({"interval": Interval(low=900.0, high=1100.0)}, "rate > 800", "met"),
        ({"interval": Interval(low=900.0, high=1100.0)}, "rate > 1050", "undecided"),
        ({"interval": Interval(low=900.0, high=1100.0)}, "rate > 1200", "not met"),
        (
            {"interval": Interval(low=900.0, high=1100.0), "load_limited": True},
            "rate > 1200",
            "undecided",
        ),
        ({}, "rate > 999", "met"),
        ({"holds": None}, "rate > 1", "not met"),
    ],
)
def test_the_rate_found_can_be_required(
    changes: dict[str, object], limit: str, outcome: str
) -> None:
    limits = (parse_requirement(limit),)
    asked = Demands(parse_requirement("p50 < 5 ms"), limits, None, 0.1)
    judged = verdicts(found_run(**changes), asked)
    assert (judged.lines + judged.unmet)[0].startswith(f"{outcome}: {limit}: IPv4, 1 x 64 B: ")


def test_a_search_that_did_not_come_to_its_end_is_not_judged() -> None:
    asked = Demands(parse_requirement("p50 < 5 ms"), (), None, 0.1)
    unfinished = found_run(holds=None, fails=1000.0, complete=False)
    assert verdicts(unfinished, asked).unmet == []
    (line,) = verdicts(found_run(holds=None, fails=1000.0), asked).unmet
    assert line.endswith("it holds at no rate tried")
