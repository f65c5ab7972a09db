"""Looking at the same sockets repeatedly."""

from __future__ import annotations

import socket

import pytest
import trio
from support import PATIENCE, among, end

from trio_echo.observe.kernel.watch import Watch


def test_each_look_lists_what_changed_since_the_last_one() -> None:
    with socket.socket() as listen_sock, socket.socket() as sock:
        watch = Watch()
        first = watch.look(listen_sock=listen_sock)
        assert first.changes[0].startswith("listen_sock: new socket,")
        listen_sock.bind(("127.0.0.1", 0))
        look = watch.look(sock=sock)
        assert {one.partition(":")[0] for one in look.changes} >= {"listen_sock", "sock"}
        assert {look.snapshot[name].state for name in ("listen_sock", "sock")} == {"CLOSE"}
        assert str(look) == f"{look.changes}\n{look.snapshot}"
        assert look.changes[0] in look._repr_html_()
        assert "<table>" in look._repr_html_()


async def test_what_a_closed_socket_leaves_is_still_shown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listen_sock:
        sock = socket.create_connection(listen_sock.getsockname())
        accepted, _ = listen_sock.accept()
    ends = end(sock), end(accepted)
    watch = Watch(sock=sock, accepted=accepted)
    sock.close()
    accepted.recv(1)
    accepted.close()
    with trio.fail_after(PATIENCE):
        while [row.state for row in among(ends, watch.look().snapshot)] != ["TIME_WAIT"]:
            await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("by_name", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_watch_may_begin_with_ports_or_sockets(by_name: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listen_sock:
        port = listen_sock.getsockname()[1]
        watch = Watch(listen_sock=listen_sock) if by_name else Watch(port)
        (row,) = among([end(listen_sock)], watch.look().snapshot)
        assert row.name == ("listen_sock" if by_name else None)
        with socket.create_connection(("127.0.0.1", port)) as sock:
            assert len(among([end(listen_sock), end(sock)], watch.look().snapshot)) == 3
