"""C programs of a notebook: shown in parts, changed, and compiled if there is a compiler."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import sys
import tempfile
from itertools import takewhile
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

from IPython.display import Markdown

if TYPE_CHECKING:
    from collections.abc import Mapping

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic")
_LIBRARIES = ("-lws2_32",) if sys.platform == "win32" else ("-pthread",)

_STRUCTURES = {
    "AF_INET": "AF_INET6",
    "struct sockaddr_in ": "struct sockaddr_in6 ",
    "sin_": "sin6_",
}
FOR_IPV6 = {
    "server": {
        **_STRUCTURES,
        "sin6_addr.s_addr = htonl(INADDR_LOOPBACK)": "sin6_addr = in6addr_loopback",
        "INET_ADDRSTRLEN": "INET6_ADDRSTRLEN",
        "[TCP/%s:%d]": "[TCP/[%s]:%d]",  # RFC 5952, section 6
    },
    "client": {**_STRUCTURES, "127.0.0.1": "::1"},
}
"""The changes that turn each program of lab 4-1 into that of lab 4-2."""


class CompileError(Exception):
    """A program does not compile; the text is what the compiler says."""


def compiler() -> str | None:
    """Find a C compiler: `cc`, `gcc` or `clang`; `None` if there is none."""
    return next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)


def changed(source: str | Path, changes: Mapping[str, str]) -> str:
    """Read a program, and replace texts in it, one after the other.

    Raises:
        OSError: it cannot be read.
        ValueError: a text to replace is not in it, or it is not in UTF-8.
    """
    text = _read(source)
    for old, new in changes.items():
        if old not in text:
            raise ValueError(f"{Path(source).name} has no {old!r}")
        text = text.replace(old, new)
    return text


def _read(source: str | Path) -> str:
    try:
        return Path(source).read_text("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{Path(source).name} must be saved in UTF-8") from None


def part(source: str | Path, first: str, after: str | None = None) -> Markdown:
    """Show a part of a program in a notebook.

    Args:
        source: the file.
        first: a text in the first line of the part.
        after: a text in the line after it; without it, the part goes to the end of the file.

    Raises:
        OSError: it cannot be read.
        ValueError: there is no such part, or the file is not in UTF-8.
    """
    found = iter(_read(source).splitlines())
    for line in found:
        if first in line:
            lines = [line, *takewhile(lambda one: after is None or after not in one, found)]
            return Markdown(f"```c\n{dedent(chr(10).join(lines)).rstrip()}\n```")
    raise ValueError(f"{Path(source).name} has no {first!r}")


def compiled(
    source: str | Path, changes: Mapping[str, str] | None = None, *options: str
) -> str | None:
    """Compile a program; `None` without a compiler.

    Args:
        source: the file.
        changes: as for `changed`. The file stays as it is.
        options: of the compiler, besides those that switch its warnings on.

    Returns:
        The program's path. It is removed at the end of this process.

    Raises:
        CompileError: it does not compile.
        OSError: a file cannot be read or written.
        ValueError: a text to replace is not in it, or it is not in UTF-8.
    """
    source = Path(source)
    text = changed(source, changes or {})
    command = compiler()
    if command is None:
        return None
    number = sum(1 for _ in _folder().iterdir())
    program = _folder() / f"{source.stem}-{number}{'.exe' if sys.platform == 'win32' else ''}"
    ran = subprocess.run(  # noqa: S603  the compiler, on a file of the notebook
        [
            *(command, *WARNINGS, *options, "-I", str(source.parent)),
            *("-x", "c", "-", "-o", str(program), *_LIBRARIES),
        ],
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    if ran.returncode != 0:
        words = ran.stderr.decode("utf-8", "replace").replace("<stdin>", source.name)
        raise CompileError(f"{source.name} does not compile:\n{words}")
    return str(program)


@functools.cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="trio_echo-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
