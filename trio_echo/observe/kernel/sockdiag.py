"""The queues of Linux's TCP sockets, read by netlink: sock_diag(7).

`ss` reads the same. It needs no privilege and includes other processes' sockets.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING, NamedTuple

from trio_echo.addresses import Endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x301
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_ALL_STATES = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence number, port
_REQUEST = struct.Struct("=BBBxI48x")  # family, protocol, extensions, states, any endpoints
# family, state, timer, retransmits; ports, addresses; interface, cookie;
# expires, queues, user, inode
_ENTRY = struct.Struct("=4B 4s16s16s 12x I2I2I")
_PORTS = struct.Struct("!HH")

# net/tcp_states.h; the names are those of Linux's tables, as psutil prints them
_STATES = (
    *("", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT"),
    *("CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING"),
)
_SYN_SENT, _FIN_WAIT1, _CLOSE_WAIT, _LAST_ACK, _LISTEN, _CLOSING = 2, 4, 8, 9, 10, 11
_SENT_SYN_OR_FIN = {_SYN_SENT, _FIN_WAIT1, _LAST_ACK, _CLOSING}
_GOT_FIN = {_CLOSE_WAIT, _LAST_ACK, _CLOSING}


SOCK_DIAG = (16, socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
"""Family (AF_NETLINK), type and protocol of the socket that asks."""


class Queues(NamedTuple):
    """One socket's queues.

    Attributes:
        local: its own endpoint.
        remote: its peer's; `None` for a listener.
        state: its state, as in `SocketRow`.
        inode: the number of its open file; 0 if no process owns it.
        receive: bytes to be received; for a listener, connections to be accepted.
        send: bytes not acknowledged yet; for a listener, its backlog.
        got_end: after these bytes, the end of the stream (FIN) is to be received.
        sent_control: with these bytes, a SYN or FIN is not acknowledged yet.
    """

    local: Endpoint
    remote: Endpoint | None
    state: str
    inode: int
    receive: int
    send: int
    got_end: bool
    sent_control: bool


def queues() -> list[Queues]:
    """Read the queues of every TCP socket of both families.

    Returns:
        An empty list if the system has no sock_diag or does not allow it.
    """
    if sys.platform != "linux":
        return []
    try:
        with socket.socket(*SOCK_DIAG) as netlink:
            return read(netlink)
    except OSError:  # a sandbox, or a kernel without it
        return []


def read(netlink: socket.socket) -> list[Queues]:
    """Read the queues of every TCP socket in the network namespace of a netlink socket.

    Args:
        netlink: a socket as in `SOCK_DIAG`.

    Raises:
        OSError: the kernel does not answer.
    """
    return [*_ask(netlink, socket.AF_INET), *_ask(netlink, socket.AF_INET6)]


def _ask(netlink: socket.socket, family: socket.AddressFamily) -> Iterator[Queues]:
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, _ALL_STATES)
    length = _HEADER.size + len(request)
    header = _HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 1, 0)
    netlink.send(header + request)
    while True:
        answer = netlink.recv(1 << 16)
        while answer:
            length, kind, *_ = _HEADER.unpack_from(answer)
            if kind in (_NLMSG_DONE, _NLMSG_ERROR):
                return
            yield _read(answer[_HEADER.size : length])
            answer = answer[(length + 3) & ~3 :]  # messages begin at multiples of 4


def _read(message: bytes) -> Queues:
    family, state, _, _, ports, source, destination, _, receive, send, _, inode = (
        _ENTRY.unpack_from(message.ljust(_ENTRY.size, b"\0"))
    )
    size = 4 if family == socket.AF_INET else 16
    local, remote = (
        Endpoint(socket.inet_ntop(family, address[:size]), port)
        for address, port in zip((source, destination), _PORTS.unpack(ports), strict=True)
    )
    # A SYN and a FIN take one sequence number each (RFC 9293, section 3.4): they count as a byte.
    got_end = state in _GOT_FIN and receive > 0
    sent_control = state in _SENT_SYN_OR_FIN and send > 0
    return Queues(
        local,
        None if state == _LISTEN else remote,
        _STATES[state],
        inode,
        receive - got_end,
        send - sent_control,
        got_end,
        sent_control,
    )
