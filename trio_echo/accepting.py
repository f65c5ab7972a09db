"""Failed accepts as events: Trio only logs them.

Out of file descriptors, `trio.serve_tcp` tries again every 100 ms, and logs a traceback each time.
"""

from __future__ import annotations

import logging
import math
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import trio

from .errors import SocketCallError
from .events import AcceptFailed, ignore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .events import ServerObserver

_LOGGER = logging.getLogger("trio.serve_listeners")
_INTERVAL = 60.0  # seconds from one event to the next: it goes wrong ten times a second


class AcceptErrors(logging.Filter):
    """Takes the records of one server out of Trio's log, counts and reports them.

    Attributes:
        count: how many there were.
    """

    def __init__(self, observer: ServerObserver) -> None:
        super().__init__()
        self.count = 0
        self._report = observer
        self._reported_at = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the records of other servers pass."""
        error = record.exc_info[1] if record.exc_info else None
        if _of_this_task.get(None) is not self or not isinstance(error, OSError):
            return True
        self.count += 1
        if self._report is ignore:
            return True
        now = trio.current_time()
        if now - self._reported_at >= _INTERVAL:
            self._reported_at = now
            self._report(AcceptFailed(SocketCallError.wrap("accept()", error)))
        return False


# A task inherits the context of the task that starts it: so each server knows its own.
_of_this_task: ContextVar[AcceptErrors] = ContextVar("trio_echo.accepting")


@contextmanager
def reported_accept_errors(observer: ServerObserver) -> Iterator[AcceptErrors]:
    """Report failed accepts of the tasks started in a block, once a minute; do not log them.

    Without an observer they stay in the log.
    """
    errors = AcceptErrors(observer)
    token = _of_this_task.set(errors)
    _LOGGER.addFilter(errors)
    try:
        yield errors
    finally:
        _LOGGER.removeFilter(errors)
        _of_this_task.reset(token)
