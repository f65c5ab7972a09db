"""Servers for other people's tests: what the fixtures of the pytest plugin give.

`trio_echo.testing.wired` has the one behind a cable.
"""

from .event_list import EventList
from .server import EchoServer

__all__ = ["EchoServer", "EventList"]
