"""A server in its own process."""

from __future__ import annotations

import errno
import socket

import psutil
import pytest

from trio_echo import Faults, SocketCallError, connect
from trio_echo.errors import strerror
from trio_echo.measure.serving import served
from trio_echo.measure.session import measure


def children() -> set[int]:
    return {one.pid for one in psutil.Process().children()}


async def test_a_server_echoes_in_its_own_process_and_is_gone_afterwards() -> None:
    before = children()
    async with served() as targets:
        assert len(children() - before) == 1
        for target in targets:
            async with await connect(*target) as client:
                assert await client.echo(b"hello") == b"hello"
    assert children() == before


async def test_a_server_goes_wrong_as_asked() -> None:
    async with served(faults=Faults(reset_after=4)) as targets:
        run = await measure(targets[:1], rounds=1, seconds=5, warm_up=0, sizes=[4])
    assert list(run.failures.values()) == [1]  # recv() or send() meets the reset first


async def test_a_port_that_is_taken_is_an_error() -> None:
    before = children()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SocketCallError) as refused:
            async with served(port, hosts=["127.0.0.1"]):
                pytest.fail("it started")
    assert str(refused.value) == f"[bind()] {strerror(errno.EADDRINUSE)}: 127.0.0.1:{port}"
    assert children() == before


async def test_a_process_that_ends_at_once_is_an_error() -> None:
    before = children()
    with pytest.raises(SocketCallError, match="the server ended with 1"):
        async with served(hosts=()):  # a ValueError there
            pytest.fail("it started")
    assert children() == before
