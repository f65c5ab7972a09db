"""What can be wrong with a cluster."""

from __future__ import annotations


class ClusterError(Exception):
    """The cluster cannot do it. The message says why, in one line."""


def line(exc: BaseException) -> str:
    """Return the first line of a message; the kind of the error if it has none."""
    return str(exc).partition("\n")[0] or type(exc).__name__
