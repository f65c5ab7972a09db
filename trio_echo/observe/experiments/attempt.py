"""Try a socket call and report what it returned or raised."""

from __future__ import annotations

import errno
import ssl
from dataclasses import dataclass
from inspect import isawaitable
from typing import TYPE_CHECKING

from trio_echo.errors import strerror
from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """The result of a call, in one line; a second line has an error's cause.

    Attributes:
        call: the name of the function.
        result: what it returned.
        error: what it raised instead; `None` if it returned.
    """

    call: str
    result: object = None
    error: Exception | None = None

    def __str__(self) -> str:
        if self.error is not None:
            lines = [f"{self.call}() raised {_described(self.error)}"]
            if self.error.__cause__ is not None:
                lines.append(f"    because of {_described(self.error.__cause__)}")
            return "\n".join(map(safe, lines))
        if self.result is None:
            return f"{self.call}() worked"
        return safe(f"{self.call}() returned {self.result!r}")

    __repr__ = __str__


async def attempt(call: Callable[..., object], *args: object) -> Outcome:
    """Call a function, await its result if that can be awaited, and return the outcome.

    Args:
        call: the function, such as a socket's method.
        args: its arguments.
    """
    name = getattr(call, "__name__", "call")
    try:
        result = call(*args)
        if isawaitable(result):
            result = await result
    except Exception as exc:  # noqa: BLE001  the outcome reports any error
        return Outcome(name, error=exc)
    return Outcome(name, result)


def _described(error: BaseException) -> str:
    """Return an error's type, its name in C if it has one, and its text."""
    name, text = type(error).__name__, getattr(error, "strerror", None) or str(error)
    number: int = getattr(error, "errno", None) or 0
    # The numbers of an SSLError are OpenSSL's.
    if number in errno.errorcode and not isinstance(error, ssl.SSLError):
        # Not `str(error)`: Trio's text also says what it was doing.
        return f"{name} ({errno.errorcode[number]}): {strerror(number)}"
    return f"{name}: {text}" if text else name
