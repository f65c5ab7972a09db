"""A real browser opens a page of a server on this machine: Chromium, without a window.

It gets a new profile, resolves no names, and ends when it has shown the page.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import trio

# The system's command, by its different names. macOS has no command for it.
_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
# Seconds. A page of a few bytes takes one or two.
_PATIENCE = 30.0
_FAILURE = re.compile(r"Page load failed: (net::ERR_\w+)")


@dataclass(frozen=True, slots=True, repr=False)
class Visit:
    """What a browser made of a server's answer.

    Attributes:
        page: the page that it shows, as HTML; empty if it shows none.
        error: why not, in Chromium's words; empty if it shows the page.
        recorded: why this is a recording; `None` if it was live.
    """

    page: str
    error: str
    recorded: str | None = None

    def __repr__(self) -> str:
        how = "live" if self.recorded is None else f"recorded, for: {self.recorded}"
        return f"{how}\nerror: {self.error or 'none'}\npage: {self.page or 'none'}"


def find() -> str | None:
    """Return the path of the system's Chromium, Chrome or Edge; `None` if there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def options() -> list[str]:
    """Return options for a browser that starts no traffic of its own."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*_QUIET, *(["--no-sandbox"] if is_root else [])]  # for root, the sandbox does not work


async def visit(port: int, *, recording: str | Path) -> Visit:
    """Open `http://127.0.0.1:PORT/` in a browser, and wait until it has ended.

    If no browser runs here, the recorded request of one is sent to the server, and what that
    browser made of the answer is returned, marked as a recording.

    Args:
        port: of a server on this machine.
        recording: a JSON file with the texts `request`, `page` and `error`.

    Raises:
        OSError: the recording is needed, and it cannot be read or the server cannot be reached.
    """
    path = find()
    problem = "there is no Chromium here"
    if path is not None:
        seen = await _open(path, port)
        if isinstance(seen, Visit):
            return seen
        problem = seen
    recorded = json.loads(await trio.Path(recording).read_bytes())
    with trio.move_on_after(_PATIENCE), suppress(trio.BrokenResourceError):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(recorded["request"].encode())
            await stream.send_eof()
            async for _ in stream:
                pass
    return Visit(recorded["page"], recorded["error"], problem)


async def _open(path: str, port: int) -> Visit | str:
    """Let the browser open the page; return a text if that is not possible."""
    name = Path(path).name
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [path, *options(), "--headless", "--dump-dom", f"--user-data-dir={profile}"]
        # It also asks for names that are not on the page.
        command += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
        with trio.move_on_after(_PATIENCE):
            try:
                ended = await trio.run_process(
                    [*command, f"http://127.0.0.1:{port}/"],
                    capture_stdout=True,
                    capture_stderr=True,
                    check=False,
                )
            except OSError as exc:
                return f"{name} does not start: {exc.strerror}"
            if ended.returncode != 0:
                return f"{name} ended with status {ended.returncode}"
            failure = _FAILURE.search(ended.stderr.decode(errors="replace"))
            page = ended.stdout.decode(errors="replace").strip()
            return Visit(page, failure[1] if failure else "")
    return f"{name} did not end within {_PATIENCE:.0f} seconds"
