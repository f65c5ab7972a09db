"""A server under well-behaved and hostile clients at once, while it is stopped, starved and cut.

Each test is a short `benchmarks/soak.py`, and what that finds must be nothing: every well-behaved
client got exactly its bytes back, memory and descriptors returned to where they began, each line of
the screen was whole, safe and of a known kind, and the exit status was 0. A failure prints the
command that repeats it.
"""

from __future__ import annotations

import random
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import soak
import soak_report
import trio
import trio.testing
from checked_screen import CheckedScreen
from hostile_tls import NOISE
from soak_report import Rest, Soak, draw, report
from soak_server import Server

from trio_echo.lan.options import parse_wire

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "linux":
    pytest.skip("it stops processes and makes hosts", allow_module_level=True)

_MIB = 1 << 20
_WIRE = "delay=2ms,jitter=1ms,loss=1%,duplicate=1%,reorder=1%"


@pytest.fixture(autouse=True)
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "ROUND", 2.0)


def survive(*options: str, **settings: Any) -> Soak:
    """Run for two rounds or three, with a new seed, and expect that nothing was found."""
    seed = random.getrandbits(32)
    found = Soak(f"{options} {settings}, seed {seed}")
    run = partial(soak.soak, found, options, minutes=0.05, seed=seed, tasks=5, **settings)
    trio.run(run)
    assert not found.faults, report(found)
    assert found.tally.checked
    assert len(found.tally.clients) > 5
    return found


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--portable", "--quiet"), ("--max-clients", "5")])
def test_a_server_survives(options: tuple[str, ...]) -> None:
    found = survive(*options)
    assert found.rests[-1].memory - found.rests[1].memory < 32 * _MIB
    assert found.stopped
    assert draw(found).svg()


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--portable",)])
def test_a_server_of_tls_survives(options: tuple[str, ...]) -> None:
    found = survive(*options, tls=True)
    assert set(found.tally.clients) & {noise.__name__ for noise in NOISE}
    assert found.lines["failed"]


@pytest.mark.slow
def test_workers_survive_one_of_them() -> None:
    assert survive("--workers", "2").killed


@pytest.mark.slow
def test_a_server_with_too_few_descriptors_survives() -> None:
    assert survive(descriptors=40).stopped


@pytest.mark.slow
@pytest.mark.usefixtures("hosts_allowed")
def test_a_server_survives_behind_a_bad_wire_that_is_cut() -> None:
    # A reset may get lost: keepalive then ends the connection.
    assert survive("--keepalive", "5", wire=parse_wire(_WIRE)).parted


@pytest.mark.slow
def test_findings_are_written_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    findings, light, dark = (tmp_path / name for name in ("soak.json", "light.svg", "dark.svg"))
    command = ["--minutes", "0.05", "--tasks", "2", "--output", str(findings), "--plot", str(light)]
    assert soak.main(command) == 0
    assert report(soak_report.read(findings)) in capsys.readouterr().out
    assert soak_report.main([str(findings), str(dark), "--dark"]) == 0
    assert light.read_bytes() != dark.read_bytes()


@pytest.mark.parametrize("text", ["[", "[]", "{}", '{"tally": {"clients": {}}, "rests": []}'])
def test_other_files_are_not_findings(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    findings = tmp_path / "soak.json"
    findings.write_text(text)
    with pytest.raises(SystemExit):
        soak_report.main([str(findings), str(tmp_path / "soak.svg")])
    assert "not the findings of a soak" in capsys.readouterr().err


class SlowServer(Server):
    """Has 20 descriptors, and closes one every two seconds until it has so many."""

    def __init__(self, at_last: int, screen: bytes = b"") -> None:
        self.screen = CheckedScreen()
        self.screen.feed(screen)
        self._at_last = at_last

    def rest(self, second: float) -> Rest:
        return Rest(second, 0, max(self._at_last, 20 - int(trio.current_time() / 2)))


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "PATIENCE", 3.0)


def faults_at_rest(server: Server) -> list[str]:
    """Let it come to rest; it had 13 descriptors at first."""
    found = Soak("", rests=[Rest(0, 0, 13)])
    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(soak.at_rest, found, server, 0.0, clock=clock)
    return found.faults


@pytest.mark.usefixtures("short_patience")
def test_a_slow_server_may_close_as_long_as_it_closes_anything() -> None:
    assert faults_at_rest(SlowServer(13)) == []
    assert faults_at_rest(SlowServer(14)) == ["14 descriptors at rest, 13 at first"]


@pytest.mark.usefixtures("short_patience")
def test_a_client_that_is_not_closed_is_found_if_the_screen_is_complete() -> None:
    screen = b"[TCP server] client connected: IP address=::1, port=7\n"
    assert faults_at_rest(SlowServer(13, screen)) == ["1 clients connected, 0 closed"]
    one_client = b"[TCP server] 3 lines of [::1]:7 not shown\n"
    assert faults_at_rest(SlowServer(13, screen + one_client)) != []
    any_client = b"[TCP server] 3 lines not shown\n"
    assert faults_at_rest(SlowServer(13, screen + any_client)) == []


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        (b"[TCP server] client closed: IP address=127.0.0.1, port=1 and more\n", "whole"),
        (b"forged\n", "whole"),
        (b"[TCP/127.0.0.1:4242] \x1b[2J\n", "safe"),
        (b"[TCP/[::1]:4242] \xe2\x80\xae\n", "safe"),
        (b"[TCP/127.0.0.1:4242] \xff\n", "UTF-8"),
    ],
)
def test_a_line_that_is_forged_or_torn_is_found(output: bytes, fault: str) -> None:
    screen = CheckedScreen()
    screen.feed(output[:10])
    screen.feed(output[10:])
    (words,) = screen.faults
    assert fault in words


def test_lines_are_counted_by_kind() -> None:
    screen = CheckedScreen()
    screen.feed(b"\n[TCP server] client connected: IP address=::1, port=7\n[TCP/[::1]:7] a\xea\xb0")
    screen.feed(b"\x80\n[recv()] Connection reset by peer\n[TCP server] 3 lines of [::1]:7 not ")
    screen.feed(b"shown\n")
    assert screen.lines == dict.fromkeys(("blank", "connected", "text", "failed", "dropped"), 1)
    assert (screen.faults, screen.rest) == ([], b"")
