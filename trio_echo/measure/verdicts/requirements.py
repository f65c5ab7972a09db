"""What a measurement must show, as people write it: `p99 < 5 ms`. No I/O."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Final, NamedTuple, get_args

from ..results.summary import PercentileName

if TYPE_CHECKING:
    from collections.abc import Callable

_NAMES: Final[tuple[PercentileName, ...]] = get_args(PercentileName)

POSSIBLE: Final = (
    f"{', '.join(_NAMES[:-1])} or {_NAMES[-1]} with < or <= and a time in s, ms, µs (us) or ns; "
    "rate with > or >= and messages a second; failures with ==, < or <= and a number"
)

_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}
# The second sign of a microsecond is the Greek letter, which looks like the first.
_UNITS = {"s": 1e9, "ms": 1e6, "µs": 1e3, "\u03bcs": 1e3, "us": 1e3, "ns": 1.0}
_NUMBER = r"(?P<amount>[0-9]{1,15}(?:\.[0-9]{1,9})?)"
_PERCENTILE = rf"(?P<name>{'|'.join(map(re.escape, _NAMES))})"
_UNIT = rf"(?P<unit>{'|'.join(_UNITS)})"
_FORMS = (
    rf"{_PERCENTILE}\s*(?P<sign><=?)\s*{_NUMBER}\s*{_UNIT}",
    rf"(?P<name>rate)\s*(?P<sign>>=?)\s*{_NUMBER}",
    r"(?P<name>failures)\s*(?P<sign>==|<=?)\s*(?P<amount>[0-9]{1,15})",
)


class Requirement(NamedTuple):
    """A limit that a quantity must keep.

    Attributes:
        name: a percentile of the times, `rate` (messages a second) or `failures` (connections).
        sign: how the quantity must be to the limit: `<`, `<=`, `>`, `>=` or `==`.
        limit: in nanoseconds for a percentile.
        text: the requirement, with the unit that was written.
    """

    name: str
    sign: str
    limit: float
    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def percentile(self) -> PercentileName | None:
        """The percentile that has a limit, if it is one."""
        return next((one for one in _NAMES if one == self.name), None)

    def allows(self, value: float) -> bool:
        """Return whether a value keeps the limit."""
        return _SIGNS[self.sign](value, self.limit)


def parse_requirement(text: str) -> Requirement:
    """Read a requirement, with or without spaces: `p99 < 5 ms`, `rate>=10000`, `failures == 0`.

    Raises:
        ValueError: it is not one. The message says in one line what is possible.
    """
    for form in _FORMS:
        if found := re.fullmatch(form, text.strip()):
            name, sign, amount = found["name"], found["sign"], found["amount"]
            unit = found.groupdict().get("unit")
            words = f"{name} {sign} {amount}" if unit is None else f"{name} {sign} {amount} {unit}"
            limit = float(amount) * (1.0 if unit is None else _UNITS[unit])
            return Requirement(name, sign, limit, words)
    raise ValueError(f"{text!r} is not a requirement: {POSSIBLE}")
