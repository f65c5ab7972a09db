"""Try a socket call, and tell what it returned or raised."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from inspect import isawaitable
from typing import TYPE_CHECKING

from trio_echo.errors import strerror
from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """What came of a call, in one line; an error's cause stands on a second one.

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
            lines = [f"{self.call}() raised {_told(self.error)}"]
            if self.error.__cause__ is not None:
                lines.append(f"    because of {_told(self.error.__cause__)}")
            return "\n".join(map(safe, lines))
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
    """Say an error's type, its name in C if it has one, and its text."""
    name, text = type(error).__name__, str(error)
    number: int = getattr(error, "errno", None) or 0
    if number in errno.errorcode:
        # Not its own text: Trio's says what it was doing as well.
        return f"{name} ({errno.errorcode[number]}): {strerror(number)}"
    return f"{name}: {getattr(error, 'strerror', None) or text}"
