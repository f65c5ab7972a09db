"""What one call changed, in words: the difference of two snapshots."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sockets import Snapshot, SocketRow


class Changes(tuple[str, ...]):
    """Sentences, one for each thing that changed; they are shown as a list."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(f"- {sentence}" for sentence in self or ["Nothing changed."])

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(one)}</li>" for one in self or ["Nothing changed."])
        return f"<ul>{items}</ul>"


def changes(before: Snapshot, after: Snapshot) -> Changes:
    """Say in words what changed from one snapshot to a later one.

    Args:
        before: an earlier snapshot.
        after: a later one of the same ports and sockets.
    """
    gone = dict.fromkeys(before.rows)
    known: dict[SocketRow, SocketRow] = {}
    # By name first: what a name's socket leaves behind has its endpoints too.
    for key in (_name, _place):
        old = {key(row): row for row in gone if key(row)}
        for row in after.rows:
            match = old.get(key(row))
            # A local address is for life: with another one, it is another socket of that name.
            if row in known or match not in gone or match.local not in (None, row.local):
                continue
            known[row] = match
            del gone[match]
    sentences: list[str] = []
    for row in after.rows:
        sentences += _differences(known[row], row) if row in known else [_appeared(row)]
    sentences += map(_vanished, gone)
    return Changes(map(safe, sentences))


def _name(row: SocketRow) -> str | None:
    return row.name


def _place(row: SocketRow) -> tuple[object, ...] | None:
    # Listeners may share an endpoint; their files tell them apart.
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
            f"{_who(row)} is a new socket. Its protocol is {row.protocol}; it has no address, and "
            "it is in none of the kernel's tables of connections."
        )
    what = "a new socket" if row.name is None else f"{row.name}, a new socket"
    if row.accepted is False:
        what = "a connection that was not accepted yet"
    return f"There is {what}: {_ends(row)}, {row.state}{_waiting(row)}."


def _vanished(row: SocketRow) -> str:
    if row.name is not None:
        return f"{row.name} is gone: it was closed (it was {_ends(row)}, {row.state})."
    return f"The socket {_ends(row)} is gone (it was {row.state})."


def _waiting(row: SocketRow) -> str:
    return f", {row.waiting}" if row.waiting else ""


def _differences(old: SocketRow, new: SocketRow) -> Iterator[str]:
    who = _who(old if new.name is None else new)
    if old.local != new.local:
        yield f"{who}: its local address is {new.local} now."
    if old.remote != new.remote:
        yield f"{who}: its remote address is {new.remote or 'unknown'} now."
    if old.state != new.state:
        yield f"{who}: its state was {old.state} and is {new.state} now."
    if old.accepted is False and new.owned:
        yield f"{who}: it left the accept queue; {new.owner} owns it now."
    elif old.owned and new.owned is False:
        yield f"{who}: no process owns it any more, only the kernel keeps it."
    elif old.name and not new.name:
        yield f"{old.name} was closed; the kernel still keeps {_ends(new)}, {new.state}."
    if old.backlog != new.backlog and old.state == new.state:
        yield f"{who}: its backlog was {old.backlog} and is {new.backlog} now."
    yield from _moved(who, "connection", "to be accepted", old.accept_queue, new.accept_queue)
    yield from _moved(who, "byte", "to be received", old.receive_queue, new.receive_queue)
    if new.got_end and not old.got_end:
        yield f"{who}: the end of the stream (FIN) has arrived, to be received."
    yield from _moved(who, "byte", "not acknowledged", old.send_queue, new.send_queue)


def _moved(who: str, unit: str, what: str, old: int | None, new: int | None) -> Iterator[str]:
    before = old or 0
    if new is not None and new != before:
        yield f"{who}: {new} {unit}{'s' * (new != 1)} {what} now, {before} before."
