"""The coverage panel: what its list and its treemap say of a preview, and the place that a click leads to."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import needs
import pandas as pd
import pytest
from widget_markup import markup, show_preview, state_of
from widget_names import HOSTILE

import dbxexplore as dbx
from dbxexplore import plots
from dbxexplore.catalog.schema import failures_frame
from dbxexplore.widgets import CoveragePanel
from dbxexplore.widgets.browse.index import NOTEBOOKS, TreeIndex
from dbxexplore.widgets.browse.model import TreeModel
from dbxexplore.widgets.coverage import panel as coverage_panel


def shown(panel: CoveragePanel) -> str:
    assert panel.updating.wait(60)
    return "\n".join(markup(panel))


@pytest.fixture(autouse=True)
def _not_on_databricks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)


def needs_figures() -> None:
    needs.at_least("plotly", "6")
    pytest.importorskip("anywidget", reason=needs.package("anywidget"))


def rows_of(panel: CoveragePanel) -> list[tuple[str, str]]:
    """The name of each row that is shown, and what its second button says, empty for a schema."""
    return [
        (row._name.description, "" if row._open.layout.visibility == "hidden" else row._open.description)
        for row in panel._rows
        if row.box.layout.display != "none"
    ]


def listed(panel: CoveragePanel) -> tuple[object, ...]:
    return shown(panel), rows_of(panel)


def visited(panel: CoveragePanel) -> list[tuple[str, ...]]:
    places: list[tuple[str, ...]] = []
    panel.observe(lambda change: places.append(change["new"]), "place")
    return places


# --- the list ---


def test_it_lists_catalogs_and_opens_them(catalog: dbx.Catalog) -> None:
    panel = CoveragePanel(state_of(dbx.Filters(schemas=dbx.Patterns(deny=[r".*\.tmp"])).preview(catalog)))
    empty = [(HOSTILE, ""), ("prod_mumbai", "")]
    assert rows_of(panel) == [empty[0], ("prod", "▸ 2 schemas"), empty[1], ("unlisted", "▸ 1 schema")]
    assert "no tables or views" in panel._rows[0]._sums.value
    assert "26 of 51" in panel._rows[1]._sums.value
    panel._rows[1]._open.click()
    opened = [("prod", "▾ 2 schemas"), ("gold", ""), ("tmp", "")]
    assert rows_of(panel) == [empty[0], *opened, empty[1], ("unlisted", "▸ 1 schema")]
    assert "0 of 25" in panel._rows[3]._sums.value
    panel._rows[1]._open.click()
    assert len(rows_of(panel)) == 4


def test_it_lists_the_schemas_that_the_tree_has(catalog: dbx.Catalog) -> None:
    rows = catalog.objects[["kind", "catalog", "schema", "name", "full_name"]]
    empty = pd.DataFrame([("schema", "prod", None, "new", "prod.new")], columns=rows.columns)
    made = dbx.Catalog.from_frame(pd.concat([rows.astype(object), empty]))
    panel = CoveragePanel(state_of(dbx.Filters().preview(made)))
    tree = TreeIndex.of(made)
    assert dict(rows_of(panel))["prod"] == "▸ 3 schemas"
    assert len(tree.schemas) - tree.has_notebooks == len(panel._table["schema"].dropna())
    assert {place[0] for place in coverage_panel._places(panel._table)} == {
        name for name in tree.catalogs if name != NOTEBOOKS
    }


def test_a_container_is_counted_as_the_tree_shows_it(catalog: dbx.Catalog) -> None:
    """One that the patterns include counts as included, even if nothing in it is."""
    preview = dbx.Filters(catalogs=dbx.Patterns(["prod"]), tables=dbx.Patterns(deny=[".*"])).preview(catalog)
    model = TreeModel(catalog, preview)
    model.open_all(is_open=True)
    rows = [row for row in model.window(0, model.total) if row["kind"] in {"catalog", "schema"}]
    has_row = {"prod", "prod_mumbai", HOSTILE, "gold", "tmp"}
    for kind in ("catalog", "schema"):
        let_in = [
            row["name"] for row in rows if row["kind"] == kind and row["name"] in has_row and row["verdict"] != "out"
        ]
        assert len(let_in) == preview.counts().loc[kind, "included"]
        assert f"{kind}</th>" in coverage_panel._kinds_html(preview, discovering=False)


def test_while_a_catalog_is_filled_what_is_open_stays_open(catalog: dbx.Catalog) -> None:
    failures = failures_frame([("unlisted", "pending", "not yet")])
    part = dbx.Catalog(catalog.objects, failures, catalog.provenance)
    panel = CoveragePanel(state_of(dbx.Filters().preview(part)))
    assert "not listed yet" in shown(panel)
    panel._rows[1]._open.click()
    panel.state.catalog = catalog
    assert panel.updating.wait(30)
    assert rows_of(panel)[1] == ("prod", "▾ 2 schemas")
    panel.state.catalog = dbx.Catalog.from_frame(catalog.objects)
    assert panel.updating.wait(30)
    assert rows_of(panel)[1] == ("prod", "▸ 2 schemas")


def test_a_click_on_a_row_leads_to_its_place_each_time(catalog: dbx.Catalog) -> None:
    panel = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
    places = visited(panel)
    panel._rows[1]._name.click()
    panel._rows[1]._name.click()
    panel._rows[1]._open.click()
    panel._rows[2]._name.click()
    assert [place for place in places if place] == [("prod",), ("prod",), ("prod", "gold")]
    assert panel.place == ("prod", "gold")


def test_kinds_are_counted_before_and_after(catalog: dbx.Catalog) -> None:
    panel = CoveragePanel(state_of(dbx.Filters(catalogs=dbx.Patterns(["prod$"])).preview(catalog)))
    counts = panel._kinds.value
    for kind, discovered, included in (("catalog", 3, 1), ("schema", 2, 2), ("table", 51, 50), ("notebook", 1, 1)):
        cells = f"{kind}</th><td class='dbxe-number'>{discovered}</td><td class='dbxe-number'>{included}</td>"
        assert cells in counts


@pytest.mark.parametrize(
    ("part", "percent"), [(0, "0%"), (1, "&lt; 1%"), (999, "&gt; 99%"), (1000, "100%"), (500, "50%")]
)
def test_all_and_nothing_are_told_from_nearly(part: int, percent: str) -> None:
    assert percent in coverage_panel._sum_html(part, 1000)


def test_what_could_not_be_listed_is_in_the_list_and_has_no_share(catalog: dbx.Catalog) -> None:
    scopes = {
        "prod_mumbai": "denied",
        "prod.gold": "denied",
        "prod.hr": "error",
        "QA": "denied",
        "/Shared": "denied",
        HOSTILE: "cancelled",
    }
    failures = failures_frame([(scope, why, "no") for scope, why in scopes.items()])
    panel = CoveragePanel(state_of(dbx.Filters().preview(dbx.Catalog(catalog.objects, failures, catalog.provenance))))
    assert rows_of(panel) == [
        (HOSTILE, ""),
        ("prod", "▸ 2 schemas"),
        ("prod.hr", ""),  # not a schema that anyone knows of
        ("prod_mumbai", ""),
        ("QA", ""),
        ("unlisted", "▸ 1 schema"),
    ]
    sums = [row._sums.value for row in panel._rows]
    assert "<span class='dbxe-warn'>unknown (cancelled)</span>" in sums[0]
    assert "51 of 51" in sums[1]
    assert "1 schema unknown" in sums[1]
    assert "unknown (error)" in sums[2]
    assert "unknown (denied)" in sums[3]
    assert [("%" in value.split("</div>")[1], "100%" in value) for value in sums[:4] if " of " in value] == [
        (False, True)
    ]
    assert "100%" in sums[5]
    panel._rows[1]._open.click()
    assert rows_of(panel)[2] == ("gold", "")
    assert "unknown (denied)" in panel._rows[2]._sums.value


def test_an_empty_schema_that_could_not_be_listed_has_its_catalog() -> None:
    rows = [("catalog", None, None, "c", "c"), ("schema", "c", None, "s.t", "c.s.t")]
    catalog = dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    failures = failures_frame([("c.s.t", "denied", "no")])
    panel = CoveragePanel(state_of(dbx.Filters().preview(dbx.Catalog(catalog.objects, failures, catalog.provenance))))
    assert rows_of(panel) == [("c", "▸ 1 schema")]
    assert panel._rows[0]._sums.value == "<div class='dbxe-sum'><span class='dbxe-warn'>1 schema unknown</span></div>"
    panel._rows[0]._open.click()
    panel._rows[1]._name.click()
    assert panel.place == ("c", "s.t")


def test_nobody_is_asked_to_discover_during_a_discovery() -> None:
    panel = CoveragePanel()
    assert "Discover a workspace" in shown(panel)
    panel.state.discovering = True
    assert "Discover a workspace" not in shown(panel)
    assert "Discovering the workspace" in shown(panel)
    panel.state.discovering = False
    assert "Discover a workspace" in shown(panel)


def test_pages() -> None:
    rows = [("table", "c", f"s{n:03}", "t", f"c.s{n:03}.t") for n in range(40)]
    catalog = dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    panel = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
    panel._rows[0]._open.click()
    assert "1–15 of 41" in shown(panel)
    panel._pager.box.children[1].click()
    panel._pager.box.children[1].click()
    assert rows_of(panel)[-1] == ("s039", "")
    assert panel._pager.box.children[1].disabled
    panel._rows[0]._name.click()
    assert panel.place == ("c", "s029")


def test_updating_equals_building_anew(catalog: dbx.Catalog) -> None:
    filters = dbx.Filters(tables=dbx.Patterns(deny=[".*t0.$"]))
    other = dbx.Catalog.from_frame(catalog.objects[catalog.objects["catalog"] != "unlisted"])
    for after in (filters.preview(catalog), filters.preview(other), None):
        updated = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
        show_preview(updated, after)
        assert listed(updated) == listed(CoveragePanel(state_of(after)))


def test_the_last_of_several_previews_is_shown(catalog: dbx.Catalog) -> None:
    first = dbx.Filters().preview(catalog)
    panel = CoveragePanel(state_of(first))
    for preview in (dbx.Filters(tables=dbx.Patterns([])).preview(catalog), first):
        show_preview(panel, preview)
    assert listed(panel) == listed(CoveragePanel(state_of(first)))


def test_what_is_open_stays_open_while_patterns_are_typed(catalog: dbx.Catalog) -> None:
    panel = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
    panel._rows[1]._open.click()
    show_preview(panel, dbx.Filters(tables=dbx.Patterns([])).preview(catalog))
    assert "0 of 51" in shown(panel)
    assert rows_of(panel)[2] == ("gold", "")


def test_what_nobody_sees_is_worked_out_when_someone_does(catalog: dbx.Catalog) -> None:
    panel = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
    before = listed(panel)
    panel.active = False
    show_preview(panel, dbx.Filters(tables=dbx.Patterns([])).preview(catalog))
    assert listed(panel) == before
    panel.active = True
    assert listed(panel) == listed(CoveragePanel(state_of(panel.state.preview)))


def test_what_could_not_be_listed_is_said(catalog: dbx.Catalog) -> None:
    partial = dbx.Catalog(catalog.objects, failures_frame([("prod.hr", "denied", "no")]), catalog.provenance)
    assert "1 catalog/schema couldn't be listed" in shown(CoveragePanel(state_of(dbx.Filters().preview(partial))))


# --- where there is no treemap ---


def test_on_databricks_there_is_the_list_alone(catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "15.4")
    panel = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
    assert panel._toggle.layout.display == "none"
    panel.treemap = True
    assert not panel.treemap
    assert "Databricks limits" in shown(panel)
    assert "plotly" not in str(type(panel._figure))


def test_without_plotly_there_is_the_list_alone(catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage_panel.importlib.util, "find_spec", lambda _name: None)
    panel = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
    assert panel._toggle.layout.display == "none"
    assert "pip install plotly anywidget" in shown(panel)
    assert len(rows_of(panel)) == 4


def test_a_figure_that_cannot_be_made_leaves_the_list(catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_figures()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.setattr(coverage_panel, "_no_treemap", lambda: "")
    panel = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
    panel.treemap = True
    assert "The treemap cannot be drawn" in shown(panel)
    assert not panel.treemap
    assert panel._plot.children == ()


# --- the treemap ---


def drawn(panel: CoveragePanel) -> dict[str, object]:
    assert panel.updating.wait(60)
    assert panel._figure is not None
    return {name: value for name, value in panel._figure.data[0].to_plotly_json().items() if name != "uid"}


def test_the_treemap_is_made_when_it_is_asked_for(catalog: dbx.Catalog) -> None:
    needs_figures()
    panel = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
    assert panel._figure is None
    panel._toggle.click()
    assert panel.treemap
    assert list(drawn(panel)["labels"])[:2] == ["all catalogs · 52 of 52", "prod · 51 of 51"]
    assert panel._plot.children[-1] is panel._figure
    assert panel._toggle.description == "Hide the treemap"
    panel._toggle.click()
    assert panel._plot.children == ()


def test_updating_the_treemap_equals_making_it_anew(catalog: dbx.Catalog) -> None:
    needs_figures()
    other = dbx.Catalog.from_frame(catalog.objects[catalog.objects["catalog"] != "unlisted"])
    filters = dbx.Filters(tables=dbx.Patterns(deny=[".*t0.$"]))
    updated = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
    updated.treemap = True
    assert updated.updating.wait(60)
    figure = updated._figure
    for after in (filters.preview(catalog), filters.preview(other), dbx.Filters().preview(catalog)):
        built = CoveragePanel(state_of(after))
        built.treemap = True
        show_preview(updated, after)
        assert drawn(updated) == drawn(built)
        assert updated._drawn == built._drawn
        assert updated._figure is figure


def test_a_click_on_a_box_leads_to_its_place_each_time(catalog: dbx.Catalog) -> None:
    needs_figures()
    panel = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
    panel.treemap = True
    drawn(panel)
    places = visited(panel)
    for box in (0, 1, 2, 2, 99):
        panel._on_box(None, SimpleNamespace(point_inds=[box]), None)
    assert [place for place in places if place] == [("prod",), ("prod", "gold"), ("prod", "gold")]


def test_only_the_largest_boxes_are_drawn(catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_figures()
    monkeypatch.setattr(coverage_panel, "MOST_BOXES", 3)
    panel = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
    panel.treemap = True
    assert list(drawn(panel)["hovertext"]) == ["all catalogs", "prod", "gold", "tmp"]
    assert panel._drawn == [(), ("prod",), ("prod", "gold"), ("prod", "tmp")]
    assert "The 3 largest boxes are shown; 2 are left out" in panel._note.value


def test_nothing_to_draw(catalog: dbx.Catalog) -> None:
    needs_figures()
    panel = CoveragePanel()
    panel.treemap = True
    assert "No tables or views to draw" in shown(panel)
    show_preview(panel, dbx.Filters().preview(catalog))
    assert len(drawn(panel)["ids"]) == 6
    assert panel._note.value == ""


@pytest.mark.parametrize("dark", [False, True])
def test_text_on_a_box_can_be_read_at_every_share(*, dark: bool) -> None:
    low, high = map(plots._rgb, plots._colours(dark=dark))
    for percent in range(101):
        box = plots._luminance([a + (b - a) * percent / 100 for a, b in zip(low, high, strict=True)])
        text = plots._luminance(plots._rgb(plots.ink(percent / 100, dark=dark)))
        assert (max(box, text) + 0.05) / (min(box, text) + 0.05) >= 4.5


def test_names_are_shown_as_text() -> None:
    rows = [("table", HOSTILE, HOSTILE, "t", f"{HOSTILE}.{HOSTILE}.t")]
    catalog = dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    panel = CoveragePanel(state_of(dbx.Filters().preview(catalog)))
    panel._rows[0]._open.click()
    assert "<img" not in shown(panel)
    panel._rows[1]._name.click()
    assert panel.place == (HOSTILE, HOSTILE)
