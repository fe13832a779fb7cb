"""Finds objects that would share an asset key in Dagster, which treats them as one asset.

Parts of a key are compared by their text alone, as Dagster does. So objects share a key when their names are equal (a
table and a view of one name, the same notebook path twice), or when a notebook is in a top-level folder and a catalog
has the name of the key part for notebooks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from dbxexplore.catalog import Catalog
from dbxexplore.export.config import NOTEBOOKS
from dbxexplore.filters import Preview

Rows: TypeAlias = npt.NDArray[np.intp]


def asset_rows(preview: Preview) -> Rows:
    """Return the positions in ``preview.catalog.objects`` of what becomes an asset, in the order of the frame."""
    objects = preview.catalog.objects
    return np.flatnonzero(preview.included.to_numpy() & _is_kind(objects, "table", "view", "notebook"))


def collisions(preview: Preview) -> list[Rows]:
    """Return the objects that share an asset key with another that ``preview`` includes.

    Each array holds the positions in ``preview.catalog.objects`` of all included objects of one key, two at least, in
    the order of the frame. The keys are in the order of their first object. The candidates are computed once per
    catalog, so that a preview is cheap.
    """
    candidates = preview.catalog.derived(_Candidates, lambda: _Candidates.of(preview.catalog))
    let_in = preview.included.to_numpy()[candidates.rows]
    rows, key = candidates.rows[let_in], candidates.key[let_in]
    order = np.argsort(key, kind="stable")  # the rows of one key stay in the order of the frame
    groups = np.split(rows[order], np.flatnonzero(np.diff(key[order])) + 1)
    return sorted((group for group in groups if len(group) > 1), key=lambda group: int(group[0]))


@dataclass(frozen=True)
class _Candidates:
    """The rows whose key some other row of the catalog has too, in the order of the frame, and the keys' numbers."""

    rows: Rows
    key: Rows

    @classmethod
    def of(cls, catalog: Catalog) -> _Candidates:
        objects = catalog.objects
        tables = np.flatnonzero(_is_kind(objects, "table", "view"))
        parts = pd.DataFrame({"name": objects["name"], **{c: objects[c].cat.codes for c in ("catalog", "schema")}})
        twice = tables[parts.iloc[tables].duplicated(keep=False).to_numpy()]
        # Everything in a catalog with the name of that key part is a candidate.
        named = objects["catalog"].cat.categories == NOTEBOOKS
        like_notebooks = tables[np.append(named, False)[objects["catalog"].cat.codes.to_numpy()[tables]]]
        notebooks = np.flatnonzero(_is_kind(objects, "notebook"))
        rows = np.union1d(np.union1d(twice, like_notebooks), notebooks).astype(np.intp)
        taken = (objects[name].iloc[rows].astype(object) for name in ("kind", "catalog", "schema", "name", "full_name"))
        keys = [_key(*values) for values in zip(*taken, strict=True)]
        numbers, _ = pd.factorize(pd.Series(keys, dtype=object))
        shared = np.bincount(numbers, minlength=1)[numbers] > 1
        return cls(rows[shared], numbers[shared].astype(np.intp))


def _key(kind: str, catalog: str, schema: str, name: str, full_name: str) -> tuple[str, ...]:
    """Return the parts of a key after the connection's name, which all keys share; see `ConnectionConfig.asset_key`."""
    if kind == "notebook":
        return (NOTEBOOKS, *(part for part in full_name.split("/") if part))
    return (catalog, schema, name)


def _is_kind(objects: pd.DataFrame, *kinds: str) -> npt.NDArray[np.bool_]:
    wanted = np.append(objects["kind"].cat.categories.isin(kinds), False)
    flags: npt.NDArray[np.bool_] = wanted[objects["kind"].cat.codes.to_numpy()]
    return flags
