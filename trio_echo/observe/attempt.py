"""Try a socket call, and tell in one line what it returned or raised."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from inspect import isawaitable
from typing import TYPE_CHECKING

from trio_echo.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """What came of a call. `str()`, and a notebook, show it as one line.

    Attributes:
        call: the name of what was called.
        result: what it returned.
        error: what it raised instead; `None` if it returned.
    """

    call: str
    result: object = None
    error: Exception | None = None

    def __str__(self) -> str:
        if self.error is not None:
            return safe(f"{self.call}() raised {_told(self.error)}")
        if self.result is None:
            return f"{self.call}() worked"
        return safe(f"{self.call}() returned {self.result!r}")

    __repr__ = __str__


async def attempt(call: Callable[..., object], *args: object) -> Outcome:
    """Call a function, await what it returns if that can be awaited, and tell what came of it.

    Args:
        call: such as a socket's method.
        args: what to call it with.
    """
    name = getattr(call, "__name__", "call")
    try:
        result = call(*args)
        if isawaitable(result):
            result = await result
    except Exception as exc:  # noqa: BLE001  to tell of it is what this is for
        return Outcome(name, error=exc)
    return Outcome(name, result)


def _told(error: BaseException) -> str:
    """Say an error's type, its name in C if it has one, its text, and what it came from."""
    code = error.errno if isinstance(error, OSError) else None
    symbol = errno.errorcode.get(code, "") if code is not None else ""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    words = f"{type(error).__name__}{f' ({symbol})' if symbol else ''}: {text}"
    if error.__cause__ is not None:
        words += f" — because of {_told(error.__cause__)}"
    return words
