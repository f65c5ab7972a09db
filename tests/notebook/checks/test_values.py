"""Answers that are values: their types are named, and a forgotten `await` is recognised."""

from __future__ import annotations

import socket

import numpy as np
import pytest

from trio_echo.notebook.checks import NO_ANSWER, compare, said, unfinished, wanted


async def counts() -> int:
    return 15


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("15", "Not '15': an integer is expected, not a str."),
        (15.0, "Not 15.0: an integer is expected, not a float."),
        (True, "Not True: an integer is expected, not a bool."),
        (None, "Not None: an integer is expected, not None."),
        ([15], "Not [15]: an integer is expected, not a list."),
        (np.float64(15), "Not np.float64(15.0): an integer is expected, not a float64."),
        (16, "16 is too large."),
        (-3, "-3 is too small."),
        (np.int64(14), "One too few."),
        (len, "len is a function: call it, with ()."),
    ],
)
def test_a_wrong_number(answer: object, why: str) -> None:
    verdict = compare(answer, 15, "So it is.", {14: "One too few."})
    assert verdict.right is False
    assert verdict.why == why


@pytest.mark.parametrize("answer", [15, np.int64(15), np.uint8(15)])
def test_a_right_number_may_be_numpys(answer: object) -> None:
    assert compare(answer, 15, "So it is.", {}).right


@pytest.mark.parametrize("answer", [counts, lambda: [counts()], lambda: {"a": (1, counts())}])
async def test_a_variable_with_a_coroutine(answer: object) -> None:
    assert callable(answer)
    held = answer()
    for _ in range(2):  # the check is run again
        verdict = unfinished(held)
        assert verdict is not None
        assert verdict.why == "That is a coroutine, of counts(): an `await` is missing."


def test_one_missing_answer_of_several() -> None:
    assert unfinished(1, ..., 3) is NO_ANSWER
    assert unfinished(1, np.array([2, 3]), []) is None


ADDRESS = (socket.AF_INET, ("127.0.0.1", 9000), None)


@pytest.mark.parametrize(
    ("got", "right", "words"),
    [
        ([1, 2], (1, 2), ": a tuple is expected, not a list"),
        ((1, 2), (1, 3), ""),
        ((2, ["127.0.0.1", 9000], None), ADDRESS, ": a tuple is expected, not a list"),
        ((2, ("127.0.0.1", "9000"), None), ADDRESS, ": an integer is expected, not a str"),
        ("hello", b"hello", ": bytes are expected, not a str"),
        (bytearray(b"hello"), b"hello", ""),
        ("0.25", 0.25, ": a number is expected, not a str"),
        (1, 0.25, ""),
        ((1, 2, 3), (1, 2), ": 2 values are expected, not 3"),
        ((2, 1), (1, 2), ": the values are right, but their order is not"),
        ((2, ("127.0.0.1", 9000), ""), ADDRESS, ": None is expected, not a str"),
        ((2, str.upper, None), ADDRESS, ": call upper, with ()"),
    ],
)
def test_types_that_differ_are_named(got: object, right: object, words: str) -> None:
    assert wanted(got, right).startswith(words)
    assert bool(wanted(got, right)) is bool(words)
    assert said(got, right) == f"it returned {got!r}{wanted(got, right)}"


def test_the_part_with_the_wrong_type_is_shown() -> None:
    got = (2, ["127.0.0.1", 9000], None)
    assert wanted(got, ADDRESS) == ": a tuple is expected, not a list, for ['127.0.0.1', 9000]"
