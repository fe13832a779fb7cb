"""The Explorer in Voila, which shows what a notebook shows without its code, to people who run none."""

from __future__ import annotations

from pathlib import Path

import needs
import pytest
from explorer_page import ExplorerPage, explore
from lab import voila, write_notebook
from main_job import do_the_main_job
from playwright.sync_api import Browser, expect

import dbxexplore as dbx

pytest.importorskip("voila", reason=needs.package("voila"))

SIZE = 20_000


def test_the_main_job_in_voila(browser: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    notebook = folder / "explorer.ipynb"
    write_notebook(notebook, explore(SIZE))
    with voila(notebook) as server:
        page = browser.new_page(viewport={"width": 1400, "height": 1600})
        page.set_default_timeout(60_000)
        # Not what is logged: Voila's page complains of extensions that are newer than it is.
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        # Its page asks for fonts of others.
        page.route(lambda url: not url.startswith(server.url), lambda route: route.abort())
        page.goto(server.url)
        kernel = server.kernel()
        explorer = ExplorerPage(page, kernel, page, page.main_frame)
        expect(explorer.tree.get_by_role("treeitem").first).to_be_visible(timeout=60_000)
        assert page.get_by_text("dbx.explore").count() == 0
        do_the_main_job(explorer, SIZE)
        saved = dbx.ConnectionConfig.load(folder / "databricks_unity_catalog.yaml")
        assert saved.to_yaml() == kernel.value("explorer.config.to_yaml()")
        assert kernel.value("tree.loaded")
        assert kernel.value("explorer.catalog_pane.browser is None")
        assert errors == []
        kernel.close()
        page.close()
