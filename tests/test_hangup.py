"""Connections that peers have reset, noticed without receiving from them."""

from __future__ import annotations

import sys

import pytest
import trio
from support import PATIENCE, connected, reset, stream_of

from trio_echo.hangup import called_at_hangup


@pytest.mark.skipif(sys.platform != "linux", reason="other systems report nothing")
async def test_a_closed_socket_that_another_process_still_holds_disturbs_nobody() -> None:
    sock, peer = connected("127.0.0.1")
    other, other_peer = connected("127.0.0.1")
    stream, called = stream_of(sock), trio.Event()
    with sock.dup():  # as in a process that was forked meanwhile
        with called_at_hangup(stream.socket, lambda: None):
            await stream.aclose()
        reset(peer)
        async with stream_of(other) as other_stream:
            with called_at_hangup(other_stream.socket, called.set):
                reset(other_peer)
                with trio.fail_after(PATIENCE):
                    await called.wait()
