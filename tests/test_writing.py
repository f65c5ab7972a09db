"""Files are written whole or not, and never through somebody's link."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, BinaryIO

import pytest

from trio_echo.writing import check, followed, whole

if TYPE_CHECKING:
    from pathlib import Path

posix = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "results.json"
    file.write_bytes(b"old")
    return file


def test_the_old_file_stays_until_the_new_one_is_whole(path: Path) -> None:
    with whole(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, ValueError])
def test_a_failure_or_ctrl_c_leaves_the_old_file_and_nothing_else(
    path: Path, error: type[BaseException]
) -> None:
    def fail(file: BinaryIO) -> None:
        file.write(b"new")
        raise error

    with pytest.raises(error), whole(path) as file:
        fail(file)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_an_error_names_the_path_that_the_user_knows(tmp_path: Path) -> None:
    place = tmp_path / "not there" / "results.json"
    with pytest.raises(FileNotFoundError) as caught, whole(place):
        pass
    assert caught.value.filename == str(place)


@posix
def test_the_file_gets_the_users_permissions_for_new_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with whole(tmp_path / "new"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o640


@posix
def test_a_link_is_replaced_and_followed_only_on_request(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(path)
    with whole(followed(link)) as file:
        file.write(b"followed")
    assert link.is_symlink()
    assert path.read_bytes() == b"followed"
    with whole(link) as file:
        file.write(b"replaced")
    assert not link.is_symlink()
    assert (link.read_bytes(), path.read_bytes()) == (b"replaced", b"followed")


def test_a_link_of_another_user_is_not_followed(path: Path, tmp_path: Path) -> None:
    if sys.platform == "win32" or os.geteuid() != 0:
        pytest.skip("only root can give files away, and only on POSIX")
    link = tmp_path / "link.json"
    link.symlink_to(path)
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(PermissionError, match=r"a link of another user: .*link\.json"):
        followed(link)
    os.chown(tmp_path, NOBODY, NOBODY)
    assert followed(link) == path  # it belongs to the folder's owner


def test_a_check_changes_nothing(path: Path) -> None:
    check(path)
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(OSError, match="not there"):
        check(path.parent / "not there" / "results.json")
