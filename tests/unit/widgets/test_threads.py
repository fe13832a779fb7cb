"""Two threads that change values at the same time: once all is quiet, every panel shows the same ones."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator

import pandas as pd
import pytest
import traitlets
from widget_markup import field, shown, state_of

import dbxexplore as dbx
from dbxexplore import widgets
from dbxexplore.widgets import Explorer

URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"
ROUNDS = 12
LATEST_START = 0.01  # seconds; a change takes about as long


def made(prefix: str) -> dbx.Catalog:
    rows = [("table", "prod", "gold", f"{prefix}{n:03}", f"prod.gold.{prefix}{n:03}") for n in range(300)]
    return dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))


def tables(pattern: str) -> dbx.Filters:
    return dbx.Filters(tables=dbx.Patterns([pattern]))


@pytest.fixture
def explorer() -> Explorer:
    explorer = dbx.explore(made("t"), dbx.ConnectionSettings(URL), filters=tables("^a"))
    for page in ("Export", "Coverage"):
        explorer.page = page
    tree = explorer.catalog_pane.tree
    tree.set_state({"request": {"session": "first", "intents": [{"seq": 1, "type": "expand_all", "open": True}]}})
    return explorer


@pytest.fixture
def starts() -> Iterator[Callable[[], float]]:
    chance = random.Random(7)
    return lambda: chance.random() * LATEST_START


def at_once(*actions: tuple[float, Callable[[], object]]) -> list[BaseException]:
    """Do things in threads of their own, each after so many seconds; return what they raised."""
    raised: list[BaseException] = []

    def do(after: float, action: Callable[[], object]) -> None:
        time.sleep(after)
        try:
            action()
        except BaseException as error:  # noqa: BLE001 - for the test to tell
            raised.append(error)

    threads = [threading.Thread(target=do, args=action, daemon=True) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "they wait for each other"
    return raised


def wait_for(explorer: Explorer) -> None:
    for part in (explorer.filter_editor, explorer.changes_panel, explorer.explanation_panel):
        assert part.wait(30)
    assert explorer.export_panel.finding.wait(30)
    assert explorer.coverage_panel.updating.wait(30)


def differing(explorer: Explorer) -> list[str]:
    """Return what shows other values than the state has."""
    state = explorer.state
    typed = field(explorer.filter_editor, "allow tables 1").text.value
    included = state.live.counts().loc["table", "included"]
    names = {row["name"]: row["verdict"] for row in explorer.catalog_pane.tree.reply["rows"] if row["kind"] == "table"}
    judged = dict(state.live.frame[["name", "included"]].itertuples(index=False))
    checks = {
        "the typed pattern": (typed,) == (state.draft or state.filters).tables.allow,
        "the preview": (state.preview.filters, state.preview.catalog) == (state.filters, state.catalog),
        "the connection": state.config.filters == state.filters,
        "the exported text": explorer.export_panel.text() == state.config.to_yaml(),
        "the tree": all(judged[name] == (verdict == "in") for name, verdict in names.items()),
        "the counts": f"<li data-kind='table'><strong>{included:,}</strong>" in shown(explorer.preview_panel),
        "the coverage": shown(explorer.coverage_panel) == shown(widgets.CoveragePanel(state_of(state.preview))),
        "undo": state.history.value == (state.filters, state.dialect),
    }
    return [name for name, agrees in checks.items() if not agrees]


def test_a_cell_sets_filters_while_a_pattern_is_typed(explorer: Explorer, starts: Callable[[], float]) -> None:
    for number in range(ROUNDS):
        row = field(explorer.filter_editor, "allow tables 1")
        raised = at_once(
            (starts(), lambda number=number: setattr(explorer, "filters", tables(f"^cell{number}"))),
            (starts(), lambda number=number, row=row: setattr(row.text, "value", f"^typed{number}")),
        )
        wait_for(explorer)
        assert (raised, differing(explorer)) == ([], [])


def test_a_discovery_ends_while_a_pattern_is_typed(explorer: Explorer, starts: Callable[[], float]) -> None:
    found = [explorer.catalog, made("u")]
    for number in range(ROUNDS):
        row = field(explorer.filter_editor, "allow tables 1")
        raised = at_once(
            (starts(), lambda number=number: setattr(explorer.state, "catalog", found[(number + 1) % 2])),
            (starts(), lambda number=number, row=row: setattr(row.text, "value", f"^typed{number}")),
        )
        wait_for(explorer)
        assert (raised, differing(explorer)) == ([], [])


def test_the_page_asks_for_rows_while_a_cell_sets_filters(explorer: Explorer, starts: Callable[[], float]) -> None:
    tree = explorer.catalog_pane.tree
    first = [{"seq": 1, "type": "show", "which": "included"}, {"seq": 2, "type": "expand_all", "open": True}]
    tree.set_state({"request": {"session": "s", "intents": first}})
    for number in range(ROUNDS):
        search = {"seq": 2 * number + 3, "type": "search", "text": ("0", "1", "")[number % 3]}
        window = {"seq": 2 * number + 4, "type": "window", "start": 0, "count": 60}
        asked = {"request": {"session": "s", "intents": [search, window]}}
        raised = at_once(
            (starts(), lambda number=number: setattr(explorer, "filters", tables(f"^prod.*{number % 10}$"))),
            (starts(), lambda asked=asked: tree.set_state(asked)),
        )
        wait_for(explorer)
        assert (raised, differing(explorer)) == ([], [])
        assert tree.reply["ack"] == window["seq"]
        assert search["text"] in tree.reply["rows"][-1]["name"]


def test_one_explorer_does_not_wait_for_another(explorer: Explorer) -> None:
    other = dbx.explore(made("u"))
    with explorer.state.lock:
        assert at_once((0.0, lambda: setattr(other, "filters", tables("^b")))) == []
    assert other.preview.filters == tables("^b")


@pytest.mark.parametrize("name", sorted(set(widgets.__all__) - {"explore", "Explorer"}))
def test_no_value_is_still_to_get_its_default(name: str) -> None:
    # Read for the first time while another thread sets it, it would have become the default again, for good.
    component = getattr(widgets, name)()
    own = [trait for trait in component.trait_names() if is_ours(component, trait)]
    assert [trait for trait in own if not component.trait_has_value(trait)] == []


def is_ours(part: traitlets.HasTraits, trait: str) -> bool:
    return str(part.traits()[trait].this_class.__module__).startswith("dbxexplore.")
