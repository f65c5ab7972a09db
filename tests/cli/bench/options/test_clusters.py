from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest
from click.testing import CliRunner

from trio_echo.cli import cli


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--serve", "--wire", "delay=1ms", "--cluster", "local"], "leave out --cluster"),
        (["--serve", "--cluster", "tcp://10.0.0.1:8786"], "other machines cannot reach"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: list[str], words: str) -> None:
    refused = CliRunner().invoke(cli, ["bench", *options])
    assert refused.exit_code == 2
    assert words in " ".join(refused.output.split())


def test_without_dask_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "distributed" else find(name)
    )
    refused = CliRunner().invoke(
        cli, ["bench", "--serve", "--cluster", "local"], standalone_mode=False
    )
    assert refused.return_value == 1
    assert refused.output == (
        'trio-echo bench: a cluster needs Dask: python -m pip install "trio-echo[cluster]"\n'
    )


def test_a_measurement_without_a_cluster_does_not_wait_for_dask() -> None:
    code = "import sys, trio_echo.cli.bench.measuring; sys.exit('distributed' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
