"""A TCP socket as the kernel tells of it, and a snapshot of several: values, and how they read."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from trio_echo.addresses import Endpoint
from trio_echo.observe.tables import html_table, text_table


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketRow:
    """One TCP socket, as the kernel tells of it.

    Attributes:
        family: `AF_INET` or `AF_INET6`.
        state: one of those of RFC 9293, section 3.3.2, by its name in Linux's tables: `LISTEN`,
            `FIN_WAIT2`, `TIME_WAIT`, …; `CLOSE` takes no part in TCP (yet, or any more).
        local: its own endpoint, `None` as long as it has none.
        remote: its peer's endpoint, `None` as long as it has none.
        name: what the snapshot was told to call it.
        owned: whether a process owns it. `False`: only the kernel keeps it, such as a connection
            that was not accepted yet, or one in TIME_WAIT. `None`: this system does not tell.
        process_id: which process, or one of those that share it; `None` if none does, or if the
            system keeps it to itself, as it does with other users' processes.
        process_name: of that process.
        descriptor: its file descriptor in that process.
        receive_queue: bytes that have arrived and were not received; `None` where unknown.
        send_queue: bytes sent that the peer has not acknowledged; `None` where unknown.
        got_end: the end of the stream (the peer's FIN) has arrived and was not received.
        sent_control: the SYN or FIN that it sent was not acknowledged.
        accept_queue: of a listener, how many connections wait to be accepted.
        backlog: of a listener, `listen()`'s argument, as far as the system allows it.
    """

    family: socket.AddressFamily
    state: str
    local: Endpoint | None = None
    remote: Endpoint | None = None
    name: str | None = None
    owned: bool | None = None
    process_id: int | None = None
    process_name: str | None = None
    descriptor: int | None = None
    receive_queue: int | None = None
    send_queue: int | None = None
    got_end: bool = False
    sent_control: bool = False
    accept_queue: int | None = None
    backlog: int | None = None

    @property
    def protocol(self) -> str:
        """`TCP/IPv4` or `TCP/IPv6`: what `socket()` settles."""
        return "TCP/IPv6" if self.family == socket.AF_INET6 else "TCP/IPv4"

    @property
    def accepted(self) -> bool | None:
        """Whether a connection was accepted; `False` while it waits in a listener's queue."""
        return self.owned if self.state in ("ESTABLISHED", "CLOSE_WAIT") else None

    @property
    def places(self) -> int | None:
        """How many connections a listener's accept queue holds; `None` where unknown.

        Only Linux reports a backlog, and it lets in one more: its queue is full when *more* than
        the backlog wait (`sk_acceptq_is_full()` in include/net/sock.h).
        """
        return None if self.backlog is None else self.backlog + 1

    @property
    def waiting(self) -> str:
        """What waits in its queues, in words; empty if nothing does or it is unknown."""
        if self.state == "LISTEN":
            if self.accept_queue is None:
                return ""
            return f"{self.accept_queue} of {self.places} to be accepted"
        control = "SYN" if self.state == "SYN_SENT" else "FIN"
        unread = _together(self.receive_queue, "end of stream" if self.got_end else "")
        unacknowledged = _together(self.send_queue, control if self.sent_control else "")
        parts = [
            unread and f"{unread} to be received",
            unacknowledged and f"{unacknowledged} not acknowledged",
        ]
        return ", ".join(filter(None, parts))

    @property
    def owner(self) -> str:
        """The process that owns it, in words; empty if none does or it is unknown."""
        if self.process_id is None:
            return "not told" if self.owned else ""
        return f"{self.process_name or '?'} ({self.process_id})"

    def as_json(self) -> dict[str, object]:
        """Give it as values that JSON knows, units in the names."""

        def endpoint(one: Endpoint | None) -> dict[str, object] | None:
            return None if one is None else one._asdict()

        return {
            "protocol": self.protocol,
            "state": self.state,
            "local": endpoint(self.local),
            "remote": endpoint(self.remote),
            "owned": self.owned,
            "process_id": self.process_id,
            "process_name": self.process_name,
            "descriptor": self.descriptor,
            "receive_queue_bytes": self.receive_queue,
            "send_queue_bytes": self.send_queue,
            "end_of_stream_to_be_received": self.got_end,
            "syn_or_fin_not_acknowledged": self.sent_control,
            "accept_queue_connections": self.accept_queue,
            "backlog_connections": self.backlog,
        }


@dataclass(frozen=True, slots=True, repr=False)
class Snapshot:
    """The TCP sockets on some ports at one moment; it is shown as a table.

    Attributes:
        rows: listeners first, then by endpoints; those without an address last.
        note: what this system does not tell; empty if it tells all.
    """

    rows: tuple[SocketRow, ...]
    note: str = ""

    def __getitem__(self, name: str) -> SocketRow:
        """Find the socket that the snapshot was told to call by this name.

        Raises:
            KeyError: it has none, or that one was closed.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    def __repr__(self) -> str:
        return text_table(*self._table())

    def _repr_html_(self) -> str:
        return html_table(*self._table())

    def _table(self) -> tuple[list[str], list[list[str]], str]:
        heads = ["Proto", "Local address", "Remote address", "State", "Waiting", "Owner"]
        rows = [
            [
                row.protocol,
                str(row.local or "-"),
                str(row.remote or "-"),
                row.state,
                row.waiting,
                row.owner,
            ]
            for row in self.rows
        ]
        if any(row.name for row in self.rows):
            heads.insert(0, "Name")
            rows = [[row.name or "", *cells] for row, cells in zip(self.rows, rows, strict=True)]
        note = (
            self.note if rows else " ".join(filter(None, ["There is no such socket.", self.note]))
        )
        return heads, rows, note


def _together(count: int | None, mark: str) -> str:
    return " and ".join(filter(None, [f"{count} B" if count else "", mark]))
