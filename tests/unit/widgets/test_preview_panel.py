"""The preview in numbers, and the explanation of one object."""

from __future__ import annotations

import ipywidgets
import pandas as pd
import pytest
from widget_markup import show_preview, shown, state_of
from widget_names import HOSTILE

import dbxexplore as dbx
from dbxexplore.catalog.schema import failures_frame
from dbxexplore.filters import Filters, Patterns, Preview
from dbxexplore.widgets import ChangesPanel, ExplanationPanel, ExplorerState, PreviewPanel


def row_of(catalog: dbx.Catalog, full_name: str) -> int:
    return int(catalog.objects.index[catalog.objects["full_name"] == full_name][0])


def flips(panel: ExplanationPanel) -> list[ipywidgets.Button]:
    """The buttons that are shown."""
    return [button for button in panel.children[1].children if button.layout.display is None]


# --- counts ---


def test_counts_are_shown_by_kind(catalog: dbx.Catalog) -> None:
    panel = PreviewPanel(state_of(Filters(schemas=Patterns(deny=["prod.tmp"])).preview(catalog)))
    assert "<li data-kind='table'><strong>26</strong> of 51 tables</li>" in shown(panel)


def test_while_a_pattern_is_typed_the_counts_are_said_to_be_a_preview(catalog: dbx.Catalog) -> None:
    panel = PreviewPanel(ExplorerState(catalog=catalog))
    panel.state.draft = Filters(schemas=Patterns(deny=["prod.tmp"]))
    assert "<strong>26</strong> of 51 tables" in shown(panel)
    assert "Press Enter to apply" in shown(panel)
    panel.state.draft = None
    assert "<strong>51</strong> of 51 tables" in shown(panel)
    assert "Press Enter" not in shown(panel)


def test_an_updated_panel_shows_what_a_new_one_shows(catalog: dbx.Catalog) -> None:
    first, second = Filters().preview(catalog), Filters(catalogs=Patterns(["x"])).preview(catalog)
    panel = PreviewPanel(state_of(first))
    show_preview(panel, second)
    assert shown(panel) == shown(PreviewPanel(state_of(second)))
    panel.state.catalog = None
    assert shown(panel) == shown(PreviewPanel())
    assert "Discover a workspace" in shown(panel)


def test_an_incomplete_catalog_is_warned_of(catalog: dbx.Catalog) -> None:
    partial = dbx.Catalog(catalog.objects, failures_frame([("prod.secret", "denied", "no")]), catalog.provenance)
    assert "1 catalog/schema couldn't be listed" in shown(PreviewPanel(state_of(Filters().preview(partial))))


def test_counting_works_out_nothing_that_takes_long(catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    preview = Filters().preview(catalog)

    def refuse(_preview: Preview) -> None:
        pytest.fail("too slow for a million objects")

    monkeypatch.setattr(Preview, "frame", property(refuse))
    monkeypatch.setattr(Preview, "dialect_dependent", property(refuse))
    PreviewPanel(state_of(preview))


def test_nobody_is_asked_to_discover_during_a_discovery(catalog: dbx.Catalog) -> None:
    for panel in (PreviewPanel(), ChangesPanel()):
        assert "Discover a workspace" in shown(panel)
        panel.state.discovering = True
        assert "Discover a workspace" not in shown(panel)
        show_preview(panel, Filters().preview(catalog))
        assert "discovered" not in shown(panel)


# --- why ---


def test_an_object_that_the_reading_always_denies_has_no_button() -> None:
    rows = [("table", "c", "information_schema", "t", "c.information_schema.t")]
    catalog = dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
    panel = ExplanationPanel(state_of(Filters(schemas=Patterns(deny=["c"])).preview(catalog)))
    panel.state.selected = 0
    assert "No pattern can include it: DataHub always denies it" in shown(panel)
    assert r"built-in deny <code>.*\.information_schema</code> also matches" in shown(panel)
    assert not flips(panel)
    show_preview(panel, Filters().preview(catalog, dbx.Dialect.STRICT))
    assert flips(panel)


def test_the_selected_object_is_explained(catalog: dbx.Catalog) -> None:
    panel = ExplanationPanel(state_of(Filters(tables=Patterns(deny=["x", ".*t01", ".*1"])).preview(catalog)))
    assert "Click an object" in shown(panel)
    assert not flips(panel)
    panel.state.selected = row_of(catalog, "prod.gold.t01")
    assert "<code>prod.gold.t01</code> <span class='dbxe-muted'>(table)</span>" in shown(panel)
    assert "excluded" in shown(panel)
    assert "deny pattern 2 matches: .*t01" in shown(panel)
    assert "3 more patterns" in shown(panel)
    assert "deny 3 <code>.*1</code> also matches" in shown(panel)
    assert "deny 1 <code>x</code> does not match" in shown(panel)
    assert "remove <code>.*t01</code> from deny tables" in shown(panel)


def test_a_button_turns_the_verdict_around_in_the_filters_that_there_are(catalog: dbx.Catalog) -> None:
    filters = Filters(catalogs=Patterns(["^dev$"]), tables=Patterns(deny=[".*t01"]))
    panel = ExplanationPanel(state_of(filters.preview(catalog)))
    row = panel.state.selected = row_of(catalog, "prod.gold.t01")
    assert flips(panel)[0].description.startswith("Include this table")  # at once, what else it moves a moment later
    assert "remove .*t01 from deny tables" in flips(panel)[0].tooltip
    flips(panel)[0].click()
    assert panel.state.filters == Filters(catalogs=Patterns(["^dev$", "^prod$"]))
    show_preview(panel, panel.state.filters.preview(catalog))
    assert panel.state.preview.included[row]
    assert panel.wait(30)
    assert flips(panel)[0].description == "Exclude this table"
    flips(panel)[0].click()
    assert not panel.state.filters.preview(catalog).included[row]


@pytest.mark.parametrize(
    ("filters", "name", "said"),
    [
        (Filters(catalogs=Patterns(["^dev$"])), "prod.gold.t01", "Include this table and 50 more"),
        (Filters(catalogs=Patterns(["^dev$"])), "prod", "Include this catalog and 51 more"),
        (Filters(schemas=Patterns(deny=["prod.tmp"])), "prod.tmp.t01", "Include this table and 24 more"),
        (Filters(), "prod.gold", "Exclude this schema and 26 more"),
        (Filters(), "prod.gold.t01", "Exclude this table"),
        (Filters(), "prod_mumbai", "Exclude this catalog"),
    ],
)
def test_the_button_says_first_what_else_it_moves(catalog: dbx.Catalog, filters: Filters, name: str, said: str) -> None:
    panel = ExplanationPanel(state_of(filters.preview(catalog)))
    panel.state.selected = row_of(catalog, name)
    assert flips(panel)
    assert panel.wait(30)
    assert flips(panel)[0].description == said
    assert flips(panel)[0].tooltip.startswith(f"{said}: ")


def test_an_object_goes_with_its_schema_or_with_similar_names(catalog: dbx.Catalog) -> None:
    panel = ExplanationPanel(state_of(Filters().preview(catalog)))
    panel.state.selected = row_of(catalog, "prod.gold.t01")
    assert panel.wait(30)
    names = [button.description for button in flips(panel)]
    assert names == [
        "Exclude this table",
        "Exclude schema prod.gold and 25 more",
        "Exclude names like t* and 24 more",
    ]
    flips(panel)[2].click()
    assert panel.state.filters.tables.deny == (r"^prod\.gold\.t\d+$",)


def test_what_the_button_moves_is_not_said_of_another_object(catalog: dbx.Catalog) -> None:
    panel = ExplanationPanel(state_of(Filters().preview(catalog)))
    panel.state.selected = row_of(catalog, "prod.gold")
    panel.state.selected = row_of(catalog, "prod.gold.t01")
    assert panel.wait(30)
    assert flips(panel)[0].description == "Exclude this table"


def test_a_container_that_could_not_be_listed_is_said_to_be_so(catalog: dbx.Catalog) -> None:
    failures = failures_frame([("prod.gold", "denied", "No USE SCHEMA on <b>gold</b>"), ("prod.hr", "error", "gone")])
    panel = ExplanationPanel(state_of(Filters().preview(dbx.Catalog(catalog.objects, failures, catalog.provenance))))
    panel.state.selected = row_of(catalog, "prod.gold")
    said = shown(panel)
    assert "This schema couldn't be listed (denied): No USE SCHEMA on &lt;b&gt;gold&lt;/b&gt;" in said
    for name in ("prod", "prod.gold.t01"):
        panel.state.selected = row_of(catalog, name)
        assert "couldn't be listed" not in shown(panel)


def test_only_who_may_edit_is_offered_to(catalog: dbx.Catalog) -> None:
    panel = ExplanationPanel(state_of(Filters().preview(catalog), read_only=True))
    panel.state.selected = 0
    assert not flips(panel)
    panel.state.read_only = False
    assert flips(panel)


def test_an_updated_explanation_equals_a_new_one(catalog: dbx.Catalog) -> None:
    preview = Filters(catalogs=Patterns(["x"])).preview(catalog)
    built, updated = ExplanationPanel(), ExplanationPanel(state_of(Filters().preview(catalog)))
    updated.state.selected = 3
    show_preview(updated, preview)
    show_preview(built, preview)
    built.state.selected = 3
    assert shown(updated) == shown(built)
    updated.state.catalog = None
    assert shown(updated) == shown(ExplanationPanel())


def test_names_and_patterns_are_shown_as_text(catalog: dbx.Catalog) -> None:
    filters = Filters(catalogs=Patterns([".*", HOSTILE]), views=Patterns([HOSTILE], [f".*{HOSTILE}"]))
    panel = ExplanationPanel(state_of(filters.preview(catalog)))
    for row in range(len(catalog)):
        panel.state.selected = row
        assert "<img" not in shown(panel)


def test_of_many_patterns_those_that_match_are_shown(catalog: dbx.Catalog) -> None:
    patterns = [f"^no_{number}$" for number in range(500)]
    panel = ExplanationPanel(state_of(Filters(tables=Patterns([*patterns, ".*t01$", ".*"])).preview(catalog)))
    panel.state.selected = row_of(catalog, "prod.gold.t01")
    assert "Checking every pattern" in shown(panel)
    assert not flips(panel)
    assert panel.wait(30)
    assert "501 more patterns" in shown(panel)
    assert flips(panel)
    assert "allow 502 <code>.*</code> also matches" in shown(panel)
    assert "and 489 more" in shown(panel)
