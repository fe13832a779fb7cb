"""What a preview shows is what DataHub does with the recipe that is exported for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from running import Engine
from selections import Selection, as_objects, selections
from simulator import Simulator

import dbxexplore as dbx

SELECTIONS = list(selections())
# The reading of each engine; a recipe for DATAHUB_1_5 has none of the view patterns that divide them.
READINGS = {"datahub": dbx.Dialect.DATAHUB, "datahub-old": dbx.Dialect.DATAHUB_1_5}
WRITTEN_FOR = pytest.mark.parametrize(
    "written_for", [dbx.Dialect.DATAHUB, dbx.Dialect.DATAHUB_1_5], ids=lambda d: d.name
)
# Whole ingestions: of recipes for either reading only where the two are written in two ways.
CRAWLS = [
    pytest.param(selection, written_for, id=f"{selection.name}-{written_for.name}")
    for selection in SELECTIONS
    if selection.crawled
    for written_for in (dbx.Dialect.DATAHUB, dbx.Dialect.DATAHUB_1_5)
    if written_for == dbx.Dialect.DATAHUB or selection.filters.views != dbx.Patterns()
]
# Asked of a SQL warehouse, which the simulated workspace has not in the way that DataHub calls it; none selects objects.
NEEDS_SQL = {"include_tags": False, "include_table_lineage": False, "include_usage_statistics": False}


def test_there_are_enough_selections() -> None:
    names = [selection.name for selection in SELECTIONS]
    assert len(names) == len(set(names)) >= 60
    assert sum(selection.crawled for selection in SELECTIONS) >= 12


def recipe(selection: Selection, settings: dbx.ConnectionSettings, dialect: dbx.Dialect) -> str:
    config = dbx.ConnectionConfig(
        name="conformance",
        settings=replace(settings, warehouse_id=selection.warehouse_id),
        filters=selection.filters,
        dialect=selection.read_as(dialect),
    )
    return dbx.export.datahub_recipe(config)


def reading(engine: Engine, selection: Selection, written_for: dbx.Dialect) -> dbx.Dialect:
    if written_for == dbx.Dialect.DATAHUB_1_5:
        return selection.read_as(written_for)
    return selection.read_as(READINGS[engine.name])


@WRITTEN_FOR
@pytest.mark.parametrize("selection", SELECTIONS, ids=lambda selection: selection.name)
def test_its_own_filters_agree_with_the_preview(
    datahub: Engine,
    catalog: dbx.Catalog,
    settings: dbx.ConnectionSettings,
    selection: Selection,
    written_for: dbx.Dialect,
) -> None:
    preview = selection.filters.preview(catalog, reading(datahub, selection, written_for))
    verdicts = datahub.ask(
        "judge", recipe=recipe(selection, settings, written_for), objects=as_objects(catalog.objects)
    )
    differs = catalog.objects["full_name"][preview.included.to_numpy() != verdicts]
    datahub.compared(selection.name, set(differs))


@pytest.mark.parametrize(("selection", "written_for"), CRAWLS)
def test_a_whole_crawl_finds_what_the_preview_includes(  # noqa: PLR0913, PLR0917 - all of them fixtures
    datahub: Engine,
    simulator: Simulator,
    catalog: dbx.Catalog,
    settings: dbx.ConnectionSettings,
    selection: Selection,
    written_for: dbx.Dialect,
) -> None:
    warehouse_calls = [path for path in simulator.record.paths if "/sql/warehouses" in path]
    changes = NEEDS_SQL if selection.warehouse_id else {}
    found = datahub.ask("crawl", recipe=recipe(selection, settings, written_for), changes=changes)
    included = selection.filters.preview(catalog, reading(datahub, selection, written_for)).included
    datahub.crawls += 1
    datahub.compared(
        selection.name,
        {tuple(each) for each in found} ^ {_identity(thing) for thing in as_objects(catalog.objects[included])},
    )
    assert warehouse_calls == [path for path in simulator.record.paths if "/sql/warehouses" in path]


def _identity(thing: dict[str, str]) -> tuple[str | None, ...]:
    kind, catalog, schema, name = (thing[key] for key in ("kind", "catalog", "schema", "name"))
    return {
        "catalog": (kind, catalog, None),
        "schema": (kind, catalog, schema),
        "table": (kind, catalog, schema, name),
        "view": (kind, catalog, schema, name),
        "notebook": (kind, name),
    }[kind]
