"""What a server allows its clients."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server allows its clients.

    Attributes:
        max_clients: how many are served at once; further ones are accepted and wait, unread, for
            their turn. `None` for no limit.
        idle_timeout: seconds after which a client is closed to and from which no byte has moved.
        grace: seconds that the connected clients have to finish when the server stops.

    Raises:
        ValueError: a limit that cannot be kept.
    """

    max_clients: int | None = None
    idle_timeout: float = math.inf
    grace: float = 5.0

    def __post_init__(self) -> None:
        if self.max_clients is not None and self.max_clients < 1:
            raise ValueError(f"max_clients must be at least 1, not {self.max_clients}")
        if not self.idle_timeout > 0:
            raise ValueError(f"idle_timeout must be more than 0 seconds, not {self.idle_timeout}")
        if not self.grace >= 0:
            raise ValueError(f"grace must be 0 seconds or more, not {self.grace}")
