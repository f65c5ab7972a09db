"""The notebooks as committed, and as a new kernel executes them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import execute
import pytest

from trio_echo.pictures.canvas import ON_DARK

if TYPE_CHECKING:
    from nbformat import NotebookNode

PATHS = [pytest.param(path, id=path.stem) for path in execute.committed()]
# A path that only one machine has: a home, a temporary folder, a drive of Windows, this clone.
MACHINE = re.compile(r"(?<![\w.])/(?:home|root|tmp|Users|var/folders)/\w|\b[A-Z]:\\\w")


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


@pytest.fixture
def notebook(path: Path) -> NotebookNode:
    return execute.read(path)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> str:
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def test_its_cells_were_executed_in_order(notebook: NotebookNode) -> None:
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_nothing_in_it_failed(notebook: NotebookNode) -> None:
    for output in execute.outputs(notebook):
        assert output.output_type != "error"
        assert output.get("name") != "stderr"


def test_it_is_in_the_form_that_execute_writes(path: Path, tmp_path: Path) -> None:
    again = tmp_path / path.name
    execute.write(execute.tidied(execute.read(path)), again)
    assert again.read_text("utf-8") == path.read_text("utf-8")


def test_each_cell_has_its_own_id(notebook: NotebookNode) -> None:
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)


def test_it_has_no_path_of_one_machine(path: Path, notebook: NotebookNode) -> None:
    texts = [cell.source for cell in notebook.cells]
    for output in execute.outputs(notebook):
        texts.append(output.get("text", ""))
        texts += [text for text in output.get("data", {}).values() if isinstance(text, str)]
    # Not pictures: their base64 may contain any word.
    words = [re.sub(r"base64,[A-Za-z0-9+/=]+", "", text) for text in texts]
    assert not [found[0] for text in words for found in MACHINE.finditer(text)]


def test_its_links_are_valid(path: Path, notebook: NotebookNode) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose(notebook))
    pages = [link for link in links if not link.startswith("https://")]
    assert pages, "it leads to no other notebook"
    assert [page for page in pages if not (path.parent / page).is_file()] == []


def test_no_picture_in_it_is_blank_or_ignores_the_theme(notebook: NotebookNode) -> None:
    for output in execute.outputs(notebook):
        words = output.get("data", {}).get("text/plain", "")
        if words.startswith("<picture: "):  # what it shows, in words
            picture = execute.picture(output)
            assert picture is not None
            assert picture.count(b"<text ") > 2
            _, drawn = picture.decode().split("</style>")
            assert set(re.findall(r"#[0-9a-f]{6}", drawn)) <= set(ON_DARK)


def test_it_asks_for_a_prediction_and_hides_the_answer(notebook: NotebookNode) -> None:
    text = prose(notebook)
    assert re.search(r"predict", text, re.IGNORECASE)
    assert re.search(r"<details>\s*<summary>.+?</summary>.+?</details>", text, re.DOTALL)
    assert text.count("<details>") == text.count("</details>")


def test_the_long_code_of_a_widget_is_folded(notebook: NotebookNode) -> None:
    for cell in code_cells(notebook):
        if re.search(r"^play\(", cell.source, re.MULTILINE):
            long = len(cell.source.splitlines()) > 12
            assert ("hide-input" in cell.metadata.get("tags", [])) is long


def test_its_estimated_time_fits_its_length(notebook: NotebookNode) -> None:
    text = prose(notebook)
    minutes = minutes_for(notebook.cells)
    claimed = re.search(r"^\| time \| about (\d+) minutes(.*)\|$", text, re.MULTILINE)
    assert claimed is not None
    assert int(claimed[1]) == pytest.approx(minutes, rel=0.15)
    parts = re.search(r"in two parts of (\d+) and (\d+)", claimed[2])
    pauses = [at for at, cell in enumerate(notebook.cells) if cell.source.startswith("## Pause")]
    assert len(pauses) == (parts is not None)
    if parts is not None:
        both = [minutes_for(notebook.cells[: pauses[0]]), minutes_for(notebook.cells[pauses[0] :])]
        assert [int(one) for one in parts.groups()] == pytest.approx(both, rel=0.15)


def minutes_for(cells: list[NotebookNode]) -> float:
    """How long cells take by the rule that notebook 01 states, without the time they run."""
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    codes = [cell for cell in cells if cell.cell_type == "code"]
    shown = [cell.source for cell in codes if "hide-input" not in cell.metadata.get("tags", [])]
    for output in (one for cell in codes for one in cell.outputs):  # C that a cell shows
        shown += re.findall(
            r"^```\w+\n(.*)\n```$", output.get("data", {}).get("text/markdown", ""), re.DOTALL
        )
    lines = sum(len(one.splitlines()) for one in shown)
    exercises = sum("exercise" in cell.metadata.get("tags", []) for cell in codes)
    return len(text.split()) / 150 + lines / 20 + text.count("**Predict.**") + 3 * exercises


EXPERIMENTS = [one for one in execute.committed() if "lan.experiment(" in one.read_text("utf-8")]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_without_hosts_it_shows_recordings_and_says_so(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(path.parent, tmp_path / "notebooks")
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['pyroute2'] = None")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    before, again = execute.read(path), execute.execute(tmp_path / "notebooks" / path.name)
    assert execute.kinds(again) == execute.kinds(before)
    texts = [[texts_of(cell) for cell in code_cells(one)] for one in (before, again)]
    cells = list(zip(*texts, strict=True))
    assert (
        "live\n",
        'recorded, for: hosts need pyroute2: python -m pip install "trio-echo[lan]"\n',
    ) in cells
    live = [(old, new) for old, new in cells if "live" in old]
    assert len(live) > 1
    assert [new for _, new in live if "recorded" not in new or "live" in new] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_without_a_browser_it_shows_recordings_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = [one for one in execute.committed() if "browser.visit(" in one.read_text("utf-8")]
    shutil.copytree(path.parent, tmp_path / "notebooks")
    (tmp_path / "sitecustomize.py").write_text("import shutil; shutil.which = lambda *_: None")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    before, again = execute.read(path), execute.execute(tmp_path / "notebooks" / path.name)
    assert execute.kinds(again) == execute.kinds(before)
    texts = [texts_of(cell) for cell in code_cells(again)]
    visits = [text for text in texts if "recorded, for: there is no Chromium here\n" in text]
    echo, page = visits
    assert echo.startswith(r"b'GET / HTTP/1.1\r\n'")  # the server received it from the recording
    assert echo.endswith("error: net::ERR_INVALID_HTTP_RESPONSE\npage: none")
    assert page.endswith("page: <html><head></head><body><p>A page from Trio</p></body></html>")


def texts_of(cell: NotebookNode) -> str:
    """Return what a cell says, with the words for its pictures."""
    return "".join(one.get("text", "") or one.data["text/plain"] for one in cell.outputs)
