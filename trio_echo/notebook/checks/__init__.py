"""Checks of the notebooks' exercises: whether an answer is right, and if not, why.

Each notebook has its own module here. A check tries an answer and reports what it saw. No answer
makes a check raise, and each one that is wrong gets a reason.
"""

from .calls import DID_NOT_RETURN, NotAwaited, call, call_async, failed, said, unusable
from .values import compare, is_integer, is_number, near, same, shown, unfinished, wanted
from .verdict import NO_ANSWER, Verdict

__all__ = [
    "DID_NOT_RETURN",
    "NO_ANSWER",
    "NotAwaited",
    "Verdict",
    "call",
    "call_async",
    "compare",
    "failed",
    "is_integer",
    "is_number",
    "near",
    "said",
    "same",
    "shown",
    "unfinished",
    "unusable",
    "wanted",
]
