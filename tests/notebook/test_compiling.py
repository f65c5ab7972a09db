"""C programs of a notebook: shown, changed and compiled; errors are in the compiler's words."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from trio_echo.notebook import compiling

if TYPE_CHECKING:
    from pathlib import Path

with_compiler = pytest.mark.skipif(compiling.compiler() is None, reason="there is no C compiler")

PROGRAM = """#include <stdio.h>
int main(void) { puts("one"); return 0; }
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "program.c"
    path.write_text(PROGRAM, "utf-8")
    return path


def output(program: str | None) -> str:
    assert program is not None
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


@with_compiler
def test_a_program_is_compiled_as_it_is_and_with_changes(source: Path) -> None:
    first, second = compiling.compiled(source), compiling.compiled(source, {"one": "two"})
    assert [output(first), output(second)] == ["one\n", "two\n"]
    assert source.read_text("utf-8") == PROGRAM


@with_compiler
def test_an_error_has_the_compilers_words_and_the_name_of_the_file(source: Path) -> None:
    with pytest.raises(compiling.CompileError, match=r"^program\.c does not compile:\nprogram\.c"):
        compiling.compiled(source, {"puts": "puts("})


def test_a_text_that_is_not_in_the_program_cannot_be_changed(source: Path) -> None:
    with pytest.raises(ValueError, match=r"program\.c has no 'three'"):
        compiling.compiled(source, {"three": "four"})


def test_a_file_in_another_encoding_is_one_line(source: Path) -> None:
    source.write_bytes("// 서버".encode("cp949"))
    with pytest.raises(ValueError, match=r"^program\.c must be saved in UTF-8$"):
        compiling.compiled(source)
    with pytest.raises(ValueError, match=r"^program\.c must be saved in UTF-8$"):
        compiling.part(source, "main")


def test_without_a_compiler_there_is_no_program(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert compiling.compiled(source) is None


def test_a_part_is_shown_without_the_indentation_around_it(source: Path) -> None:
    source.write_text("int a;\n    // one\n    f();\n\n    // two\n", "utf-8")
    assert compiling.part(source, "// one", "// two").data == "```c\n// one\nf();\n```"
    assert compiling.part(source, "// two").data == "```c\n// two\n```"
    with pytest.raises(ValueError, match=r"program\.c has no 'three'"):
        compiling.part(source, "three", "two")
