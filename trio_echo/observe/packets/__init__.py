"""Packets: the segments of a connection, captured on loopback or read from a file, and decoded."""

from __future__ import annotations

from .capturing import Capture, capture, observe, why_not
from .layers import Layers, layers
from .pcap import CaptureError
from .trace import Segment, Trace
from .wire import Flags

__all__ = [
    "Capture",
    "CaptureError",
    "Flags",
    "Layers",
    "Segment",
    "Trace",
    "capture",
    "layers",
    "observe",
    "why_not",
]
