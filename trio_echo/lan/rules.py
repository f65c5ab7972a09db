"""Rules: what a cable does to certain frames, and how often.

    cable.rules.append(lan.drop(lan.syn, first=1))                     # the first SYN
    cable.rules.append(lan.drop(lan.data, source="server", nth=3))     # the third data segment
    cable.rules.append(lan.drop(lan.ack, seconds=0.2))                 # every ACK for 200 ms
    cable.rules.append(lan.delay(lan.fin, by=1.0))
    cable.rules.clear()

A cable asks its rules about every frame that it puts on the wire, in their order and before it
draws lots. If several rules act on one frame, it suffers them all.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from .errors import SettingError
from .matching import Candidate, Match, matcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Self, SupportsIndex, Unpack

    from trio_echo.observe.packets.wire import Header

    Question = Match | Callable[[Header], bool]

_SECOND = 1_000_000_000


@dataclass(slots=True)
class Treatment:
    """What the wire does to one frame.

    Attributes:
        lost: it never arrives.
        corrupt: one of its bits is flipped.
        copies: how many arrive.
        late: nanoseconds that it takes longer than its turn. Later frames overtake it.
        behind: how many later frames overtake it.
    """

    lost: bool = False
    corrupt: bool = False
    copies: int = 1
    late: int = 0
    behind: int = 0

    def add(self, other: Treatment) -> None:
        """Suffer another one too."""
        self.lost |= other.lost
        self.corrupt |= other.corrupt
        self.copies += other.copies - 1
        self.late += other.late
        self.behind = max(self.behind, other.behind)


class When(TypedDict, total=False):
    """Which of the frames that match a rule acts on: all of them, or one of the following.

    Attributes:
        source: the name of the end where the frame enters; by default both.
        first: this many, from the first one on.
        nth: this one only, counted from 1.
        seconds: all that come within this time from the first one.
    """

    source: str
    first: int
    nth: int
    seconds: float


class Rule:
    """What a cable does to the frames that match. `drop`, `delay` and the others make one.

    Args:
        treatment: what happens to them.
        question: which frames: a match, or a function that gets a TCP segment's header.
        when: how often.

    Attributes:
        source: of these frames, as given; `None` for both ends.
        matched: how many frames have matched.
        acted: on how many of them it has acted.

    Raises:
        SettingError: a number is out of range, or `first`, `nth` and `seconds` are combined.
        TypeError: a number of frames is not an integer.
    """

    def __init__(self, treatment: Treatment, question: Question, **when: Unpack[When]) -> None:
        if unknown := when.keys() - When.__annotations__.keys():
            raise TypeError(f"a rule has no argument {min(unknown)!r}")
        if len(when.keys() - {"source"}) > 1:
            raise SettingError("a rule takes one of first, nth and seconds")
        for name in ("first", "nth"):
            if name in when and operator.index(when[name]) < 1:
                raise SettingError(f"{name} must be at least 1")
        if "seconds" in when and not 0 <= when["seconds"] < math.inf:
            raise SettingError("seconds must be 0 or more")
        self.source = when.get("source")
        self.matched = self.acted = 0
        self._treatment = treatment
        self._matches = matcher(question)
        self._when = when
        self._began = 0

    def consult(self, candidate: Candidate, now: int) -> Treatment | None:
        """Count a frame if it matches; return what must happen to it.

        Args:
            candidate: the frame.
            now: the time, in nanoseconds.
        """
        if self.source not in (None, candidate.source):
            return None
        if not self._matches(candidate):
            return None
        self.matched += 1
        if self.matched == 1:
            self._began = now
        when = self._when
        if self.matched > when.get("first", self.matched):
            return None
        if self.matched != when.get("nth", self.matched):
            return None
        if now - self._began > when.get("seconds", math.inf) * _SECOND:
            return None
        self.acted += 1
        return self._treatment

    def __repr__(self) -> str:
        when = "".join(f", {name}={value!r}" for name, value in self._when.items())
        return f"<Rule {self._matches}{when}: {self.acted} of {self.matched}>"


class Rules(list[Rule]):
    """The rules of one cable; a rule for an end that the cable does not have would never act.

    Args:
        check_end: called with the source of each new rule; refuses one that is not an end.
    """

    def __init__(self, check_end: Callable[[str], object]) -> None:
        super().__init__()
        self._check_end = check_end

    def append(self, rule: Rule) -> None:
        """Add a rule."""
        super().append(self._checked(rule))

    def insert(self, index: SupportsIndex, rule: Rule) -> None:
        """Add a rule before another one."""
        super().insert(index, self._checked(rule))

    def extend(self, rules: Iterable[Rule]) -> None:
        """Add several rules, or none if one is refused."""
        super().extend([self._checked(one) for one in rules])

    def __iadd__(self, rules: Iterable[Rule]) -> Self:  # type: ignore[override,misc]
        """Add several rules."""
        self.extend(rules)
        return self

    def __setitem__(self, index: SupportsIndex | slice, new: Any) -> None:
        """Replace one rule or several."""
        if isinstance(index, slice):
            super().__setitem__(index, [self._checked(one) for one in new])
        else:
            super().__setitem__(index, self._checked(new))

    def _checked(self, rule: Rule) -> Rule:
        if rule.source is not None:
            self._check_end(rule.source)
        return rule


def drop(match: Question, **when: Unpack[When]) -> Rule:
    """Return a rule: these frames never arrive."""
    return Rule(Treatment(lost=True), match, **when)


def corrupt(match: Question, **when: Unpack[When]) -> Rule:
    """Return a rule: these frames arrive with one bit flipped, which a checksum detects.

    A frame without a checksum of TCP, UDP or ICMP, such as ARP's, arrives whole.
    """
    return Rule(Treatment(corrupt=True), match, **when)


def duplicate(match: Question, *, copies: int = 2, **when: Unpack[When]) -> Rule:
    """Return a rule: these frames arrive `copies` times, one after the other."""
    if operator.index(copies) < 2:
        raise SettingError(f"copies must be at least 2, not {copies}")
    return Rule(Treatment(copies=copies), match, **when)


def delay(match: Question, *, by: float, **when: Unpack[When]) -> Rule:
    """Return a rule: these frames take `by` seconds longer, and others overtake them."""
    if not 0 < by < math.inf:
        raise SettingError(f"by must be more than 0 seconds, not {by}")
    return Rule(Treatment(late=round(by * _SECOND)), match, **when)


def reorder(match: Question, *, behind: int = 1, **when: Unpack[When]) -> Rule:
    """Return a rule: these frames wait until `behind` later ones have overtaken them.

    After 10 ms more than their turn, they leave in any case.
    """
    if operator.index(behind) < 1:
        raise SettingError(f"behind must be at least 1 frame, not {behind}")
    return Rule(Treatment(behind=behind), match, **when)
