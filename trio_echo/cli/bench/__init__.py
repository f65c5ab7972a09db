"""`bench`: load TCP echo servers, and report what was measured, on the screen and in files."""

from __future__ import annotations

from .command import bench

__all__ = ["bench"]
