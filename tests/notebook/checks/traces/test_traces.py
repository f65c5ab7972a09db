"""The checks of notebook 17: right answers, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trio_echo.notebook.checks import NO_ANSWER, traces
from trio_echo.observe.packets import Trace

RECORDINGS = Path(__file__).parents[4] / "notebooks" / "recordings"
NAGLE = Trace.load(RECORDINGS / "nagle.pcap")
BOTH = Trace.load(RECORDINGS / "both-talk.pcap")
DOWNLOAD = Trace.load(RECORDINGS / "download.pcap")

FIELDS = {
    "a": "SYN+ACK",
    "b": 11,
    "c": 11,
    "d": "server",
    "e": 7,
    "f": 5,
    "g": 47,
    "h": 47,
    "i": 20,
}
ENDED = {
    1: ("client", "thrown away"),
    2: ("server", "nobody listens"),
    3: ("client", "no answer"),
    4: ("server", "already closed"),
}
LOST = {5: "ACK", 6: "nothing", 7: "data", 8: "SYN or its answer"}
MEASURED = {
    "round trip": 0.0200,
    "client's MSS": 1360,
    "server's MSS": 1460,
    "first flight": 10,
    "bytes": 24000,
    "goodput": 548_000,
}


def test_blanks_are_shown_by_letter_and_their_values_are_not() -> None:
    lines = str(traces.hidden(NAGLE)).splitlines()
    assert len(lines) == 2 + len(NAGLE.segments)
    for letter in FIELDS:
        assert sum(f"{letter}?" in line for line in lines) == 1
    assert "a?" in lines[3]
    assert "SYN+ACK" not in lines[3]
    assert "hello" not in lines[13]  # its number of bytes is asked for
    assert "<td" in traces.hidden(NAGLE)._repr_html_()


def test_right_fields() -> None:
    assert traces.fields(FIELDS, NAGLE).right
    assert traces.fields({**FIELDS, "a": "ack, syn"}, NAGLE).right
    assert traces.fields(dict.fromkeys(FIELDS, ...), NAGLE) is NO_ANSWER
    assert traces.fields(..., NAGLE) is NO_ANSWER


@pytest.mark.parametrize(
    ("letter", "answer", "words"),
    [
        ("a", "SYN", "a is not 'SYN'. It answers a SYN"),
        ("a", "SA", "a is not 'SA': write the names of the flags"),
        ("a", ["SYN", "ACK"], "write the names of the flags"),
        ("b", 10, "b is not 10. An ack is the byte that is expected next"),
        ("b", 1, "b is not 1. That is its sender's own count"),
        ("b", 5, "b is not 5. Look at the last segment of the other side"),
        ("c", 1, "c is not 1. That is the other side's count."),
        ("c", 15, "c is not 15. Look at the last segment of the same side"),
        ("d", "the server", "d is not 'the server': it is one of"),
        ("d", "Server", 'd is not \'Server\': it is one of "client", "server".'),
        ("d", "client", "d is not 'client'. Whose numbers continue here?"),
        ("e", "7", "e is not '7': an integer is expected, not a str."),
        ("e", True, "e is not True: an integer is expected, not a bool."),
        ("f", 6, "f is not 6. Which byte does the other side expect after it?"),
        ("g", 46, "A SYN and a FIN count as one byte each."),
        ("h", 46, "h is not 46. A SYN and a FIN count as one byte each."),
        ("i", ..., "'i' has no answer yet."),
    ],
)
def test_the_first_wrong_field_is_named_with_a_hint(letter: str, answer: Any, words: str) -> None:
    verdict = traces.fields({**FIELDS, letter: answer}, NAGLE)
    assert not verdict.right
    assert words in verdict.why


def test_answers_must_be_a_dict() -> None:
    assert "a dict is expected" in traces.fields([1, 2], NAGLE).why


def test_a_key_that_is_not_asked_for_is_named() -> None:
    capitals = {letter.upper(): answer for letter, answer in FIELDS.items()}
    assert "'A' is not asked for. The keys: \"a\"," in traces.fields(capitals, NAGLE).why
    texts = {str(case): pair for case, pair in ENDED.items()}
    assert traces.ended(texts).why == "'1' is not asked for. The keys: 1, 2, 3, 4."


def letters_of(indexes: list[int]) -> str:
    """Return the letters that the shuffled table has for these segments."""
    lines = str(traces.shuffled(BOTH)).splitlines()[2:]
    contents = {tuple(line.split()[1:]): line[0] for line in lines}
    rows = [tuple(line.split()[2:]) for line in str(traces.numbered(BOTH)).splitlines()[2:]]
    return "".join(contents[rows[index]] for index in indexes)


def test_a_shuffled_table_has_no_times_and_is_always_the_same() -> None:
    table = str(traces.shuffled(BOTH))
    assert table == str(traces.shuffled(BOTH))
    assert " ms " not in table
    assert letters_of(list(range(12))) != "ABCDEFGHIJKL"


def test_the_recorded_order_is_right_and_another_possible_one_too() -> None:
    recorded = letters_of(list(range(12)))
    verdict = traces.ordered(recorded, BOTH)
    assert (verdict.right, verdict.why) == (True, "So it was recorded.")
    assert traces.ordered(", ".join(recorded.lower()), BOTH).right
    assert traces.ordered(list(recorded), BOTH).right
    other = traces.ordered(letters_of([0, 1, 2, 5, 3, 4, 8, 6, 7, 9, 10, 11]), BOTH)
    assert other.right
    assert other.why == f"So it can have been. {recorded} was recorded: also possible."


def test_the_first_impossible_step_is_named() -> None:
    order = letters_of([0, 1, 3, 2, *range(4, 12)])
    verdict = traces.ordered(order, BOTH)
    assert not verdict.right
    assert verdict.why.startswith(f"Step 3: {order[2]} has seq 1, but its sender has not")


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (7, "write a text of letters"),
        ("ABC", "Missing: D, E, F, G, H, I, J, K, L."),
        ("ABCDEFGHIJKK", "K is there more than once."),
        ("ABCDEFGHIJKX", "There is no segment 'X'."),
        ([1, 2], "write a text of letters"),
        ("12", "There is no segment '1'."),
    ],
)
def test_what_is_not_an_order_is_said(order: object, words: str) -> None:
    assert words in traces.ordered(order, BOTH).why
    assert traces.ordered(..., BOTH) is NO_ANSWER


def test_right_diagnoses() -> None:
    assert traces.ended(ENDED).right
    assert traces.ended({case: list(pair) for case, pair in ENDED.items()}).right
    assert traces.lost(LOST, 5, 8).right
    assert traces.ended(dict.fromkeys(ENDED, ...)) is NO_ANSWER
    assert traces.lost(LOST, ..., 8) is NO_ANSWER
    assert traces.lost(LOST, 5, ...) is NO_ANSWER


@pytest.mark.parametrize("case", ENDED)
def test_each_other_end_has_a_hint(case: int) -> None:
    who, why = ENDED[case]
    other = "client" if who == "server" else "server"
    assert traces.ended({**ENDED, case: (other, why)}).why == (
        f"Case {case}: which side sends the segment with RST?"
    )
    for _, cause in ENDED.values():
        if cause != why:
            verdict = traces.ended({**ENDED, case: (who, cause)})
            assert not verdict.right
            assert verdict.why.startswith(f"Case {case}: not {cause!r}. ")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("client", "a pair (who, why) is expected"),
        (("me", "no answer"), '\'me\' is not one of "client", "server".'),
        (("thrown away", "client"), '\'thrown away\' is not one of "client", "server".'),
        (("client", ...), "Case 1 has no whole answer yet."),
        (("client", "Thrown away"), "'Thrown away' is not one of \"nobody listens\", "),
        (("client", "who knows"), "'who knows' is not one of"),
        (("client", ["no answer"]), "is not one of"),
    ],
)
def test_what_is_not_an_end_is_said(answer: object, words: str) -> None:
    assert words in traces.ended({**ENDED, 1: answer}).why


@pytest.mark.parametrize("case", LOST)
def test_each_other_loss_has_a_hint(case: int) -> None:
    for other in LOST.values():
        if other != LOST[case]:
            verdict = traces.lost({**LOST, case: other}, 5, 8)
            assert not verdict.right
            assert verdict.why.startswith(f"Case {case}: not {other!r}. ")
    for word in ("time", "ack"):
        verdict = traces.lost({**LOST, case: word}, 5, 8)
        assert f'Case {case}: {word!r} is not one of "data", "ACK",' in verdict.why


def test_a_wrong_segment_is_named() -> None:
    assert traces.lost(LOST, 4, 8).why.startswith("needless is not 4. Two segments")
    assert traces.lost(LOST, "5", 8).why == (
        "needless is not '5': an integer is expected, not a str."
    )
    assert traces.lost(LOST, 5, 9).why.startswith("stop is not 9.")


def test_right_measurements() -> None:
    verdict = traces.measured(MEASURED, DOWNLOAD)
    assert verdict.right, verdict
    assert traces.measured(dict.fromkeys(MEASURED, ...), DOWNLOAD) is NO_ANSWER


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("round trip", 20.04, "Are these milliseconds?"),
        ("round trip", 20_042_000, "These are nanoseconds."),
        ("round trip", 0.01, "How long after the SYN"),
        ("client's MSS", 1460, "That is the other side's."),
        ("server's MSS", 1448, "Each side announces"),
        ("first flight", 17, "before the pause"),
        ("bytes", 24002, "minus 2"),
        ("bytes", 13480, "minus 2"),
        ("goodput", 548, "Per second, not per millisecond."),
        ("goodput", 8 * 548_000, "These are bits."),
        ("goodput", 324_000, "From the request"),
        ("goodput", "fast", "goodput: not 'fast': a number is expected."),
    ],
)
def test_a_wrong_measurement_has_a_hint(name: str, answer: Any, words: str) -> None:
    verdict = traces.measured({**MEASURED, name: answer}, DOWNLOAD)
    assert not verdict.right
    assert words in verdict.why
