"""The filter editor: rows to filters, filters to rows, and what is told of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import ipywidgets
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from widget_markup import field, shown
from widget_names import HOSTILE

import dbxexplore as dbx
from dbxexplore.filters import Filters, Finding, Patterns
from dbxexplore.filters.patterns import LEVELS, Level, ListName
from dbxexplore.widgets import ExplorerState, FilterEditor
from dbxexplore.widgets.filter import editor as module
from dbxexplore.widgets.filter.editor import PAGE_LENGTH, _RowView


def views(editor: FilterEditor, level: Level) -> list[_RowView]:
    return list(editor._sections[level]._views.values())


def labels(editor: FilterEditor, level: Level) -> list[tuple[str, str, bool]]:
    return [(view.text.description, view.text.value, view.on.value) for view in views(editor, level)]


def add(editor: FilterEditor, level: Level, name: str, text: str) -> _RowView:
    """Add a row with its button and type into it."""
    editor._sections[level]._add[name].click()
    row = [view for view in views(editor, level) if view.list == name][-1]
    row.text.value = text
    return row


def state(editor: FilterEditor) -> list[object]:
    """What a page would show of an editor, without the identity of its widgets."""
    assert editor.wait(30)
    rows = [labels(editor, level) for level in LEVELS]
    counts = [[view.count.value for view in views(editor, level)] for level in LEVELS]
    return [rows, counts, shown(editor), editor._dialect.value, editor._dialect.options]


def areas(editor: FilterEditor, level: Level) -> tuple[ipywidgets.Textarea, ipywidgets.Textarea]:
    found = editor._sections[level]._text._areas
    return found["allow"], found["deny"]


def pause(editor: FilterEditor) -> None:
    """Judge nothing any more until `resume`, so that what is shown until then can be looked at."""
    editor._judge._delay = 3600.0


def resume(editor: FilterEditor) -> None:
    editor._judge._delay = 0.0
    editor._restart()
    assert editor.wait(30)


# --- rows to filters ---


def test_it_starts_with_one_calm_row_a_level() -> None:
    editor = FilterEditor()
    assert editor.state.filters == Filters()
    for level in LEVELS:
        assert labels(editor, level) == [(f"allow {level} 1", ".*", True)]
        assert views(editor, level)[0].on.description == f"use allow {level} 1"
    assert "dbxe-warn" not in shown(editor)


def test_what_is_typed_into_a_row_is_its_pattern() -> None:
    editor = FilterEditor()
    field(editor, "allow catalogs 1").text.value = "^prod$"
    editor.state.finish()
    assert editor.state.filters == Filters(catalogs=Patterns(["^prod$"]))
    add(editor, "catalogs", "allow", "  ^dev$")
    add(editor, "catalogs", "deny", "tmp")
    editor.state.finish()
    assert editor.state.filters == Filters(catalogs=Patterns(["^prod$", "  ^dev$"], ["tmp"]))
    assert [label for label, _, _ in labels(editor, "catalogs")] == [
        "allow catalogs 1",
        "allow catalogs 2",
        "deny catalogs 1",
    ]


def test_a_row_without_a_text_holds_no_pattern() -> None:
    editor = FilterEditor()
    editor._sections["views"]._add["deny"].click()
    assert editor.state.filters == Filters()
    assert "empty: not used" in shown(editor)
    field(editor, "allow views 1").text.value = ""
    editor.state.finish()
    assert editor.state.filters.views == Patterns([])
    assert "No allow patterns – everything at this level is excluded." in shown(editor)
    editor.state.dialect = dbx.Dialect(empty_allow="everything")
    assert "No allow patterns – everything at this level is allowed." in shown(editor)


def test_a_half_typed_pattern_is_marked_and_its_last_good_one_stays_in_force() -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(["good", "other"]))))
    row = field(editor, "allow tables 1")
    row.text.value = "<b>("
    assert editor.state.filters.tables == Patterns(["good", "other"])
    assert "dbxe-invalid" in row.text._dom_classes
    assert "&lt;b&gt;<mark>(</mark>" in row.note.value
    assert "Still using <code>good</code>" in row.note.value
    field(editor, "allow tables 2").text.value = "else"
    editor.state.finish()
    assert editor.state.filters.tables == Patterns(["good", "else"])
    assert row.text.value == "<b>("
    row.text.value = "<b>(x)"
    editor.state.finish()
    assert editor.state.filters.tables == Patterns(["<b>(x)", "else"])
    assert row.note.value == ""
    assert "dbxe-invalid" not in row.text._dom_classes


def test_a_new_row_is_not_in_force_until_it_is_an_expression() -> None:
    editor = FilterEditor()
    row = add(editor, "tables", "deny", "*_tmp")
    assert editor.state.filters == Filters()
    assert "Ignored until it is a valid regular expression" in row.note.value
    assert "If &#x27;*_tmp&#x27; is meant as a glob" in row.note.value


def test_a_row_that_is_off_is_kept_and_not_in_the_filters() -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(schemas=Patterns(["a", "b", "c"]))))
    row = field(editor, "allow schemas 2")
    row.on.value = False
    assert editor.state.filters.schemas == Patterns(["a", "c"])
    row.text.value = "bb"
    assert editor.state.filters.schemas == Patterns(["a", "c"])
    row.on.value = True
    assert editor.state.filters.schemas == Patterns(["a", "bb", "c"])


def test_a_row_can_change_its_list_its_place_and_go() -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(schemas=Patterns(["a", "b"], ["c"]))))
    field(editor, "allow schemas 1").flip.click()
    assert editor.state.filters.schemas == Patterns(["b"], ["c", "a"])
    moved = field(editor, "deny schemas 2")
    boxes = editor._sections["schemas"]._box.children
    moved.up.click()
    assert editor.state.filters.schemas == Patterns(["b"], ["a", "c"])
    assert editor._sections["schemas"]._box.children == boxes  # so that the browser keeps the focus
    field(editor, "deny schemas 1").down.click()
    assert editor.state.filters.schemas == Patterns(["b"], ["c", "a"])
    field(editor, "deny schemas 1").up.click()  # as the first cannot go up
    assert editor.state.filters.schemas == Patterns(["b"], ["c", "a"])
    field(editor, "deny schemas 1").remove.click()
    assert editor.state.filters.schemas == Patterns(["b"], ["a"])


def test_buttons_are_called_after_their_pattern() -> None:
    row = field(FilterEditor(ExplorerState(filters=Filters(tables=Patterns([HOSTILE, "b"])))), "allow tables 1")
    assert row.remove.description == "Remove allow tables 1"
    assert row.remove.tooltip == f"Remove allow tables 1: {HOSTILE}"  # text, not markup
    assert row.flip.tooltip == "Allow tables 1: change to deny"
    assert (row.up.disabled, row.down.disabled) == (True, False)


def test_nothing_can_be_changed_in_a_read_only_editor() -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(["a", "b"])), read_only=True))
    row = field(editor, "allow tables 1")
    assert row.text.disabled
    assert row.on.disabled
    assert row.flip.disabled
    assert row.remove.layout.display == "none"
    assert editor._sections["tables"]._add["allow"].layout.display == "none"
    assert editor._dialect.disabled
    editor.state.read_only = False
    assert not row.text.disabled
    assert row.remove.layout.display is None
    assert not editor._dialect.disabled


# --- filters to rows ---

TEXTS = st.lists(st.sampled_from(["a", "b", ".*", "(", "", "a\nb", HOSTILE]), max_size=4)
FILTERS = st.builds(
    Filters,
    catalogs=st.builds(Patterns, TEXTS, TEXTS),
    views=st.builds(Patterns, TEXTS, TEXTS),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FILTERS, FILTERS)
def test_assigning_equals_building_anew(first: Filters, second: Filters) -> None:
    built, updated = (
        FilterEditor(ExplorerState(filters=second, dialect=dbx.Dialect.STRICT)),
        FilterEditor(ExplorerState(filters=first)),
    )
    updated.state.filters, updated.state.dialect = second, dbx.Dialect.STRICT
    assert updated.state.filters == second
    assert state(updated) == state(built)


def test_a_catalog_that_comes_and_goes_leaves_what_a_new_editor_shows(catalog: dbx.Catalog) -> None:
    filters = Filters(catalogs=Patterns(["prod"]), tables=Patterns([".*"], ["nothing"]))
    built, updated = (
        FilterEditor(ExplorerState(filters=filters, catalog=catalog)),
        FilterEditor(ExplorerState(filters=filters)),
    )
    updated.state.catalog = catalog
    assert state(updated) == state(built)
    updated.state.catalog = None
    assert state(updated) == state(FilterEditor(ExplorerState(filters=filters)))


def test_assigned_patterns_that_no_field_can_hold_are_written_otherwise_and_kept() -> None:
    filters = Filters(tables=Patterns(["a\nb", "", "  "], ["c"]))
    editor = FilterEditor()
    editor.state.filters = filters
    assert [text for _, text, _ in labels(editor, "tables")] == ["a\\nb", "(?:)", "(?:  )", "c"]
    assert editor.state.filters == filters
    field(editor, "deny tables 1").text.value = "d"
    editor.state.finish()
    assert editor.state.filters.tables == Patterns(["a\nb", "", "  "], ["d"])


def test_assigned_filters_leave_half_typed_text_elsewhere() -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(schemas=Patterns(["a", "b", "c"]))))
    field(editor, "allow schemas 1").text.value = "a("
    field(editor, "allow catalogs 1").text.value = "("
    kept = views(editor, "schemas")
    editor.state.filters = Filters(schemas=Patterns(["a", "x", "c"]), tables=Patterns(["t"]))
    assert [text for _, text, _ in labels(editor, "schemas")] == ["a(", "x", "c"]
    assert field(editor, "allow catalogs 1").text.value == "("
    assert views(editor, "schemas") == kept


def test_a_bad_pattern_assigned_in_python_is_marked() -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(["("]))))
    assert editor.state.filters.tables == Patterns(["("])
    assert "No preview until it is fixed" in field(editor, "allow tables 1").note.value


# --- many rows, and text ---


def test_a_long_list_is_shown_a_page_at_a_time() -> None:
    texts = [f"^t{n}$" for n in range(2000)]
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(texts))))
    section = editor._sections["tables"]
    assert len(views(editor, "tables")) == PAGE_LENGTH
    assert f"1–{PAGE_LENGTH} of 2,000 patterns" in shown(editor)
    section._pager.box.children[1].click()
    field(editor, f"allow tables {PAGE_LENGTH + 1}").text.value = "x"
    editor.state.finish()
    assert editor.state.filters.tables.allow == (*texts[:PAGE_LENGTH], "x", *texts[PAGE_LENGTH + 1 :])
    assert len(section._box.children) == PAGE_LENGTH
    section._add["allow"].click()
    assert field(editor, "allow tables 2001").text.value == ""
    assert section._pager.box.children[1].disabled
    field(editor, "allow tables 2001").up.click()
    assert editor._sections["tables"].rows["allow"][1999].text == ""
    editor.state.filters = Filters()
    assert section._pager.box.layout.display == "none"
    assert labels(editor, "tables")[0] == ("allow tables 1", ".*", True)


def test_a_row_moved_over_the_edge_of_a_page_is_followed() -> None:
    texts = [f"t{n}" for n in range(2 * PAGE_LENGTH)]
    last, after = texts[PAGE_LENGTH - 1 : PAGE_LENGTH + 1]
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(texts))))
    field(editor, f"allow tables {PAGE_LENGTH}").down.click()
    assert field(editor, f"allow tables {PAGE_LENGTH + 1}").text.value == last
    assert editor.state.filters.tables.allow[PAGE_LENGTH - 1 : PAGE_LENGTH + 1] == (after, last)


def test_a_level_can_be_edited_as_text() -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(catalogs=Patterns(["a", "b"], ["c"]))))
    editor._sections["catalogs"]._as_text.click()
    allow, deny = areas(editor, "catalogs")
    assert (allow.description, allow.value, deny.description, deny.value) == (
        "allow catalogs",
        "a\nb",
        "deny catalogs",
        "c",
    )
    allow.value = "^prod$\n\n  ^dev$"
    editor.state.finish()
    assert editor.state.filters.catalogs == Patterns(["^prod$", "  ^dev$"], ["c"])
    allow.value = ""
    editor.state.finish()
    assert editor.state.filters.catalogs == Patterns([], ["c"])
    allow.value = "x"
    editor._sections["catalogs"]._as_text.click()
    assert labels(editor, "catalogs") == [("allow catalogs 1", "x", True), ("deny catalogs 1", "c", True)]


def test_a_bad_line_keeps_its_list_until_it_is_mended() -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(["good"]))))
    editor._sections["tables"]._as_text.click()
    allow, deny = areas(editor, "tables")
    allow.value = "good\n<b>("
    assert editor.state.filters.tables == Patterns(["good"])
    assert "Line 2: <code>&lt;b&gt;<mark>(</mark></code>" in shown(editor)
    deny.value = "other"
    editor.state.finish()
    assert editor.state.filters.tables == Patterns(["good"], ["other"])
    assert allow.value == "good\n<b>("
    allow.value = "good\n<b>(x)"
    assert "Line 2" not in shown(editor)
    editor.state.finish()
    assert editor.state.filters.tables == Patterns(["good", "<b>(x)"], ["other"])


def test_a_secret_does_not_stay_among_patterns() -> None:
    secret = "dapi" + "0123456789ab" * 3
    editor = FilterEditor()
    field(editor, "allow tables 1").text.value = f"x{secret}"
    assert field(editor, "allow tables 1").text.value == ""
    assert "looks like a secret" in shown(editor)
    section = editor._sections["tables"]
    section._as_text.click()
    areas(editor, "tables")[0].value = f"good\n{secret}\nbetter"
    assert areas(editor, "tables")[0].value == "good\nbetter"
    assert "looks like a secret" in shown(editor)
    editor.state.finish()
    assert editor.state.filters.tables == Patterns(["good", "better"])
    assert secret not in str(ipywidgets.Widget.get_manager_state())


def test_two_equal_bad_lines_become_two_rows() -> None:
    editor = FilterEditor()
    section = editor._sections["tables"]
    for text in ("x(\nb", "x(\nx(\nb"):
        section._as_text.click()
        areas(editor, "tables")[0].value = text
        section._as_text.click()
    field(editor, "allow tables 1").text.value = "good"
    assert [text for _, text, _ in labels(editor, "tables")] == ["good", "x(", "b"]


def test_a_bad_line_becomes_a_marked_row_and_what_is_off_is_kept() -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(["a", "b", "c"]))))
    field(editor, "allow tables 2").on.value = False
    section = editor._sections["tables"]
    section._as_text.click()
    allow, _ = areas(editor, "tables")
    assert allow.value == "a\nc"
    assert "1 disabled pattern not shown here." in shown(editor)
    allow.value = "a\nx(\nc\nd"
    assert editor.state.filters.tables == Patterns(["a", "c"])
    section._as_text.click()
    assert editor.state.filters.tables == Patterns(["a", "c", "d"])
    assert [(text, on) for _, text, on in labels(editor, "tables")] == [
        ("a", True),
        ("x(", True),
        ("b", False),
        ("c", True),
        ("d", True),
    ]


def test_assigned_filters_are_written_into_open_text() -> None:
    editor = FilterEditor()
    editor._sections["tables"]._as_text.click()
    editor.state.filters = Filters(tables=Patterns(["a\nb", ""], ["c"]))
    assert [area.value for area in areas(editor, "tables")] == ["a\\nb\n(?:)", "c"]
    assert editor.state.filters == Filters(tables=Patterns(["a\nb", ""], ["c"]))


# --- the reading ---


def test_the_reading_is_a_choice_and_a_custom_one_is_shown() -> None:
    editor = FilterEditor()
    editor._dialect.value = "strict"
    assert editor.state.dialect == dbx.Dialect.STRICT
    editor.state.dialect = dbx.Dialect(match="search")
    assert editor._dialect.value == "custom"
    assert "match search" in editor._dialect.options[-1][0]
    assert editor.state.dialect == dbx.Dialect(match="search")
    editor.state.dialect = dbx.Dialect.OPENMETADATA
    assert len(editor._dialect.options) == len(dbx.Dialect.named())
    assert {value for _, value in editor._dialect.options} == set(dbx.Dialect.named())
    assert editor.state.dialect == dbx.Dialect.OPENMETADATA
    assert "matches name" in shown(editor)
    assert "not used by OpenMetadata: table patterns apply to views" in shown(editor)


def test_objects_that_depend_on_the_reading_are_counted_in_the_background(catalog: dbx.Catalog) -> None:
    editor = FilterEditor(ExplorerState(catalog=catalog))
    assert editor.wait(30)
    assert "✓ Same result under every rule set" in shown(editor)
    pause(editor)
    editor.state.filters = Filters(catalogs=Patterns(["prod"]))
    assert editor.dialect_dependent is None
    assert "Other rules: …" in shown(editor)
    resume(editor)
    assert editor.dialect_dependent == 0  # a catalog is no object
    assert "⚠ 1 catalog would differ under other rules" in shown(editor)
    pause(editor)
    editor.state.filters = Filters(schemas=Patterns(["PROD.gold", "unlisted.*"]))
    resume(editor)
    depends = editor.state.filters.preview(catalog).dialect_dependent
    assert editor.dialect_dependent == int(depends[catalog.objects["kind"].isin(["table", "view"])].sum()) > 1
    assert f"⚠ {editor.dialect_dependent} objects and 1 schema would differ under other rules" in shown(editor)


def test_after_a_row_is_removed_the_keyboard_goes_on_at_the_next(focused: list[object]) -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(["a", "b("], ["x"]))))
    section = editor._sections["tables"]
    first, last = field(editor, "allow tables 1"), field(editor, "allow tables 2")
    first.remove.click()
    # The widgets stay, so that the browser does not draw anew what it focuses.
    assert [view.text.value for view in section._views.values()] == ["b(", "x"]
    assert field(editor, "allow tables 1") is first
    assert "unclosed" in first.note.value
    assert last.box not in section._box.children
    assert focused == [first.remove]
    first.remove.click()
    assert editor.state.filters.tables == Patterns([], ["x"])
    field(editor, "deny tables 1").remove.click()
    assert focused[1:] == [section._add["allow"], section._add["deny"]]
    assert editor.state.filters.tables == Patterns([])
    assert section._views == {}


def test_what_is_typed_after_a_row_was_removed_goes_into_the_row_that_is_shown() -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(["a", "b", "c"]))))
    field(editor, "allow tables 2").on.value = False
    field(editor, "allow tables 1").remove.click()
    assert not field(editor, "allow tables 1").on.value
    field(editor, "allow tables 2").text.value = "d"
    editor.state.finish()
    assert editor.state.filters.tables == Patterns(["d"])
    field(editor, "allow tables 1").on.value = True
    assert editor.state.filters.tables == Patterns(["b", "d"])


# --- from typing to finished ---


HALF_TYPED = r"^prod\.(gold|silver"


def typed(editor: FilterEditor, label: str, text: str) -> None:
    """Type a text, one character after the other."""
    for end in range(1, len(text) + 1):
        field(editor, label).text.value = text[:end]


def enter(row: _RowView) -> None:
    """Press Enter in a row, as a page reports it."""
    row.text._handle_msg({"content": {"data": {"method": "custom", "content": {"event": "submit"}}}, "buffers": []})


def test_a_half_typed_pattern_is_never_in_force(catalog: dbx.Catalog) -> None:
    state = ExplorerState(
        catalog=catalog,
        settings=dbx.ConnectionSettings("https://adb-1.azuredatabricks.net"),
        filters=Filters(schemas=Patterns([r"^prod\.gold$"])),
    )
    before = state.filters, state.preview, state.config, state.history.last
    editor = FilterEditor(state)
    typed(editor, "allow schemas 1", HALF_TYPED)
    assert (state.filters, state.preview, state.config, state.history.last) == before
    assert (state.draft, state.live) == (None, state.preview)
    assert state.unfinished == ("allow schemas 1",)
    state.finish()
    assert state.filters == before[0]
    field(editor, "allow schemas 1").text.value = f"{HALF_TYPED})$"
    assert state.filters == before[0]
    whole = Filters(schemas=Patterns([f"{HALF_TYPED})$"]))
    assert state.draft == whole
    assert state.live.included.equals(whole.preview(catalog).included)
    assert state.changed.flags.tolist() == (state.live.included != state.preview.included).tolist()
    live = state.live
    enter(field(editor, "allow schemas 1"))
    assert (state.filters, state.draft, state.unfinished, state.preview) == (whole, None, (), live)
    assert state.config.filters == whole
    state.undo()
    assert state.filters == before[0]


def test_a_prefix_that_is_valid_is_shown_but_not_in_force(catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=catalog, filters=Filters(schemas=Patterns([r"^prod\.gold$"])))
    editor = FilterEditor(state)
    typed(editor, "allow schemas 1", r"^prod\.")
    assert state.draft == Filters(schemas=Patterns([r"^prod\."]))
    assert state.filters == Filters(schemas=Patterns([r"^prod\.gold$"]))
    field(editor, "allow schemas 1").text.value = r"^prod\.("
    assert (state.draft, state.live) == (None, state.preview)


def test_enter_finishes_a_pattern_and_adds_a_row() -> None:
    editor = FilterEditor()
    row = field(editor, "allow catalogs 1")
    row.text.value = "^prod$"
    enter(row)
    assert editor.state.filters == Filters(catalogs=Patterns(["^prod$"]))
    assert labels(editor, "catalogs") == [("allow catalogs 1", "^prod$", True), ("allow catalogs 2", "", True)]
    enter(row)  # there is a blank row already
    assert len(labels(editor, "catalogs")) == 2
    row.text.value = "("
    enter(row)
    assert len(labels(editor, "catalogs")) == 2
    assert editor.state.filters == Filters(catalogs=Patterns(["^prod$"]))


def test_pasted_lines_become_patterns() -> None:
    secret = "dapi" + "0123456789ab" * 3
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(["a", "b"]))))
    field(editor, "allow tables 1").text.value = f"^x$\u2028\u2028 ^y$ \u2028{secret}\u2028(z"
    assert labels(editor, "tables") == [
        ("allow tables 1", "^x$", True),
        ("allow tables 2", "^y$", True),
        ("allow tables 3", "(z", True),
        ("allow tables 4", "b", True),
    ]
    assert editor.state.filters.tables == Patterns(["^x$", "^y$", "b"])
    assert editor.state.unfinished == ("allow tables 3",)
    assert "looks like a secret" in shown(editor)


def test_another_edit_finishes_what_is_typed() -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(["a", "b"]))))
    field(editor, "allow tables 1").text.value = "c"
    field(editor, "allow tables 2").remove.click()
    assert editor.state.filters.tables == Patterns(["c"])


def test_a_long_pause_finishes_what_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dbxexplore.widgets.filter.editor._PAUSE", 0.0)
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(["a"]))))
    finished = threading.Event()
    editor.state.observe(lambda _: finished.set(), "filters")
    field(editor, "allow tables 1").text.value = "("
    assert editor.state.draft is None
    field(editor, "allow tables 1").text.value = "c"
    assert finished.wait(30)
    assert editor.state.filters.tables == Patterns(["c"])


# --- counts and findings ---


def test_each_row_tells_how_many_names_of_its_level_it_matches(catalog: dbx.Catalog) -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns([".*"], ["nothing"])), catalog=catalog))
    assert editor.wait(30)
    assert "title='52 of 52 (51 tables, 1 view)'>52 objects<span" in field(editor, "allow tables 1").count.value
    assert ">1 view</span>" in field(editor, "allow views 1").count.value
    assert "dbxe-zero" in field(editor, "deny tables 1").count.value
    row = field(editor, "allow catalogs 1")
    row.text.value = "prod"
    assert "title='2 of 4'>2 catalogs<" in row.count.value  # at once
    row.text.value = "prod("
    assert row.count.value == ""
    row.text.value = "prod$"
    row.on.value = False
    row.text.value = "prod_"
    assert editor.wait(30)
    assert "1 catalog<" in row.count.value  # also of what is off
    editor.state.dialect = dbx.Dialect.STRICT
    assert editor.wait(30)
    assert "no match" in row.count.value
    # In this reading, table patterns decide on tables alone.
    assert "title='51 of 51'>51 tables</span>" in field(editor, "allow tables 1").count.value


def test_a_level_without_objects_is_no_fault_of_its_pattern(catalog: dbx.Catalog) -> None:
    tables = dbx.Catalog.from_frame(catalog.objects[catalog.objects["kind"] == "table"])
    editor = FilterEditor(ExplorerState(catalog=tables))
    assert editor.wait(30)
    assert "no notebooks" in field(editor, "allow notebooks 1").count.value


def test_findings_stand_at_their_row_and_are_of_what_is_in_force(catalog: dbx.Catalog) -> None:
    filters = Filters(catalogs=Patterns(["^unlisted$", "prod"]), schemas=Patterns(deny=[".*tmp"]))
    editor = FilterEditor(ExplorerState(filters=filters, catalog=catalog))
    field(editor, "allow catalogs 1").on.value = False
    assert editor.wait(30)
    assert editor.findings == editor.state.filters.lint(catalog)
    note = field(editor, "allow catalogs 2").note.value
    assert "⚠ matches more<" in note
    assert "Not anchored: also matches 1 catalog besides prod" in note
    assert "Use ^prod$ for the exact names" in note
    assert field(editor, "allow catalogs 1").note.value == ""
    assert "dbxe-stale" not in editor._dom_classes


def test_findings_vanish_as_soon_as_they_are_stale(catalog: dbx.Catalog) -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(catalogs=Patterns(["prod"])), catalog=catalog))
    assert editor.wait(30)
    assert editor.findings
    pause(editor)
    editor.state.filters = Filters(catalogs=Patterns(["^(?:prod)$"]))
    assert editor.findings is None
    assert "dbxe-stale" in editor._dom_classes  # hides the badges
    resume(editor)
    assert field(editor, "allow catalogs 1").note.value == ""
    assert "dbxe-stale" not in editor._dom_classes


def test_what_is_said_of_a_whole_list_stands_below_the_heading(catalog: dbx.Catalog) -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(tables=Patterns(["t1.*", "t2.*"])), catalog=catalog))
    assert editor.wait(30)
    assert [finding.index for finding in editor.findings or () if finding.code == "drops-views"] == [None]
    assert "Excludes 1 view" in editor._sections["tables"]._note.value


def test_a_finding_is_led_to_wherever_its_pattern_is(focused: list[object]) -> None:
    long = [f"^prod\\.gold\\.t{number:02}$" for number in range(PAGE_LENGTH)]
    patterns = Patterns(deny=[*long, "^no$", "^prod\\.gold\\.t00$", "^no$"])
    editor = FilterEditor(ExplorerState(filters=Filters(tables=patterns)))
    field(editor, "deny tables 1").on.value = False

    def finding(name: ListName, index: int | None, pattern: str) -> Finding:
        return Finding("any", "warning", "tables", name, index, pattern, "Any.", "Any")

    # The index is that among the patterns in force, so the same pattern is found where it is meant.
    first, last = finding("deny", PAGE_LENGTH - 1, "^no$"), finding("deny", PAGE_LENGTH + 1, "^no$")
    for shown_finding, label in ((last, f"deny tables {PAGE_LENGTH + 3}"), (first, f"deny tables {PAGE_LENGTH + 1}")):
        editor.show_finding(shown_finding)
        assert focused[-1] is field(editor, label).text
    editor.show_finding(finding("allow", None, ""))
    assert focused[-1] is editor._sections["tables"]._add["allow"]
    editor._sections["tables"]._as_text.click()
    editor.show_finding(last)
    assert focused[-1] is areas(editor, "tables")[1]


def test_findings_are_shown_as_text(catalog: dbx.Catalog) -> None:
    editor = FilterEditor(
        ExplorerState(filters=Filters(tables=Patterns([f"{HOSTILE}*", ".*\\.<img.*", "'>x"])), catalog=catalog)
    )
    assert editor.wait(30)
    assert editor.findings
    assert "<img" not in shown(editor)
    assert "title=''>" not in shown(editor)


@pytest.fixture
def slow_lint(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A lint that goes on until the event is set."""
    go_on = threading.Event()
    lint = Filters.lint

    def slowly(self: Filters, catalog: dbx.Catalog, dialect: dbx.Dialect | None = None) -> object:
        assert go_on.wait(30)
        return lint(self, catalog, dialect)

    monkeypatch.setattr(module.Filters, "lint", slowly)
    yield go_on
    go_on.set()


def test_a_slow_lint_does_not_keep_anyone_from_typing_nor_show_what_is_old(
    catalog: dbx.Catalog, slow_lint: threading.Event
) -> None:
    editor = FilterEditor(ExplorerState(filters=Filters(catalogs=Patterns(["prod"])), catalog=catalog))
    until = time.monotonic() + 30
    while editor.dialect_dependent is None:
        assert time.monotonic() < until
        editor._judge.wait(0.05)
    field(editor, "allow catalogs 1").text.value = "^nothing$"
    editor.state.finish()
    assert editor.state.filters.catalogs == Patterns(["^nothing$"])
    assert editor.findings is None
    slow_lint.set()
    assert editor.wait(30)
    assert editor.findings == Filters(catalogs=Patterns(["^nothing$"])).lint(catalog)
    assert "matches more" not in shown(editor)


def test_a_pattern_that_takes_too_long_says_so(catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> object:
        msg = "The pattern takes too long"
        raise dbx.errors.PatternError(msg, pattern="x", position=None)

    monkeypatch.setattr(module.Subjects, "matches", refuse)
    editor = FilterEditor(ExplorerState(catalog=catalog))
    assert editor.wait(30)
    assert "too slow to count" in shown(editor)


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        FilterEditor(colour="red")  # type: ignore[call-arg]


# --- remedies ---


def offered(view: _RowView) -> str:
    return "" if "dbxe-hidden" in view.use._dom_classes else view.use.description


def test_a_remedy_is_offered_with_its_effect_and_followed(catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=catalog, filters=Filters(schemas=Patterns(["gold"])))
    editor = FilterEditor(state)
    assert editor.wait(30)
    row = field(editor, "allow schemas 1")
    wanted = Filters(schemas=Patterns([r"^[^.]+\.gold$"]))
    number = int(wanted.preview(catalog).counts().loc[["table", "view"], "included"].sum())
    assert offered(row) == rf"Use ^[^.]+\.gold$ (+{number})"
    row.use.click()
    assert state.filters == wanted
    assert editor.wait(30)
    assert offered(field(editor, "allow schemas 1")) == ""


def test_a_glob_that_is_no_expression_is_mended_in_its_row(catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=catalog)
    editor = FilterEditor(state)
    row = add(editor, "tables", "deny", "*01")
    assert editor.wait(30)
    assert offered(row).startswith("Use ^.*01$ (−")
    assert state.unfinished == ("deny tables 1",)
    row.use.click()
    assert state.filters == Filters(tables=Patterns(deny=["^.*01$"]))
    assert state.unfinished == ()


def test_a_negation_goes_to_the_other_list(catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=catalog, filters=Filters(catalogs=Patterns([".*", "not prod"])))
    editor = FilterEditor(state)
    assert editor.wait(30)
    field(editor, "allow catalogs 2").use.click()
    assert state.filters == Filters(catalogs=Patterns([".*"], ["^prod$"]))


def test_nothing_is_offered_to_who_may_not_edit(catalog: dbx.Catalog) -> None:
    editor = FilterEditor(ExplorerState(catalog=catalog, filters=Filters(schemas=Patterns(["gold"])), read_only=True))
    assert editor.wait(30)
    assert offered(field(editor, "allow schemas 1")) == ""
