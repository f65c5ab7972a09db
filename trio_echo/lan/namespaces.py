"""The process that owns the hosts' namespaces. `keeper.py` starts it, as a file.

A process with threads cannot enter a new user namespace, and a notebook's kernel has threads. So
this small process does it. In its namespaces it is root, whoever started it::

    keeper.py's process
    └── _start(): enters new user, network, mount and process namespaces, waits for the next one
        └── _keep(): process 1 in there: makes the hosts, then opens sockets in them on request

If process 1 ends, the kernel kills every process in there, and the namespaces go with them. It
ends when its owner closes the connection, or dies. A host is a network namespace, which process 1
holds open. A socket belongs to the network namespace that it was made in, whoever uses it: process
1 enters a host, makes a socket there, and hands it over.

This file must start fast, so it imports nothing of this package.
"""

from __future__ import annotations

import ctypes
import errno
import importlib.util
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if sys.platform != "linux":
    raise ImportError("namespaces need Linux")

import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyroute2.iproute.linux import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

# linux/sched.h, linux/prctl.h, linux/mount.h
_NEWNS, _NEWUSER, _NEWPID, _NEWNET = 0x00020000, 0x10000000, 0x20000000, 0x40000000
_PR_SET_PDEATHSIG = 1
_MS_NOSUID_NODEV_NOEXEC, _MS_BIND, _MNT_DETACH = 0xE, 0x1000, 2

# linux/if_packet.h, linux/if_ether.h, linux/if_addr.h
_SOL_PACKET, _ETH_P_ALL = 263, 3
_PACKET_QDISC_BYPASS, _PACKET_IGNORE_OUTGOING = 20, 23
_IFA_F_NODAD = 2
_SOLICITED_NODE = bytes.fromhex("ff02 0000 0000 0000 0000 0001 ff")  # RFC 4291, section 2.7.1
# Seconds. What takes longer is broken.
_PATIENCE = 10.0
_LARGEST_MTU = 65535  # a cable takes what its hosts send

# linux/ethtool.h. What a network card does for the kernel, a veth leaves undone: a frame that
# leaves by a packet socket must be complete.
_SIOCETHTOOL = 0x8946
_OFFLOADS = {"SRXCSUM": 0x15, "STXCSUM": 0x17, "STSO": 0x1F, "SGSO": 0x24, "SGRO": 0x2C}

# A host says nothing on its own. It looks for no routers. Its reports of multicast groups come when
# it joins one, before its interface is up, and after a random part of this time in milliseconds.
_QUIET = {
    "net.ipv6.conf.default.accept_ra": 0,
    "net.ipv6.conf.default.addr_gen_mode": 1,  # the addresses are those of the plan only
    "net.ipv6.conf.default.force_mld_version": 1,
    "net.ipv6.conf.default.mldv1_unsolicited_report_interval": 2_000_000_000,
}

_LARGEST_REQUEST = 1 << 16
_FULL = "the limits in /proc/sys/user are reached"

_libc = ctypes.CDLL(None, use_errno=True)


class _CallError(Exception):
    """A call failed: the call, the error's number and words, and what it was made on."""


@contextmanager
def _naming(call: str, where: str = "") -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise _CallError(call, exc.errno, exc.strerror or str(exc), where) from exc


def _call(name: str, *arguments: object, where: str = "") -> None:
    """Call a function of the C library that Python 3.11 does not have."""
    with _naming(f"{name}()", where):
        if getattr(_libc, name)(*arguments) == -1:
            number = ctypes.get_errno()
            full = name == "unshare" and number == errno.ENOSPC  # its words are about disks
            raise OSError(number, _FULL if full else os.strerror(number))


def _write(path: str, text: str) -> None:
    with _naming("write()", path):
        Path(path).write_text(text)


def _start(owner: socket.socket) -> int:
    """Enter the namespaces; return the exit status of process 1 in there."""
    uid, gid = os.geteuid(), os.getegid()
    owner_life = os.pidfd_open(os.getppid())
    words = "hosts need user and network namespaces"
    _call("unshare", _NEWUSER | _NEWNET | _NEWPID | _NEWNS, where=words)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"0 {uid} 1")
    _write("/proc/self/gid_map", f"0 {gid} 1")
    pid = os.fork()
    if pid:
        owner.close()
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # it is every orphan's parent: leave no zombies
    keeper = _Keeper()
    ends = select.poll()
    ends.register(owner, select.POLLIN)
    ends.register(owner_life, select.POLLIN)
    while all(fd == owner.fileno() for fd, _ in ends.poll()):
        request = owner.recv(_LARGEST_REQUEST)
        if not request:
            break
        with suppress(BrokenPipeError):  # the owner has not waited for the answer
            keeper.answer(owner, request)
    return 0


class _Keeper:
    """Process 1: makes the hosts and answers requests."""

    def __init__(self) -> None:
        self._open_netlink, self._netlink_error = _import_pyroute2()
        self._outside = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._hosts: dict[str, int] = {}
        self._ip = self._open_netlink()
        self._number = 0  # of the request

    def answer(self, owner: socket.socket, request: bytes) -> None:
        """Do what a request asks for, and send the answer."""
        self._number, method, *arguments = json.loads(request)
        try:
            with _naming(f"{method}()"):  # a call that has no better name
                getattr(self, method)(owner, *arguments)
        except _CallError as exc:
            self._reply(owner, error=exc.args)
        except self._netlink_error as exc:
            self._reply(owner, error=["sendmsg()", exc.code, os.strerror(exc.code), "netlink"])

    def mount(self, owner: socket.socket, hosts_file: str) -> None:
        """Mount a /proc of these namespaces and a hosts file; hand over the namespaces."""
        # The hosts file is on a file system in memory, which this mount keeps.
        _call("mount", b"tmpfs", b"/proc", b"tmpfs", 0, None, where="/proc")
        _write("/proc/hosts", hosts_file)
        with suppress(_CallError):  # then programs know the hosts by their addresses only
            _call("mount", b"/proc/hosts", b"/etc/hosts", None, _MS_BIND, None)
        _call("umount2", b"/proc", _MNT_DETACH, where="/proc")
        _call("mount", b"proc", b"/proc", b"proc", _MS_NOSUID_NODEV_NOEXEC, None, where="/proc")
        _set_sysctl("net.ipv6.conf.default.disable_ipv6", 1)  # the cables' ends have none
        spaces = [os.open(f"/proc/self/ns/{one}", os.O_RDONLY) for one in ("user", "mnt", "pid")]
        self._reply(owner, spaces)
        for one in spaces:
            os.close(one)

    def add_host(self, owner: socket.socket, name: str, plan: dict[str, Any]) -> None:
        """Make a host; hand over its network namespace and the far ends of its interfaces."""
        _call("unshare", _NEWNET)
        try:
            self._hosts[name] = space = os.open("/proc/self/ns/net", os.O_RDONLY)
            for setting, value in {**_QUIET, **plan["sysctls"]}.items():
                _set_sysctl(setting, value)
            with self._open_netlink() as ip:
                ip.link("set", ifname="lo", state="up")
                indexes = {one["name"]: self._add_interface(ip, one) for one in plan["interfaces"]}
                for destination, gateway in plan["routes"].items():
                    ip.route("add", dst=destination, gateway=gateway)
        finally:
            _call("setns", self._outside, _NEWNET)
        ends = [_open_end(one["end"]) for one in plan["interfaces"]]
        self._reply(owner, [space, *(end.fileno() for end in ends)], indexes=indexes)
        for end in ends:
            end.close()

    def _add_interface(self, ip: IPRoute, plan: dict[str, Any]) -> int:
        """Add an interface to the present host; return its index."""
        end = {"ifname": plan["end"], "net_ns_fd": self._outside, "mtu": _LARGEST_MTU}
        name = plan["name"]
        ip.link("add", ifname=name, kind="veth", address=plan["mac"], mtu=plan["mtu"], peer=end)
        _switch_off_offloads(name)
        index: int = ip.link_lookup(ifname=name)[0]
        for address in plan["addresses"]:
            flags = _IFA_F_NODAD if ":" in address else 0
            ip.addr("add", index=index, address=address, flags=flags)
        # The kernel joins these groups later, and would report that on the cable.
        _wait(lambda: _has_joined(name, plan["addresses"]), name)
        # In this order, the change of its carrier brings no new reports.
        ip.link("set", index=index, state="up")
        self._ip.link("set", ifname=plan["end"], state="up")
        _wait(lambda: ip.get_links(index)[0].get_attr("IFLA_OPERSTATE") == "UP", name)
        return index

    def open_socket(
        self, owner: socket.socket, host: str, family: int, kind: int, protocol: int
    ) -> None:
        """Make a socket in a host and hand it over."""
        with self._inside(host), _naming("socket()"), socket.socket(family, kind, protocol) as made:
            self._reply(owner, [made.fileno()])

    def sysctl(self, owner: socket.socket, host: str, name: str, value: object) -> None:
        """Read a setting of a host's kernel, or change it."""
        with self._inside(host):
            if value is None:
                with _naming("open()", name):
                    value = _sysctl_path(name).read_text().strip()
            else:
                _set_sysctl(name, value)
            self._reply(owner, value=value)

    def _reply(
        self, owner: socket.socket, descriptors: list[int] | None = None, **answer: object
    ) -> None:
        _send(owner, descriptors, number=self._number, **answer)

    def plug(self, owner: socket.socket, end: str, state: str) -> None:
        """Bring the far end of a host's interface up or down, so the host has a carrier or not."""
        self._ip.link("set", ifname=end, state=state)
        _send(owner)

    @contextmanager
    def _inside(self, host: str) -> Iterator[None]:
        _call("setns", self._hosts[host], _NEWNET)
        try:
            yield
        finally:
            _call("setns", self._outside, _NEWNET)


def _send(owner: socket.socket, descriptors: list[int] | None = None, **answer: object) -> None:
    socket.send_fds(owner, [json.dumps(answer).encode()], descriptors or [])


def _sysctl_path(name: str) -> Path:
    # One string: a part that begins with a slash would replace the path before it.
    return Path("/proc/sys/" + name.replace(".", "/"))


def _set_sysctl(name: str, value: object) -> None:
    with _naming("open()", name):
        file = _sysctl_path(name).open("w")
    with _naming("write()", name), file:
        file.write(str(value))


def _wait(condition: Callable[[], bool], interface: str) -> None:
    """Wait until an interface is ready: some milliseconds."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise _CallError("sendmsg()", errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), interface)
        time.sleep(0.001)


def _switch_off_offloads(interface: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        for number in _OFFLOADS.values():
            off = (ctypes.c_uint32 * 2)(number, 0)
            request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(off))
            with _naming("ioctl()", interface):
                fcntl.ioctl(any_socket, _SIOCETHTOOL, request)


def _open_end(interface: str) -> socket.socket:
    """Open a socket for all frames that come out at a cable's end, and go in."""
    with _naming("socket()", interface):
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        end.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        end.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        end.bind((interface, _ETH_P_ALL))
    return end


def _has_joined(interface: str, addresses: list[str]) -> bool:
    """Return whether an interface receives the neighbour solicitations for its addresses."""
    ipv6 = [one for one in addresses if ":" in one]
    groups = [line.split() for line in Path("/proc/net/igmp6").read_text().splitlines()]
    joined = {bytes.fromhex(group) for _, name, group, *_ in groups if name == interface}
    packed = [socket.inet_pton(socket.AF_INET6, one.partition("/")[0]) for one in ipv6]
    return joined.issuperset(_SOLICITED_NODE + one[-3:] for one in packed)


def _import_pyroute2() -> tuple[type[IPRoute], type[NetlinkError]]:
    # Importing all of pyroute2 takes 0.35 s. What is needed here takes 0.15 s.
    package = importlib.util.find_spec("pyroute2")
    if package is not None and package.submodule_search_locations is not None:
        hollow = sys.modules["pyroute2"] = ModuleType("pyroute2")
        hollow.__path__ = list(package.submodule_search_locations)
    from pyroute2.iproute.linux import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    return IPRoute, NetlinkError


if __name__ == "__main__":
    link = socket.socket(fileno=int(sys.argv[1]))
    try:
        status = _start(link)
    except _CallError as exc:
        if link.recv(_LARGEST_REQUEST):  # this answers the first request
            _send(link, error=exc.args)
        status = 1
    sys.exit(status)
