"""A server in a process of its own."""

from __future__ import annotations

import psutil
import pytest

from trio_echo import SocketCallError, connect
from trio_echo.measure.serving import served
from trio_echo.measure.session import measure


def children() -> set[int]:
    return {one.pid for one in psutil.Process().children()}


async def test_a_server_echoes_in_a_process_of_its_own_and_is_gone_afterwards() -> None:
    before = children()
    async with served() as targets:
        assert len(children() - before) == 1
        async with await connect(*targets[0]) as client:
            assert await client.echo(b"hello") == b"hello"
    assert children() == before


async def test_a_server_takes_the_options_of_serve() -> None:
    async with served("--reset-after", "4") as targets:
        run = await measure(targets[:1], rounds=1, seconds=5, warm_up=0, sizes=[4])
    assert list(run.failures.values()) == [1]  # recv() or send() meets the reset first


async def test_a_server_that_does_not_start_is_an_error() -> None:
    before = children()
    with pytest.raises(SocketCallError, match="the server did not start"):
        async with served("--no-such-option"):
            pytest.fail("it started")
    assert children() == before
