"""What `trio.serve_listeners` logs when it cannot accept, as events."""

from __future__ import annotations

import logging
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from .errors import SocketCallError
from .events import AcceptFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .events import ServerObserver


class AcceptErrors(logging.Handler):
    """Reports what `trio.serve_listeners` logs when it cannot accept, once a minute.

    Out of file descriptors, Trio tries again every 100 ms, and logs a traceback each time.
    """

    _INTERVAL = 60.0

    def __init__(self, observer: ServerObserver) -> None:
        super().__init__()
        self._said_at = -math.inf
        self._report = observer

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record of Trio's log."""
        error = record.exc_info[1] if record.exc_info else None
        now = trio.current_time()
        if isinstance(error, OSError) and now - self._said_at >= self._INTERVAL:
            self._said_at = now
            self._report(AcceptFailed(SocketCallError.wrap("accept()", error)))

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Take over Trio's log for the length of a `with` block."""
        logger = logging.getLogger("trio.serve_listeners")
        logger.addHandler(self)
        logger.propagate = False
        try:
            yield
        finally:
            logger.propagate = True
            logger.removeHandler(self)
