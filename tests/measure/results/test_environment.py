"""Where a measurement was made: on this machine, and in a clone made for the test."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psutil
import pytest

from trio_echo.measure.results import environment

if TYPE_CHECKING:
    from pathlib import Path

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(clone: Path, *arguments: str) -> str:
    identity = {
        f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", "-C", str(clone), *arguments],  # noqa: S607  the one that is installed
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | identity,
    )
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package in a clone with one commit."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "One")
    return package


def test_the_machine_is_described() -> None:
    found = environment.describe()
    assert found.cpu_count == psutil.cpu_count()
    assert found.cpu_model.strip()
    assert platform.release() in found.kernel
    assert platform.python_version() in found.python
    assert found.clock.startswith("perf_counter: ")
    assert 0 < found.clock_resolution_seconds < 1e-6
    assert "\n" not in repr(found).replace("\\n", "\n")


def test_the_date_is_now_in_utc() -> None:
    date = datetime.fromisoformat(environment.describe().date)
    assert date.utcoffset() == timedelta(0)
    assert abs(date - datetime.now(UTC)) < timedelta(minutes=10)


def test_the_name_of_the_host_is_left_out() -> None:
    assert platform.node() not in repr(environment.describe()) or len(platform.node()) < 4


@pytest.mark.skipif(not hasattr(time, "CLOCK_MONOTONIC"), reason="Windows has no such clock")
def test_the_clock_is_monotonic() -> None:
    # All processes of a machine share it.
    implementations = {
        time.get_clock_info(name).implementation for name in ("monotonic", "perf_counter")
    }
    assert len(implementations) == 1


@needs_git
def test_the_commit_is_that_of_the_clone(package: Path) -> None:
    head = git(package, "rev-parse", "HEAD")
    assert environment._commit(package) == (head, False)


@needs_git
def test_a_change_of_the_package_is_noted_and_one_beside_it_is_not(package: Path) -> None:
    head = git(package, "rev-parse", "HEAD")
    (package.parent / "results.json").write_text("")
    assert environment._commit(package) == (head, False)
    (package / "new.py").write_text("")
    assert environment._commit(package) == (head, True)


@needs_git
def test_somebody_elses_clone_is_not_ours(package: Path) -> None:
    installed = package.parent / "site-packages"
    installed.mkdir()
    (installed / "__init__.py").write_text("")
    assert environment._commit(installed) == (None, None)


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert environment._commit() == (None, None)
