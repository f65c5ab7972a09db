"""A host: sockets, names, processes and settings of a kernel's network stack of its own."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from socket import AF_INET, SOCK_STREAM
from typing import TYPE_CHECKING, Any

import trio

from trio_echo.client import EchoClient, connect
from trio_echo.observe.kernel.interest import Interest
from trio_echo.observe.kernel.snapshot import first, look
from trio_echo.observe.kernel.sockdiag import SOCK_DIAG
from trio_echo.observe.kernel.watch import Watch

from . import here
from .tables import HostTables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from socket import socket as stdlib_socket  # `Host.socket` hides the name

    from trio_echo.observe.kernel import Snapshot, SocketLike

    from .keeper import Keeper
    from .plan import HostPlan, Interface

_SHIM = Path(__file__).with_name("enter.py")


class Host:
    """A host; `hosts` makes it.

    Attributes:
        name: its name, which all hosts of the network know.
        interfaces: their addresses; all but a router have one.
        directory: the addresses of all names that it knows.
    """

    def __init__(
        self,
        plan: HostPlan,
        keeper: Keeper,
        namespaces: Sequence[int],
        indexes: Mapping[str, int],
        directory: Mapping[str, Sequence[str]],
    ) -> None:
        self.name = plan.name
        self.interfaces = plan.interfaces
        self.directory = directory
        self._keeper = keeper
        self._namespaces = tuple(namespaces)
        self._indexes = indexes
        addresses = [*directory["localhost"], *directory[plan.name.lower()]]
        open_netlink = partial(keeper.open_socket, plan.name, *SOCK_DIAG)
        self._tables = HostTables(open_netlink, addresses)

    def __repr__(self) -> str:
        addresses = ", ".join(f"{one.ipv4}, {one.ipv6}" for one in self.interfaces)
        return f"<Host {self.name}: {addresses}>"

    @property
    def interface(self) -> Interface:
        """The interface `eth0`."""
        return self.interfaces[0]

    @property
    def ipv4(self) -> str:
        """The IPv4 address of `eth0`."""
        return self.interface.ipv4

    @property
    def ipv6(self) -> str:
        """The IPv6 address of `eth0`."""
        return self.interface.ipv6

    @property
    def link_local(self) -> str:
        """The link-local address of `eth0`; another host must add its zone, such as `%eth0`."""
        return self.interface.link_local

    @property
    def mac(self) -> str:
        """The MAC address of `eth0`."""
        return self.interface.mac

    @property
    def mtu(self) -> int:
        """The MTU of `eth0`, in bytes."""
        return self.interface.mtu

    def here(self) -> AbstractContextManager[None]:
        """Let Trio open its sockets on this host during a `with` block, and look up names there.

        This holds for the task, and for those that are started in the block: also `serve` and
        `connect` of trio_echo run on the host. A numeric zone is needed: `fe80::1%2`.
        """
        return here.at(self)

    def socket(
        self,
        family: int = AF_INET,
        type: int = SOCK_STREAM,  # noqa: A002  the name in `socket.socket`
        proto: int = 0,
    ) -> trio.socket.SocketType:
        """Open a socket on this host, of any family; raw ones need no privilege.

        Raises:
            LanError: the hosts are lost.
            SocketCallError: of `socket()`.
        """
        return trio.socket.from_stdlib_socket(self.blocking_socket(family, type, proto))

    def blocking_socket(
        self,
        family: int = AF_INET,
        type: int = SOCK_STREAM,  # noqa: A002  the name in `socket.socket`
        proto: int = 0,
    ) -> stdlib_socket:
        """Open a socket on this host for synchronous code, as `socket.socket` does.

        It knows the hosts by their addresses only. It raises what `Host.socket` raises.
        """
        return self._keeper.open_socket(self.name, family, type, proto)

    async def open_tcp_stream(self, host: str, port: int, **options: Any) -> trio.SocketStream:
        """Connect from this host, as `trio.open_tcp_stream` does.

        Args:
            host: the name of a host, or an address, with a zone if needed (`fe80::2%eth0`).
            port: 1 to 65535.
            options: those of `trio.open_tcp_stream`.
        """
        with self.here():
            return await trio.open_tcp_stream(self._zoned(host), port, **options)

    async def open_tcp_listeners(
        self, port: int, *, host: str | None = None, **options: Any
    ) -> list[trio.SocketListener]:
        """Listen on this host, as `trio.open_tcp_listeners` does: on all addresses by default.

        Args:
            port: 0 takes a free one, another one for each family.
            host: a name or an address of this host.
            options: those of `trio.open_tcp_listeners`.
        """
        with self.here():
            return await trio.open_tcp_listeners(port, host=host and self._zoned(host), **options)

    async def connect(self, host: str, port: int, **options: Any) -> EchoClient:
        """Connect to an echo server from this host, as `trio_echo.connect` does.

        Args:
            host: as for `open_tcp_stream`.
            port: 1 to 65535.
            options: those of `trio_echo.connect`.
        """
        with self.here():
            return await connect(self._zoned(host), port, **options)

    async def run(
        self,
        command: Sequence[str],
        *,
        pass_fds: Sequence[int] = (),
        task_status: trio.TaskStatus[trio.Process] = trio.TASK_STATUS_IGNORED,
        **options: Any,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command on this host, as `trio.run_process` does.

        The command is root there, though it has no more rights than this process outside. It gets
        signals that are sent to the process, and ends with the block of `hosts` at the latest.

        Args:
            command: the program and its arguments. If it cannot be run, there is a line on standard
                error, and the status is 126 or 127, as in a shell.
            pass_fds: as for `subprocess.Popen`.
            task_status: `await nursery.start(host.run, command)` returns the `trio.Process`.
            options: those of `trio.run_process`.

        Raises:
            LanError: the hosts are gone.
            subprocess.CalledProcessError: its exit status is not 0, unless `check=False`.
        """
        options["pass_fds"] = (*pass_fds, *self._namespaces)
        try:
            return await trio.run_process(
                self._entering(command), task_status=task_status, **options
            )
        except subprocess.CalledProcessError as exc:
            exc.cmd = list(command)
            raise

    async def open_process(
        self, command: Sequence[str], *, pass_fds: Sequence[int] = (), **options: Any
    ) -> trio.Process:
        """Start a command on this host, as `trio.lowlevel.open_process` does.

        Args:
            command: as for `run`.
            pass_fds: as for `subprocess.Popen`.
            options: those of `trio.lowlevel.open_process`.

        Raises:
            LanError: the hosts are gone.
        """
        options["pass_fds"] = (*pass_fds, *self._namespaces)
        return await trio.lowlevel.open_process(self._entering(command), **options)

    def _entering(self, command: Sequence[str]) -> list[str]:
        """Return the command that enters the host and runs a command there."""
        if isinstance(command, str):
            raise TypeError(f"give the words of a command as a list: {command.split()}")
        self._keeper.check()
        numbers = ",".join(map(str, self._namespaces))
        # -I -S: it starts in 15 ms.
        return [sys.executable, "-I", "-S", str(_SHIM), self.name, numbers, *command]

    def sysctl(self, name: str, value: object = None) -> str:
        """Read or change a setting of this host's kernel.

        Args:
            name: such as `net.ipv4.tcp_timestamps`.
            value: the new value; `None` to read it.

        Returns:
            The value, as a text.

        Raises:
            SocketCallError: of `open()` or `write()`: there is no such setting, it is not one of
                the host's own, or the value is not valid.
        """
        answer, _ = self._keeper.ask("sysctl", self.name, name, value)
        return str(answer["value"])

    def unplug(self) -> None:
        """Pull the cable out of `eth0`: the host's kernel sees that it has no carrier.

        Of a cable that is cut farther away (`Cable.cut`), it sees nothing.
        """
        self._keeper.ask("plug", self.interface.end, "down")

    def plug_in(self) -> None:
        """Put the cable back into `eth0`."""
        self._keeper.ask("plug", self.interface.end, "up")

    def snapshot(self, /, *ports: int, **sockets: SocketLike) -> Snapshot:
        """Take a snapshot of this host's TCP sockets, as `observe.kernel.snapshot` does.

        It takes some milliseconds. Cables that this thread carries stand still meanwhile. With
        ports only, another thread may take it, and they go on::

            taken = await trio.to_thread.run_sync(host.snapshot, 9000)

        Objects of sockets are for the thread that closes them.

        Args:
            ports: as there.
            sockets: as there, of this host.
        """
        return look(Interest(*ports) if ports or sockets else None, sockets, self._tables)

    async def until(
        self, condition: Callable[[Snapshot], object], /, *ports: int, **sockets: SocketLike
    ) -> Snapshot:
        """Take snapshots until one meets a condition; return that one.

        This keeps the thread busy, and delays frames on its cables.
        """
        return await first(condition, lambda: self.snapshot(*ports, **sockets))

    def watch(self, /, *ports: int, **sockets: SocketLike) -> Watch:
        """Look at the same sockets of this host repeatedly, as `observe.kernel.Watch` does."""
        return Watch.on(self._tables, *ports, **sockets)

    def _zoned(self, address: str) -> str:
        """Write the zone as a number: the name of an interface is another one outside."""
        host, percent, zone = address.partition("%")
        return f"{host}%{self._indexes.get(zone, zone)}" if percent else address
