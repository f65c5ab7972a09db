"""The table of rounds: a row for each, and empty cells for what a round does not have."""

from __future__ import annotations

import csv
import io

import runs
from msgspec import structs

from trio_echo.measure.results.spreadsheet import to_csv

RUN, _ = runs.run()


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_each_round_has_a_row_in_the_order_in_which_they_ran() -> None:
    rows = table(to_csv(RUN))
    assert len(rows) == len(RUN.rounds)
    for row, one in zip(rows, RUN.rounds, strict=True):
        assert row["round"] == str(one.number)
        assert row["address"] == RUN.targets[one.target].address
        assert row["message_bytes"] == str(RUN.workloads[one.workload].size)
        assert float(row["messages_per_second"]) == one.summary.messages_per_second
        assert one.summary.round_trip_ns is not None
        assert row["round_trip_p50_ns"] == str(one.summary.round_trip_ns.percentiles["p50"])
        assert row["round_trip_p99.9_ns"] == ""
        assert one.usage == runs.QUIET
        assert [row[f"{name}_processors"] for name in ("load", "server", "other")] == [
            "0.7",
            "0.8",
            "0.04",
        ]
        assert row["load_average"] == "1.25"
        assert row["tls"] == ""
        open_loop = RUN.workloads[one.workload].rate is not None
        assert bool(row["from_intended_mean_ns"]) == open_loop
        assert None not in row  # a cell without a column


def test_only_connections_for_each_message_have_columns_for_their_phases() -> None:
    assert not any(name.startswith("first_byte") for name in table(to_csv(RUN))[0])
    run, _ = runs.run(workloads=runs.RECONNECTING)
    for row, one in zip(table(to_csv(run)), run.rounds, strict=True):
        load, phases = run.workloads[one.workload], one.phases
        assert phases is not None
        assert row["reconnect"] == "True"
        assert row["first_byte_p90_ns"] == str(phases.first_byte_ns.percentiles["p90"])
        assert row["close_mean_ns"] == str(phases.close_ns.mean)
        assert bool(row["handshake_min_ns"]) == load.resume
        assert row["resumed_handshakes"] == ("50" if load.resume else "")
        assert None not in row  # a cell without a column


def test_a_round_over_tls_says_so() -> None:
    secure = structs.replace(RUN, rounds=(structs.replace(RUN.rounds[0], tls="TLSv1.3 X"),))
    assert [row["tls"] for row in table(to_csv(secure))] == ["TLSv1.3 X"]


def test_a_run_without_a_message_has_empty_cells() -> None:
    for row in table(to_csv(runs.run(1, messages=0)[0])):
        assert row["messages"] == "0"
        assert row["round_trip_mean_ns"] == row["from_intended_max_ns"] == ""


def test_a_run_without_a_round_is_an_empty_table() -> None:
    assert to_csv(runs.run(0)[0]) == ""
