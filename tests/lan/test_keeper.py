"""The connection to the process that owns the hosts, if that process hangs."""

from __future__ import annotations

import os
import socket
import sys

import psutil
import pytest
from rooms import processes_below

from trio_echo import SocketCallError, lan
from trio_echo.lan import keeper

if sys.platform != "linux":
    pytest.skip("hosts need Linux", allow_module_level=True)


def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near, far:
        near.settimeout(0.01)
        one = keeper.Keeper(near)
        for _ in range(2):
            with pytest.raises(lan.LanError, match="the process that owns them has not answered"):
                one.ask("sysctl", "client", "net.ipv4.tcp_sack", None)
            far.send(b'{"number": 0, "value": "1"}')


@pytest.mark.parametrize("read", [False, True], ids=["nobody read it", "it was read"])
def test_a_process_that_cannot_start_has_the_last_word(read: bool) -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near:
        one = keeper.Keeper(near)
        with far:
            far.send(b'{"error": ["unshare()", 1, "Operation not permitted", ""]}')
            if read:
                with pytest.raises(SocketCallError, match="unshare"):
                    one.ask("mount", "")
        assert str(one.ended()) == "[unshare()] Operation not permitted"


def test_a_process_that_ends_without_a_word_has_lost_the_hosts() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near:
        far.close()
        error = keeper.Keeper(near).ended()
    assert isinstance(error, lan.LanError)
    assert str(error) == "the hosts are lost: the process that owns them has ended"


@pytest.mark.usefixtures("hosts_allowed")
async def test_a_process_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with lan.hosts("client", "server"):
        (process,) = psutil.Process().children()
        process.suspend()
        monkeypatch.setattr(keeper, "_PATIENCE", 0.1)
    assert not processes_below(os.getpid())
