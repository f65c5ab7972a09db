"""The servers of benchmarks/ echo, and the commands that race them write what they should."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sys
import threading
from pathlib import Path

import bursts
import fairness
import processes
import pytest
import race
import race_chart
import set_up
import worker_costs
from layout import texts
from papers import server_context
from rivals import RIVALS, Field, Rival, compiled, running
from runs import samples
from standings import as_table, conditions, standings
from support import PATIENCE, receive_all, reset

from trio_echo import BackgroundServer
from trio_echo.measure.load.workload import Workload
from trio_echo.measure.results import environment, files
from trio_echo.measure.results.run import Round, Run, Target, collect
from trio_echo.measure.results.summary import summarize

pytestmark = pytest.mark.slow  # each starts a server and a load

NEEDS_OPENSSL = pytest.mark.skipif(
    not Path("/usr/include/openssl/ssl.h").exists(), reason="there is no libssl-dev"
)
PAIR = ["trio_tutorial", "--against", "asyncio_streams"]


@pytest.mark.parametrize("rival", RIVALS.values(), ids=RIVALS)
def test_a_rival_echoes_every_byte_and_outlives_a_reset(rival: Rival, tmp_path: Path) -> None:
    if reason := rival.missing():
        pytest.skip(reason)
    data = os.urandom(1 << 20)
    with running(rival.command(tmp_path), tmp_path / "out") as (port, _):

        def send(sock: socket.socket) -> None:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)

        with socket.create_connection(("127.0.0.1", port), PATIENCE) as rude:
            rude.sendall(b"x")
            rude.recv(1)
            reset(rude)
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
            sender = threading.Thread(target=send, args=(sock,))
            sender.start()
            assert receive_all(sock) == data
            sender.join()


def test_what_is_missing_is_left_out_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(RIVALS, "absent", Rival("absent", "Absent", "no-such-distribution"))
    field = Field(["absent", "trio_tutorial"], "asyncio_streams")
    assert [one.name for one in field.rivals] == ["asyncio_streams", "trio_tutorial"]
    assert capsys.readouterr().err == "left out: absent: no-such-distribution is not installed\n"
    with pytest.raises(SystemExit):
        Field(["trio_tutorial"], "absent")


def test_a_race_writes_a_table_results_and_a_chart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(race, "WARM_UP", 0.0)
    output, plot = tmp_path / "race.json", tmp_path / "race.png"
    load = ["--rounds", "2", "--seconds", "0.05", "--connections", "2", "--size", "8"]
    assert race.main([*PAIR, *load, "--output", str(output), "--plot", str(plot)]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^\| asyncio streams \| 1 = [\d,]+/s", shown, re.MULTILINE)
    assert re.search(r"^\| Trio's tutorial \| \d\.\d\d ", shown, re.MULTILINE)
    result = files.read(output)
    assert [target.name for target in result.targets] == ["asyncio_streams", "trio_tutorial"]
    assert len(files.read_samples(output, result)) == len(result.rounds) == 4
    beside = json.loads(output.with_suffix(".cpu.json").read_text("utf-8"))
    assert len(beside["server_cpu_ns"]) == 4
    # The system may count none in a round this short.
    assert max(beside["server_cpu_ns"]) > 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    again, dark = tmp_path / "again.png", tmp_path / "dark.png"
    assert race_chart.main([str(output), str(again)]) == 0
    assert race_chart.main([str(output), str(dark), "--dark"]) == 0
    assert again.read_bytes() == plot.read_bytes() != dark.read_bytes()


def test_every_rival_that_has_tls_can_race_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(race, "WARM_UP", 0.0)
    output = tmp_path / "race.json"
    load = ["--rounds", "1", "--seconds", "0.05", "--connections", "2", "--size", "8"]
    against = ["--against", "asyncio_streams"]
    assert race.main(["--tls", *against, *load, "--output", str(output)]) == 0
    shown = capsys.readouterr()
    assert "left out: gevent_server: it has no TLS\n" in shown.err
    assert re.search(r"^TLS: TLSv1.3 \w+\.$", shown.out, re.MULTILINE)
    raced = {target.name for target in files.read(output).targets}
    assert raced == {one.name for one in RIVALS.values() if one.tls and not one.missing()}


def test_a_race_in_which_a_server_fails_has_no_winner(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closes = (
        "import socket; listener = socket.create_server(('127.0.0.1', 0))\n"
        "print(listener.getsockname()[1], flush=True)\n"
        "while True: listener.accept()[0].close()"
    )
    monkeypatch.setattr(Rival, "command", lambda *_: [sys.executable, "-c", closes])
    assert race.main([*PAIR, "--rounds", "1", "--seconds", "0.05", "--size", "8"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.search(r"^(asyncio_streams|trio_tutorial): \{'", shown.err)


@pytest.mark.skipif(sys.platform != "linux", reason="the C load takes Linux")
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler (cc)")
@pytest.mark.parametrize("tls", [False, pytest.param(True, marks=NEEDS_OPENSSL)])
async def test_the_load_in_c_returns_what_a_round_returns(tmp_path: Path, *, tls: bool) -> None:
    program = compiled("load", tmp_path, tls=tls)
    load = Workload(connections=3, size=20_000, duration=0.05, warm_up=0.01)
    context = server_context() if tls else None
    with BackgroundServer(hosts=["127.0.0.1"], ssl_context=context) as server:
        brought = await race.round_in_c(program, server.addresses[0], load)
    assert (brought.tls or "").startswith("TLSv1.3 ") == tls
    summary = summarize(brought, load)
    assert summary.messages > 0
    assert summary.seconds == pytest.approx(0.05)
    assert all(a <= b for a, b in zip(brought.sent, brought.received, strict=True))
    assert brought.began <= brought.received[0] <= brought.received[-1] <= brought.ended
    failed = await race.round_in_c(program, server.addresses[0], load)
    assert failed.failures == {"load: exit status 1": 3}


def made_up(names: list[str], rounds: int = 6) -> tuple[Run, list[int]]:
    """A race in which each rival is as many times as fast as its place, and none too dear."""
    workloads = [
        Workload(connections=n, size=size, duration=1.0) for n, size in ((64, 64), (512, 65536))
    ]
    ran: list[Round] = []
    for number in range(1, rounds + 1):
        for i, workload in enumerate(workloads):
            for target in range(len(names)):
                summary = summarize(samples(100 * (target + 1), seed=len(ran)), workload)
                ran.append(Round(number=number, target=target, workload=i, summary=summary))
    targets = [Target(name=name, address="127.0.0.1:9000", family="IPv4") for name in names]
    result = collect(environment.describe(), targets, workloads, ran, partial=False)
    return result, [500_000_000 * (1 + (one.target == 0)) for one in ran]


def test_standings_are_ratios_to_the_first_target() -> None:
    result, costs = made_up(["asyncio_streams", "trio_tutorial"])
    first, second = standings(result, costs)[0]
    assert first.rival.name == "trio_tutorial"
    assert first.rate is not None
    assert first.rate.median == pytest.approx(2)
    assert first.cpu is not None
    assert first.cpu.median == pytest.approx(0.25)
    assert first.held_back
    assert not second.held_back
    table = as_table(result, standings(result, costs)).splitlines()
    assert table[2].startswith("| Trio's tutorial | 2.00 (2.00 to 2.00) † | 0.25 (0.25 to 0.25) |")
    assert table[3].startswith("| asyncio streams | 1 = 100/s | 1 = 10.0 ms |")


def test_every_text_of_the_chart_can_be_read() -> None:
    names = [one.name for one in RIVALS.values() if not one.missing()]
    result, costs = made_up(names)
    ranks = standings(result, costs)
    notes = conditions(result, ranks, "one core for the servers, another for the load")
    shown = texts(race_chart.draw(result, ranks, notes))
    assert set(notes) <= set(shown)
    for name in names:
        assert shown.count(RIVALS[name].title.replace("`", "")) == 2  # workloads


def test_the_cost_of_connections_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert set_up.main([*PAIR, "--rounds", "1", "--connections", "32"]) == 0
    assert set_up.main([*PAIR, "--memory", "--connections", "10,20"]) == 0
    shown = capsys.readouterr().out
    assert re.search(
        r"^\| asyncio streams \| [\d.]+ [µm]s \| 1 \| [\d.]+ [µm]s \| 1 \|$", shown, re.MULTILINE
    )
    assert re.search(
        r"^\| Trio's tutorial \| -?[\d.]+ KiB \| -?[\d.]+ KiB \|$", shown, re.MULTILINE
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections")
def test_the_gain_of_a_second_process_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler (cc)")
    load = ["--rounds", "1", "--seconds", "0.1", "--connections", "8"]
    assert processes.main(load) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^\| C, epoll \| [\d,]+/s \| [\d.]+ \|$", shown, re.MULTILINE)
    assert len(re.findall(r"^\| trio_echo .*/s \| [\d.]+ \|$", shown, re.MULTILINE)) == 2


@pytest.mark.slow
def test_the_effect_of_a_flood_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert fairness.main([*PAIR, "--rounds", "1", "--seconds", "1"]) == 0
    shown = capsys.readouterr().out
    # Few messages have no p99: a busy machine may send few.
    assert re.search(r"^\| Trio's tutorial( \| ([\d.]+ [µm]?s|-)){4} \|$", shown, re.MULTILINE)


@pytest.mark.skipif(sys.platform != "linux", reason="the load takes Linux")
def test_the_times_of_bursts_are_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler (cc)")
    output = tmp_path / "bursts.json"
    words = ["--rounds", "1", "--size", "4K,1M", "--output", str(output)]
    assert bursts.main([*PAIR, *words]) == 0
    printed = capsys.readouterr().out
    assert "4 KiB: median" in printed
    assert re.search(r"^\| Trio's tutorial \| [\d,]+ µs \| \d+\.\d\d \|", printed, re.MULTILINE)
    assert len(json.loads(output.read_text("utf-8"))["trio_tutorial 1048576"]) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections")
def test_the_costs_of_workers_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(worker_costs, "SECONDS", 0.1)
    monkeypatch.setattr(worker_costs, "REST", 0.1)
    load = ["--workers", "1,2", "--rounds", "1", "--rate", "200"]
    assert worker_costs.main(load) == 0
    row = r"\| [\d.]+ µs \| [\d.]+ \| \d+ to \d+ \| [\d.]+% \| \d+ MiB \|$"
    printed = capsys.readouterr().out
    assert re.search(rf"^\| 1 {row}", printed, re.MULTILINE)
    assert re.search(rf"^\| 2 {row}", printed, re.MULTILINE)
