"""`python -m trio_echo compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import runs
from msgspec.structs import replace

from trio_echo.cli.compare import compared
from trio_echo.measure.results import files
from trio_echo.measure.results.found import Found
from trio_echo.measure.statistics import Interval

if TYPE_CHECKING:
    from pathlib import Path

    from support import CommandLine

RUN, SAMPLES = runs.run(targets=runs.TARGETS[:1], workloads=runs.WORKLOADS[:1])
OTHER, _ = runs.run(targets=runs.TARGETS[:1], workloads=runs.WORKLOADS, messages=50)


def test_files_are_compared_with_the_first(command_line: CommandLine, tmp_path: Path) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    files.write(one, RUN, SAMPLES)
    files.write(other, RUN, SAMPLES)
    status, out, err = command_line("compare", str(one), str(other))
    assert (status, err) == (0, "")
    assert out.count("1.00") >= 2
    assert "These runs did not take turns" in out
    assert "no recorded condition differed" in out


def test_each_load_and_quantity_has_a_row_for_each_file() -> None:
    table = compared(["a", "b"], [RUN, OTHER])[0].splitlines()
    assert table[0].split("  ")[0] == "load"
    assert table[1].split() == [
        "IPv4,",
        "1",
        "x",
        "64",
        "B",
        "messages/s",
        "a",
        "100",
        "100",
        "to",
        "100",
    ]
    assert table[2].split() == ["b", "50", "50", "to", "50", "0.50", "0.50", "to", "0.50"]
    assert [line.split()[0] for line in table[3:5]] == ["p50", "b"]
    assert len(table) == 6  # no row has a p99, and a note is last


def test_loads_that_not_all_files_have_are_named() -> None:
    lines = compared(["a", "b"], [RUN, OTHER])
    assert "only in b: IPv4, 3 x 1 KiB at 1,000/s, verified" in lines
    assert not any(line.startswith("only in a") for line in lines)


def test_files_without_a_common_load_are_still_described() -> None:
    other = replace(OTHER, cells=OTHER.cells[1:])
    lines = compared(["a", "b"], [RUN, other])
    assert lines[0] == "the files have no load in common"
    assert lines[-1].startswith("These runs did not take turns")


def test_a_common_load_without_a_rate_is_still_a_row() -> None:
    single = replace(runs.WORKLOADS[0], duration=None, messages=1)
    run, _ = runs.run(targets=runs.TARGETS[:1], workloads=[single], messages=1)
    _, one, other, *_ = compared(["a", "b"], [run, run])[0].splitlines()
    assert one.split()[-4:] == ["messages/s", "a", "not", "known"]
    assert other.split() == ["b", "not", "known"]


def test_what_differed_is_in_a_table() -> None:
    where = replace(RUN.environment, python="CPython 3.99")
    (table,) = [
        one for one in compared(["a", "b"], [RUN, replace(RUN, environment=where)]) if "3.99" in one
    ]
    heads, row = table.splitlines()
    assert heads.split() == ["what", "differed", "a", "b"]
    assert row.split() == ["Python", *RUN.environment.python.split(), "CPython", "3.99"]


def test_searches_are_compared_by_what_they_found() -> None:
    found = Found(
        target=0,
        requirement="p99 < 5 ms",
        holds=40_000.0,
        fails=42_000.0,
        interval=Interval(low=38_000.0, high=42_000.0),
        load_limited=False,
        complete=True,
    )
    one = replace(RUN, searches=(found,))
    other = replace(RUN, searches=(replace(found, holds=30_000.0, interval=None),))
    table = compared(["a", "b"], [one, other])[0].splitlines()
    assert table[1].split("  ")[0] == "IPv4, 1 x 64 B: p99 < 5 ms"
    assert table[1].endswith("40,000  38,000 to 42,000")
    assert table[2].split() == ["b", "30,000", "0.75"]
    same = compared(["a", "a"], [one, other])[0].splitlines()
    assert same[2].split() == ["a", "30,000", "0.75"]
    lines = compared(["a", "b"], [one, replace(other, searches=())])
    assert "only in a: IPv4, 1 x 64 B: p99 < 5 ms" in lines


@pytest.mark.parametrize("names", [[], ["only.json"]])
def test_one_file_cannot_be_compared(command_line: CommandLine, names: list[str]) -> None:
    status, _, err = command_line("compare", *names)
    assert status == 2
    assert "give the results to compare: two files or more" in err


def test_a_file_that_cannot_be_read_is_one_line(command_line: CommandLine, tmp_path: Path) -> None:
    good, wrong = tmp_path / "good.json", tmp_path / "wrong.json"
    files.write(good, RUN, SAMPLES)
    wrong.write_text("{")
    for name, error in (
        (tmp_path / "missing\x1b.json", "[open()] No such file or directory: "),
        (wrong, "trio-echo compare: "),
    ):
        status, out, err = command_line("compare", str(good), str(name))
        assert (status, out) == (1, "")
        assert err.startswith(error)
        assert err.count("\n") == 1
        assert "\x1b" not in err
