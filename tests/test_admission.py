"""Clients that wait for their turn when the server stops."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from trio_echo import admission
from trio_echo.events import ignore

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


def test_clients_who_keep_coming_do_not_keep_it_running(monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as clients, socket.socket() as queue:

        def one_more(_queue: socket.socket) -> Iterator[tuple[socket.socket, str]]:
            accepted, client = socket.socketpair()
            clients.enter_context(client)
            accepted.setblocking(False)
            yield accepted, ""

        monkeypatch.setattr(admission, "accept_waiting", one_more)
        turn = admission.Admission(1, None, ignore, lambda *_: None)
        turn.turn_away(queue)
    assert turn.cut_off == 64
