"""Servers for other people's tests: what the fixtures of the pytest plugin give.

`trio_echo.testing.secure` has the server with TLS, and `trio_echo.testing.wired` the one behind a
cable.
"""

from .event_list import EventList
from .server import EchoServer

__all__ = ["EchoServer", "EventList"]
