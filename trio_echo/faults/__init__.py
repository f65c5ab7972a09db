"""Faults on purpose: a connection that is slow, broken, corrupt or silent.

A client that takes one `recv` for one message works on loopback and fails on a real network. With
these faults, it fails on loopback too.
"""

from .relay import FaultyRelay
from .settings import Faults
from .stream import FaultyStream
from .switch import FaultSwitch

__all__ = ["FaultSwitch", "Faults", "FaultyRelay", "FaultyStream"]
