"""The state of an Explorer by itself: values that follow from others, edits, and who is told when. No widgets here."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
import traitlets

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.catalog.schema import failures_frame
from dbxexplore.connection import ConnectionReport
from dbxexplore.export.config import DEFAULT_NAME
from dbxexplore.filters import Dialect, Filters, Patterns
from dbxexplore.widgets.state import ExplorerState, Mask

SETTINGS = dbx.ConnectionSettings("https://dbc-1234abcd-56ef.cloud.databricks.com")
PROD = Filters(catalogs=Patterns(["^prod$"]))
BROKEN = Filters(tables=Patterns(["("]))


def told(state: ExplorerState, *names: str) -> list[str]:
    """What observers are told of from now on."""
    changes: list[str] = []
    state.observe(lambda change: changes.append(change["name"]), list(names) or traitlets.All)
    return changes


# --- on its own ---


def test_it_needs_no_widgets() -> None:
    code = "import sys, dbxexplore.widgets.state; print({'ipywidgets', 'anywidget'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_it_starts_with_a_value_for_everything() -> None:
    state = ExplorerState()
    assert (state.settings, state.catalog, state.preview, state.config, state.problem) == (None,) * 5
    assert (state.filters, state.dialect, state.connection_name) == (Filters(), Dialect.DATAHUB, DEFAULT_NAME)


def test_inside_databricks_it_starts_with_the_identity_of_the_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "15.4")
    state = ExplorerState()
    assert state.settings == dbx.ConnectionSettings(None, dbx.RuntimeAuth())
    assert state.config is not None
    assert ExplorerState(settings=SETTINGS).settings == SETTINGS


def test_a_value_that_there_is_not_is_refused() -> None:
    with pytest.raises(TypeError, match="ExplorerState has no value 'colour'"):
        ExplorerState(colour="red")


def test_of_several_values_one_of_which_has_a_wrong_type_none_is_set() -> None:
    state = ExplorerState()
    with pytest.raises(traitlets.TraitError):
        state.update(filters=PROD, dialect="strict")
    assert state.filters == Filters()


# --- the preview ---


def test_the_preview_follows_catalog_filters_and_dialect(catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=catalog)
    assert state.preview.included.all()
    state.filters = PROD
    assert state.preview.included.equals(PROD.preview(catalog).included)
    state.dialect = Dialect.STRICT
    assert state.preview.dialect == Dialect.STRICT
    state.catalog = None
    assert state.preview is None


def test_while_a_pattern_is_broken_the_last_good_preview_stays_and_the_problem_is_known(catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=catalog)
    good = state.preview
    state.filters = BROKEN
    assert state.preview is good
    assert "is not a regular expression" in str(state.problem)
    state.filters = PROD
    assert state.preview is not good
    assert state.problem is None


def test_the_preview_is_never_one_of_another_catalog(catalog: dbx.Catalog) -> None:
    other = dbx.Catalog.from_frame(catalog.objects.head(2))
    state = ExplorerState(catalog=catalog)
    state.update(catalog=other, filters=BROKEN)
    assert state.preview is None
    state.preview = Filters().preview(catalog)
    assert state.preview is None


def test_rows_of_another_catalog_are_forgotten(catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=catalog)
    state.update(selected=3, ticked=Mask(np.ones(len(catalog), dtype=bool)), ticked_text="52 objects")
    state.catalog = dbx.Catalog.from_frame(catalog.objects)
    assert (state.selected, state.ticked, state.ticked_text) == (-1, None, "")


# --- the connection ---


def test_the_connection_follows_its_parts() -> None:
    state = ExplorerState(settings=SETTINGS, filters=PROD)
    assert state.config == dbx.ConnectionConfig(name=DEFAULT_NAME, settings=SETTINGS, filters=PROD)
    state.update(connection_name=" lake ", description="ours", cron="0 6 * * *", timezone="Europe/Berlin")
    schedule = dbx.Schedule(cron="0 6 * * *", timezone="Europe/Berlin")
    assert (state.config.name, state.config.description, state.config.schedule) == ("lake", "ours", schedule)
    state.settings = None
    assert state.config is None


def test_each_part_that_is_wrong_is_a_problem() -> None:
    state = ExplorerState(settings=SETTINGS)
    state.update(connection_name=" ", cron="every day", timezone="Mars/Olympus")
    assert state.config is None
    assert [error.path for error in state.config_problems] == [("cron",), ("timezone",), ("name",)]
    state.update(connection_name="lake", cron="", timezone="")
    assert state.config is not None
    assert state.config_problems == ()


def test_assigning_a_connection_sets_its_parts() -> None:
    schedule = dbx.Schedule(cron="0 6 * * *", timezone="Europe/Berlin")
    config = dbx.ConnectionConfig(
        name="lake", settings=SETTINGS, filters=PROD, dialect=Dialect.STRICT, schedule=schedule, description="ours"
    )
    assigned = ExplorerState()
    assigned.config = config
    for state in (ExplorerState(config), assigned):
        assert state.config == config
        assert (state.settings, state.filters, state.dialect) == (SETTINGS, PROD, Dialect.STRICT)
        assert (state.connection_name, state.description) == ("lake", "ours")
        assert (state.cron, state.timezone) == ("0 6 * * *", "Europe/Berlin")


# --- edits ---


def test_the_rows_that_the_last_edit_changed_are_known(catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=catalog)
    assert state.changed is None
    before = state.preview
    state.filters = PROD
    assert state.before is before
    assert state.changed.flags.tolist() == (before.included != state.preview.included).tolist()
    state.catalog = dbx.Catalog.from_frame(catalog.objects)
    assert (state.before, state.changed) == (None, None)


def test_what_is_typed_without_a_pause_is_one_edit(catalog: dbx.Catalog) -> None:
    now = iter((0.0, 0.5, 60.0))
    state = ExplorerState(catalog=catalog, filters=PROD, clock=lambda: next(now))
    before = state.preview
    for pattern in ("^pro", "^prod_"):
        state.filters = Filters(catalogs=Patterns([pattern]))
        assert state.before is before
    last = state.preview
    state.filters = Filters(catalogs=Patterns(["^prod_m"]))
    assert state.before is last


def test_edits_are_taken_back_and_repeated_as_a_whole(catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=catalog)
    state.update(filters=PROD, dialect=Dialect.STRICT)
    state.undo()
    assert (state.filters, state.dialect) == (Filters(), Dialect.DATAHUB)
    assert state.changed.flags.any()
    state.undo()
    state.redo()
    state.redo()
    assert (state.filters, state.dialect) == (PROD, Dialect.STRICT)
    assert (state.history.last is None, state.history.next is None) == (False, True)


# --- observers ---


def test_an_observer_sees_all_that_belongs_together(catalog: dbx.Catalog) -> None:
    state = ExplorerState(settings=SETTINGS)
    seen = []

    def look(_change: object) -> None:
        fits = state.preview is None or (state.preview.catalog, state.preview.filters) == (state.catalog, state.filters)
        seen.append(fits and state.config.filters == state.filters and state.config.dialect == state.dialect)

    state.observe(look, traitlets.All)
    state.update(catalog=catalog, filters=PROD)
    state.dialect = Dialect.STRICT
    state.update(filters=Filters(), dialect=Dialect.DATAHUB)
    state.undo()
    assert len(seen) > 10
    assert all(seen)


def test_each_value_is_told_of_once(catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=catalog)
    changes = told(state)
    state.filters = PROD
    assert sorted(changes) == ["before", "changed", "filters", "live", "preview"]
    changes.clear()
    state.filters = Filters(catalogs=Patterns(["^prod$"]))  # equal
    assert changes == []


def test_masks_are_not_compared_row_by_row(catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=catalog)
    changes = told(state, "ticked")
    flags = np.zeros(len(catalog), dtype=bool)
    state.ticked = Mask(flags)
    state.ticked = Mask(flags)
    assert changes == ["ticked", "ticked"]


def test_an_observer_may_set_values() -> None:
    state = ExplorerState()
    state.observe(lambda _: setattr(state, "dialect", Dialect.STRICT), "filters")
    state.filters = PROD
    assert (state.filters, state.dialect) == (PROD, Dialect.STRICT)


def test_another_thread_waits_until_observers_have_run() -> None:
    state, order = ExplorerState(), []

    def change_elsewhere(_change: object) -> None:
        thread = threading.Thread(target=lambda: (setattr(state, "selected", 7), order.append("elsewhere")))
        thread.start()
        thread.join(0.2)
        order.append("observed")

    state.observe(change_elsewhere, "filters")
    state.filters = PROD
    with state.lock:
        pass
    for _ in range(100):
        if len(order) == 2:
            break
        threading.Event().wait(0.05)
    assert order == ["observed", "elsewhere"]


def test_an_error_of_the_package_is_what_a_problem_is(catalog: dbx.Catalog) -> None:
    assert isinstance(ExplorerState(catalog=catalog, filters=BROKEN).problem, errors.PatternError)


# --- a catalog that is being filled ---


def filling(catalog: dbx.Catalog, *names: str) -> dbx.Catalog:
    """The objects of some catalogs, as a discovery under way has them."""
    rows = catalog.objects["full_name"].str.split(".").str[0].isin(names)
    made = dbx.Catalog.from_frame(catalog.objects[rows])
    return dbx.Catalog(made.objects, failures_frame([("metastore", "pending", "not yet")]), made.provenance)


def row_of(catalog: dbx.Catalog, full_name: str) -> int:
    return int(np.flatnonzero(catalog.objects["full_name"] == full_name)[0])


def test_selection_and_ticks_follow_their_objects_while_a_catalog_is_filled(catalog: dbx.Catalog) -> None:
    few = filling(catalog, "unlisted")
    state = ExplorerState(catalog=few)
    row = row_of(few, "unlisted.inner.orders")
    state.update(selected=row, ticked=Mask(np.arange(len(few)) == row), ticked_text="1 table")
    more = filling(catalog, "unlisted", "prod")
    for filled in (more, catalog):
        state.catalog = filled
        row = row_of(filled, "unlisted.inner.orders")
        assert state.selected == row
        assert np.flatnonzero(state.ticked.flags).tolist() == [row]
        assert state.ticked_text == "1 table"
    state.catalog = dbx.Catalog.from_frame(catalog.objects)
    assert (state.selected, state.ticked) == (-1, None)


def test_an_object_that_is_not_there_any_more_is_not_selected(catalog: dbx.Catalog) -> None:
    few = filling(catalog, "unlisted")
    state = ExplorerState(catalog=few, selected=0)
    state.catalog = filling(catalog, "prod")
    assert state.selected == -1


def test_the_report_of_a_connection_goes_with_its_settings() -> None:
    report = ConnectionReport("", "aws", None, None, {}, ())
    state = ExplorerState(settings=SETTINGS, report=report)
    state.settings = dbx.ConnectionSettings(SETTINGS.workspace_url)
    assert state.report is report
    state.settings = dbx.ConnectionSettings(SETTINGS.workspace_url, dbx.TokenAuth("OTHER"))
    assert state.report is None
