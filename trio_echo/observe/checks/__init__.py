"""Checks of the notebooks' exercises: is an answer right, and if not, what tells that it is not.

Each notebook has its own module here. A check tries an answer, and says what it saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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
