"""Hosts and cables for synchronous code, and across the cells of a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.trio_thread import TrioThread

from .hosts import Network, hosts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import trio

    from .cable import Cable
    from .host import Host


class BackgroundHosts(TrioThread):
    """Runs `hosts` in a thread with a Trio loop of its own, during a `with` block.

    A block cannot span the cells of a notebook: there, `start` and `stop` do the same::

        net = lan.BackgroundHosts("client", "server").start()
        stream = await net["client"].open_tcp_stream("server", 9000)
        net.cable.loss = 0.1
        net.stop()

    Both raise what `hosts` raises. The hosts can be used in any thread and any run of Trio, and
    their sockets outlive a run. While Python code in another thread computes without a pause, the
    cables wait for their turn: frames were then 16 ms late in the median (see
    `sys.setswitchinterval`).

    Args:
        names: as for `hosts`.
        cable: as for `hosts`.
        router: as for `hosts`.
        mtu: as for `hosts`.
    """

    def __init__(
        self,
        *names: str,
        cable: Cable | None = None,
        router: str | None = None,
        mtu: int | Mapping[str, int] = 1500,
    ) -> None:
        async def main(*, stop: trio.Event, task_status: trio.TaskStatus[Network]) -> None:
            async with hosts(*names, cable=cable, router=router, mtu=mtu) as net:
                task_status.started(net)
                await stop.wait()

        super().__init__(main)
        self._network: Network | None = None

    def __repr__(self) -> str:
        names = "not started" if self._network is None else ", ".join(self._network.hosts)
        return f"<BackgroundHosts: {names}>"

    def __getitem__(self, name: str) -> Host:
        """Return the host with this name.

        Raises:
            KeyError: there is no such host.
            BaseException: as for `network`.
        """
        return self.network[name]

    @property
    def hosts(self) -> Mapping[str, Host]:
        """The hosts by their names, as in `Network`."""
        return self.network.hosts

    @property
    def cables(self) -> Mapping[str, Cable]:
        """The cables by the names of the hosts that they lead to, as in `Network`."""
        return self.network.cables

    @property
    def cable(self) -> Cable:
        """The cable of two hosts, as in `Network`."""
        return self.network.cable

    @property
    def network(self) -> Network:
        """What `hosts` gave.

        Raises:
            RuntimeError: it was not started.
            BaseException: its thread has failed, because of a cable's rule, say.
        """
        self.check()
        if self._network is None:
            raise RuntimeError("these hosts were not started: call start()")
        return self._network

    def _keep(self, reported: Network) -> None:
        self._network = reported
