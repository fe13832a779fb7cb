"""Patterns generated from ticks: shown first, applied on demand, generated again when they are stale."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from widget_markup import show_preview, shown, state_of
from widget_names import HOSTILE

import dbxexplore as dbx
from dbxexplore.filters import Dialect, Filters, Patterns, Suggestion
from dbxexplore.widgets import ExplorerState, SuggestPanel
from dbxexplore.widgets.filter import suggest as module
from dbxexplore.widgets.state import Mask


def ticks(catalog: dbx.Catalog, *names: str) -> Mask:
    return Mask(np.asarray(catalog.objects["full_name"].isin(names), dtype=bool))


GOLD = [f"prod.gold.t{number:02}" for number in range(25)]


@pytest.fixture
def panel(catalog: dbx.Catalog) -> SuggestPanel:
    filters = Filters(schemas=Patterns(["prod.tmp"]))
    return SuggestPanel(state_of(filters.preview(catalog), ticked=ticks(catalog, *GOLD)))


def test_nothing_ticked_nothing_to_write(catalog: dbx.Catalog) -> None:
    panel = SuggestPanel(ExplorerState(catalog=catalog))
    assert "Tick objects in the catalog" in shown(panel)
    panel.state.ticked = Mask(np.zeros(len(catalog), dtype=bool))
    panel._write.click()
    assert panel.wait(30)
    assert panel.suggestion is None
    assert "Tick objects in the catalog" in shown(panel)
    panel.state.ticked = ticks(catalog, *GOLD)
    assert "Selected: 25 objects" in shown(panel)
    panel.state.ticked_text = "25 tables & <more>"
    assert "Selected: 25 tables &amp; &lt;more&gt;" in shown(panel)


ANYWHERE = "Future objects in the included catalogs and schemas will be included too."


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("*",), ANYWHERE),
        (("*.*.*",), ANYWHERE),
        (("*", "prod.gold.*"), f"{ANYWHERE} Also matches future objects named <code>prod.gold.*</code>."),
        (("prod.gold.*", "/etl*"), "Also matches future objects named <code>prod.gold.*</code>, <code>/etl*</code>."),
    ],
)
def test_it_says_which_new_objects_would_be_taken_as_well(names: tuple[str, ...], said: str) -> None:
    suggestion = Suggestion(Filters(), exact=True, also_captures=names, patterns=())
    assert f"⚠ {said}</div>" in module.suggestion_html(suggestion, "2 tables")


def test_a_suggestion_is_shown_before_it_is_applied(panel: SuggestPanel, catalog: dbx.Catalog) -> None:
    before = panel.state.filters
    panel._write.click()
    assert panel.wait(30)
    assert panel.suggestion == dbx.suggest_filters(catalog, panel.state.ticked.flags, keep=before)
    assert panel.state.filters is before
    text = shown(panel)
    assert "✓ Matches your selection exactly" in text
    assert "allow schemas" in text
    assert "<div class='dbxe-warn'>⚠ Also matches future objects named <code>prod.gold.*</code>.</div>" in text
    is_object = catalog.objects["kind"].isin(["table", "view", "notebook"])
    wanted = panel.suggestion.filters.preview(catalog).included & is_object
    was = before.preview(catalog).included & is_object
    assert f"+{int((wanted & ~was).sum())}</span>" in text
    assert f"−{int((was & ~wanted).sum())}</span>" in text
    assert f"Applying: {int(was.sum())} → {int(wanted.sum())} objects (" in text
    assert "), 1 catalog and 1 schema</div>" in text
    suggested = panel.suggestion.filters
    panel._apply.click()
    assert panel.state.filters == suggested
    assert panel.suggestion is None
    assert "Applied" in shown(panel)
    assert (panel.state.ticked, panel.state.ticked_text) == (None, "")
    assert panel._answer.layout.display == "none"


def test_containers_are_no_objects(catalog: dbx.Catalog) -> None:
    panel = SuggestPanel(ExplorerState(catalog=catalog, ticked=ticks(catalog, "prod", "prod.gold", *GOLD)))
    assert "Selected: 25 objects, 1 catalog and 1 schema" in shown(panel)
    panel.state.ticked = ticks(catalog, "prod.gold")
    assert "Selected: 1 schema" in shown(panel)


def test_a_suggestion_without_names_to_come_says_of_none() -> None:
    exact = dbx.Suggestion(Filters(), exact=True, also_captures=(), patterns=())
    assert "future objects" not in module.suggestion_html(exact, "1 table")


def test_the_keyboard_goes_on_at_the_button_that_writes(panel: SuggestPanel, focused: list[object]) -> None:
    for button in (panel._discard, panel._apply):
        panel._write.click()
        assert panel.wait(30)
        assert focused == []
        button.click()
        assert focused == [panel._write]
        focused.clear()


def test_a_suggestion_can_be_discarded(panel: SuggestPanel) -> None:
    before = panel.state.filters
    panel._write.click()
    assert panel.wait(30)
    panel._discard.click()
    assert (panel.suggestion, panel.state.filters) == (None, before)
    assert "Selected: 25 objects" in shown(panel)


def test_what_applying_changes_is_counted_against_the_present_preview(
    panel: SuggestPanel, catalog: dbx.Catalog
) -> None:
    panel._write.click()
    assert panel.wait(30)
    assert panel.suggestion is not None
    show_preview(panel, panel.suggestion.filters.preview(catalog))
    assert "(no change)" in shown(panel)


@pytest.mark.parametrize("change", ["ticked", "catalog", "dialect", "generalise", "filters"])
def test_a_stale_suggestion_is_made_again(panel: SuggestPanel, catalog: dbx.Catalog, change: str) -> None:
    panel._write.click()
    assert panel.wait(30)
    values = {"catalog": catalog, "selected": ticks(catalog, *GOLD).flags, "keep": panel.state.filters}
    if change == "ticked":
        panel.state.ticked = ticks(catalog, "prod.gold.t01")
        values["selected"] = panel.state.ticked.flags
    elif change == "catalog":
        again = dbx.Catalog(catalog.objects, catalog.failures, catalog.provenance)
        panel.state.update(catalog=again, ticked=ticks(catalog, *GOLD))
    elif change == "dialect":
        panel.state.dialect = values["dialect"] = Dialect.STRICT
    elif change == "filters":
        panel.state.filters = values["keep"] = Filters(notebooks=Patterns(["^/x"]))
    else:
        panel._generalise.value = values["generalise"] = True
    assert panel.suggestion is None
    assert "Generating" in shown(panel)
    assert panel.wait(30)
    assert panel.suggestion == dbx.suggest_filters(**values)


def test_without_ticks_there_is_no_suggestion(panel: SuggestPanel) -> None:
    panel._write.click()
    assert panel.wait(30)
    panel.state.ticked = None
    assert panel.suggestion is None
    assert "Tick objects" in shown(panel)


def test_where_nothing_is_ticked_the_patterns_stay(catalog: dbx.Catalog) -> None:
    filters = Filters(catalogs=Patterns(["^dev$"]), notebooks=Patterns(["^/a"], ["^/b"]))
    state = ExplorerState(catalog=catalog, filters=filters, ticked=ticks(catalog, *GOLD))
    panel = SuggestPanel(state)
    panel._write.click()
    assert panel.wait(30)
    assert "Not changed: notebooks." in shown(panel)
    panel._apply.click()
    assert state.filters.notebooks == filters.notebooks
    assert state.filters.catalogs != filters.catalogs
    (notebook,) = catalog.objects["full_name"][catalog.objects["kind"] == "notebook"]
    before = state.filters
    state.ticked = ticks(catalog, notebook)
    panel._write.click()
    assert panel.wait(30)
    assert "Not changed: catalogs, schemas, tables, views." in shown(panel)
    panel._apply.click()
    assert state.filters.with_level("notebooks", before.notebooks) == before
    assert state.preview.counts().loc["notebook"].tolist() == [1, 0]


@pytest.fixture
def go_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Suggestions are written once the event is set."""
    event, suggest = threading.Event(), module.suggest_filters

    def slowly(*arguments: object, **options: object) -> object:
        assert event.wait(30)
        return suggest(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "suggest_filters", slowly)
    yield event
    event.set()


def test_while_it_is_written_that_is_said_and_what_is_stale_by_then_is_never_shown(
    panel: SuggestPanel, catalog: dbx.Catalog, go_on: threading.Event
) -> None:
    panel.state.ticked_text = "25 tables"
    panel._write.click()
    assert "Generating patterns for 25 tables…" in shown(panel)
    panel.state.ticked = ticks(catalog, "prod.gold.t01")
    assert "Generating" in shown(panel)
    go_on.set()
    assert panel.wait(30)
    assert panel.suggestion == dbx.suggest_filters(catalog, ["prod.gold.t01"], keep=panel.state.filters)


def test_an_error_is_shown_in_place(panel: SuggestPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError(HOSTILE)

    monkeypatch.setattr(module, "suggest_filters", fail)
    panel._write.click()
    assert panel.wait(30)
    assert "Unexpected RuntimeError: &lt;img" in shown(panel)


def test_ticks_of_another_catalog_count_for_nothing(panel: SuggestPanel) -> None:
    panel.state.ticked = Mask(np.ones(3, dtype=bool))
    assert "Tick objects" in shown(panel)


def test_only_who_may_edit_is_offered_to(panel: SuggestPanel) -> None:
    panel.state.read_only = True
    assert panel._ask.layout.display == "none"
    assert "Tick" not in shown(panel)


def test_names_and_patterns_are_shown_as_text(catalog: dbx.Catalog) -> None:
    panel = SuggestPanel(ExplorerState(catalog=catalog, ticked=ticks(catalog, f"prod.gold.{HOSTILE}", HOSTILE)))
    panel._write.click()
    assert panel.wait(30)
    assert panel.suggestion is not None
    assert "&lt;img" in shown(panel)
    assert "<img" not in shown(panel)


def test_of_many_patterns_a_few_are_shown_and_what_differs_is_named() -> None:
    filters = Filters(tables=Patterns([f"^t{number}$" for number in range(40)]))
    suggestion = dbx.Suggestion(filters, exact=False, also_captures=("a*",) * 20, patterns=(), wrong=("x.y.<z>",))
    text = module.suggestion_html(suggestion, "40 tables")
    assert "and 28 more" in text
    assert "⚠ Differs from your selection in</span> <code>x.y.&lt;z&gt;</code>" in text
    assert "and 12 more" in text
