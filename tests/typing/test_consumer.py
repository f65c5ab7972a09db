"""An application's types are checked against ours: what `py.typed` promises."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONSUMER = Path(__file__).parent / "consumer.py"


def checked(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a checker on a copy of the program, away from this project and its settings."""
    shutil.copy(CONSUMER, folder)
    env = {name: value for name, value in os.environ.items() if name != "MYPYPATH"}
    return subprocess.run(
        [sys.executable, "-m", *command, CONSUMER.name],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def needs(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")


def test_the_program_runs() -> None:
    run = subprocess.run([sys.executable, CONSUMER], check=True, capture_output=True, text=True)
    assert run.stdout.startswith("listening on 127.0.0.1:")
    assert run.stdout.endswith("1 clients\n")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_mypy_accepts_it(tmp_path: Path) -> None:
    needs("mypy")
    run = checked(tmp_path, "mypy", "--strict", "--config-file=")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_pyright_accepts_it(tmp_path: Path) -> None:
    needs("pyright")
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}))
    run = checked(tmp_path, "pyright", "--pythonpath", sys.executable)
    assert run.returncode == 0, run.stdout + run.stderr
