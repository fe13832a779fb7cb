"""Which objects share an asset key: the same as comparing all keys with one another."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

import dbxexplore as dbx
from dbxexplore.export.collisions import asset_rows, collisions

CONFIG = dbx.ConnectionConfig(
    name="lake", settings=dbx.ConnectionSettings("https://dbc-1234abcd-56ef.cloud.databricks.com")
)

names = st.sampled_from(["notebooks", "a", "A", "a.b", "b"])
relation = st.tuples(st.sampled_from(["table", "view"]), names, names, names)
notebook = st.lists(names, min_size=1, max_size=3)


def catalog_of(relations: list[tuple[str, str, str, str]], notebooks: list[list[str]]) -> dbx.Catalog:
    rows = [(kind, c, s, n, f"{c}.{s}.{n}") for kind, c, s, n in relations]
    rows += [("notebook", None, None, path[-1], "/" + "/".join(path)) for path in notebooks]
    rows.append(("catalog", None, None, "a", "a"))
    return dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))


@given(st.lists(relation, max_size=12), st.lists(notebook, max_size=8), names)
def test_they_are_those_whose_keys_are_equal(
    relations: list[tuple[str, str, str, str]], notebooks: list[list[str]], denied: str
) -> None:
    catalog = catalog_of(relations, notebooks)
    for filters in (dbx.Filters(), dbx.Filters(schemas=dbx.Patterns(deny=[f".*{denied}$"]))):
        preview = filters.preview(catalog)
        groups: dict[tuple[str, ...], list[int]] = {}
        keys = CONFIG.asset_keys(preview)
        rows = asset_rows(preview).tolist()
        assert len(keys) == len(rows)
        for row, key in zip(rows, keys, strict=True):
            groups.setdefault(tuple(key), []).append(row)
        expected = [group for group in groups.values() if len(group) > 1]
        assert [found.tolist() for found in collisions(preview)] == sorted(expected)


def test_a_notebook_and_a_table_of_a_catalog_called_notebooks() -> None:
    catalog = catalog_of([("table", "notebooks", "Shared", "load"), ("table", "a", "b", "c")], [["Shared", "load"]])
    (found,) = collisions(dbx.Filters().preview(catalog))
    assert catalog.objects["kind"].iloc[found].tolist() == ["table", "notebook"]
    without = dbx.Filters(catalogs=dbx.Patterns(deny=["notebooks"])).preview(catalog)
    assert collisions(without) == []


def test_slashes_that_make_no_part_make_no_difference() -> None:
    rows = [("notebook", None, None, "load", path) for path in ("/Shared/load", "/Shared//load", "/Shared/load2")]
    frame = pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"])
    (found,) = collisions(dbx.Filters().preview(dbx.Catalog.from_frame(frame)))
    assert len(found) == 2
