"""The main job in a browser: from connecting to an exported connection, in a real JupyterLab."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from explorer_page import NotebookExplorer
from lab import Lab, jupyterlab, save
from playwright.sync_api import Browser, BrowserContext, expect

import dbxexplore as dbx
from dbxexplore import demo
from dbxexplore.widgets.connect.snippet import set_variable

# Shaped like a real token, so that whatever would mask or refuse one has its chance.
CANARY = "dapi" + "c0ffee5ec2e7" * 3
VARIABLE = "CANARY_TOKEN"
START = f"""
import logging, os
logging.basicConfig(filename="kernel.log", level=logging.DEBUG, force=True)
import dbxexplore as dbx
settings = dbx.ConnectionSettings(os.environ["DBXEXPLORE_DEMO_URL"], dbx.TokenAuth("{VARIABLE}"))
explorer = dbx.explore(settings=settings)
explorer
"""


@pytest.fixture(scope="module")
def workspace() -> Iterator[demo.DemoWorkspace]:
    with demo.workspace() as running:
        yield running


@pytest.fixture(scope="module")
def lab(workspace: demo.DemoWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab") / "work"
    folder.mkdir()
    environment = {"DBXEXPLORE_DEMO_URL": workspace.url, VARIABLE: CANARY}
    with jupyterlab(folder, environment) as running:
        yield running


@pytest.fixture
def clipboard(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1400, "height": 1600})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    yield context
    context.close()


@pytest.fixture
def explorer(browser: Browser, lab: Lab, request: pytest.FixtureRequest) -> Iterator[NotebookExplorer]:
    page = browser.new_page(viewport={"width": 1400, "height": 1600})
    page.set_default_timeout(30_000)
    opened = NotebookExplorer(page, lab, f"{request.node.name}.ipynb", START)
    yield opened
    opened.close()


def included(explorer: NotebookExplorer) -> int:
    # A preview is made in the background, after the filters it is of.
    explorer.kernel.wait("explorer.preview.filters == explorer.filters")
    value = explorer.kernel.value("int(explorer.preview.included.sum())")
    assert isinstance(value, int)
    return value


def discover(explorer: NotebookExplorer) -> None:
    explorer.page.get_by_role("button", name="Discover").click()
    # It is filled while the discovery is under way.
    explorer.kernel.wait("explorer.catalog is not None and not explorer.state.discovering")
    explorer.expect_tab("2 Browse and filter")


def test_from_connecting_to_an_exported_connection(explorer: NotebookExplorer, workspace: demo.DemoWorkspace) -> None:
    page, kernel = explorer.page, explorer.kernel
    page.get_by_role("button", name="Test connection").click()
    kernel.wait("explorer.connect_form.report is not None")
    assert kernel.value("explorer.connect_form.report.ok") is True
    expect(page.get_by_text("Ready to discover")).to_be_visible()

    discover(explorer)
    expected = dbx.discover(workspace.client())
    assert kernel.value("explorer.catalog.counts()") == expected.counts()
    everything = included(explorer)
    assert everything == len(expected)

    allow = page.get_by_label("allow catalogs 1", exact=True)
    allow.fill("")
    allow.press_sequentially("^prod$")
    allow.press("Enter")
    kernel.wait("explorer.filters.catalogs.allow == ('^prod$',)")
    wanted = dbx.Filters(catalogs=dbx.Patterns(allow=["^prod$"])).preview(expected)
    assert included(explorer) == int(wanted.included.sum()) < everything
    counts = wanted.counts().loc["table"]
    explorer.expect_included("table", counts["included"])
    expect(page.locator(".dbxe-counts [data-kind=table]")).to_have_text(re.compile(f"of {counts.sum()} tables"))

    explorer.go_to("5 Export")
    page.get_by_label("Connection name", exact=True).fill("lakehouse")
    kernel.wait("explorer.config.name == 'lakehouse'")
    explorer.button("Save").click()
    kernel.wait("explorer.export_panel.saved == 'lakehouse.yaml'")
    written = dbx.ConnectionConfig.load(explorer.lab.folder / "lakehouse.yaml")
    assert written.filters == wanted.filters
    assert written.settings == dbx.ConnectionSettings(workspace.url, dbx.TokenAuth(VARIABLE))
    assert explorer.errors == []


def test_a_half_typed_pattern_marks_its_row_and_keeps_the_last_good_preview(explorer: NotebookExplorer) -> None:
    discover(explorer)
    page, kernel = explorer.page, explorer.kernel
    page.get_by_title("Add deny schemas", exact=True).click()
    first = page.get_by_label("deny schemas 1", exact=True)
    first.press_sequentially(r".*\.tmp")
    first.press("Tab")  # who leaves a field has finished
    kernel.wait(r"explorer.filters.schemas.deny == (r'.*\.tmp',)")
    good = included(explorer)

    page.get_by_title("Add deny schemas", exact=True).click()
    second = page.get_by_label("deny schemas 2", exact=True)
    second.press_sequentially("(gold|")
    expect(page.get_by_text("Ignored until it is a valid regular expression")).to_be_visible()
    assert kernel.value("list(explorer.filters.schemas.deny)") == [r".*\.tmp"]
    assert included(explorer) == good

    second.press_sequentially("silver)")
    second.press("Enter")
    kernel.wait("len(explorer.filters.schemas.deny) == 2")
    expect(page.get_by_text("Ignored until it is a valid regular expression")).to_be_hidden()
    explorer.button("Remove deny schemas 3").click()  # the row that Enter has added
    explorer.button("Remove deny schemas 2").click()
    kernel.wait("len(explorer.filters.schemas.deny) == 1")
    assert included(explorer) == good
    assert explorer.errors == []


def test_sorting_and_browsing_to_an_object_explains_it(explorer: NotebookExplorer) -> None:
    discover(explorer)
    page, kernel = explorer.page, explorer.kernel
    catalogs = "explorer.catalog.objects.query(\"kind == 'catalog'\")['name']"
    first = explorer.row(kernel.value(f"min({catalogs}, key=str.lower)"))
    explorer.button("Sort by Name, now Name, A to Z").click()
    expect(first).not_to_have_attribute("aria-posinset", "1")
    explorer.button("Sort by Name, now Name, Z to A").click()
    expect(first).to_have_attribute("aria-posinset", "1")

    explorer.part("prod", "twisty").click()
    explorer.part("gold", "twisty").click()
    tables = "explorer.catalog.objects.query(\"catalog == 'prod' and schema == 'gold' and kind == 'table'\")"
    name = kernel.value(f"str({tables}['name'].iloc[0])")
    # Bringing a row into view scrolls the tree, and no box that nobody could scroll back.
    expect(explorer.row(name)).to_be_attached()
    page.locator(".dbxe-tree-row").last.evaluate("(row) => row.scrollIntoView({ block: 'nearest' })")
    explorer.tree.press("Home")
    expect(first).to_be_in_viewport(ratio=0.9)
    explorer.row(name).click()
    kernel.wait(f"explorer.state.selected == int({tables}.index[0])")
    expect(page.locator(".dbxe-why", has_text="is included").locator("code")).to_have_text(f"prod.gold.{name}")

    page.get_by_role("searchbox", name="Search", exact=True).press_sequentially("ORDERS")
    wanted = "explorer.catalog.objects['full_name'].str.contains('orders', case=False)"
    leaves = "explorer.catalog.objects['kind'].isin(['table', 'view', 'notebook'])"
    expected = kernel.value(f"int(({wanted} & {leaves}).sum())")
    everything = kernel.value(f"int({leaves}.sum())")
    expect(page.get_by_text(f"{expected} of {everything} objects")).to_be_visible()
    assert explorer.errors == []


def test_values_assigned_in_python_appear_in_the_page(explorer: NotebookExplorer) -> None:
    discover(explorer)
    kernel = explorer.kernel
    kernel.value("setattr(explorer, 'filters', dbx.Filters(tables=dbx.Patterns(allow=['^prod\\\\.gold']))) or 1")
    expect(explorer.page.get_by_label("allow tables 1", exact=True)).to_have_value(r"^prod\.gold")
    kernel.value("setattr(explorer, 'dialect', dbx.Dialect.STRICT) or 1")
    expect(explorer.page.get_by_label("Matching rules", exact=True)).to_have_value(re.compile("Strict|strict"))


def test_a_secret_pasted_into_a_field_is_removed_from_it(explorer: NotebookExplorer) -> None:
    page, kernel = explorer.page, explorer.kernel
    pasted = "dapi" + "facade" * 6
    field = page.get_by_label("Token environment variable", exact=True)
    field.fill(pasted)
    expect(page.get_by_text("looks like a token")).to_be_visible()
    expect(field).to_have_value("")
    assert kernel.value("explorer.settings") is None
    assert pasted not in str(kernel.value("__import__('ipywidgets').Widget.get_manager_state()"))
    field.fill(VARIABLE)
    kernel.wait("explorer.settings is not None")
    save(page, explorer.lab.folder / explorer.name, "application/vnd.jupyter.widget-state+json")
    assert pasted not in (explorer.lab.folder / explorer.name).read_text(encoding="utf-8")


@pytest.mark.parametrize("refused", [False, True], ids=["taken", "refused"])
def test_a_snippet_counts_as_copied_once_the_clipboard_has_it(
    clipboard: BrowserContext, lab: Lab, workspace: demo.DemoWorkspace, *, refused: bool
) -> None:
    cell = f"import dbxexplore as dbx\ndbx.explore(settings=dbx.ConnectionSettings({workspace.url!r}, dbx.TokenAuth('NOT_SET')))"
    page = clipboard.new_page()
    page.set_default_timeout(30_000)
    opened = NotebookExplorer(page, lab, f"snippet-{refused}.ipynb", cell)
    if refused:
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error()); }")
    page.get_by_role("button", name="Copy snippet").click()
    snippet = set_variable("NOT_SET")
    if refused:
        expect(page.get_by_text("Copy was blocked")).to_be_visible()
        assert page.evaluate("getSelection().toString()") == snippet
    else:
        expect(page.get_by_text("Copied", exact=True)).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == snippet
    opened.close()


def test_a_secret_is_nowhere_after_the_whole_flow(explorer: NotebookExplorer) -> None:
    page, kernel = explorer.page, explorer.kernel
    page.get_by_role("button", name="Test connection").click()
    kernel.wait("explorer.connect_form.report is not None")
    discover(explorer)
    for form in ("source-config", "terraform", "datahub", "yaml"):
        kernel.value(f"setattr(explorer.export_panel._form, 'value', '{form}') or 1")
        kernel.value("explorer.export_panel._on_save(None) or 1")
    kernel.value("str(explorer.catalog.save('snapshot.parquet'))")
    objects = "(settings, settings.workspace_client(), settings.workspace_client().config, explorer, explorer.config)"
    held = kernel.value(f"[repr(x) + str(x) + repr(vars(x) if hasattr(x, '__dict__') else '') for x in {objects}]")
    assert not any(CANARY in text for text in held)
    state = kernel.value("__import__('ipywidgets').Widget.get_manager_state()")
    assert CANARY not in str(state)
    assert "allow catalogs" in str(state)  # else it is not the Explorer's state that was searched

    save(page, explorer.lab.folder / explorer.name, "application/vnd.jupyter.widget-state+json")
    home = explorer.lab.folder.parent
    searched = [Path(root) / name for root, _, names in os.walk(home) for name in names]
    assert {"snapshot.parquet", "kernel.log", "jupyterlab.log", explorer.name} <= {path.name for path in searched}
    assert "urllib3" in (explorer.lab.folder / "kernel.log").read_text(encoding="utf-8")  # the calls were logged
    leaks = [path.name for path in searched if CANARY.encode() in path.read_bytes()]
    assert leaks == []
