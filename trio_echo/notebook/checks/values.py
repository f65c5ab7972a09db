"""Answers that are values. A learner's value may be anything: comparing or showing it may fail."""

from __future__ import annotations

import inspect
import math
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeGuard

from .verdict import NO_ANSWER, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping


def unfinished(*answers: object) -> Verdict | None:
    """Say why answers cannot be checked yet; `None` if they are values.

    Args:
        answers: what the learner wrote; `...` if there is no answer yet.
    """
    if any(one is ... for one in answers):
        return NO_ANSWER
    if (found := forgotten(answers)) is not None:
        return Verdict(False, f"That is a coroutine, of {found}(): an `await` is missing.")
    for one in answers:
        if inspect.isroutine(one):
            return Verdict(False, f"{one.__name__} is a function: call it, with ().")
    return None


def forgotten(value: object) -> str | None:
    """Return the name of a coroutine in a value that nobody awaited; `None` without one.

    Such coroutines are closed, so that Python does not warn of them in the middle of a verdict.
    """
    names = []
    left, known = [value], set()
    while left:
        one = left.pop()
        if id(one) in known:  # a list may contain itself
            continue
        known.add(id(one))
        if inspect.iscoroutine(one):
            if inspect.getcoroutinestate(one) == inspect.CORO_CREATED:
                one.close()
            names.append(one.__name__)
        elif isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list | tuple | set | frozenset):
            left += one
    return names[-1] if names else None


def compare(answer: object, right: int, why: str, hints: Mapping[int, str]) -> Verdict:
    """Check a number.

    Args:
        answer: what the learner wrote.
        right: the right answer.
        why: the explanation of the right answer.
        hints: common wrong answers, and a hint for each.
    """
    if (verdict := unfinished(answer)) is not None:
        return verdict
    if not is_integer(answer):
        return Verdict(False, f"Not {shown(answer)}{wanted(answer, right)}.")
    if answer == right:
        return Verdict(True, why)
    other = f"{shown(answer)} is too {'large' if answer > right else 'small'}."
    return Verdict(False, hints.get(int(answer), other))


def is_integer(answer: object) -> TypeGuard[int]:
    """Return whether it is an integer, of Python or of numpy; `True` counts as none."""
    return isinstance(answer, Integral) and not isinstance(answer, bool)


def is_number(answer: object) -> TypeGuard[float]:
    """Return whether it is a number; `True` counts as none."""
    return isinstance(answer, Real) and not isinstance(answer, bool)


def near(answer: float, right: float, **tolerance: float) -> bool:
    """Do what `math.isclose` does, also for an integer that is too large for a float."""
    try:
        return math.isclose(answer, right, **tolerance)
    except OverflowError:
        return False


def same(answer: object, right: object) -> bool:
    """Return whether they are equal. An array, which compares each element, is not."""
    try:
        return bool(answer == right)
    except Exception:  # noqa: BLE001  a learner's object may raise anything
        return False


def shown(value: object, most: int = 200) -> str:
    """Return its `repr`, of at most so many characters."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  a learner's object may raise anything
        text = f"<{type(value).__name__} without a repr>"
    return text if len(text) <= most else f"{text[:most]}…"


def wanted(answer: object, right: object) -> str:
    """Name both types, if they differ: `: a tuple is expected, not a list`; otherwise return "".

    Of tuples, name their lengths or the wrong order, or compare them element by element.

    Args:
        answer: what the learner's answer is.
        right: a right answer; `None` if none is known.
    """
    return "" if right is None else _wanted(answer, right)


def _wanted(answer: object, right: object) -> str:
    if not _fits(answer, right):
        if inspect.isroutine(answer):
            return f": call {answer.__name__}, with ()"
        expected = "a number" if isinstance(right, float) else _kind(right)
        verb = "are" if isinstance(right, bytes) else "is"
        return f": {expected} {verb} expected, not {_kind(answer)}"
    if not (isinstance(answer, tuple) and isinstance(right, tuple)):
        return ""
    if len(answer) != len(right):
        return f": {len(right)} values are expected, not {len(answer)}"
    if _is_reordered(answer, right):
        return ": the values are right, but their order is not"
    for one, its_right in zip(answer, right, strict=True):
        if found := _wanted(one, its_right):
            return found if inspect.isroutine(one) else f"{found}, for {shown(one)}"
    return ""


def _is_reordered(answer: tuple[object, ...], right: tuple[object, ...]) -> bool:
    left = list(right)
    for one in answer:
        for index, other in enumerate(left):
            if same(one, other):
                del left[index]
                break
    return not left and not same(answer, right)


def _fits(answer: object, right: Any) -> bool:
    if right is None:
        return answer is None
    if isinstance(right, int):
        return is_integer(answer)
    if isinstance(right, float):
        return is_number(answer)
    return isinstance(answer, bytes | bytearray if isinstance(right, bytes) else type(right))


def _kind(value: object) -> str:
    """Return the name of its type, with an article."""
    name = type(value).__name__
    special = {"int": "an integer", "bytes": "bytes", "NoneType": "None"}
    return special.get(name, f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}")
