"""The main job in a browser: from connecting to an exported connection, in a real JupyterLab."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Kernel, Lab, jupyterlab, open_notebook, run_all, save, write_notebook
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

import dbxexplore as dbx
from dbxexplore import demo

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


class Session:
    """One notebook in one page, and its kernel."""

    def __init__(self, page: Page, lab: Lab, name: str) -> None:
        self.page, self.lab, self.name = page, lab, name
        self.errors: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        write_notebook(lab.folder / name, START)
        open_notebook(page, lab, name)
        run_all(page)
        page.get_by_role("tab", name="1 Connect").wait_for()
        self.kernel: Kernel = lab.kernel(name)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def area(self, label: str) -> object:
        return self.page.get_by_label(label, exact=True)

    def included(self) -> int:
        value = self.kernel.value("int(explorer.preview.included.sum())")
        assert isinstance(value, int)
        return value


@pytest.fixture
def session(browser: Browser, lab: Lab, request: pytest.FixtureRequest) -> Iterator[Session]:
    page = browser.new_page(viewport={"width": 1400, "height": 1600})
    page.set_default_timeout(30_000)
    session = Session(page, lab, f"{request.node.name}.ipynb")
    yield session
    session.kernel.close()
    page.close()
    lab.shut_down(session.name)


def discover(session: Session) -> None:
    session.page.get_by_role("button", name="Discover").click()
    session.kernel.wait("explorer.catalog is not None")
    expect(session.page.get_by_role("tab", name="2 Browse and filter")).to_have_attribute("aria-selected", "true")


def test_from_connecting_to_an_exported_connection(session: Session, workspace: demo.DemoWorkspace) -> None:
    page, kernel = session.page, session.kernel

    page.get_by_role("button", name="Test connection").click()
    kernel.wait("explorer.connect_form.report is not None")
    assert kernel.value("explorer.connect_form.report.ok") is True
    expect(page.get_by_text("Ready to discover")).to_be_visible()

    discover(session)
    expected = dbx.discover(workspace.client())
    assert kernel.value("explorer.catalog.counts()") == expected.counts()
    everything = session.included()
    assert everything == len(expected)

    allow = page.get_by_label("allow catalogs", exact=True)
    allow.fill("")
    allow.press_sequentially("^prod$")
    kernel.wait("explorer.filters.catalogs.allow == ('^prod$',)")
    wanted = dbx.Filters(catalogs=dbx.Patterns(allow=["^prod$"])).preview(expected)
    assert session.included() == int(wanted.included.sum()) < everything
    counts = wanted.counts().loc["table"]
    row = page.locator(".dbxe-table tr", has=page.get_by_role("rowheader", name="table", exact=True))
    expect(row.locator("td").nth(0)).to_have_text(f"{counts['included']:,}")
    expect(row.locator("td").nth(1)).to_have_text(f"{counts['excluded']:,}")

    page.get_by_role("tab", name="3 Export").click()
    page.get_by_label("Connection name", exact=True).fill("lakehouse")
    kernel.wait("explorer.config.name == 'lakehouse'")
    page.locator(".dbxe").get_by_role("button", name="Save").last.click()
    kernel.wait("explorer.export_panel.saved == 'lakehouse.yaml'")
    written = dbx.ConnectionConfig.load(session.lab.folder / "lakehouse.yaml")
    assert written.filters == wanted.filters
    assert written.settings == dbx.ConnectionSettings(workspace.url, dbx.TokenAuth(VARIABLE))
    assert session.errors == []


def test_a_half_typed_pattern_marks_its_line_and_keeps_the_last_good_preview(session: Session) -> None:
    discover(session)
    deny = session.page.get_by_label("deny schemas", exact=True)
    deny.press_sequentially(r".*\.tmp")
    session.kernel.wait(r"explorer.filters.schemas.deny == (r'.*\.tmp',)")
    good = session.included()

    deny.press_sequentially("\n(gold|")
    expect(session.page.get_by_text("Line 2:")).to_be_visible()
    assert session.kernel.value("list(explorer.filters.schemas.deny)") == [r".*\.tmp"]
    assert session.included() == good

    deny.press_sequentially("silver)")
    session.kernel.wait("len(explorer.filters.schemas.deny) == 2")
    expect(session.page.get_by_text("Line 2:")).to_be_hidden()
    assert session.errors == []


def test_browsing_to_an_object_explains_it(session: Session) -> None:
    discover(session)
    page, kernel = session.page, session.kernel
    page.get_by_role("button", name=re.compile(r"\Wprod$")).click()
    kernel.wait("explorer.browser.path == ('prod',)")
    page.get_by_role("button", name=re.compile(r"\Wgold$")).click()
    kernel.wait("explorer.browser.path == ('prod', 'gold')")
    tables = "explorer.catalog.objects.query(\"catalog == 'prod' and schema == 'gold' and kind == 'table'\")"
    name = kernel.value(f"str({tables}['name'].iloc[0])")
    page.get_by_role("button", name=re.compile(rf"\W{name}$")).click()
    kernel.wait(f"explorer.browser.selected == int({tables}.index[0])")
    expect(page.locator("p", has_text="is included, read as").locator("code")).to_have_text(f"prod.gold.{name}")

    page.get_by_label("Search", exact=True).fill("ORDERS")
    expected = kernel.value("int(explorer.catalog.objects['full_name'].str.contains('orders', case=False).sum())")
    expect(page.get_by_text(f"{expected} objects found by name")).to_be_visible()
    assert session.errors == []


def test_values_assigned_in_python_appear_in_the_page(session: Session) -> None:
    discover(session)
    kernel = session.kernel
    kernel.value("setattr(explorer, 'filters', dbx.Filters(tables=dbx.Patterns(allow=['^prod\\\\.gold']))) or 1")
    expect(session.page.get_by_label("allow tables", exact=True)).to_have_value(r"^prod\.gold")
    kernel.value("setattr(explorer, 'dialect', dbx.Dialect.STRICT) or 1")
    expect(session.page.get_by_label("Read as", exact=True)).to_have_value(re.compile("Strict|strict"))


def test_a_secret_pasted_into_a_field_is_removed_from_it(session: Session) -> None:
    page, kernel = session.page, session.kernel
    pasted = "dapi" + "facade" * 6
    field = page.get_by_label("Token variable", exact=True)
    field.fill(pasted)
    expect(page.get_by_text("looked like a secret")).to_be_visible()
    expect(field).to_have_value("")
    assert kernel.value("explorer.settings") is None
    assert pasted not in str(kernel.value("__import__('ipywidgets').Widget.get_manager_state()"))
    field.fill(VARIABLE)
    kernel.wait("explorer.settings is not None")
    save(page, session.lab.folder / session.name, "application/vnd.jupyter.widget-state+json")
    assert pasted not in (session.lab.folder / session.name).read_text(encoding="utf-8")


def test_a_secret_is_nowhere_after_the_whole_flow(session: Session) -> None:
    page, kernel = session.page, session.kernel
    page.get_by_role("button", name="Test connection").click()
    kernel.wait("explorer.connect_form.report is not None")
    discover(session)
    for form in ("source-config", "terraform", "datahub", "document"):
        kernel.value(f"setattr(explorer.export_panel._form, 'value', '{form}') or 1")
        kernel.value("explorer.export_panel._on_save(None) or 1")
    kernel.value("str(explorer.catalog.save('snapshot.parquet'))")
    objects = "(settings, settings.workspace_client(), settings.workspace_client().config, explorer, explorer.config)"
    held = kernel.value(f"[repr(x) + str(x) + repr(vars(x) if hasattr(x, '__dict__') else '') for x in {objects}]")
    assert not any(CANARY in text for text in held)
    state = kernel.value("__import__('ipywidgets').Widget.get_manager_state()")
    assert CANARY not in str(state)
    assert "allow catalogs" in str(state)  # else it is not the Explorer's state that was searched

    save(page, session.lab.folder / session.name, "application/vnd.jupyter.widget-state+json")
    home = session.lab.folder.parent
    searched = [Path(root) / name for root, _, names in os.walk(home) for name in names]
    assert {"snapshot.parquet", "kernel.log", "jupyterlab.log", session.name} <= {path.name for path in searched}
    assert "urllib3" in (session.lab.folder / "kernel.log").read_text(encoding="utf-8")  # the calls were logged
    leaks = [path.name for path in searched if CANARY.encode() in path.read_bytes()]
    assert leaks == []
