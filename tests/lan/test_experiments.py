"""Experiments: live on hosts, or as they were recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from passages import Crossed
from wire import SYN

from trio_echo import lan
from trio_echo.lan import experiments
from trio_echo.lan.recordings import pack

if TYPE_CHECKING:
    from pathlib import Path

WHY_NOT = lan.why_not()
RECORDED = pack(
    {"seconds": 1}, {"server": (("client", "server"), Crossed().segment(0, SYN, 0).passages)}
)


async def say_hello(net: lan.Network) -> dict[str, object]:
    """Connect, send `hello`, end the stream, and receive what the other end got."""
    (server,) = await net["server"].open_tcp_listeners(9000, host="10.0.0.2")
    near = await net["client"].open_tcp_stream("10.0.0.2", 9000)
    async with server, near, await server.accept() as far:
        await near.send_all(b"hello")
        await near.send_eof()
        data = b"".join([chunk async for chunk in far])
        return {"data": data, "table": net["server"].snapshot(9000)}


async def never(_net: lan.Network) -> None:
    pytest.fail("an experiment runs, though no hosts can be made")


@pytest.fixture
def no_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiments, "_why_not", lambda: "[unshare()] Operation not permitted")


@pytest.mark.slow
@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
async def test_a_live_experiment_is_recorded_by_the_same_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "hello.json"
    live = await lan.experiment(say_hello, "client", "server", recording=path)
    assert live.source == "live"
    assert live.result["data"] == b"hello"
    assert not path.exists()

    monkeypatch.setenv(experiments.RECORD, "1")
    live = await lan.experiment(say_hello, "client", "server", recording=path, mtu=1280)
    assert live.trace().segments[0].mss == 1240
    monkeypatch.setattr(experiments, "_why_not", lambda: "no hosts here")
    again = await lan.experiment(say_hello, "client", "server", recording=path, mtu=1280)
    assert again.source == "recorded: hello.json"
    assert again.result == live.result
    assert again.passages() == live.passages()
    assert "(recorded capture: hello.json)" in again.trace().title
    assert again.traffic().ends == ("client", "server")


@pytest.mark.usefixtures("no_hosts")
async def test_without_hosts_the_recording_is_shown_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "one\n.json"
    path.write_bytes(RECORDED)
    seen = await lan.experiment(never, "client", "server", recording=path)
    assert seen.source == r"recorded: one\n.json"
    assert seen.result == {"seconds": 1}
    assert len(seen.trace(9000).segments) == len(seen.passages()) == 1


@pytest.mark.usefixtures("no_hosts")
async def test_a_file_that_is_not_a_recording_is_named(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(b"{}")
    with pytest.raises(lan.LanError, match=r"^one\.json: not the recording of an experiment$"):
        await lan.experiment(never, recording=path)
    with pytest.raises(FileNotFoundError):
        await lan.experiment(never, recording=tmp_path / "missing.json")


def test_one_of_several_cables_must_be_named() -> None:
    ends = ("client", "switch")
    seen = lan.Observation(None, {"client": (ends, []), "server": (ends, [])})
    assert seen.passages("client") == []
    for name in (None, "clint"):
        with pytest.raises(lan.LanError, match=r"^name one of the cables: 'client', 'server'$"):
            seen.passages(name)
