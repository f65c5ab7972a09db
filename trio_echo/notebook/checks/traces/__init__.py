"""Checks for notebook 17, read a trace, and the tables that they are about."""

from __future__ import annotations

from .blanks import fields, hidden
from .diagnoses import ended, lost
from .measurements import measured
from .orders import ordered
from .sheets import numbered, shuffled

__all__ = ["ended", "fields", "hidden", "lost", "measured", "numbered", "ordered", "shuffled"]
