"""What one call changed: the difference between two snapshots, one line a change."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sockets import Snapshot, SocketRow


class Changes(tuple[str, ...]):
    """One line for each change, such as `sock: state CLOSE → LISTEN`; shown as a list."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(f"- {line}" for line in self or ["Nothing changed."])

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(one)}</li>" for one in self or ["Nothing changed."])
        return f"<ul>{items}</ul>"


def changes(before: Snapshot, after: Snapshot) -> Changes:
    """List what changed from one snapshot to a later one.

    Args:
        before: an earlier snapshot.
        after: a later one of the same ports and sockets.
    """
    gone = dict.fromkeys(before.rows)
    known: dict[SocketRow, SocketRow] = {}
    # By name first: a closed socket leaves a row with the same endpoints behind.
    for key in (_name, _place):
        old = {key(row): row for row in gone if key(row)}
        for row in after.rows:
            match = old.get(key(row))
            # A local address is for life: another address means another socket of that name.
            if row in known or match not in gone or match.local not in (None, row.local):
                continue
            known[row] = match
            del gone[match]
    lines: list[str] = []
    for row in after.rows:
        lines += _differences(known[row], row) if row in known else [_appeared(row)]
    lines += map(_vanished, gone)
    return Changes(map(safe, lines))


def _name(row: SocketRow) -> str | None:
    return row.name


def _place(row: SocketRow) -> tuple[object, ...] | None:
    # Listeners may share an endpoint, but not a file.
    descriptor = row.descriptor if row.remote is None else None
    return None if row.local is None else (row.local, row.remote, descriptor)


def _who(row: SocketRow) -> str:
    return row.name or f"the socket {_ends(row)}"


def _ends(row: SocketRow) -> str:
    if row.remote is None:
        return str(row.local) if row.local else "without an address"
    return f"{row.local} → {row.remote}"


def _appeared(row: SocketRow) -> str:
    if row.state == "CLOSE" and row.local is None:
        return (
            f"{_who(row)}: new socket, {row.protocol}, without an address; "
            "the kernel's tables of connections do not list it"
        )
    new = "new socket" if row.name is None else f"{row.name}: new socket"
    if row.accepted is False:
        new = "new connection, not accepted yet"
    return f"{new}: {_ends(row)}, {row.state}{_waiting(row)}"


def _vanished(row: SocketRow) -> str:
    if row.name is not None:
        return f"{row.name}: closed (was {_ends(row)}, {row.state})"
    return f"{_who(row)}: gone (was {row.state})"


def _waiting(row: SocketRow) -> str:
    return f", {row.waiting}" if row.waiting else ""


def _differences(old: SocketRow, new: SocketRow) -> Iterator[str]:
    who = _who(old if new.name is None else new)
    if old.local != new.local:
        yield f"{who}: local address {old.local or 'none'} → {new.local or 'none'}"
    if old.remote != new.remote:
        yield f"{who}: remote address {old.remote or 'none'} → {new.remote or 'none'}"
    if old.state != new.state:
        yield f"{who}: state {old.state} → {new.state}"
    if old.accepted is False and new.owned:
        yield f"{who}: left the accept queue; its owner is {new.owner}"
    elif old.owned and new.owned is False:
        yield f"{who}: no process owns it any more; only the kernel keeps it"
    elif old.name and not new.name:
        yield f"{old.name}: closed; the kernel still keeps {_ends(new)}, {new.state}"
    if old.backlog != new.backlog and old.state == new.state:
        yield f"{who}: backlog {old.backlog} → {new.backlog}"
    yield from _moved(who, "connections to be accepted", old.accept_queue, new.accept_queue)
    yield from _moved(who, "bytes to be received", old.receive_queue, new.receive_queue)
    if new.got_end and not old.got_end:
        yield f"{who}: end of stream (FIN) to be received"
    yield from _moved(who, "bytes not acknowledged", old.send_queue, new.send_queue)


def _moved(who: str, what: str, old: int | None, new: int | None) -> Iterator[str]:
    before = old or 0
    if new is not None and new != before:
        yield f"{who}: {what} {before} → {new}"
