"""The files of TLS, read while they change."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import papers
import pytest

from trio_echo import SocketCallError
from trio_echo.certificates import CertificateFiles

if TYPE_CHECKING:
    from typing import IO


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("cert.pem", "load_cert_chain()"),
        ("key.pem", "load_cert_chain()"),
        ("ca.pem", "load_verify_locations()"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no open file")
def test_a_file_that_vanishes_while_it_is_read_is_a_failed_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, call: str
) -> None:
    files = papers.written(tmp_path)
    opened = Path.open

    def open_and_remove(path: Path, *arguments: Any) -> IO[Any]:
        file: IO[Any] = opened(path, *arguments)
        if path.name == name:
            path.unlink()
        return file

    monkeypatch.setattr(Path, "open", open_and_remove)
    with pytest.raises(SocketCallError) as caught:
        CertificateFiles(files.cert, files.key, files.ca).server_context()
    assert caught.value.call == call
    assert name in str(caught.value)
