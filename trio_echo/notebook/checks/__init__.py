"""Checks of the notebooks' exercises: is an answer right, and if not, what tells that it is not.

Each notebook has its own module here. A check tries an answer, and says what it saw.
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
    """What a check says of an answer.

    Attributes:
        right: whether it is right; `None` if there is none yet.
        why: what the check saw, for the learner: it helps on, and does not give the answer away.
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
"""For an answer that is still `...`, as the notebook came."""

MISSING_RETURN = Verdict(False, "Your function returned None: is a `return` missing?")


def unusable(answer: object, *, awaits: bool = True) -> Verdict | None:
    """Say why a learner's function cannot be tried; `None` if it can.

    Args:
        answer: what the notebook has.
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

    Each Python compiles an empty body to other bytecode, so this one compiles one to compare with.
    """
    head = "async def" if inspect.iscoroutinefunction(function) else "def"
    body = "..." if function.__doc__ is None else repr(function.__doc__)
    module = compile(f"{head} empty():\n    {body}", "<empty>", "exec", dont_inherit=True)
    (empty,) = (one for one in module.co_consts if isinstance(one, CodeType))
    code: CodeType = function.__code__
    return code.co_code == empty.co_code and code.co_consts == empty.co_consts


def compare(answer: object, right: object, why: str, hints: Mapping[Any, str]) -> Verdict:
    """Check a plain value.

    Args:
        answer: what the notebook has, `...` if there is no answer yet.
        right: what it should be.
        why: what to say if it is.
        hints: wrong answers that people give, and what helps them on.
    """
    if answer is ...:
        return NO_ANSWER
    if answer == right:
        return Verdict(True, why)
    # Not `get`: an answer may be of a type that has no hash.
    hint = next((text for wrong, text in hints.items() if wrong == answer), None)
    return Verdict(False, hint or f"{answer!r} it is not.")


async def attempt(call: Callable[[], Awaitable[object]], seconds: float) -> object:
    """Call an answer; return what it returned, or the exception that it raised.

    Args:
        call: calls it.
        seconds: how long it may take; after that, the exception is a `trio.TooSlowError`.
    """
    try:
        with trio.fail_after(seconds):
            return await call()
    except Exception as exc:  # noqa: BLE001  whatever a learner's function does
        return exc


def said(got: object) -> str:
    """Say what came of an `attempt`."""
    if isinstance(got, trio.TooSlowError):
        return "it never came back"
    return f"it raised {got!r}" if isinstance(got, Exception) else f"it returned {got!r}"
