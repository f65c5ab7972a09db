"""Measure how busy the load, the server and the rest of the machine are while a round runs."""

from __future__ import annotations

import ipaddress
import os
import time
from typing import TYPE_CHECKING

import psutil

from .usage import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_echo.addresses import Endpoint

# Seconds. Systems count CPU time in ticks of 10 or 16 ms, so a shorter time says nothing.
_SHORTEST = 0.1
# Fields of `psutil.cpu_times` that are not work, or that Linux also counts in `user` and `nice`.
_NOT_WORK = ("idle", "iowait", "guest", "guest_nice")


class Server:
    """The server behind an address, as far as this machine knows it.

    Attributes:
        here: whether it is an address of this machine.
        process: the process that listens; `None` if nobody listens, or this user may not see it.
        carrier: the process that carries its frames, if there is one.
    """

    def __init__(
        self,
        *,
        here: bool,
        process: psutil.Process | None,
        carrier: psutil.Process | None = None,
    ) -> None:
        self.here = here
        self.process = process
        self.carrier = carrier

    def seconds(self) -> float | None:
        """Return the CPU time that it has used so far, with its children."""
        if self.process is None:
            return None
        try:
            family = [self.process, *self.process.children(recursive=True)]
            return sum(sum(one.cpu_times()[:2]) for one in family)
        except psutil.Error:  # one of them has ended
            return None

    def carried(self) -> float:
        """Return the CPU time that carrying its frames has taken so far."""
        return 0.0 if self.carrier is None else sum(self.carrier.cpu_times()[:2])


def find_servers(endpoints: Sequence[Endpoint]) -> list[Server]:
    """Look for the processes that listen at these addresses. Blocks for some 50 ms.

    Args:
        endpoints: with numeric addresses.
    """
    own = {
        one.address.partition("%")[0]
        for several in psutil.net_if_addrs().values()
        for one in several
    }
    try:
        listening = {
            tuple(row.laddr): row.pid
            for row in psutil.net_connections("tcp")
            if row.status == psutil.CONN_LISTEN
        }
    except (psutil.Error, OSError):  # macOS allows it only to root
        listening = {}
    found = []
    for host, port in endpoints:
        address = host.partition("%")[0]
        here = address in own or ipaddress.ip_address(address).is_loopback
        pids = (listening.get((one, port)) for one in (address, "0.0.0.0", "::"))  # noqa: S104
        pid = next(filter(None, pids), None) if here else None
        found.append(Server(here=here, process=_process(pid)))
    return found


class Meter:
    """Measures the usage from its creation on.

    Args:
        server: the target's.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._load_average = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        self._began = time.perf_counter()
        self._before = server.seconds()
        self._carried_before = server.carried()
        self._all_before = _all_seconds()

    def stop(self, load: Sequence[tuple[float, float]], *, here: bool = True) -> Usage:
        """Return the usage until now.

        Args:
            load: the shares of its time in which each process of the load was busy, and spun.
            here: whether they run on this machine; otherwise other programs cannot be told apart.
        """
        elapsed = time.perf_counter() - self._began
        server = cable = others = None
        if elapsed >= _SHORTEST:
            after = self._server.seconds()
            if self._before is not None and after is not None:
                server = max(0.0, after - self._before) / elapsed
            if self._server.carrier is not None:
                cable = max(0.0, self._server.carried() - self._carried_before) / elapsed
            if here and (server is not None or not self._server.here):
                every = (_all_seconds() - self._all_before) / elapsed
                known = sum(map(sum, load)) + (server or 0.0) + (cable or 0.0)
                others = max(0.0, every - known)
        return Usage(
            load=tuple(busy for busy, _ in load),
            server=server,
            cable=cable,
            others=others,
            load_average=self._load_average,
        )


def _process(pid: int | None) -> psutil.Process | None:
    try:
        return None if pid is None else psutil.Process(pid)
    except psutil.Error:
        return None


def _all_seconds() -> float:
    """Return the CPU time that the machine's processors have spent on work."""
    times = psutil.cpu_times()._asdict()
    return float(sum(times.values()) - sum(times.get(name, 0.0) for name in _NOT_WORK))
