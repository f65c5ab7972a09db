"""Pictures: everything that draws. It needs matplotlib: the `notebooks` extra.

Each function takes values of `trio_echo.observe` or plain numbers and returns a `Picture`: a
notebook shows it, `save` writes it. `trio_echo.measure.plots` draws the results of measurements.
"""

from __future__ import annotations

from .bars import compared_bars, stacked_bars
from .buffer import buffer
from .calls import calls
from .canvas import Picture
from .congestion import congestion, queue
from .curves import curves
from .door import door
from .eyeballs import eyeballs
from .ladder import ladder
from .layers import layers
from .network import network
from .parting import parting
from .pieces import pieces
from .sides import sides
from .task_tree import task_tree
from .timeline import timeline

__all__ = [
    "Picture",
    "buffer",
    "calls",
    "compared_bars",
    "congestion",
    "curves",
    "door",
    "eyeballs",
    "ladder",
    "layers",
    "network",
    "parting",
    "pieces",
    "queue",
    "sides",
    "stacked_bars",
    "task_tree",
    "timeline",
]
