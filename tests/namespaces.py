"""Two hosts of a test's own: network namespaces with a wire between them (Linux, as root)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER, CLIENT = "10.77.0.1", "10.77.0.2"
_PROGRAMS = ("ip", "nsenter", "tc", "unshare")


class Host:
    """A namespace, which lives as long as a process that does nothing.

    Attributes:
        inside: what stands before a command that is to run there.
    """

    def __init__(self, stack: ExitStack) -> None:
        command = ["unshare", "-n", "sh", "-c", "echo; exec sleep infinity"]
        keeper = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
        stack.callback(keeper.kill)
        assert keeper.stdout is not None
        if not keeper.stdout.readline():
            pytest.skip("this system allows no network namespaces")
        self.pid = keeper.pid
        self.inside = ("nsenter", "-t", str(keeper.pid), "-n")

    def run(self, command: str) -> None:
        """Run a command there."""
        subprocess.run([*self.inside, *command.split()], check=True)


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Make hosts with the addresses `SERVER` and `CLIENT`; the wire is their `eth0`."""
    if sys.platform != "linux" or os.geteuid() != 0 or not all(map(shutil.which, _PROGRAMS)):
        pytest.skip("network namespaces take Linux, root and iproute2")
    with ExitStack() as stack:
        hosts = Host(stack), Host(stack)
        near, far = hosts
        near.run(f"ip link add eth0 type veth peer name eth0 netns {far.pid}")
        for host, address in zip(hosts, (SERVER, CLIENT), strict=True):
            host.run(f"ip addr add {address}/24 dev eth0")
            host.run("ip link set eth0 up")
            host.run("ip link set lo up")  # also for what a host sends to its own address
        yield near, far
