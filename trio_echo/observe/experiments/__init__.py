"""Experiments: try something with sockets and record what happened."""

from __future__ import annotations

from .attempt import Outcome, attempt
from .eyeballs import Race, race
from .parting import Parting
from .serving import Serving, serving

__all__ = ["Outcome", "Parting", "Race", "Serving", "attempt", "race", "serving"]
