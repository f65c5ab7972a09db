"""`serve --metrics`, scraped while clients are served."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support import PATIENCE, Process, exchange, ipv6, without_module

from trio_echo import Endpoint

if TYPE_CHECKING:
    from pathlib import Path

    from support import CommandLine

pytestmark = ipv6

METRICS = ("--metrics", "127.0.0.1:0")


def metrics_of(server: Process) -> str:
    return server.out.expect(r"metrics: (http://127\.0\.0\.1:\d+/metrics)$")[1]


def scrape(url: str) -> dict[tuple[str, ...], float]:
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310  http
        page = answer.read().decode()
    return {
        (sample.name.removeprefix("trio_echo_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def test_the_metrics_count_what_clients_do() -> None:
    with Process("serve", "--port", "0", *METRICS) as server:
        url = metrics_of(server)
        address, _ = server.endpoints()
        exchange(address, b"hello\n")
        server.out.expect("client closed")
        with socket.create_connection(address) as sock:
            sock.sendall(b"hello\n")
            assert sock.recv(6) == b"hello\n"
            found = scrape(url)
        assert server.stop() == 0
    assert found["connections_total",] == 2
    assert found["connections_open",] == 1
    assert found["connections_ended_total", "closed"] == 1
    assert found["echoed_bytes_total",] == 12
    assert found["screen_dropped_lines_total",] == 0
    if sys.platform == "linux":
        assert found["process_open_fds",] > 3


def test_an_address_in_use_is_a_line_and_nothing_is_served(command_line: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = str(Endpoint(*taken.getsockname()))
        status, out, err = command_line("serve", "--port", "0", "--metrics", where)
    assert (status, out, err) == (1, "", f"[bind()] Address already in use: {where}\n")


def test_an_address_without_a_port_is_a_wrong_command_line(command_line: CommandLine) -> None:
    status, out, err = command_line("serve", "--metrics", "localhost")
    assert (status, out) == (2, "")
    assert "HOST:PORT" in err


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--lang", "ko"], "[TCP 서버] 측정값: http://127.0.0.1:"),
        (["--log-format", "json"], '"event": "metrics", "url": "http://127.0.0.1:'),
    ],
)
@pytest.mark.slow
def test_where_the_metrics_are_is_in_the_screens_form(options: list[str], line: str) -> None:
    with Process("serve", "--port", "0", "--quiet", *METRICS, *options) as server:
        server.out.expect("http")
        assert server.stop() == 0
    assert line in server.out.text


@pytest.mark.slow
def test_without_the_library_a_line_says_how_to_install_it(tmp_path: Path) -> None:
    missing = without_module("prometheus_client", tmp_path)
    with Process("serve", "--port", "0", *METRICS, env=missing) as server:
        assert server.wait() == 1
    assert server.out.text == ""
    assert server.err.text == (
        "trio-echo serve: metrics need prometheus_client: "
        'python -m pip install "trio-echo[metrics]"\n'
    )


@pytest.mark.slow
def test_the_metrics_of_quiet_workers_are_summed() -> None:
    with Process("serve", "--port", "0", "--quiet", "--workers", "2", *METRICS) as server:
        url = metrics_of(server)
        address, _ = server.endpoints()
        for _ in range(20):
            exchange(address, b"hello\n")
        with socket.create_connection(address) as sock:
            sock.sendall(b"hello\n")
            # The workers report what connected clients got back every 2 s.
            while (found := scrape(url))["echoed_bytes_total",] < 21 * 6:
                assert server.popen.poll() is None
        assert found["connections_total",] == 21
        assert found["connections_open",] == 1
        assert found["connections_ended_total", "closed"] == 20
        assert server.stop() == 0


def query(prometheus: str, words: str) -> list[dict[str, Any]]:
    url = f"{prometheus}/api/v1/query?{urlencode({'query': words})}"
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310  http
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


@pytest.mark.slow
def test_a_real_prometheus_scrapes_the_metrics(tmp_path: Path) -> None:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed")
    with Process("serve", "--port", "0", *METRICS) as server:
        target = metrics_of(server).removeprefix("http://").removesuffix("/metrics")
        address, _ = server.endpoints()
        exchange(address, b"hello\n")
        config = tmp_path / "prometheus.yml"
        config.write_text(
            "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: echo\n"
            f"    static_configs: [{{targets: ['{target}']}}]\n"
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        scraper = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stderr=subprocess.DEVNULL,
        )
        try:
            found: list[dict[str, Any]] = []
            while not found:
                assert scraper.poll() is None
                try:
                    found = query(f"http://127.0.0.1:{port}", "trio_echo_echoed_bytes_total == 6")
                except OSError:  # it does not listen yet
                    continue
            assert found[0]["metric"]["job"] == "echo"
        finally:
            scraper.kill()
            scraper.wait()
        assert server.stop() == 0
