"""A run as values and as JSON, its schema, and files that are refused."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import runs
from msgspec.structs import replace

from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.results import environment, schema
from trio_echo.measure.results.json_text import ResultsError, from_json, to_json
from trio_echo.measure.results.run import SCHEMA_VERSION, Round, Run, Target, collect
from trio_echo.measure.results.summary import MINIMUM_BEYOND, PERCENTILES, summarize
from trio_echo.measure.statistics import MINIMUM_ROUNDS

with pytest.MonkeyPatch.context() as patch:
    # The import of these grammars, of IRIs, takes more than a second; our schema has no IRI.
    patch.setitem(sys.modules, "rfc3987_syntax", None)
    import jsonschema

SCHEMA = json.loads(schema.PATH.read_text("utf-8"))
RUN, _ = runs.run()
TEXT = to_json(RUN)
FOUND = {
    "target": 7,
    "requirement": "p99 < 5 ms",
    "holds": 9000.0,
    "fails": None,
    "interval": None,
    "load_limited": False,
    "complete": True,
}

V4 = Target(name="127.0.0.1:9000", address="127.0.0.1:9000", family="IPv4")
V6 = Target(name="[::1]:9000", address="[::1]:9000", family="IPv6")


def validate(run: Run) -> None:
    validator = jsonschema.Draft202012Validator(
        SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    validator.validate(json.loads(to_json(run)))


def empty(rounds: list[Round], **options: Any) -> Run:
    where = environment.describe()
    return collect(where, [V4, V6], [Workload(duration=1.0)], rounds, partial=True, **options)


def failed_round(target: int, *, ended: int) -> Round:
    brought = Samples(began=0, ended=ended, failures={"connect(): Connection refused": 2})
    summary = summarize(brought, Workload(duration=1.0))
    return Round(number=1, target=target, workload=0, summary=summary)


RUNS = {
    "whole": RUN,
    "connections for each message": runs.run(workloads=runs.RECONNECTING)[0],
    "few rounds": runs.run(2)[0],
    "few messages": runs.run(messages=5)[0],
    "one round": empty([failed_round(1, ended=0)]),
    "no messages": empty([failed_round(0, ended=10), failed_round(1, ended=10)]),
    "no rounds": empty([]),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_a_run_is_read_back_as_it_was_and_keeps_to_the_schema(run: Run) -> None:
    validate(run)
    assert from_json(to_json(run)) == run
    assert from_json(to_json(run).encode()) == run


def test_the_committed_schema_is_the_generated_one() -> None:
    again = "python -m trio_echo.measure.results.schema"
    assert schema.PATH.read_text("utf-8") == schema.generated(), f"run {again}"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_describes_every_field() -> None:
    for one in (SCHEMA, *SCHEMA["$defs"].values()):
        assert one["description"]
        assert one["required"] == list(one["properties"])
        assert one["additionalProperties"] is False
        for field in one["properties"].values():
            assert field.get("description") or "$ref" in field


def test_the_schema_says_the_numbers_of_the_code() -> None:
    definitions = SCHEMA["$defs"]
    percentiles = definitions["Distribution"]["properties"]["percentiles"]
    assert percentiles["propertyNames"]["enum"] == list(PERCENTILES)
    assert f"fewer than {MINIMUM_BEYOND} samples" in percentiles["description"]
    assert SCHEMA["properties"]["schema_version"]["enum"] == [SCHEMA_VERSION]
    interval = definitions["Estimate"]["properties"]["interval"]["description"]
    assert f"fewer than {MINIMUM_ROUNDS} rounds" in interval


def test_the_schema_refuses_what_is_wrong() -> None:
    value = json.loads(TEXT)
    value["rounds"][0]["summary"]["messages"] = "many"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(value, SCHEMA)


def test_a_run_has_medians_over_its_rounds_and_over_pairs() -> None:
    assert [(one.target, one.workload) for one in RUN.cells] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    closed, *_, opened = RUN.cells
    assert closed.messages_per_second is not None
    assert closed.messages_per_second.median == 100
    assert closed.bytes_per_second is not None
    assert closed.bytes_per_second.median == 6_400
    assert set(closed.round_trip_ns) == {"p50", "p90"}
    assert closed.from_intended_ns == {}
    late = opened.from_intended_ns["p50"].median - opened.round_trip_ns["p50"].median
    assert late == 1_000
    assert [
        (one.target, one.baseline, one.workload, one.comparison.quantity) for one in RUN.comparisons
    ] == [
        (1, 0, 0, "messages_per_second"),
        (1, 0, 0, "round_trip_ns"),
        (1, 0, 1, "messages_per_second"),
        (1, 0, 1, "round_trip_ns"),
        (1, 0, 1, "from_intended_ns"),
    ]
    sentence = RUN.comparisons[0].comparison.sentence()
    assert sentence == "IPv6 is 1.00 of IPv4 (1.00 to 1.00): no difference seen"


def test_rounds_are_paired_by_number_and_a_lone_one_is_in_no_pair() -> None:
    workload = Workload(messages=100)
    rounds = [
        Round(number=number, target=target, workload=0, summary=summarize(brought, workload))
        for number, target, brought in [
            (1, 0, runs.samples(100)),
            (1, 1, runs.samples(50)),
            (2, 1, runs.samples(100)),
            (2, 0, runs.samples(200)),
            (3, 1, runs.samples(900)),
        ]
    ]
    run = collect(environment.describe(), [V4, V6], [workload], rounds, partial=True)
    ratio = run.comparisons[0].comparison.ratio
    assert ratio is not None
    assert ratio.rounds == 2
    assert ratio.median == pytest.approx(0.5)


def test_a_target_without_a_round_is_not_compared() -> None:
    ran = [one for one in RUN.rounds if one.target == 1]
    assert collect(RUN.environment, RUN.targets, RUN.workloads, ran, partial=True).comparisons == ()


def test_a_percentile_that_not_every_round_has_is_left_out() -> None:
    workload = Workload(duration=1.0)
    counts = [100, 100, 20]  # p50 and p90, twice; p50
    rounds = [
        Round(number=i, target=0, workload=0, summary=summarize(runs.samples(count), workload))
        for i, count in enumerate(counts, 1)
    ]
    (cell,) = collect(environment.describe(), [V4], [workload], rounds, partial=False).cells
    assert set(cell.round_trip_ns) == {"p50"}
    assert cell.round_trip_ns["p50"].rounds == 3
    assert cell.messages_per_second is not None
    assert cell.messages_per_second.rounds == 3


def test_a_round_in_which_nothing_came_back_is_counted_and_hides_the_percentiles() -> None:
    """They would be those of the other rounds, and look as if the server were well."""
    workload = Workload(duration=1.0)
    rounds = [
        Round(number=i, target=0, workload=0, summary=summarize(runs.samples(count), workload))
        for i, count in enumerate([100, 0, 100, 0], 1)
    ]
    (cell,) = collect(environment.describe(), [V4], [workload], rounds, partial=False).cells
    assert cell.silent_rounds == 2
    assert cell.round_trip_ns == {}
    assert cell.messages_per_second is not None
    assert cell.messages_per_second.rounds == 4


def of_version_4(run: Run) -> dict[str, Any]:
    """What that version wrote."""
    value: dict[str, Any] = json.loads(to_json(run))
    value["schema_version"] = 4
    for asked in value["workloads"]:
        del asked["payload"], asked["reconnect"], asked["resume"]
    for one in (*value["rounds"], *value["cells"]):
        del one["phases"]
    for one in value["rounds"]:
        del one["missing"], one["machines"]
        for times in one["summary"].values():
            if isinstance(times, dict):
                times.pop("relative_error", None)
    return value


def of_version_3(run: Run) -> dict[str, Any]:
    """What that version wrote."""
    value = of_version_4(run)
    value["schema_version"] = 3
    for one in value["rounds"]:
        del one["tls"]
    return value


def of_version_2(run: Run) -> dict[str, Any]:
    """What that version wrote."""
    value = of_version_3(run)
    value["schema_version"] = 2
    del value["wire"]
    for one in value["rounds"]:
        del one["usage"]["cable"]
    return value


def of_version_1(run: Run) -> dict[str, Any]:
    """What that version wrote."""
    value = of_version_2(run)
    value["schema_version"] = 1
    for one in value["rounds"]:
        del one["usage"]
    for cell in value["cells"]:
        del cell["silent_rounds"]
    return value


def test_results_of_version_4_are_read_with_their_tls() -> None:
    first, *rest = RUN.rounds
    run = replace(RUN, rounds=(replace(first, tls="TLSv1.3"), *rest))
    assert from_json(json.dumps(of_version_4(run))) == run


def test_results_of_version_3_are_read_with_their_cable() -> None:
    run = replace(RUN, wire="delay=1ms")
    assert from_json(json.dumps(of_version_3(run))) == run


def test_results_of_version_2_are_read() -> None:
    assert from_json(json.dumps(of_version_2(RUN))) == RUN


def test_results_of_version_1_are_read() -> None:
    read = from_json(json.dumps(of_version_1(RUN)))
    rounds = tuple(replace(one, usage=None) for one in RUN.rounds)
    assert read == replace(RUN, rounds=rounds)
    validate(read)


@pytest.mark.parametrize("rounds", [None, {}, [1], [[]], [{}]])
def test_wrong_results_of_version_1_are_refused_in_one_line(rounds: object) -> None:
    with pytest.raises(ResultsError, match=r"wrong results: rounds"):
        from_json(json.dumps(of_version_1(RUN) | {"rounds": rounds}))


def cut_short(messages: int, *, whole: int = 6) -> Run:
    """Whole rounds with p50 and p90 of two targets, then one of the first that was cut short."""
    workload = Workload(duration=1.0)
    rounds = [
        Round(number=i, target=j, workload=0, summary=summarize(runs.samples(seed=i), workload))
        for i in range(1, whole + 1)
        for j in range(2)
    ]
    brought = runs.samples(messages)
    brought.cut = True
    summary = summarize(brought, workload)
    rounds.append(Round(number=whole + 1, target=0, workload=0, cut=True, summary=summary))
    return collect(environment.describe(), [V4, V6], [workload], rounds, partial=True)


@pytest.mark.parametrize(
    ("messages", "rate", "p50", "p90"),
    [(0, 6, 6, 6), (19, 6, 6, 6), (20, 7, 7, 6), (99, 7, 7, 6), (100, 7, 7, 7)],
)
def test_a_round_that_was_cut_short_counts_if_it_has_enough(
    messages: int, rate: int, p50: int, p90: int
) -> None:
    run = cut_short(messages)
    validate(run)
    assert from_json(to_json(run)) == run
    cell = run.cells[0]
    assert cell.messages_per_second is not None
    assert cell.messages_per_second.rounds == rate
    assert {name: one.rounds for name, one in cell.round_trip_ns.items()} == {
        "p50": p50,
        "p90": p90,
    }


@pytest.mark.parametrize("messages", [0, 19, 20])
def test_a_single_round_that_was_cut_short_has_what_its_messages_allow(messages: int) -> None:
    (cell,) = cut_short(messages, whole=0).cells
    assert (cell.messages_per_second is not None) == (messages == 20)
    assert set(cell.round_trip_ns) == ({"p50"} if messages == 20 else set())


def test_failures_of_all_rounds_are_counted_by_kind() -> None:
    assert RUNS["no messages"].failures == {"connect(): Connection refused": 4}
    assert RUN.failures == {}


def test_nan_is_never_written() -> None:
    first = RUN.rounds[0]
    summary = replace(first.summary, seconds=float("nan"))
    wrong = replace(RUN, rounds=(replace(first, summary=summary),))
    with pytest.raises(ValueError, match="JSON"):
        to_json(wrong)


def parent_of(path: str, whole: Any) -> tuple[dict[str, Any], str]:
    *parents, name = path.split(".")
    for parent in parents:
        whole = whole[int(parent) if parent.isdigit() else parent]
    return whole, name


def changed(path: str, value: object) -> str:
    """The text with one value changed, or added."""
    whole = json.loads(TEXT)
    parent, name = parent_of(path, whole)
    parent[name] = value
    return json.dumps(whole)


def without(path: str) -> str:
    """The text without one value."""
    whole = json.loads(TEXT)
    parent, name = parent_of(path, whole)
    del parent[name]
    return json.dumps(whole)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a complete JSON file"),
        (TEXT[:-1], "not a complete JSON file"),
        (TEXT[: len(TEXT) // 2], "not a complete JSON file"),
        ("[" * 100_000, "not a complete JSON file"),
        ("\x00", "not a complete JSON file"),
        ("[]", "no schema_version"),
        ("{}", "no schema_version"),
        (changed("schema_version", 6), "schema version 6; this version reads 5"),
        (changed("schema_version", "1"), "schema_version is not a version"),
        (changed("schema_version", True), "schema_version is not a version"),
        (changed("schema_version", 0), "schema_version is not a version"),
        (changed("surprise", 1), ": surprise: unknown field$"),
        (changed("rounds.1.surprise", 1), r": rounds\[1\].surprise: unknown field$"),
        (changed("s" * 999 + "\n", 1), ": sss.*…$"),
        (without("targets"), ": targets: missing$"),
        (without("rounds.1.summary.messages"), r": rounds\[1\].summary.messages: missing$"),
        # These have a default in Python.
        (without("rounds.1.cut"), r": rounds\[1\].cut: missing$"),
        (without("workloads.1.rate"), r": workloads\[1\].rate: missing$"),
        (changed("partial", 0), ": partial: expected bool, got int$"),
        (changed("targets.0.family", "IPX"), r": targets\[0\].family: invalid enum value 'IPX'$"),
        (changed("targets.0.family", "IPX\n" * 99), r"\[0\].family: invalid enum value 'IPX.*…$"),
        (changed("rounds", {}), ": rounds: expected array, got object"),
        (changed("failures", []), ": failures: expected object, got array"),
        (changed("rounds.1.summary", None), r": rounds\[1\].summary: expected object, got null"),
        (changed("rounds.0.number", 1.5), r": rounds\[0\].number: expected int, got float"),
        (changed("rounds.0.number", True), r": rounds\[0\].number: expected int, got bool"),
        (changed("rounds.0.target", 7), "no target 7"),
        (changed("rounds.0.target", -1), r": rounds\[0\].target: expected int >= 0"),
        (changed("rounds.0.target", 10**30), r": rounds\[0\].target: expected int <= 92"),
        (changed("comparisons.0.baseline", 7), "no target 7"),
        (changed("searches", [FOUND]), "no target 7"),
        (changed("environment.kernel", "x" * 99 + "\n").replace('"x', '["x', 1), "not a complete"),
        (
            changed("environment.kernel", ["x" * 99]),
            ": environment.kernel: expected str, got array",
        ),
        (changed("environment.commit", "x"), ": environment.commit: expected str matching regex"),
        (changed("rounds.0.summary.seconds", float("nan")), ".seconds: expected float >= 0"),
        (changed("rounds.0.summary.seconds", float("inf")), ".seconds: expected float <= 1e"),
        (changed("rounds.0.summary.bytes_per_second", float("nan")), ".bytes_per_second: expected"),
        (TEXT.replace('"seconds": 1.0', '"seconds": 1e999', 1), ".seconds: expected float <= 1e"),
        (changed("rounds.0.summary.seconds", 10**400), ".summary.seconds: "),
        (TEXT.replace('"seconds": 1.0', f'"seconds": {"9" * 5000}', 1), "not a complete JSON file"),
        (changed("targets", []), ": targets: expected array of length >= 1"),
        (changed("workloads", []), ": workloads: expected array of length >= 1"),
        (changed("workloads.0.size", 10**30), r": workloads\[0\].size: expected int <= 1073741824"),
        (changed("workloads.0.duration", 1e308), r": workloads\[0\].duration: expected float <= 3"),
        (changed("workloads.0.messages", 5), r": workloads\[0\]: a round ends by its duration or"),
        (changed("rounds.0.usage.load", 1), r": rounds\[0\].usage.load: expected array, got int"),
        (changed("rounds.0.usage.server", -1), r"\[0\].usage.server: expected float >= 0"),
        (changed("rounds.0.number", 0), r": rounds\[0\].number: expected int >= 1"),
        (changed("rounds.0.summary.messages", -1), ".messages: expected int >= 0"),
        (changed("rounds.0.summary.messages_per_second", -1), "_per_second: expected float >= 0"),
        (changed("rounds.0.summary.bytes_per_second", 1e308), "_per_second: expected float <= 1e"),
        (changed("rounds.0.summary.round_trip_ns.min", -1), ".min: expected int >= 0"),
        (changed("rounds.0.summary.round_trip_ns.max", 10**30), ".max: expected int <= "),
        (changed("rounds.0.summary.round_trip_ns.percentiles", {"p75": 1}), "value 'p75'"),
        (
            changed("cells.0.round_trip_ns", {"p75": None}),
            r"\[0\].round_trip_ns: invalid enum value",
        ),
        (changed("cells.0.messages_per_second.median", -1), ".median: expected float >= 0"),
        (
            changed("cells.0.messages_per_second.interval.high", 1e308),
            ".high: expected float <= 1e",
        ),
        (changed("comparisons.0.comparison.ratio.rounds", 0), ".rounds: expected int >= 1"),
        (changed("failures", {"closed early": 0}), r": failures\[...\]: expected int >= 1"),
    ],
)
def test_a_wrong_results_file_is_refused_in_one_line(text: str, words: str) -> None:
    with pytest.raises(ResultsError, match=words) as caught:
        from_json(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    assert caught.value.__cause__ is None


def test_bytes_that_are_not_text_are_refused() -> None:
    with pytest.raises(ResultsError, match="not a complete JSON file"):
        from_json(b"\xff\xff\xff\xff")
