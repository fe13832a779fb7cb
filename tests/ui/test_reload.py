"""While developing, an edit of the page's script or of a style sheet shows without a restart of the kernel."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import needs
import pytest
from explorer_page import NotebookExplorer
from lab import jupyterlab
from playwright.sync_api import Browser, expect

import dbxexplore as dbx

pytest.importorskip("watchfiles", reason=needs.package("watchfiles"))

CELL = """
import pandas as pd
import dbxexplore as dbx
rows = [("catalog", "prod", None, "prod", "prod"), ("catalog", "dev", None, "dev", "dev")]
rows += [("schema", "prod", "gold", "gold", "prod.gold"), ("table", "prod", "gold", "orders", "prod.gold.orders")]
catalog = dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
explorer = dbx.explore(catalog)
explorer
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package that the test may edit."""
    copy = tmp_path / "copy" / "dbxexplore"
    shutil.copytree(Path(dbx.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture
def explorer(browser: Browser, package: Path, tmp_path: Path) -> Iterator[NotebookExplorer]:
    folder = tmp_path / "work"
    folder.mkdir()
    with jupyterlab(folder, {"PYTHONPATH": str(package.parent), "ANYWIDGET_HMR": "1"}) as lab:
        opened = NotebookExplorer(browser.new_page(viewport={"width": 1400, "height": 1200}), lab, "edit.ipynb", CELL)
        yield opened
        opened.close()


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_an_edit_shows_in_the_page_and_keeps_the_kernel_and_its_state(
    explorer: NotebookExplorer, package: Path
) -> None:
    kernel, static = explorer.kernel, package / "widgets" / "browse" / "static"
    assert kernel.value("dbx.__file__") == str(package / "__init__.py")
    process = kernel.value("__import__('os').getpid()")
    explorer.part("prod", "twisty").click()
    explorer.part("gold", "tick").click()
    kernel.wait("explorer.state.ticked is not None")

    edit(static / "tree.css", ".dbxe-tree-ticked {", ".dbxe-tree-ticked { letter-spacing: 7px;")
    expect(explorer.view.locator(".dbxe-tree-ticked")).to_have_css("letter-spacing", "7px")
    edit(package / "widgets" / "static" / "explorer.css", ".dbxe h4 {", ".dbxe h4 { letter-spacing: 6px;")
    expect(explorer.view.locator(".dbxe h4").first).to_have_css("letter-spacing", "6px")
    edit(static / "toolbar.js", '"Collapse all"', '"Close everything"')
    expect(explorer.button("Close everything")).to_be_visible()
    # Half an edit: the last script stays until the next one can be joined.
    edit(static / "toolbar.js", "export class Toolbar", "class Toolbar")
    edit(static / "toolbar.js", '"Close everything"', '"Fold everything"')
    edit(static / "toolbar.js", "class Toolbar", "export class Toolbar")
    expect(explorer.button("Fold everything")).to_be_visible()

    expect(explorer.row("gold")).to_have_attribute("aria-checked", "true")
    explorer.button("Fold everything").click()
    expect(explorer.row("gold")).to_have_count(0)
    assert kernel.value("__import__('os').getpid()") == process
    assert explorer.errors == []
