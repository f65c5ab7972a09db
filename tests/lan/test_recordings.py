"""Recordings of experiments: what is packed comes back, and nothing else can be called."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

import pytest
from passages import Crossed
from wire import SYN

from trio_echo import Endpoint
from trio_echo.lan.recordings import pack, unpack
from trio_echo.observe.kernel import Snapshot, SocketRow
from trio_echo.observe.packets import Fate
from trio_echo.tcp_info import Congestion

ROW = SocketRow(
    family=socket.AF_INET6, state="ESTABLISHED", local=Endpoint("fd00::1", 9000), send_queue=5
)
RESULTS = [
    None,
    1.5,
    "text",
    [1, [True]],
    {"seconds": 2, "class of 2026": None},
    {1: "one", "class": "two"},
    (1, "one"),
    b"\0\xff",
    Fate.LOST,
    Congestion("open", 10, None, 3, 0, 1448, 0.05, 0.01, 0.2),
    {"client": Snapshot((ROW,), note="a note")},
]


@pytest.mark.parametrize("result", RESULTS, ids=str)
def test_a_result_comes_back(result: Any) -> None:
    back, cables = unpack(pack(result, {}))
    assert back == result
    assert type(back) is type(result)
    assert cables == {}


def test_what_crossed_each_cable_comes_back() -> None:
    crossed = Crossed().segment(0, SYN, 0).segment(1000, SYN, 0, fate=Fate.LOST)
    first, lost = crossed.passages
    crossed.frame(2000, first.data, Fate.CORRUPTED, received=b"\xff" + first.data[1:])
    ends = ("client", "server")
    recording = pack(0, {"server": (ends, crossed.passages)})
    assert unpack(recording) == (0, {"server": (ends, tuple(crossed.passages))})
    assert lost.lost


def test_an_unknown_class_cannot_be_recorded() -> None:
    with pytest.raises(TypeError, match=r"^a recording cannot hold <object"):
        pack([object()], {})


@pytest.mark.parametrize(
    "result",
    [
        {"class": "this.c", "fields": {}},
        {"class": "trio_echo.writing.check", "fields": {"path": "/no/such/folder/file"}},
        {"class": "trio_echo.no.such.Thing", "fields": {}},
        {"class": "trio_echo.tcp_info.Congestion", "fields": {"window": 1}},
        {"class": "trio_echo.tcp_info.Congestion"},
        {"class": "AddressFamily", "name": "AF_NONE"},
    ],
)
def test_a_file_does_not_choose_what_is_called(result: object) -> None:
    with pytest.raises(ValueError, match=r"^not the recording of an experiment$"):
        unpack(json.dumps({"result": result, "cables": {}}).encode())
    assert "this" not in sys.modules


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"result": 1}',
        b'{"result": 1, "cables": {"a": {"ends": []}}}',
        b'{"result": 1, "cables": {"a": {"ends": [], "capture": "AAAA"}}}',
        b'{"result": ' + b"[" * 100_000,
    ],
)
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not the recording of an experiment$"):
        unpack(data)
