"""The error of everything that reads captures."""

from __future__ import annotations


class CaptureError(ValueError):
    """The file is not a capture, or the capture has no TCP connection."""
