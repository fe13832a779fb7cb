"""A discovery in the Explorer while it runs: what is shown of it, and what becomes of partial catalogs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from widget_markup import shown

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.catalog.schema import failures_frame
from dbxexplore.connection import Capability, ConnectionReport
from dbxexplore.discovery import Progress
from dbxexplore.widgets import CatalogBrowser, DiscoverPanel, Explorer, ExplorerState
from dbxexplore.widgets.browse.tree import CatalogTree
from dbxexplore.widgets.connect.progress import ProgressLine

SETTINGS = dbx.ConnectionSettings("https://dbc-1234abcd-56ef.cloud.databricks.com")
OK = ConnectionReport("", "aws", "ann", "main", {"catalogs": Capability("catalogs", True)}, ())
PROGRESS = Progress(done=97, pending=777, objects=8370, failures=1, throttled=5, concurrency=7, elapsed=12.0)


class Discovery:
    """Stands for `dbx.discover`: a test lets it go on, step by step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, outcome: dbx.Catalog | Exception) -> None:
        self.partial: Callable[[dbx.Catalog], None] | None = None
        self.progress: Callable[[Progress], None] = lambda _: None
        self.cancel = threading.Event()
        self._outcome = outcome
        self._started, self._go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(dbx.ConnectionSettings, "check", lambda _: OK)
        monkeypatch.setattr("dbxexplore.widgets.connect.discover.discover", self)

    def __call__(self, _settings: object, **options: object) -> dbx.Catalog:
        self.partial, self.progress, self.cancel = options["partial"], options["progress"], options["cancel"]
        self._started.set()
        assert self._go_on.wait(30)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    @contextmanager
    def running(self, panel: DiscoverPanel) -> Iterator[None]:
        """Start it; at the end, let it end."""
        panel._start.click()
        assert self._started.wait(30)
        try:
            yield
        finally:
            self._go_on.set()
            assert panel.task.wait(30)


def filling(catalog: dbx.Catalog, rows: int) -> dbx.Catalog:
    made = dbx.Catalog.from_frame(catalog.objects.head(rows))
    return dbx.Catalog(made.objects, failures_frame([("prod.gold", "pending", "not yet")]), made.provenance)


def test_the_catalog_is_filled_while_it_runs(catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    discovery, panel = Discovery(monkeypatch, catalog), DiscoverPanel(ExplorerState(settings=SETTINGS))
    with discovery.running(panel):
        for rows in (3, 10):
            part = filling(catalog, rows)
            discovery.partial(part)
            assert panel.state.catalog is part
            assert "Incomplete" not in shown(panel)
    assert panel.state.catalog is catalog
    assert "Found" in shown(panel)


def test_a_catalog_is_kept_until_the_next_discovery_has_ended(
    catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = dbx.Catalog.from_frame(catalog.objects.head(2))
    discovery, panel = Discovery(monkeypatch, other), DiscoverPanel(ExplorerState(settings=SETTINGS, catalog=catalog))
    with discovery.running(panel):
        assert discovery.partial is None
        assert panel.state.catalog is catalog
    assert panel.state.catalog is other


def test_a_catalog_that_someone_sets_meanwhile_is_not_filled(
    catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    discovery, panel = Discovery(monkeypatch, catalog), DiscoverPanel(ExplorerState(settings=SETTINGS))
    own = dbx.Catalog.from_frame(catalog.objects.head(2))
    with discovery.running(panel):
        discovery.partial(filling(catalog, 3))
        panel.state.catalog = own
        discovery.partial(filling(catalog, 10))
        assert panel.state.catalog is own


@pytest.mark.parametrize("error", [errors.UnreachableError("the <b>line</b> is cut"), RuntimeError("<b>")])
def test_when_it_fails_nothing_is_pending_any_more(
    catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    discovery, panel = Discovery(monkeypatch, error), DiscoverPanel(ExplorerState(settings=SETTINGS))
    with discovery.running(panel):
        discovery.partial(filling(catalog, 10))
    kept = panel.state.catalog
    assert len(kept) == 10
    assert kept.failures["reason"].tolist() == ["error"]
    assert "<b>" not in shown(panel)
    assert "dbxe-error" in shown(panel)


def test_a_browser_stays_where_it_is_while_the_catalog_is_filled(catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=filling(catalog, 40))
    browser, tree = CatalogBrowser(state), CatalogTree(state)
    browser.path = ("prod", "gold")
    browser._rows[0]._name.click()
    name = state.catalog.objects["full_name"][state.selected]
    state.catalog = catalog
    assert browser.path == ("prod", "gold")
    assert catalog.objects["full_name"][state.selected] == name
    assert tree.state.selected == state.selected


# --- the line above the pages ---


def test_the_progress_is_above_every_page_and_nowhere_else(
    catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    discovery, explorer = Discovery(monkeypatch, catalog), Explorer(settings=SETTINGS)
    line, panel = explorer.progress_line, explorer.discover_panel
    assert line in explorer.children
    assert not any(isinstance(child, ProgressLine) for child in panel.children)
    assert line.layout.display == "none"
    with discovery.running(panel):
        assert line.layout.display is None
        discovery.progress(PROGRESS)
        assert "8,370 objects · 97 of ≥874 calls" in shown(line)
        assert "12 s elapsed" in shown(line)
        assert (line._bar.value, line._bar.max) == (97, 874)
        line._stop.click()
        assert discovery.cancel.is_set()
        assert "Cancelling" in shown(line)
        assert line._stop.disabled
    assert line.layout.display == "none"
    assert not explorer.state.cancelling


def test_the_first_objects_show_the_tree_and_later_ones_leave_the_page_alone(
    catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    discovery, explorer = Discovery(monkeypatch, catalog), Explorer(settings=SETTINGS)
    with discovery.running(explorer.discover_panel):
        discovery.partial(filling(catalog, 3))
        assert explorer.page == "Browse and filter"
        explorer.page = "Connect"
        discovery.partial(filling(catalog, 10))
        assert explorer.page == "Connect"
    assert explorer.page == "Connect"
    with Discovery(monkeypatch, dbx.Catalog.from_frame(catalog.objects)).running(explorer.discover_panel):
        pass
    assert explorer.page == "Browse and filter"
