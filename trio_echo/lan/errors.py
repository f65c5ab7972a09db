"""What goes wrong with hosts that no single call is to blame for."""

from __future__ import annotations


class LanError(Exception):
    """Hosts cannot be made as asked, or are lost; the message says why."""


class SettingError(ValueError):
    """A setting of a cable, a rule or an option is out of range, or cannot be read."""
