"""What a server allows its clients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from .keepalive import KEEPALIVE, check_keepalive


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server allows its clients.

    Attributes:
        max_clients: how many are served at once. Further ones wait, unread, for their turn.
            `None` for no limit.
        max_clients_per_host: how many of the same address may be connected, including those that
            wait. Further ones are refused. `None` for no limit.
        allow: the networks whose clients are served; others are refused. An IPv4 address that comes
            as an IPv6 one (`::ffff:192.0.2.1`) counts as IPv4. `None` for everybody.
        idle_timeout: a client is closed after this many seconds in which no byte moved to or from
            it. On Linux, a byte has moved to a client when the client's system acknowledges it;
            elsewhere when the server's system takes it.
        keepalive: a client fails about this many seconds after its machine has vanished: with
            ETIMEDOUT, or EHOSTUNREACH if it was on the same link. `math.inf` for never.
        handshake_timeout: seconds that a client may take for the TLS handshake.
        grace: seconds that connected clients have to finish when the server stops.

    Raises:
        TypeError: `allow` has something that is not a network.
        ValueError: a limit is out of range.
    """

    max_clients: int | None = None
    max_clients_per_host: int | None = None
    allow: Sequence[IPv4Network | IPv6Network] | None = None
    idle_timeout: float = math.inf
    keepalive: float = KEEPALIVE
    handshake_timeout: float = 10.0
    grace: float = 5.0

    def __post_init__(self) -> None:
        if self.max_clients is not None and self.max_clients < 1:
            raise ValueError(f"max_clients must be at least 1, not {self.max_clients}")
        if self.max_clients_per_host is not None and self.max_clients_per_host < 1:
            raise ValueError(
                f"max_clients_per_host must be at least 1, not {self.max_clients_per_host}"
            )
        for one in self.allow or ():
            if not isinstance(one, IPv4Network | IPv6Network):
                raise TypeError(f"allow must name networks (ipaddress.ip_network), not {one!r}")
        if not self.idle_timeout > 0:
            raise ValueError(f"idle_timeout must be more than 0 seconds, not {self.idle_timeout}")
        check_keepalive(self.keepalive)
        if not self.handshake_timeout > 0:
            raise ValueError(
                f"handshake_timeout must be more than 0 seconds, not {self.handshake_timeout}"
            )
        if not self.grace >= 0:
            raise ValueError(f"grace must be 0 seconds or more, not {self.grace}")
