"""Packets: the segments of a connection, captured on loopback or read from a file, and decoded."""

from __future__ import annotations

from .anomalies import anomalies
from .capturing import Capture, capture, observe, why_not
from .decoding import Decoded, decode
from .files import CaptureError
from .layers import Layers, layers
from .one_end import seen_at
from .passage import Fate, Passage
from .queueing import Queue, queues
from .segment import Segment
from .trace import Trace
from .traffic import Crossing, Traffic
from .wire import Flags

__all__ = [
    "Capture",
    "CaptureError",
    "Crossing",
    "Decoded",
    "Fate",
    "Flags",
    "Layers",
    "Passage",
    "Queue",
    "Segment",
    "Trace",
    "Traffic",
    "anomalies",
    "capture",
    "decode",
    "layers",
    "observe",
    "queues",
    "seen_at",
    "why_not",
]
