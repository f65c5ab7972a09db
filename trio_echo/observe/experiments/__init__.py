"""Experiments: try something with sockets and record what happened."""

from __future__ import annotations

from .attempt import Outcome, attempt
from .eyeballs import Race, race
from .parting import Parting

__all__ = ["Outcome", "Parting", "Race", "attempt", "race"]
