"""What can be wrong with a cluster."""

from __future__ import annotations


class ClusterError(Exception):
    """The cluster cannot do it. The message says why, in one line."""
