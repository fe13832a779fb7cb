"""The browser of the UI tests: the system's Chromium, or a skip that says so. In CI there must be one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import needs
import pytest
from explorer_page import NotebookExplorer, OpenNotebook, Times
from lab import FrontEnd, Lab, chromium, find_chromium, jupyterlab
from playwright.sync_api import Browser, expect

HERE = Path(__file__).parent

# A machine that is busy with other tests may take longer than the five seconds that Playwright waits by itself.
expect.set_options(timeout=30_000)
NODE_MODULES = HERE.parent.parent / "node_modules"
TIMES = pytest.StashKey[Times]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TIMES] = Times()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.ui)
    # Playwright keeps an event loop in the thread of the tests, in which Dagster can run none of its own.
    items.sort(key=lambda item: item.path.is_relative_to(HERE))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash[TIMES].lines
    if lines:
        terminalreporter.section("from key or mouse to paint")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if find_chromium() is None:
        needs.absent(
            "there is no Chromium on the PATH",
            "install one, such as Debian's `apt-get install chromium`, or set CHROMIUM",
        )
    with chromium() as running:
        yield running


@pytest.fixture(scope="session")
def times(request: pytest.FixtureRequest) -> Times:
    """Where to write how long things took; the end of the run tells."""
    return request.config.stash[TIMES]


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The packages of npm that tests need."""
    wanted = ["axe-core", "requirejs", "@jupyter-widgets/html-manager", "@jupyter-widgets/html-manager-7"]
    missing = [name for name in wanted if not (NODE_MODULES / name).is_dir()]
    if missing:
        needs.absent(f"there is no {', '.join(missing)} in node_modules", "npm install --ignore-scripts")
    return NODE_MODULES


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One server for all tests that need nothing of their own in it."""
    folder = tmp_path_factory.mktemp("shared") / "work"
    folder.mkdir()
    with jupyterlab(folder, {}) as running:
        yield running


@pytest.fixture
def open_cells(browser: Browser, lab: Lab, request: pytest.FixtureRequest) -> Iterator[OpenNotebook]:
    """Run cells in a notebook in a folder and a page of its own."""
    opened: list[NotebookExplorer] = []
    stem = re.sub(r"\W+", "_", request.node.name)

    def open_(*cells: str, front_end: FrontEnd = "lab", height: int = 1600) -> NotebookExplorer:
        page = browser.new_page(viewport={"width": 1400, "height": height})
        page.set_default_timeout(60_000)
        explorer = NotebookExplorer(page, lab, f"{stem}{len(opened)}/explorer.ipynb", *cells, front_end=front_end)
        opened.append(explorer)
        return explorer

    yield open_
    for explorer in opened:
        explorer.close()
