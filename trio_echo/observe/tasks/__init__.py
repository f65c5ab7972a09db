"""Trio's tasks: the tree of those that live now, and a recording of all."""

from __future__ import annotations

from .recorder import Recorder
from .tree import NurseryNode, TaskNode, TaskTree, tree

__all__ = ["NurseryNode", "Recorder", "TaskNode", "TaskTree", "tree"]
