"""What the README and the pages of docs/ show: blocks of code, and commands with their outputs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import trio_echo

ROOT = Path(__file__).parents[1]
PORTS = ("9000", "9001")
"""What the pages show; a test takes free ones."""

PAGES = {"README": (ROOT / "README.md").read_text("utf-8")} | {
    file.relative_to(ROOT / "docs").with_suffix("").as_posix(): file.read_text("utf-8")
    for file in sorted((ROOT / "docs").rglob("*.md"))
    if "_build" not in file.parts
}
"""The text of each page, by its name without the suffix."""


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def without_ports(text: str) -> str:
    """The same text without the ports, which the system chooses."""
    return re.sub(r"(port=|포트 번호=|TCP/127\.0\.0\.1:|TCP/\[::1\]:)[1-9]\d+", r"\1PORT", text)


def typed(screen: str) -> bytes:
    """What a person typed at the client's prompts."""
    lines = re.findall(r"^\[(?:data to send|보낼 데이터)\] (.*)$", screen, re.MULTILINE)
    return "".join(f"{line}\n" for line in lines).encode()


def real(text: str) -> str:
    """Put free ports and this clone's paths in the place of those that a page shows."""
    for port in PORTS:
        if port in text:
            text = text.replace(port, str(free_port()))
    return re.sub(r"(?<![\w/])(benchmarks|notebooks)/", f"{ROOT.as_posix()}/\\1/", text)


def free_port() -> int:
    """A port that is free on both families, and that the system does not give away again soon."""
    with trio_echo.BackgroundServer() as server:
        return server.addresses[0].port


def run_python(code: str, folder: Path) -> str:
    """Run a page's Python code, by pytest if it has tests; returns what it prints."""
    file = folder / "test_code.py"
    file.write_text(real(code), "utf-8")
    # Without that option, pytest-asyncio warns.
    scope = "asyncio_default_fixture_loop_scope=function"
    by_pytest = ["-m", "pytest", "-q", "-o", scope] if "import pytest" in code else []
    command = [sys.executable, "-W", "error", "-X", "utf8", *by_pytest, str(file)]
    return subprocess.run(
        command, check=True, cwd=folder, stdout=subprocess.PIPE, encoding="utf-8"
    ).stdout
