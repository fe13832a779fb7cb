"""A selection as plain values: by names, whole containers as one."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import dbxexplore as dbx
from dbxexplore.export.selection import selected_rows, selection_document
from dbxexplore.widgets.browse.index import TreeIndex
from dbxexplore.widgets.browse.ticks import Ticks

COLUMNS = ["kind", "catalog", "schema", "name", "full_name"]


@pytest.fixture
def catalog() -> dbx.Catalog:
    rows: list[tuple[str | None, ...]] = [("catalog", None, None, name, name) for name in ("a", "b", "empty")]
    rows += [("schema", "a", None, name, f"a.{name}") for name in ("s", "t", "empty")]
    rows += [("table", "a", schema, name, f"a.{schema}.{name}") for schema in "st" for name in ("x", "y.z", "dapi")]
    rows += [("view", "b", "s", "v", "b.s.v"), ("table", "only", "named", "x", "only.named.x")]
    rows += [("notebook", None, None, name, f"/Shared/{name}") for name in ("etl", "it's")]
    return dbx.Catalog.from_frame(pd.DataFrame(rows, columns=COLUMNS))


def selected(catalog: dbx.Catalog, *names: str) -> npt.NDArray[np.bool_]:
    return catalog.objects["full_name"].isin(names).to_numpy(dtype=np.bool_)


def test_whole_containers_are_one_value(catalog: dbx.Catalog) -> None:
    some = selected(catalog, "a.s.x", "a.s.y.z", "a.s.dapi", "a.t.x", "b.s.v", "empty", "/Shared/etl")
    assert selection_document(catalog, some) == {
        "catalogs": {"a": {"s": True, "t": ["x"]}, "b": True, "empty": True},
        "notebooks": ["/Shared/etl"],
    }
    every = np.ones(len(catalog), np.bool_)
    whole = dict.fromkeys(("a", "b", "empty", "only"), True)
    assert selection_document(catalog, every) == {"catalogs": whole, "notebooks": True}
    assert selection_document(catalog, ~every) == {"catalogs": {}, "notebooks": []}


def test_what_is_written_is_read_again(catalog: dbx.Catalog) -> None:
    tree, random = TreeIndex.of(catalog), np.random.default_rng(12)
    for share in (0.0, 0.2, 0.5, 0.8, 1.0) * 20:
        rows = Ticks.of(tree, random.random(len(catalog)) < share).rows()
        document = json.loads(json.dumps(selection_document(catalog, rows)))
        assert (selected_rows(catalog, document) == rows).all()


def test_objects_that_are_gone_are_passed_over_and_new_ones_in_a_whole_container_are_selected(
    catalog: dbx.Catalog,
) -> None:
    document = selection_document(catalog, selected(catalog, "a.s.x", "a.s.y.z", "a.s.dapi", "a.t.x", "a.t.dapi"))
    assert document["catalogs"] == {"a": {"s": True, "t": ["dapi", "x"]}}
    objects = catalog.objects
    rows = objects.loc[~objects["full_name"].isin(["a.t.x", "a.s.x"]), COLUMNS]
    new = pd.DataFrame([("table", "a", "s", "new", "a.s.new"), ("table", "a", "t", "new", "a.t.new")], columns=COLUMNS)
    later = dbx.Catalog.from_frame(pd.concat([rows.astype(object), new]))
    found = set(later.objects["full_name"][selected_rows(later, document)])
    assert found == {"a", "a.s", "a.t", "a.s.y.z", "a.s.dapi", "a.s.new", "a.t.dapi"}


@pytest.mark.parametrize(
    "document",
    [
        None,
        {"catalogs": {}, "notebooks": [], "more": 1},
        {"catalogs": [], "notebooks": []},
        {"catalogs": {"a": ["s"]}, "notebooks": []},
        {"catalogs": {"a": {"s": "x"}}, "notebooks": []},
        {"catalogs": {}, "notebooks": [1]},
    ],
)
def test_other_values_are_refused(catalog: dbx.Catalog, document: object) -> None:
    with pytest.raises(TypeError):
        selected_rows(catalog, document)
