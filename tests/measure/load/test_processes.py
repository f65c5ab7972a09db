from __future__ import annotations

import errno
import json
from array import array

import pytest
import trio
from trio.testing import memory_stream_one_way_pair

from trio_echo.errors import SocketCallError
from trio_echo.measure.load.loader import Job, Report
from trio_echo.measure.load.pace import Share
from trio_echo.measure.load.processes import LoadProcess, Processes
from trio_echo.measure.load.workload import Samples, Workload
from trio_echo.measure.serving import served
from trio_echo.workers.process import STARTING_CALL

FIELDS = {"busy": 0.5, "spun": 0.0, "failures": {}, "unanswered": 0, "cut": False}


async def test_times_of_another_clock_are_moved_and_nothing_else_is() -> None:
    job = Job("127.0.0.1", 9, Workload(duration=1.0, rate=1.0), Share(0, 1, 1), 10.0)
    told, stdin = memory_stream_one_way_pair()
    stdout, heard = memory_stream_one_way_pair()
    part = LoadProcess(job, told, heard)
    part.offset = 1_000
    arrays = {
        name: array("q", values)
        for name, values in (
            ("intended", [1_010, 1_020]),
            ("sent", [1_011, 1_021]),
            ("received", [1_015, 1_025]),
            ("resumed", [0, 1]),
        )
    }
    sizes = {name: one.itemsize * len(one) for name, one in arrays.items()}
    lines = [
        {"connected": 1, "tls": None, "failure": None},
        FIELDS | sizes | {"began": 1_005, "ended": 1_030},
    ]
    for line in lines:
        await stdout.send_all(json.dumps(line).encode() + b"\n")
    await stdout.send_all(b"".join(one.tobytes() for one in arrays.values()))
    await stdout.aclose()
    await part.connected()
    await part.begin(5)
    assert (await stdin.receive_some()).endswith(b"\n1005\n")
    reports: list[Report] = []
    await part.follow(reports.append, trio.Event())
    samples = part.samples()
    assert isinstance(samples, Samples)
    assert (samples.began, samples.ended) == (5, 30)
    assert (*samples.intended, *samples.sent) == (10, 20, 11, 21)
    assert (*samples.received, *samples.resumed) == (15, 25, 0, 1)
    assert reports[-1].messages == 2


async def test_a_process_that_cannot_be_started_names_the_call() -> None:
    async def refuse(*_: object, **__: object) -> trio.Process:
        raise OSError(errno.EMFILE, "Too many open files")

    job = Job("127.0.0.1", 9, Workload(duration=1.0), Share(0, 1, 1), 10.0)
    with pytest.raises(SocketCallError) as refused:
        async with Processes(refuse).started(job):
            pytest.fail("it has no process")
    assert str(refused.value) == f"[{STARTING_CALL}] Too many open files"
    with pytest.raises(SocketCallError) as refused:
        async with served(open_process=refuse):
            pytest.fail("it has no process")
    assert refused.value.call == STARTING_CALL
