"""The package as a whole: what importing it costs, and which way its imports point."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import trio_echo

PACKAGE = Path(trio_echo.__file__).parent
SERVICE = sorted(file.stem for file in PACKAGE.glob("*.py") if not file.stem.startswith("__"))


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(run.stdout.split())


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = {"IPython", "asyncio", "matplotlib", "numpy", "pandas", "readline", "rich", "scipy"}
    by_trio = loaded_by("import trio")  # on Windows asyncio, for its pipes
    assert not (loaded_by("import trio_echo.cli") - by_trio) & heavy


def test_the_library_does_not_import_the_command_line() -> None:
    assert not loaded_by("import trio_echo") & {"click", "trio_echo.cli", "trio_echo.screen"}


@pytest.mark.parametrize("module", SERVICE)
def test_the_service_imports_neither_the_command_line_nor_prints(module: str) -> None:
    tree = ast.parse((PACKAGE / f"{module}.py").read_text("utf-8"))
    imported = {
        node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    } | {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    assert not [name for name in imported if name.split(".")[0] in ("cli", "click")]
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "print" not in called


def test_every_public_name_is_there_and_documented() -> None:
    for name in trio_echo.__all__:
        assert getattr(trio_echo, name).__doc__
    assert (PACKAGE / "py.typed").exists()
