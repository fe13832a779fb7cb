"""What a preview shows is what OpenMetadata's filter functions decide."""

from __future__ import annotations

import pytest
from running import Engine
from selections import Selection, as_objects, selections

import dbxexplore as dbx

# It always ignores case, so each filter set is tried once.
SELECTIONS = [selection for selection in selections() if selection.ignore_case]


@pytest.mark.parametrize("selection", SELECTIONS, ids=lambda selection: selection.name)
def test_its_own_filters_agree_with_the_preview(
    openmetadata: Engine, catalog: dbx.Catalog, selection: Selection
) -> None:
    objects = catalog.objects[catalog.objects["kind"] != "notebook"]  # of which it knows nothing
    filters = {
        level: {"allow": list(patterns.allow), "deny": list(patterns.deny)}
        for level, patterns in (
            (level, getattr(selection.filters, level)) for level in ("catalogs", "schemas", "tables")
        )
    }
    verdicts = openmetadata.ask("judge", filters=filters, objects=as_objects(objects))
    included = selection.filters.preview(catalog, dbx.Dialect.OPENMETADATA).included[objects.index]
    openmetadata.compared(selection.name, set(objects["full_name"][included.to_numpy() != verdicts]))


def test_there_are_enough_selections() -> None:
    assert len(SELECTIONS) >= 60
