"""Answers that are functions: whether they can be tried, and what a call of them does."""

from __future__ import annotations

import inspect
import re
import traceback
import warnings
from contextlib import contextmanager
from types import CodeType
from typing import TYPE_CHECKING

import trio

from .values import forgotten, shown, wanted
from .verdict import NO_ANSWER, Verdict

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

DID_NOT_RETURN = object()
"""The result of a call that took too long."""


_SLIPS = {
    # Python up to 3.13, then later ones.
    r"can't be used in 'await' expression|object can't be awaited": (
        "leave out the `await`, for that call does not wait"
    ),
    r"expecting an async function.* got a coroutine": "pass the function itself, without ()",
    r"\.(bind|connect)\(\) takes 2 positional arguments but 3": "an address is one pair, in ()",
}
"""Common slips: what Python or Trio says of them, and what to do."""


class NotAwaited(Exception):  # noqa: N818  it is not raised, but a result like what was raised
    """The result of a call that forgot an `await`; its text says where."""


def unusable(answer: object, *, awaits: bool = True) -> Verdict | None:
    """Say why a learner's function cannot be tried; `None` if it can.

    Args:
        answer: what the learner wrote.
        awaits: whether it must be an `async def`.
    """
    if forgotten(answer) is not None and inspect.iscoroutine(answer):
        return Verdict(False, "You called your function. Give the function itself, without ().")
    if not (inspect.isfunction(answer) or inspect.ismethod(answer)):
        return Verdict(False, f"{shown(answer)} is not a function.")
    if _is_empty(answer):
        return NO_ANSWER
    if inspect.isgeneratorfunction(answer) or inspect.isasyncgenfunction(answer):
        return Verdict(False, "Your function contains `yield`. It must `return` its result.")
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


def call(function: Callable[..., object], *args: object) -> object:
    """Call a learner's function; return what it returned, or the exception that it raised.

    If it forgot an `await`, the result is `NotAwaited`.
    """
    with _forgotten_inside() as names:
        try:
            got = function(*args)
        except (Exception, SystemExit) as exc:  # noqa: BLE001  it may raise anything
            got = _settled(exc)
    return _judged(got, names)


async def call_async(
    seconds: float, function: Callable[..., Awaitable[object]], *args: object
) -> object:
    """Do the same with an async function; `DID_NOT_RETURN` if it takes longer than `seconds`."""
    got: object = DID_NOT_RETURN
    with _forgotten_inside() as names:
        try:
            with trio.move_on_after(seconds):
                got = await function(*args)
        except (Exception, SystemExit) as exc:  # noqa: BLE001  it may raise anything
            got = _settled(exc)
    return _judged(got, names)


@contextmanager
def _forgotten_inside() -> Iterator[list[str]]:
    """Collect the names of coroutines that Python would warn of: nobody awaited them."""
    names: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", "coroutine .* was never awaited", RuntimeWarning)
        yield names
    for one in caught:
        if found := re.match(r"coroutine '(.*)' was never awaited", str(one.message)):
            names.append(found[1].rpartition(".")[2])
        else:
            warnings.warn_explicit(
                one.message, one.category, one.filename, one.lineno, source=one.source
            )


def _settled(exc: BaseException) -> BaseException:
    """Let go of the variables of a function that raised; a coroutine may be among them."""
    traceback.clear_frames(exc.__traceback__)
    return exc


def _judged(got: object, names: list[str]) -> object:
    if forgotten(got) is not None:
        what = "a coroutine" if inspect.iscoroutine(got) else f"{shown(got)}, with a coroutine"
        return NotAwaited(f"it returned {what}: an `await` is missing")
    if names:
        return NotAwaited(f"it never awaited {names[0]}(): an `await` is missing")
    return got


def said(got: object, right: object = None) -> str:
    """Describe the result of a call; if it has the wrong type, name the right one too.

    Args:
        got: the result of the call.
        right: the right result.
    """
    if got is DID_NOT_RETURN:
        return "it did not return"
    if isinstance(got, NotAwaited):
        return str(got)
    if inspect.isroutine(got):
        return f"it returned the function {got.__name__}: call it, with ()"
    if isinstance(got, BaseException):
        return f"it raised {shown(got)}{_slip(got)}"
    return f"it returned {shown(got)}{wanted(got, right)}"


def _slip(error: BaseException) -> str:
    """Return `: ` and what to do about an error, or about one in its group; "" if unknown."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_slip, error.exceptions)), "")
    known = (what for pattern, what in _SLIPS.items() if re.search(pattern, str(error), re.DOTALL))
    return next((f": {what}" for what in known), "")


def failed(case: str, got: object) -> Verdict | None:
    """Say what is wrong with a call; `None` if it returned a value.

    Args:
        case: what was called, and how: the start of a sentence.
        got: the result of the call.
    """
    if got is None:
        return Verdict(False, f"{case}, it returned None. Is a `return` missing?")
    if got is DID_NOT_RETURN or isinstance(got, BaseException) or inspect.isroutine(got):
        return Verdict(False, f"{case}, {said(got)}.")
    return None
