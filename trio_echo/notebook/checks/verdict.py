"""What a check says of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


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
        # The text has the theme's colour. These are for the edge: seen on light and on dark.
        colour = {True: "#009e73", False: "#d55e00", None: "#808080"}[self.right]
        style = f"border-left:4px solid {colour};padding:4px 12px"
        return f'<div style="{style}">{escape(str(self))}</div>'


NO_ANSWER = Verdict(None, "Replace the … above, run that cell, then this one again.")
"""For an answer that is still `...`, as in the notebook."""
