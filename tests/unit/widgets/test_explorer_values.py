"""The Explorer: values go from one component to the next, and assigning one is the same as typing it."""

from __future__ import annotations

import dbxexplore as dbx

URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"


def test_it_starts_with_nothing_and_has_a_value_for_everything() -> None:
    explorer = dbx.explore()
    assert (explorer.settings, explorer.catalog, explorer.preview, explorer.config) == (None, None, None, None)
    assert (explorer.filters, explorer.dialect) == (dbx.Filters(), dbx.Dialect.DATAHUB)


def test_what_is_typed_reaches_the_export(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore(catalog, dbx.ConnectionSettings(URL))
    explorer.filter_editor._areas["catalogs", "allow"].value = "^prod$"
    assert explorer.filters.catalogs.allow == ("^prod$",)
    assert explorer.preview is not None
    assert explorer.preview.included.equals(explorer.filters.preview(catalog).included)
    assert explorer.config is not None
    assert explorer.config.filters == explorer.filters
    assert explorer.browser.preview is explorer.preview


def test_assigned_values_equal_built_ones(catalog: dbx.Catalog) -> None:
    filters = dbx.Filters(tables=dbx.Patterns(["^prod"]))
    settings = dbx.ConnectionSettings(URL, dbx.TokenAuth("T"))
    built = dbx.explore(catalog, settings, filters=filters, dialect=dbx.Dialect.STRICT)
    assigned = dbx.explore()
    assigned.dialect, assigned.filters = dbx.Dialect.STRICT, filters
    assigned.settings, assigned.catalog = settings, catalog
    assert built.config == assigned.config
    assert built.config is not None
    assert built.config.dialect == dbx.Dialect.STRICT
    assert built.preview is not None
    assert assigned.preview is not None
    assert built.preview.included.equals(assigned.preview.included)
    assert assigned.filter_editor._areas["tables", "allow"].value == "^prod"
    assert assigned.connect_form._url.value == URL


def test_a_bad_pattern_assigned_in_python_keeps_the_last_good_preview(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore(catalog)
    good = explorer.preview
    explorer.filters = dbx.Filters(tables=dbx.Patterns(["("]))
    assert explorer.preview is good
    assert "is not a regular expression" in explorer._message.value
    explorer.filters = dbx.Filters()
    assert explorer._message.value == ""


def test_a_discovery_opens_the_second_tab(catalog: dbx.Catalog) -> None:
    explorer = dbx.explore()
    assert explorer._tabs.selected_index in {0, None}
    explorer.discover_panel.catalog = catalog
    assert explorer.catalog is catalog
    assert explorer._tabs.selected_index == 1
