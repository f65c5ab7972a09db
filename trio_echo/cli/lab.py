"""`lab`: the notebooks, in JupyterLab."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import click

from trio_echo.notebook import copies
from trio_echo.screen.text import safe

from .options import port

_JUPYTER_CONFIG = Path(__file__).with_name("jupyter_config")
_DEFAULT_FOLDER = "trio_echo_notebooks"
_NEEDED = ("ipykernel", "ipywidgets", "jupyterlab", "matplotlib")  # the `notebooks` extra


@click.command
@click.argument("words", metavar="[FOLDER] [-- OPTION...]", nargs=-1)
@click.option(
    "--port",
    metavar="P",
    type=port,
    help="Port of JupyterLab; 0 takes a free one.  [default: 8888 or the next free one]",
)
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def lab(*, words: tuple[str, ...], port: int | None, no_browser: bool) -> int:
    """Open the notebooks in JupyterLab.

    This copies them without their outputs to FOLDER or ./trio_echo_notebooks, and opens the copy. A
    later copy keeps the notebooks that you changed. OPTIONs go to JupyterLab: lab -- --ip=0.0.0.0
    """
    folder = None if not words or words[0].startswith("-") else Path(words[0])
    options = words if folder is None else words[1:]
    if "" in words:
        raise click.UsageError("the folder's name is empty")
    if options and not options[0].startswith("-"):
        raise click.UsageError(f"only one folder can be opened, not also {options[0]}")
    if any(importlib.util.find_spec(module) is None for module in _NEEDED):
        return _fail(
            'libraries are missing; install them with: python -m pip install "trio-echo[notebooks]"'
        )
    try:
        folder = _prepare(folder or Path(_DEFAULT_FOLDER))
    except OSError as exc:
        where = "" if exc.filename is None else f": {exc.filename}"
        return _fail(f"{exc.strerror}{where}")
    if folder is None:
        return _fail("this installation has no notebooks")
    click.echo(f"notebooks: {safe(str(folder))}", err=True)
    _change_defaults()
    return _run(
        [sys.executable, "-m", "jupyterlab", *_settings(folder, port, no_browser), *options]
    )


def _prepare(target: Path) -> Path | None:
    """Copy the notebooks to a folder, and return it; `None` if there are no notebooks.

    The folder that they are copied from is left alone.
    """
    source = next((one for one in (copies.INSTALLED, copies.CLONED) if one.is_dir()), None)
    if source is None:
        return None
    resolved = Path(os.path.realpath(target))  # resolve() raises for a loop, on some Pythons
    if resolved != source.resolve():
        for file in copies.update(source, target):
            click.echo(
                f"kept {safe(str(file))}, which you changed: to get the newer version, rename "
                "yours and run this again",
                err=True,
            )
    return resolved


def _settings(folder: Path, port: int | None, no_browser: bool) -> list[str]:
    first = copies.first(folder)
    settings = [
        f"--ServerApp.root_dir={folder}",
        f"--LabApp.default_url=/lab{f'/tree/{first}' if first else ''}",
        "--ServerApp.answer_yes=True",  # one Ctrl-C ends it
    ]
    if port is not None:
        settings.append(f"--ServerApp.port={port}")
    if no_browser:
        settings.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        # Most likely a container. Jupyter would refuse root; its page asks for a token anyway.
        settings.append("--allow-root")
    return settings


def _change_defaults() -> None:
    """Give JupyterLab other defaults for its settings: it does not ask whether to fetch news.

    It has no option for that. What users have set themselves comes first.
    """
    paths = (os.environ.get("JUPYTER_CONFIG_PATH"), str(_JUPYTER_CONFIG))
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))


def _run(command: list[str]) -> int:
    """Replace this process by the command, which then gets signals and sets the exit status."""
    if sys.platform == "win32":
        # Windows cannot replace a process. The console's Ctrl-C reaches both.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return subprocess.call(command)  # noqa: S603  this interpreter, no shell
    sys.stdout.flush()
    return os.execv(command[0], command)  # noqa: S606  this interpreter, no shell


def _fail(message: str) -> int:
    click.echo(f"trio-echo lab: {safe(message)}", err=True)
    return 1
