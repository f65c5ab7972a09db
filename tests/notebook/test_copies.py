"""A student's copy of the notebooks follows new versions and loses no work."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from trio_echo.notebook import copies

if TYPE_CHECKING:
    from pathlib import Path


links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


def fill(folder: Path, **files: str) -> None:
    """Write files; in a name, `__` stands for a slash."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def texts(folder: Path) -> dict[str, str]:
    """Read the visible files of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    fill(source, a="a 1", b="b 1", recordings__echo="echo 1")
    return source


@pytest.fixture
def target(tmp_path: Path, source: Path) -> Path:
    target = tmp_path / "somewhere" / "target"
    assert copies.update(source, target) == []
    return target


def test_everything_except_scripts_and_hidden_files_is_copied(source: Path, tmp_path: Path) -> None:
    for name in (
        "execute.py",
        "pictures/kernel.png",
        ".hidden",
        ".ipynb_checkpoints/a.ipynb",
        "__pycache__/execute.pyc",
    ):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text("", "utf-8")
    (source / "lecture").mkdir()
    (source / "lecture" / "server.c").write_text("int", "utf-8")
    copies.update(source, tmp_path / "target")
    expected = {"a.ipynb": "a 1", "b.ipynb": "b 1", "recordings/echo.ipynb": "echo 1"}
    expected["lecture/server.c"] = "int"
    assert texts(tmp_path / "target") == expected


def test_a_copy_below_the_notebooks_is_not_copied_itself(source: Path, tmp_path: Path) -> None:
    copies.update(source, source / "mine")
    copies.update(source, tmp_path / "target")
    assert not (tmp_path / "target" / "mine").exists()


def test_an_unchanged_copy_follows_a_new_version(source: Path, target: Path) -> None:
    fill(source, a="a 2", c="c 2", recordings__echo="echo 2")
    for _ in range(2):
        assert copies.update(source, target) == []
        assert texts(target) == texts(source)


def test_a_changed_file_is_kept_and_reported_if_a_newer_version_exists(
    source: Path, target: Path
) -> None:
    fill(target, a="mine")
    assert copies.update(source, target) == []
    fill(source, a="a 2", b="b 2")
    for _ in range(2):
        assert copies.update(source, target) == [target / "a.ipynb"]
        assert texts(target) == {**texts(source), "a.ipynb": "mine"}


def test_a_copy_with_outputs_from_an_earlier_version_is_brought_up_to_date(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {name: sha256(text.encode()).hexdigest() for name, text in texts(source).items()}
    (target / ".trio_echo.json").write_text(json.dumps(record), "utf-8")
    fill(target, b="mine")
    monkeypatch.setattr(copies, "prepared", lambda data: data + b", prepared")
    assert copies.update(source, target) == []
    assert texts(target)["a.ipynb"] == "a 1, prepared"
    assert texts(target)["b.ipynb"] == "mine"


def test_notebooks_prepared_for_another_python_are_not_newer(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(target, a="mine")
    monkeypatch.setattr(copies, "prepared", lambda data: data + b", 3.14")
    for _ in range(2):
        assert copies.update(source, target) == []
        assert texts(target)["a.ipynb"] == "mine"
        assert texts(target)["b.ipynb"] == "b 1, 3.14"


def test_a_changed_file_that_was_renamed_is_copied_again(source: Path, target: Path) -> None:
    fill(target, a="mine")
    fill(source, a="a 2")
    (target / "a.ipynb").rename(target / "mine.ipynb")
    assert copies.update(source, target) == []
    assert texts(target) == {**texts(source), "mine.ipynb": "mine"}
    fill(source, a="a 3")
    assert copies.update(source, target) == []
    assert texts(target) == {**texts(source), "mine.ipynb": "mine"}


def test_a_file_that_was_there_before_the_first_copy_is_kept(source: Path, tmp_path: Path) -> None:
    fill(tmp_path / "target", a="mine", other="mine too", b="b 1")
    kept = copies.update(source, tmp_path / "target")
    assert kept == [tmp_path / "target" / "a.ipynb"]
    assert texts(tmp_path / "target") == {
        **texts(source),
        "a.ipynb": "mine",
        "other.ipynb": "mine too",
    }


@pytest.mark.parametrize("record", ["", "[]", "nonsense", "\udcff"])
def test_with_a_broken_record_nothing_is_overwritten(
    source: Path, target: Path, record: str
) -> None:
    (target / ".trio_echo.json").write_bytes(record.encode("utf-8", "surrogateescape"))
    fill(source, a="a 2")
    assert copies.update(source, target) == [target / "a.ipynb"]
    assert texts(target) == {**texts(source), "a.ipynb": "a 1"}


def test_after_a_failure_what_was_copied_counts_as_copied(source: Path, target: Path) -> None:
    fill(source, a="a 2", b="b 2")
    (target / "b.ipynb").unlink()
    (target / "b.ipynb").mkdir()
    with pytest.raises(OSError, match=r"b\.ipynb"):
        copies.update(source, target)
    (target / "b.ipynb").rmdir()
    fill(source, a="a 3")
    assert copies.update(source, target) == []
    assert texts(target) == texts(source)


@links
def test_nothing_is_written_through_a_planted_link(source: Path, tmp_path: Path) -> None:
    victim, folder = tmp_path / "victim", tmp_path / "folder"
    victim.write_text("mine", "utf-8")
    folder.mkdir()
    for name in ("a.ipynb", ".trio_echo.json"):
        (folder / f".{name}.part").symlink_to(victim)
    for name in ("b.ipynb", ".trio_echo.json"):
        (folder / name).symlink_to(tmp_path / f"not there: {name}")
    assert copies.update(source, folder) == []
    assert victim.read_text("utf-8") == "mine"
    assert {one.name for one in tmp_path.iterdir()} == {"source", "victim", "folder"}
    assert {**texts(folder), **texts(source)} == texts(folder)
    for name in ("a.ipynb", "b.ipynb", ".trio_echo.json"):
        assert not (folder / name).is_symlink()


@links
def test_a_link_in_place_of_a_folder_is_refused(source: Path, tmp_path: Path) -> None:
    elsewhere, folder = tmp_path / "elsewhere", tmp_path / "folder"
    elsewhere.mkdir()
    folder.mkdir()
    (folder / "recordings").symlink_to(elsewhere)
    with pytest.raises(OSError, match="it is a symbolic link"):
        copies.update(source, folder)
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("name", ["", "recordings"])
def test_a_file_in_place_of_a_folder_is_refused(source: Path, tmp_path: Path, name: str) -> None:
    file = tmp_path / "folder" / name
    file.parent.mkdir(exist_ok=True)
    file.touch()
    with pytest.raises(NotADirectoryError) as failure:
        copies.update(source, tmp_path / "folder")
    assert failure.value.filename == str(file)


def test_the_first_notebook_is_the_one_to_begin_with(source: Path, tmp_path: Path) -> None:
    assert copies.first(source) == "a.ipynb"
    assert copies.first(tmp_path) is None
