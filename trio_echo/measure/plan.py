"""What a server and a load of many machines can reach, from figures measured on one. No I/O.

Each resource has its own limit, and the lowest of them is where a measurement stops:

    plan = Plan(figures=figures, workers=4, machines=10)
    plan.messages_per_second(size=64, connections=1000)[0]  # Limit("server's cores", 800000.0)

It is a model. It assumes that everything else costs nothing, and that half a core does half
the work of a core. So what is measured is lower. If it is much lower, the model lacks a resource.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

# Bytes of a TCP segment beside its data. Ethernet: preamble, header, checksum and gap (IEEE 802.3).
# TCP: the header with timestamps (RFC 7323).
_ETHERNET = 8 + 14 + 4 + 12
_IP = {"IPv4": 20, "IPv6": 40}
_TCP = 32
_MTU = 1500


class Limit(NamedTuple):
    """How much a resource allows.

    Attributes:
        resource: what it is.
        most: how much it allows, in the unit of what was asked.
    """

    resource: str
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured on one machine, and its limits. Both sides are assumed to be alike.

    Attributes:
        server_message_seconds: CPU time of the server for each message.
        load_message_seconds: CPU time of a load process for each message.
        server_connection_seconds: CPU time of the server for a connection with one message.
        load_connection_seconds: CPU time of a load process for the same.
        round_trip_seconds: of a message on an idle connection, the network's part included.
        server_connection_bytes: memory that the server and its kernel need for a connection.
        memory_bytes: of the server's machine.
        cores: of a machine.
        link_bits_per_second: of each machine, in each direction.
        descriptors: that a process may have (`RLIMIT_NOFILE`, getrlimit(2)).
        ports: local ports for one pair of addresses and one port of the server
            (`ip_local_port_range`, ip(7)).
        backlog: connections that may wait to be accepted, for each listener (listen(2)).
        time_wait_seconds: for which the port of a connection that has ended is taken (RFC 9293).
    """

    server_message_seconds: float
    load_message_seconds: float
    server_connection_seconds: float
    load_connection_seconds: float
    round_trip_seconds: float
    server_connection_bytes: float
    memory_bytes: float
    cores: int
    link_bits_per_second: float
    descriptors: int
    ports: int = 28_232
    backlog: int = 4096
    time_wait_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A server with some workers, and a load on some machines.

    Attributes:
        figures: of each machine.
        workers: processes of the server.
        machines: that make the load.
        processes: of the load, on each of its machines.
        addresses: on which the server listens.
        family: of these addresses.

    Raises:
        ValueError: a number is less than 1.
    """

    figures: Figures
    workers: int = 1
    machines: int = 1
    processes: int = 1
    addresses: int = 1
    family: str = "IPv4"

    def __post_init__(self) -> None:
        for name in ("workers", "machines", "processes", "addresses"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more")

    def messages_per_second(self, *, size: int, connections: int, pipeline: int = 1) -> list[Limit]:
        """Return how many messages a second each resource allows, the lowest first.

        Args:
            size: bytes of a message.
            connections: in all.
            pipeline: messages under way on each of them.
        """
        one, most = self.figures, self._load_processes(connections)
        under_way = connections * pipeline
        links = one.link_bits_per_second / (8 * wire_bytes(size, self.family))
        return _sorted(
            Limit("server's cores", self._server_cores / one.server_message_seconds),
            Limit("load's cores", most / one.load_message_seconds),
            Limit("messages under way", under_way / one.round_trip_seconds),
            Limit("server's link", links),
            Limit("load's links", links * self.machines),
        )

    def connections(self) -> list[Limit]:
        """Return how many connections at once each resource allows, the lowest first."""
        one = self.figures
        return _sorted(
            Limit("ports", one.ports * self.addresses * self.machines),
            Limit("server's descriptors", one.descriptors * self.workers),
            Limit("load's descriptors", one.descriptors * self.processes * self.machines),
            Limit("server's memory", one.memory_bytes // one.server_connection_bytes),
        )

    def connections_per_second(self) -> list[Limit]:
        """Return how many connections a second each resource allows, the lowest first.

        Each connection sends one message. The load ends it first, so its port is taken for a time.
        """
        one = self.figures
        ports = one.ports * self.addresses * self.machines
        return _sorted(
            Limit("server's cores", self._server_cores / one.server_connection_seconds),
            Limit("load's cores", self._load_processes(math.inf) / one.load_connection_seconds),
            Limit("ports", ports / one.time_wait_seconds),
        )

    def connections_in_one_burst(self) -> list[Limit]:
        """Return how many connections that come at one moment each queue holds, the lowest first.

        Each worker has its own queue for each address (`SO_REUSEPORT`, socket(7)). The kernel
        spreads connections by a hash, so the fullest queue has more than its share; the model has
        the mean.
        """
        return _sorted(Limit("backlog", self.figures.backlog * self.workers * self.addresses))

    @property
    def _server_cores(self) -> int:
        return min(self.workers, self.figures.cores)

    def _load_processes(self, connections: float) -> float:
        """Return how many processes can load at once: each has a core and a connection."""
        return min(self.machines * min(self.processes, self.figures.cores), connections)


def wire_bytes(size: int, family: str = "IPv4") -> float:
    """Return how many bytes of Ethernet a message takes, in one direction.

    Acknowledgements travel with the echoes.

    Args:
        size: bytes of the message.
        family: IPv4 or IPv6.
    """
    header = _IP[family] + _TCP
    segments = -(-size // (_MTU - header))
    return size + segments * (header + _ETHERNET)


def _sorted(*limits: Limit) -> list[Limit]:
    return sorted(limits, key=lambda one: one.most)
