"""Checks of notebook 06: right and wrong answers."""

from __future__ import annotations

import pytest

from trio_echo.notebook.checks import lecture


@pytest.mark.parametrize(
    ("answer", "right", "why"),
    [
        ((10, 4, -1), True, ""),
        ((12, 4, -1), False, "a is not 12"),
        ((10, -1, -1), False, "b is not -1"),
        ((10, 4, 4), False, "c is not 4"),
        ((10, "4", -1), False, "b is not '4'"),
        ((10, 4, ...), None, ""),
    ],
)
def test_returns(answer: tuple[object, object, object], right: bool | None, why: str) -> None:
    verdict = lecture.returns(*answer)
    assert verdict.right is right
    assert why in verdict.why


@pytest.mark.parametrize(
    ("answer", "right", "why"),
    [
        ({1, 8}, True, ""),
        ((8, 1), True, ""),
        ({1}, False, "for `hello`"),
        ({8}, False, "after BUFSIZE bytes"),
        (set(), False, "How many bytes does line 8 send"),
        ({1, 3, 8}, False, "Line 3 is right."),
        ({10}, False, "1 to 9"),
        ([[1, 8]], False, "1 to 9"),
        (1, False, "not a set"),
        (..., None, ""),
    ],
)
def test_wrong_lines(answer: object, right: bool | None, why: str) -> None:
    verdict = lecture.wrong_lines(answer)
    assert verdict.right is right
    assert why in verdict.why


@pytest.mark.parametrize(
    ("answer", "right", "why"),
    [
        ({"socket", "bind", "listen", "accept"}, True, ""),
        (["socket()", "bind()", "listen()", "accept()"], True, ""),
        ({"socket", "bind", "listen"}, False, "what follows it after accept()"),
        ({"bind", "listen", "accept"}, False, "if socket() fails"),
        ({"socket", "bind", "listen", "accept", "recv"}, False, "After recv()"),
        ({"connect"}, False, "does not call connect()"),
        ("bind", False, "not a set"),
        (..., None, ""),
    ],
)
def test_fatal(answer: object, right: bool | None, why: str) -> None:
    verdict = lecture.fatal(answer)
    assert verdict.right is right
    assert why in verdict.why


@pytest.mark.parametrize(
    ("answer", "right"), [(20480, True), (80, False), (5, False), ("x", False), (..., None)]
)
def test_without_htons(answer: object, right: bool | None) -> None:
    assert lecture.without_htons(answer).right is right


def test_without_htons_recognises_a_hexadecimal_number() -> None:
    assert "0x5000" in lecture.without_htons(5000).why
