"""From a blank notebook to a saved connection, on a laptop's screen, without scrolling the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from explorer_page import Errors
from lab import Lab, jupyterlab, open_notebook, write_notebook
from playwright.sync_api import Browser, Locator, Page, expect

import dbxexplore as dbx
from dbxexplore import demo

SCROLLED = """() => [...document.querySelectorAll(".jp-WindowedPanel-outer, html, body, .jp-Notebook")]
  .map((node) => node.scrollTop)"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("blank") / "work"
    folder.mkdir()
    with demo.workspace() as workspace:
        environment = {
            "DATABRICKS_HOST": workspace.url,
            "DATABRICKS_CONNECTION_TOKEN": "any",
            "DBXEXPLORE_NO_AUTOSAVE": "1",
        }
        with jupyterlab(folder, environment) as running:
            yield running


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1440, 900)])
def test_the_main_job_from_a_blank_notebook_to_a_file(
    browser: Browser, lab: Lab, width: int, height: int, tmp_path: Path
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(60_000)
    errors = Errors(page)
    name = f"blank{width}.ipynb"
    write_notebook(lab.folder / name, "")
    open_notebook(page, lab, name)
    expect(page.get_by_role("region", name="File Browser Section")).to_be_visible()

    page.locator(".jp-Cell .cm-content").first.click()
    page.keyboard.type("import dbxexplore as dbx")
    page.keyboard.press("Enter")
    page.keyboard.type("dbx.explore()")
    page.keyboard.press("Shift+Enter")
    view = page.locator(".dbxe-explorer")
    expect(view.get_by_role("button", name="Connect and discover")).to_be_visible()
    steps = Steps(page, tmp_path)

    connect(view, steps)
    filter_and_look(view, steps)
    generate_from_a_selection(view, steps)

    steps.click(view.locator(".lm-TabBar-tab", has_text="5 Export"), "export")
    path = view.get_by_label("File", exact=True)
    steps.type(path, str(tmp_path / "lake.yaml"), "the file")
    steps.click(view.get_by_role("button", name="Save", exact=False).first, "save")
    steps.seen(view.get_by_text("Saved to"))
    saved = dbx.ConnectionConfig.load(tmp_path / "lake.yaml")
    assert saved.filters == dbx.Filters(catalogs=dbx.Patterns(["^dev$"]), schemas=dbx.Patterns([r"^dev\.gold$"]))
    assert saved.settings.auth == dbx.TokenAuth("DATABRICKS_CONNECTION_TOKEN")
    assert errors == []
    page.close()
    lab.shut_down(name)


def connect(view: Locator, steps: Steps) -> None:
    # Address and token are in the environment, so nothing has to be filled in; but it can be.
    address = view.get_by_label("Workspace URL", exact=True)
    url = address.input_value()
    steps.type(address, "https://", "half an address")
    steps.type(address, url, "an address")
    steps.type(view.get_by_label("Token environment variable", exact=True), "DATABRICKS_CONNECTION_TOKEN", "a token")
    steps.click(view.get_by_role("button", name="Connect and discover"), "connect")
    expect(view.get_by_role("tree", name="Catalog").get_by_role("treeitem").first).to_be_visible()
    expect(view.get_by_text("Cancel", exact=True)).to_be_hidden()


def filter_and_look(view: Locator, steps: Steps) -> None:
    steps.type(view.get_by_label("allow catalogs 1", exact=True), "^prod$", "a pattern")
    expect(view.locator(".dbxe-counts [data-kind=catalog] strong")).to_have_text("1")
    steps.seen(view.get_by_role("button", name="+ allow").nth(1))
    steps.click(view.get_by_role("treeitem", name="prod").first, "an object")
    steps.seen(view.locator(".dbxe-why").first)
    steps.click(view.locator(".lm-TabBar-tab", has_text="Details").first, "its details")
    steps.seen(view.locator(".dbxe-details").get_by_text("Owner", exact=True))


def generate_from_a_selection(view: Locator, steps: Steps) -> None:
    steps.type(view.get_by_role("searchbox", name="Search", exact=True), "gold", "a search")
    gold = view.locator(".dbxe-tree-row").filter(has_text="gold").first  # that of dev
    steps.click(gold.locator('[data-part="tick"]'), "a tick")
    steps.click(view.locator(".lm-TabBar-tab", has_text="Selection").first, "the selection")
    steps.click(view.get_by_role("button", name="Generate patterns"), "to generate")
    steps.click(view.get_by_role("button", name="Apply"), "generated patterns")
    steps.seen(view.get_by_text("✓ Applied"))
    steps.click(view.locator(".lm-TabBar-tab", has_text="Changes").first, "applied")
    steps.seen(view.locator(".dbxe-changes tr").first)
    expect(view.locator(".dbxe-counts [data-kind=schema] strong")).to_have_text("1")


class Steps:
    """Does one thing after the other, each of which must be in sight already."""

    def __init__(self, page: Page, folder: Path) -> None:
        self._page, self._folder = page, folder
        self._where = page.evaluate(SCROLLED)

    def seen(self, part: Locator) -> None:
        """Assert that a part is in the window from edge to edge, and that nothing was scrolled to get there."""
        expect(part).to_be_in_viewport(ratio=0.99)
        assert self._page.evaluate(SCROLLED) == self._where, part

    def click(self, part: Locator, what: str) -> None:
        self.seen(part)
        self._page.screenshot(path=self._folder / f"{what}.png")
        part.click()

    def type(self, field: Locator, text: str, what: str) -> None:
        self.seen(field)
        field.fill(text)
        field.press("Enter")
        self.seen(field)
        self._page.screenshot(path=self._folder / f"{what}.png")
