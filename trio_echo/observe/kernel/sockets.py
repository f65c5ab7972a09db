"""A TCP socket as the kernel lists it, and a snapshot of several: values and how they are shown."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from trio_echo.addresses import Endpoint
from trio_echo.observe.tables import html_table, text_table


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketRow:
    """One TCP socket, as the kernel lists it.

    Attributes:
        family: `AF_INET` or `AF_INET6`.
        state: a state of RFC 9293, section 3.3.2, by its name in Linux's tables: `LISTEN`,
            `FIN_WAIT2` (in the RFC: FIN-WAIT-2), …; `CLOSE` takes no part in TCP yet, or any more.
        local: its own endpoint, or `None`.
        remote: its peer's endpoint, or `None`.
        name: the name that the snapshot was given for it.
        owned: whether a process owns it. `False`: only the kernel keeps it, such as a connection
            that was not accepted yet, or one in TIME_WAIT. `None`: unknown on this system.
        process_id: the process, or one of those that share it; `None` if there is none or the
            system hides it, as it does for other users' processes.
        process_name: the name of that process.
        descriptor: its file descriptor in that process.
        receive_queue: bytes that have arrived and were not received; `None` if unknown.
        send_queue: bytes sent that the peer has not acknowledged; `None` if unknown.
        got_end: the end of the stream (the peer's FIN) has arrived and was not received.
        sent_control: the SYN or FIN that it sent was not acknowledged yet.
        accept_queue: for a listener, how many connections wait to be accepted.
        backlog: for a listener, the argument of `listen()`, cut to what the system allows.
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
        """`TCP/IPv4` or `TCP/IPv6`, as chosen by `socket()`."""
        return "TCP/IPv6" if self.family == socket.AF_INET6 else "TCP/IPv4"

    @property
    def accepted(self) -> bool | None:
        """Whether a connection was accepted; `False` while it waits in a listener's queue."""
        return self.owned if self.state in ("ESTABLISHED", "CLOSE_WAIT") else None

    @property
    def places(self) -> int | None:
        """How many connections a listener's accept queue holds; `None` if unknown.

        Only Linux reports a backlog. It lets in one more: its queue is full when *more* than the
        backlog wait (`sk_acceptq_is_full()` in include/net/sock.h).
        """
        return None if self.backlog is None else self.backlog + 1

    @property
    def waiting(self) -> str:
        """What waits in its queues, in words; empty if nothing waits or it is unknown."""
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
        """The process that owns it, by name and number; empty if there is none or it is unknown."""
        if self.process_id is None:
            return "unknown" if self.owned else ""
        return f"{self.process_name or '?'} ({self.process_id})"

    def as_json(self) -> dict[str, object]:
        """Return it as values for JSON, with units in the names."""

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
    """The TCP sockets on some ports at one moment; shown as a table.

    Attributes:
        rows: listeners first, then by endpoints; those without an address last.
        note: what this system does not report; empty if it reports everything.
    """

    rows: tuple[SocketRow, ...]
    note: str = ""

    def __getitem__(self, name: str) -> SocketRow:
        """Return the socket with this name.

        Raises:
            KeyError: no socket has this name, or it was closed.
        """
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no socket here is named {name!r}; a closed one is left out")

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
