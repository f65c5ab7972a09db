"""`python -m trio_echo lab`, with a fake JupyterLab and once with the real one."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
import urllib.request
from pathlib import Path

import pytest
from support import Process, jupyter_settings, lab_address, without_module

import trio_echo
from trio_echo.notebook import copies
from trio_echo.notebook.copies import CLONED

STAND_IN = """
import json, os, signal, sys, time
print(json.dumps(sys.argv[1:]), flush=True)
if "--wait" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(8))
    try:
        print(os.getpid(), flush=True)
        while True:  # a signal that comes just before signal.pause() would not wake it
            time.sleep(0.01)
    except KeyboardInterrupt:
        sys.exit(7)
sys.exit(3)
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell and signals")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment in which JupyterLab is a program that prints its arguments."""
    package = tmp_path / "stand_in" / "jupyterlab"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(STAND_IN, "utf-8")
    # Without the current folder: it may be this clone.
    return {"PYTHONPATH": str(package.parent), "PYTHONSAFEPATH": "1"}


@pytest.fixture
def installed(env: dict[str, str], tmp_path: Path) -> Path:
    """Add the package to `env` as a wheel installs it; returns the folder of its two notebooks."""
    site = tmp_path / "site"
    shutil.copytree(Path(trio_echo.__file__).parent, site / "trio_echo")
    notebooks = site / "trio_echo" / "notebooks"
    (notebooks / "recordings").mkdir(parents=True)
    (notebooks / "02_two.ipynb").write_text("two", "utf-8")
    (notebooks / "01_one.ipynb").write_text("one", "utf-8")
    (notebooks / "recordings" / "echo.pcap").write_bytes(b"\xff")
    env["PYTHONPATH"] += f"{os.pathsep}{site}"
    return notebooks


def started_with(process: Process) -> list[str]:
    """Return the arguments of the fake JupyterLab."""
    words: list[str] = json.loads(process.out.expect(r"^\[").string)
    return words


def within(folder: Path) -> tuple[str, ...]:
    """Return the start of a command line that runs in a folder."""
    return ("sh", "-c", 'cd "$0" && exec "$@"', str(folder))


@pytest.mark.slow
@posix
def test_in_a_clone_they_are_copied_to_the_current_folder(
    env: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "trio_echo_notebooks"
    with Process("lab", env=env, prefix=within(tmp_path)) as process:
        words = started_with(process)
        assert process.wait() == 3  # the exit status is passed on
    assert f"--ServerApp.root_dir={folder}" in words
    assert process.err.text == f"notebooks: {folder}\n"
    assert not list(folder.glob("*.py"))


def test_the_folder_of_the_notebooks_themselves_is_opened_in_place(env: dict[str, str]) -> None:
    with Process("lab", f"{CLONED}{os.sep}", env=env) as process:
        assert f"--ServerApp.root_dir={CLONED}" in started_with(process)
    assert not (CLONED / ".trio_echo.json").exists()


@posix
def test_installed_from_a_wheel_they_are_copied_to_the_current_folder(
    env: dict[str, str], installed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "trio_echo_notebooks"
    with Process("lab", env=env, prefix=within(tmp_path)) as process:
        words = started_with(process)
    assert process.err.text == f"notebooks: {folder}\n"
    assert f"--ServerApp.root_dir={folder}" in words
    assert "--LabApp.default_url=/lab/tree/01_one.ipynb" in words
    assert (folder / "01_one.ipynb").read_text("utf-8") == "one"
    assert (folder / "recordings" / "echo.pcap").read_bytes() == b"\xff"

    (folder / "01_one.ipynb").write_text("mine", "utf-8")
    (installed / "01_one.ipynb").write_text("newer", "utf-8")
    with Process("lab", env=env, prefix=within(tmp_path)) as process:
        process.wait()
    kept, opened = process.err.seen
    assert kept.startswith("kept trio_echo_notebooks/01_one.ipynb, which you changed")
    assert opened == f"notebooks: {folder}\n"
    assert (folder / "01_one.ipynb").read_text("utf-8") == "mine"


@posix
@pytest.mark.slow
def test_options_reach_jupyterlab(env: dict[str, str], tmp_path: Path) -> None:
    options = ("--no-browser", "--port", "1234", "--", "--ip=::1", "--debug")
    for folder in ([], ["mine"]):
        with Process("lab", *folder, *options, env=env, prefix=within(tmp_path)) as process:
            words = started_with(process)
        assert words[-2:] == ["--ip=::1", "--debug"]
        assert "--no-browser" in words
        assert "--ServerApp.port=1234" in words
    with Process("lab", "mine", env=env, prefix=within(tmp_path)) as process:
        words = started_with(process)
    assert "--no-browser" not in words
    assert not any("port" in word for word in words)


def test_two_folders_are_refused(env: dict[str, str]) -> None:
    with Process("lab", "one", "two", env=env) as process:
        assert process.wait() == 2
    assert len(process.err.seen) == 1
    assert "only one folder can be opened, not also two" in process.err.text


@pytest.mark.slow
def test_an_impossible_folder_is_a_one_line_error(
    env: dict[str, str], installed: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "file/below", "loop", "loop/below"):
        folder = tmp_path / name
        with Process("lab", str(folder), env=env) as process:
            assert process.wait() == 1
        assert len(process.err.seen) == 1
        assert process.err.text.startswith("trio-echo lab: ")
        assert str(tmp_path / Path(name).parts[0]) in process.err.text


@pytest.mark.parametrize(
    "missing",
    [
        "jupyterlab",
        pytest.param("matplotlib", marks=pytest.mark.slow),
        pytest.param("ipywidgets", marks=pytest.mark.slow),
        pytest.param("ipykernel", marks=pytest.mark.slow),
    ],
)
def test_without_its_libraries_it_prints_how_to_install_them(missing: str, tmp_path: Path) -> None:
    with Process("lab", env=without_module(missing, tmp_path)) as process:
        assert process.wait() == 1
    assert process.err.seen == [
        "trio-echo lab: libraries are missing; install them with: "
        'python -m pip install "trio-echo[notebooks]"\n'
    ]


def test_an_installation_without_notebooks_is_a_one_line_error(
    env: dict[str, str], installed: Path, tmp_path: Path
) -> None:
    shutil.rmtree(installed)
    with Process("lab", env=env) as process:
        assert process.wait() == 1
    assert process.err.seen == ["trio-echo lab: this installation has no notebooks\n"]


@posix
@pytest.mark.parametrize(
    ("name", "status"), [("SIGINT", 7), pytest.param("SIGTERM", 8, marks=pytest.mark.slow)]
)
def test_signals_reach_jupyterlab_itself(env: dict[str, str], name: str, status: int) -> None:
    with Process("lab", "--", "--wait", env=env) as process:
        started_with(process)
        assert process.out.expect(r"^\d+")[0] == str(process.popen.pid)
        process.popen.send_signal(signal.Signals[name])
        assert process.wait() == status


@posix
@pytest.mark.slow
def test_the_real_jupyterlab_serves_its_page_and_ends_with_one_ctrl_c(tmp_path: Path) -> None:
    folder = str(tmp_path / "mine")
    env = jupyter_settings(tmp_path)
    with Process("lab", folder, "--no-browser", "--port", "0", env=env) as process:
        address = lab_address(process)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(address) as page:
            assert b"JupyterLab" in page.read()
        assert process.stop() == 0
    assert "Traceback" not in process.err.text


def test_an_empty_folder_name_is_refused(env: dict[str, str]) -> None:
    with Process("lab", "", env=env) as process:
        assert process.wait() == 2
    assert "the folder's name is empty" in process.err.text


def test_a_full_disk_leaves_no_partial_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        copies.update(copies.CLONED, tmp_path)
    assert list(tmp_path.iterdir()) == []
