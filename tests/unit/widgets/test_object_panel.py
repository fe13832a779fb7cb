"""Details of the clicked object, and the tabs that hold them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import ipywidgets
import numpy as np
import pandas as pd
import pytest
from widget_markup import shown as shown_now
from widget_names import HOSTILE

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.catalog import Provenance
from dbxexplore.discovery.details import Column, Details
from dbxexplore.widgets import ExplorerState, ObjectPanel
from dbxexplore.widgets.explain import details as panel_module
from dbxexplore.widgets.state import Mask
from dbxexplore.widgets.workbench import CHANGES, DETAILS, SELECTION, WHY, DetailsPane

URL = "https://adb-1.azuredatabricks.net"
SETTINGS = dbx.ConnectionSettings(URL, dbx.TokenAuth("ANY_TOKEN"))
ROWS = [
    ("catalog", "c", None, "c", "c"),
    ("table", "c", "s", "t", "c.s.t"),
    ("view", "c", "s", HOSTILE, f"c.s.{HOSTILE}"),
    ("notebook", None, None, "etl", "/Shared/etl"),
]


def made(**columns: object) -> dbx.Catalog:
    frame = pd.DataFrame(ROWS, columns=["kind", "catalog", "schema", "name", "full_name"]).assign(**columns)
    found = dbx.Catalog.from_frame(frame)
    return dbx.Catalog(found.objects, found.failures, Provenance(workspace_url=URL))


def row_of(state: ExplorerState, name: str) -> int:
    return int(np.flatnonzero(state.catalog.objects["name"] == name)[0])


def shown(panel: ObjectPanel) -> str:
    assert panel.wait(30)
    return shown_now(panel)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the workspace answers with, by full name; the names that were asked for are under ``asked``."""
    held: dict[str, object] = {"asked": []}

    def read(_source: object, _kind: str, full_name: str) -> object:
        held["asked"].append(full_name)
        answer = held[full_name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(panel_module, "read_details", read)
    monkeypatch.setattr(panel_module, "_DELAY", 0.0)
    return held


def test_a_clicked_table_is_read_once(answers: dict[str, object]) -> None:
    answers["c.s.t"] = Details(owner="ann", columns=[Column("id", "bigint", False, "key")], location="s3://bucket/t")
    state = ExplorerState(catalog=made(), settings=SETTINGS)
    panel = ObjectPanel(state)
    assert "Click an object" in shown(panel)
    state.selected = row_of(state, "t")
    text = shown(panel)
    for part in ("ann", "<code>id</code>", "bigint", "not null", "key", "s3://bucket/t"):
        assert part in text
    assert "databricks_unity_catalog / c / s / t" in text
    assert f"{URL}/explore/data/c/s/t" in text
    state.selected = -1
    state.selected = row_of(state, "t")
    assert shown(panel) == text
    assert answers["asked"] == ["c.s.t"]
    state.settings = dbx.ConnectionSettings(URL, dbx.TokenAuth("OTHER_TOKEN"))
    assert shown(panel) == text
    assert answers["asked"] == ["c.s.t"] * 2


@pytest.mark.parametrize(("name", "is_said"), [("c", True), ("t", True), ("etl", False)])
def test_it_says_of_what_can_have_tags_that_they_are_not_read(name: str, is_said: bool) -> None:
    state = ExplorerState(catalog=made())
    panel = ObjectPanel(state)
    state.selected = row_of(state, name)
    assert ("<th scope='row'>Tags</th><td><span class='dbxe-muted'>Not read" in shown(panel)) == is_said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (errors.NotFoundError("c.s.t: not found (404)"), "not found (404)"),
        (errors.ForbiddenError("No SELECT on c.s.t"), "No SELECT"),
        (Details(browse_only=True), "Columns unknown: this credential may only browse it"),
        (Details(), "Columns unknown: the workspace did not return them"),
    ],
)
def test_what_cannot_be_read_is_told(answers: dict[str, object], answer: object, said: str) -> None:
    answers["c.s.t"] = answer
    state = ExplorerState(catalog=made(comment="from the snapshot"), settings=SETTINGS)
    panel = ObjectPanel(state)
    state.selected = row_of(state, "t")
    assert said in shown(panel)
    is_error = isinstance(answer, Exception)
    assert ("from the snapshot" in shown(panel)) == is_error  # nothing is lost
    (again,) = (child for child in panel.children if isinstance(child, ipywidgets.Button))
    assert (again.layout.display is None) == is_error
    answers["c.s.t"] = Details(columns=[Column("id", None, None, None)])
    again.click()
    if is_error:
        assert "<code>id</code>" in shown(panel)


def test_thousands_of_columns_are_shown_a_page_at_a_time(answers: dict[str, object]) -> None:
    answers["c.s.t"] = Details(columns=[Column(f"c{number}", "int", None, None) for number in range(10_000)])
    state = ExplorerState(catalog=made(), settings=SETTINGS)
    panel = ObjectPanel(state)
    state.selected = row_of(state, "t")
    text = shown(panel)
    assert text.count("<tr><th scope='row'><code>c") == panel_module.COLUMNS_SHOWN
    assert "1–100 of 10,000 columns" in text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"settings": None}, "Connect to the workspace"),
        (
            {"settings": dbx.ConnectionSettings("https://adb-2.azuredatabricks.net", dbx.TokenAuth("ANY"))},
            "another workspace",
        ),
        ({"settings": SETTINGS, "read_only": True}, "Only what the snapshot holds"),
    ],
)
def test_nothing_is_read_where_it_must_not_be(answers: dict[str, object], values: dict[str, object], said: str) -> None:
    state = ExplorerState(catalog=made(), **values)
    panel = ObjectPanel(state)
    state.selected = row_of(state, "t")
    assert said in shown(panel)
    assert answers["asked"] == []


def test_nothing_is_read_while_it_is_not_in_sight(answers: dict[str, object]) -> None:
    answers["c.s.t"] = Details(owner="ann")
    state = ExplorerState(catalog=made(), settings=SETTINGS)
    panel = ObjectPanel(state, active=False)
    state.selected = row_of(state, "t")
    assert panel.wait(30)
    assert answers["asked"] == []
    panel.active = True
    assert "ann" in shown(panel)


def test_text_of_the_workspace_is_shown_as_text(answers: dict[str, object]) -> None:
    answers[f"c.s.{HOSTILE}"] = Details(
        HOSTILE, HOSTILE, HOSTILE, updated_at=pd.Timestamp("2026-01-01", tz="UTC"), updated_by=HOSTILE, location=HOSTILE,
        definition=HOSTILE, columns=[Column(HOSTILE, HOSTILE, None, HOSTILE)],
    )  # fmt: skip
    state = ExplorerState(catalog=made(), settings=SETTINGS)
    panel = ObjectPanel(state)
    state.selected = row_of(state, HOSTILE)
    assert "2026-01-01" in shown(panel)
    assert "<img" not in shown(panel)


@pytest.mark.usefixtures("answers")
def test_a_slow_answer_is_not_shown_for_another_object(monkeypatch: pytest.MonkeyPatch) -> None:
    may_go = threading.Event()

    def slow(_source: object, _kind: str, full_name: str) -> Details:
        if full_name == "c.s.t":
            assert may_go.wait(30)
        return Details(owner=f"owner of {full_name[:5]}")

    monkeypatch.setattr(panel_module, "read_details", slow)
    state = ExplorerState(catalog=made(), settings=SETTINGS)
    panel = ObjectPanel(state)
    state.selected = row_of(state, "t")
    state.selected = row_of(state, "c")
    may_go.set()
    assert "owner of c<" in shown(panel)


def test_no_link_leads_anywhere_but_to_the_web() -> None:
    found = made()
    catalog = dbx.Catalog(found.objects, found.failures, Provenance(workspace_url="javascript:alert(1)//"))
    panel = ObjectPanel(ExplorerState(catalog=catalog, selected=1))
    assert "c.s.t" in shown(panel)
    assert "<a " not in shown(panel)


# --- the tabs ---


def pane(state: ExplorerState) -> tuple[DetailsPane, list[str]]:
    built: list[str] = []

    def panel(title: str) -> Callable[[], ipywidgets.Widget]:
        def make() -> ipywidgets.Widget:
            built.append(title)
            return ObjectPanel(state) if title == DETAILS else ipywidgets.HTML(title)

        return make

    return DetailsPane(state, {title: panel(title) for title in (WHY, DETAILS, SELECTION, CHANGES)}), built


def test_a_tab_is_built_when_it_is_first_shown() -> None:
    state = ExplorerState(catalog=made())
    details, built = pane(state)
    assert (details.title, built) == (WHY, [WHY])
    details.title = CHANGES
    details.title = WHY
    details.title = CHANGES
    assert built == [WHY, CHANGES]
    state.selected = 1
    assert details.title == WHY
    details.title = DETAILS
    state.selected = 2
    assert details.title == DETAILS


def test_titles_count_what_is_selected_and_changed() -> None:
    state = ExplorerState(catalog=made())
    details, _ = pane(state)
    (tabs, _) = details.children
    state.ticked = Mask(np.array([True, True, False, False]))
    assert tabs.get_title(2) == "Selection (1)"
    state.filters = dbx.Filters(catalogs=dbx.Patterns(["x"]))
    assert tabs.get_title(3) == "Changes (2)"
    state.ticked = None
    assert tabs.get_title(2) == "Selection"


def test_nothing_is_selected_in_a_read_only_explorer() -> None:
    state = ExplorerState(catalog=made())
    details, _ = pane(state)
    details.title = CHANGES
    state.read_only = True
    assert details.titles == (WHY, DETAILS, CHANGES)
    assert details.title == WHY
    state.read_only = False
    assert SELECTION in details.titles
