"""Checks of the notebooks' exercises: whether an answer is right, and if not, why.

Each notebook has its own module here. A check tries an answer and reports what it saw.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from html import escape
from types import CodeType
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


@dataclass(frozen=True, slots=True, repr=False)
class Verdict:
    """A check's result.

    Attributes:
        right: whether the answer is right; `None` if there is no answer yet.
        why: what the check saw: a hint for the learner that does not give the answer away.
    """

    right: bool | None
    why: str

    def __repr__(self) -> str:
        head = {True: "Right.", False: "Not yet.", None: "No answer yet."}[self.right]
        return f"{head} {self.why}"

    def _repr_html_(self) -> str:
        colour = {True: "#009e73", False: "#d55e00", None: "#6b6b6b"}[self.right]
        style = f"border-left:4px solid {colour};padding:4px 12px"
        return f'<div style="{style}">{escape(str(self))}</div>'


NO_ANSWER = Verdict(None, "Replace the … above, run that cell, then this one again.")
"""For an answer that is still `...`, as in the notebook."""

MISSING_RETURN = Verdict(False, "Your function returned None. Is a `return` missing?")


def unusable(answer: object, *, awaits: bool = True) -> Verdict | None:
    """Say why a learner's function cannot be tried; `None` if it can.

    Args:
        answer: what the learner wrote.
        awaits: whether it must be an `async def`.
    """
    if not (inspect.isfunction(answer) or inspect.ismethod(answer)):
        return Verdict(False, f"{answer!r} is not a function.")
    if _is_empty(answer):
        return NO_ANSWER
    if inspect.iscoroutinefunction(answer) != awaits:
        return Verdict(False, f"Your function must be {'an async def' if awaits else 'a def'}.")
    return None


def _is_empty(function: Callable[..., object]) -> bool:
    """Return whether the body of a function is `...`, with or without a docstring.

    The bytecode of an empty body differs between Python versions: compile one and compare.
    """
    head = "async def" if inspect.iscoroutinefunction(function) else "def"
    body = "..." if function.__doc__ is None else repr(function.__doc__)
    module = compile(f"{head} empty():\n    {body}", "<empty>", "exec", dont_inherit=True)
    (empty,) = (one for one in module.co_consts if isinstance(one, CodeType))
    code: CodeType = function.__code__
    return code.co_code == empty.co_code and code.co_consts == empty.co_consts


def compare(answer: object, right: int, why: str, hints: Mapping[Any, str]) -> Verdict:
    """Check a number.

    Args:
        answer: what the learner wrote; `...` if there is no answer yet.
        right: the right answer.
        why: the explanation of the right answer.
        hints: common wrong answers, and a hint for each.
    """
    if answer is ...:
        return NO_ANSWER
    if answer == right:
        return Verdict(True, why)
    # Not `get`: an answer may not be hashable.
    hint = next((text for wrong, text in hints.items() if wrong == answer), None)
    expected = "" if isinstance(answer, int) else ": an integer is expected"
    return Verdict(False, hint or f"Not {answer!r}{expected}.")


DID_NOT_RETURN = object()
"""The result of a call that took too long."""

NOT_AWAITED = object()
"""The result of a call that returned a coroutine."""


def call(function: Callable[..., object], *args: object) -> object:
    """Call a learner's function; return what it returned, or the exception that it raised."""
    try:
        return _awaited(function(*args))
    except Exception as exc:  # noqa: BLE001  a learner's function may raise anything
        return exc


async def call_async(
    seconds: float, function: Callable[..., Awaitable[object]], *args: object
) -> object:
    """Do the same with an async function; `DID_NOT_RETURN` if it takes longer than `seconds`."""
    try:
        with trio.move_on_after(seconds):
            return _awaited(await function(*args))
    except Exception as exc:  # noqa: BLE001  a learner's function may raise anything
        return exc
    return DID_NOT_RETURN


def _awaited(got: object) -> object:
    if inspect.iscoroutine(got):
        got.close()  # Python would warn in the middle of the verdict
        return NOT_AWAITED
    return got


def said(got: object) -> str:
    """Describe the result of a call."""
    if got is DID_NOT_RETURN:
        return "it did not return"
    if got is NOT_AWAITED:
        return "it returned a coroutine: an `await` is missing"
    return f"it raised {got!r}" if isinstance(got, Exception) else f"it returned {got!r}"


def failed(case: str, got: object) -> Verdict | None:
    """Say what is wrong with a call; `None` if it returned a value.

    Args:
        case: what was called, and how: the start of a sentence.
        got: the result of the call.
    """
    if got is None:
        return MISSING_RETURN
    if got is DID_NOT_RETURN or got is NOT_AWAITED or isinstance(got, Exception):
        return Verdict(False, f"{case}, {said(got)}.")
    return None
