"""What goes wrong with hosts that no single call is to blame for."""

from __future__ import annotations


class LanError(Exception):
    """Hosts cannot be made as asked, or are lost; the message says why."""
