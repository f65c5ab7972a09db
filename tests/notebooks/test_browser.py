"""The notebooks as a student uses them: in JupyterLab, in a browser.

Set TRIO_ECHO_SCREENSHOTS to a folder to get a picture of each page.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import execute
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image
from support import Process, jupyter_settings, lab_address

from trio_echo.notebook import browser as browsers
from trio_echo.notebook.student import prepared
from trio_echo.pictures.canvas import ON_DARK, PAPER, Picture

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Locator, Page

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SAMPLE = "sample.ipynb"
"""A notebook for this test, with the same kinds of cells as the others."""
SAMPLE_CELLS = (
    "%load_ext trio_echo",
    """
    import trio_echo
    from trio_echo.notebook.play import play
    from trio_echo.pictures.canvas import BLUE, GREEN, Picture

    def draw(count, colour):
        picture = Picture(4, 2, f"{count} bars")
        axes = picture.figure.add_subplot()
        axes.bar(range(count), range(1, count + 1), color=colour)
        return picture

    server = trio_echo.BackgroundServer()
    server.start()
    draw(3, BLUE)
    """,
    """
    async def echoed(how_many_bytes, colour):
        async with await trio_echo.connect(*server.addresses[0]) as client:
            return draw(len(await client.echo(bytes(how_many_bytes))), colour)

    play(echoed, how_many_bytes=(1, 9, 4), colour={"blue": BLUE, "green": GREEN})
    """,
    "trio_echo",
)
READ = "read.ipynb"
"""A notebook with a picture in its output, as another person executed it."""
# JavaScript for the page: whether the kernel of the open notebook is idle.
IDLE = """() => {
    const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus == "connected" && kernel.status == "idle";
}"""
# Whether it counts as changed, after JupyterLab has noted which kernel it has.
KNOWS_ITS_KERNEL = """async () => {
    const {sessionContext, model} = jupyterapp.shell.currentWidget.context;
    await sessionContext.session.kernel.info;
    await sessionContext.session.kernel.spec;
    await new Promise(done => setTimeout(done));
    return {dirty: model.dirty};
}"""
COUNTS = """() => jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type == "code").map(cell => cell.model.executionCount)"""
FOLDED = """() => jupyterapp.shell.currentWidget.content.widgets.filter(
    cell => cell.model.getMetadata("tags")?.includes("hide-input")
).length"""
TOO_WIDE = """outputs => outputs.filter(one => one.scrollWidth > one.clientWidth)
    .map(one => one.textContent)"""
LINES = "row => new Set([...row.children].map(one => one.getBoundingClientRect().top)).size"
CUT_OFF = """labels => labels.filter(one => one.scrollWidth > one.clientWidth)
    .map(one => one.textContent)"""
THEME = "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})"
IMAGES = ".jp-OutputArea-output img"
SOURCES = "images => images.map(image => image.src)"
CHANGED = f"""([panel, before]) => {{
    const now = ({SOURCES})([...panel.querySelectorAll("{IMAGES}")]);
    return now.length == before.length && now.join() != before.join();
}}"""
# How many colours an image has when it is painted:
COLOURS = """async image => {
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size;
}"""


def chromium() -> str | None:
    """Find the browser: the system's, or the one that `playwright install` fetched."""
    if (found := browsers.find()) is not None:
        return found
    with playwright.sync_playwright() as driver:
        path = driver.chromium.executable_path
    return path if Path(path).exists() else None


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    if path is None:
        pytest.skip("there is no Chromium here")
    with (
        playwright.sync_playwright() as driver,
        driver.chromium.launch(executable_path=path, args=browsers.options()) as browser,
    ):
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab on a student's copy of all notebooks."""
    folder = tmp_path_factory.mktemp("notebooks")
    cells = [new_code_cell(dedent(cell).strip()) for cell in SAMPLE_CELLS]
    sample = execute.tidied(new_notebook(cells=[new_markdown_cell("# A sample"), *cells]))
    (folder / SAMPLE).write_bytes(prepared(nbformat.writes(sample).encode()))
    picture = new_output("display_data", {"text/html": Picture(3, 2, "paper")._repr_html_()})
    read = new_notebook(cells=[new_code_cell("paper", outputs=[picture])])
    execute.write(execute.tidied(read), folder / READ)

    settings = tmp_path_factory.mktemp("settings")
    tracker = (
        settings / "lab" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    )
    tracker.parent.mkdir(parents=True)
    tracker.write_text('{"windowingMode": "none"}', "utf-8")  # off-screen cells are there too
    env = {
        **jupyter_settings(settings),
        "JUPYTERLAB_SETTINGS_DIR": str(settings / "lab"),
        "JUPYTERLAB_WORKSPACES_DIR": str(settings / "workspaces"),
    }
    options = ["--no-browser", "--port", "0", "--", "--expose-app-in-browser"]
    with TemporaryDirectory() as runtime:
        if sys.platform == "linux":
            # With TCP, another test may take a port after Jupyter has chosen it, and before the
            # kernel has it. The path of a Unix socket must be short.
            options.append("--ConnectionFileMixin.transport=ipc")
            env["JUPYTER_RUNTIME_DIR"] = runtime
        with Process("lab", str(folder), *options, env=env) as lab:
            yield lab_address(lab)
            assert lab.stop() == 0


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that stays on this machine."""
    with browser.new_page(viewport={"width": 1280, "height": 900}) as page:
        page.set_default_timeout(execute.TIMEOUT * 1000)
        hosts: set[str | None] = set()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        yield page
    assert hosts <= {"127.0.0.1", None}


@pytest.mark.parametrize("name", [SAMPLE, *(path.name for path in execute.committed())])
def test_a_notebook_runs_draws_and_answers_its_widgets(address: str, page: Page, name: str) -> None:
    visit(page, address, name)
    try:
        page.wait_for_function(IDLE)
        panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        check_opened(panel)
        page.evaluate("jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(IDLE)
        check(panel)
        check_controls(panel)
        move_widgets(panel)
        playwright.expect(page.locator(".Toastify__toast")).to_have_count(0)  # no news
    finally:
        screenshot(page, name)


def test_a_picture_follows_the_theme_even_before_its_notebook_is_trusted(
    address: str, page: Page
) -> None:
    visit(page, address, READ)
    image = page.locator(IMAGES)
    image.wait_for()
    for theme, paper in (("JupyterLab Dark", ON_DARK[PAPER]), ("JupyterLab Light", PAPER)):
        page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
        page.wait_for_function(f"document.body.dataset.jpThemeName == '{theme}'")
        with Image.open(io.BytesIO(image.screenshot())) as shown:
            corner = shown.convert("RGB").crop((3, 3, 4, 4)).tobytes()
        assert f"#{corner.hex()}" == paper


def visit(page: Page, address: str, name: str) -> None:
    """Open a notebook."""
    # Without `reset`, the notebooks of earlier tests are open as well.
    parts = urlsplit(address)
    page.goto(parts._replace(path=f"/lab/tree/{name}", query=f"{parts.query}&reset").geturl())


def check_opened(panel: Locator) -> None:
    """Check that nothing gives an answer away, and that opening it has changed nothing."""
    playwright.expect(panel.locator(".jp-OutputArea-output")).to_have_count(0)
    assert panel.page.evaluate(KNOWS_ITS_KERNEL) == {"dirty": False}
    folded = panel.page.evaluate(FOLDED)
    playwright.expect(panel.locator(".jp-InputPlaceholder")).to_have_count(folded)


def check(panel: Locator) -> None:
    """Check that everything was executed without an error, and that every picture is painted."""
    errors = panel.locator(
        '[data-mime-type="application/vnd.jupyter.stderr"],'
        '[data-mime-type="application/vnd.jupyter.error"]'
    )
    playwright.expect(errors).to_have_count(0)
    playwright.expect(panel.get_by_text("Error displaying widget")).to_have_count(0)
    counts = panel.page.evaluate(COUNTS)  # a folded cell does not show its own
    assert counts == list(range(1, len(counts) + 1))
    assert panel.locator(".jp-OutputArea-output").evaluate_all(TOO_WIDE) == []
    check_images(panel)


def check_images(panel: Locator) -> None:
    for image in panel.locator(IMAGES).all():
        image.scroll_into_view_if_needed()
        assert image.evaluate("image => image.clientWidth") > 0
        assert image.evaluate(COLOURS) > 4


def check_controls(panel: Locator) -> None:
    """Check that they are in one row, and that their labels are not cut off."""
    for row in panel.locator(".widget-box").all():
        assert row.evaluate(LINES) == 1
        assert row.locator(".widget-label").evaluate_all(CUT_OFF) == []


def move_widgets(panel: Locator) -> None:
    """Check that moving a slider, or choosing from a list, changes a picture beside it."""
    beside = panel.locator(f".jp-CodeCell:has({IMAGES})")
    for handle in beside.locator(".widget-slider .noUi-handle").all():
        with changes_a_picture(panel):
            value = handle.get_attribute("aria-valuenow")
            handle.press("ArrowRight")
            if handle.get_attribute("aria-valuenow") == value:  # it was at its maximum
                handle.press("ArrowLeft")
    for choices in beside.locator(".widget-dropdown select").all():
        with changes_a_picture(panel):
            count, chosen = choices.evaluate("one => [one.options.length, one.selectedIndex]")
            choices.select_option(index=(chosen + 1) % count)


@contextmanager
def changes_a_picture(panel: Locator) -> Iterator[None]:
    before = panel.locator(IMAGES).evaluate_all(SOURCES)
    yield
    panel.page.wait_for_function(CHANGED, arg=[panel.element_handle(), before])
    check_images(panel)


def screenshot(page: Page, name: str) -> None:
    """Take one in each theme."""
    if folder := os.environ.get("TRIO_ECHO_SCREENSHOTS"):
        panels = page.locator(".jp-WindowedPanel-outer")
        heights = panels.evaluate_all("all => all.map(one => one.scrollHeight)")
        page.set_viewport_size({"width": 1280, "height": max([800, *heights]) + 200})
        panels.evaluate_all("all => all.forEach(one => one.scrollTo(0, 0))")
        for theme in ("Dark", "Light"):
            page.evaluate(THEME, f"JupyterLab {theme}")
            page.locator("#jupyterlab-splash").wait_for(state="detached")
            page.screenshot(path=Path(folder) / f"{Path(name).stem}-{theme.lower()}.png")
