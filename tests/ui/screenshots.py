"""Take the pictures of the Explorer that the README shows: ``python tests/ui/screenshots.py``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from lab import Lab, chromium, jupyterlab, open_notebook, run_all, write_notebook
from playwright.sync_api import Browser, expect

from dbxexplore import demo

IMAGES = Path(__file__).parent.parent.parent / "notebooks" / "images"
VARIABLE = "DATABRICKS_CONNECTION_TOKEN"
CELL = """\
import os
import dbxexplore as dbx

settings = dbx.ConnectionSettings(os.environ["DBXEXPLORE_DEMO_URL"])
explorer = dbx.explore(settings=settings)
explorer"""


def take(browser: Browser, lab: Lab, suffix: str) -> None:
    """Go through the main job and take a picture of browsing and filtering."""
    page = browser.new_page(viewport={"width": 1500, "height": 1250})
    open_notebook(page, lab, "explorer.ipynb")
    page.get_by_role("tab", name="File Browser").first.click()  # closes the side bar
    run_all(page)
    explorer = page.locator(".dbxe").first
    explorer.get_by_role("button", name="Test connection").click()
    expect(explorer.get_by_text("Ready to discover")).to_be_visible(timeout=60_000)
    explorer.get_by_role("button", name="Discover").click()
    expect(explorer.get_by_role("tab", name="2 Browse and filter")).to_have_attribute(
        "aria-selected", "true", timeout=60_000
    )
    explorer.get_by_label("allow catalogs", exact=True).fill("^prod$")
    explorer.get_by_label("deny schemas", exact=True).fill(r".*\.(_?tmp|tmp_.*)$")
    explorer.get_by_label("Search", exact=True).fill("prod.tmp")
    explorer.get_by_role("button", name="prod.tmp.").first.click()
    expect(explorer.locator("p", has_text="is excluded, read as")).to_be_visible()
    page.mouse.move(5, 5)
    explorer.screenshot(path=IMAGES / f"explorer{suffix}.png")
    page.close()


def main() -> None:
    """Take the pictures in a light and a dark JupyterLab."""
    IMAGES.mkdir(exist_ok=True)
    with demo.workspace() as workspace, chromium() as browser, tempfile.TemporaryDirectory() as scratch:
        for theme, suffix in (("JupyterLab Light", ""), ("JupyterLab Dark", "-dark")):
            folder = Path(scratch) / f"work{suffix}"
            folder.mkdir()
            write_notebook(folder / "explorer.ipynb", CELL)
            environment = {"DBXEXPLORE_DEMO_URL": workspace.url, VARIABLE: workspace.token}
            with jupyterlab(folder, environment, theme=theme) as lab:
                take(browser, lab, suffix)


if __name__ == "__main__":
    sys.exit(main())
