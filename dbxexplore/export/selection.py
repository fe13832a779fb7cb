"""A selection of objects as plain values, by their names: it can be read with a snapshot that is newer than it is.

A container of which everything is selected is `ALL`, one of which nothing is selected is left out, and any other lists
what is selected in it: ``{"catalogs": {"prod": true, "dev": {"gold": true, "silver": ["orders"]}}, "notebooks":
["/Shared/etl"]}``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Literal

import numpy as np

from dbxexplore.catalog import Catalog
from dbxexplore.filters.subjects import Codes, Flags, Subjects

ALL = True


def selection_document(catalog: Catalog, selected: Flags) -> dict[str, object]:
    """Return which objects are selected.

    Args:
        catalog: the objects.
        selected: a boolean for each row; of containers, only those of rows that hold nothing count.
    """
    inside = _Inside(catalog)
    whole, some, listed = inside.schemas(selected)
    in_schemas: dict[int, list[str]] = defaultdict(list)
    at = np.flatnonzero(listed)
    for schema, name in zip(inside.schema_of[at].tolist(), inside.names(inside.relations[at]), strict=True):
        in_schemas[schema].append(name)
    in_catalogs: dict[int, dict[str, object]] = defaultdict(dict)
    for schema in np.flatnonzero(some).tolist():
        name = inside.schema_names[schema]
        in_catalogs[int(inside.catalog_of[schema])][name] = ALL if whole[schema] else in_schemas[schema]
    number, own = inside.numbers_of_schemas, inside.own(selected, "catalog")
    every = np.bincount(inside.catalog_of[whole], minlength=len(number)) == number
    catalogs = {
        name: ALL if every[catalog] else in_catalogs[catalog]
        for catalog, name in enumerate(inside.catalog_names)
        if (in_catalogs[catalog] if number[catalog] else own[catalog])
    }
    notebooks = selected[inside.notebooks]
    of_notebooks = inside.names(inside.notebooks[notebooks], "full_name")
    return {"catalogs": catalogs, "notebooks": ALL if len(notebooks) and notebooks.all() else of_notebooks}


def selected_rows(catalog: Catalog, document: object) -> Flags:
    """Return a boolean for each row: whether it is selected, or contains something that is.

    What the catalog does not have is passed over.

    Raises:
        TypeError: the values are not those of a selection.
    """
    if not isinstance(document, Mapping) or set(document) != {"catalogs", "notebooks"}:
        raise TypeError
    inside, of_catalogs = _Inside(catalog), _mapping(document["catalogs"])
    whole, names = np.zeros(len(inside.schema_names), np.bool_), dict[int, set[str]]()
    for number, (catalog_number, name) in enumerate(zip(inside.catalog_of.tolist(), inside.schema_names, strict=True)):
        of_catalog = of_catalogs.get(inside.catalog_names[catalog_number], {})
        of_schema = ALL if of_catalog is ALL else _mapping(of_catalog).get(name, [])
        if of_schema is ALL:
            whole[number] = True
        elif of_schema:
            names[number] = _texts(of_schema)
    selected = np.zeros(len(catalog), np.bool_)
    selected[inside.relations] = whole[inside.schema_of]
    is_listed = np.isin(inside.schema_of, list(names))
    rows = inside.relations[is_listed]
    pairs = zip(inside.schema_of[is_listed].tolist(), inside.names(rows), strict=True)
    selected[rows] = np.fromiter((name in names[schema] for schema, name in pairs), np.bool_, len(rows))
    if document["notebooks"] is ALL:
        selected[inside.notebooks] = True
    else:
        paths = _texts(document["notebooks"])
        in_order = inside.names(inside.notebooks, "full_name")
        selected[inside.notebooks] = np.fromiter((path in paths for path in in_order), np.bool_, len(in_order))
    selected[inside.rows("schema")] = whole[inside.own_of("schema")]
    _, some, _ = inside.schemas(selected)
    selected[inside.rows("schema")] = some[inside.own_of("schema")]
    holds = np.bincount(inside.catalog_of[some], minlength=len(inside.catalog_names)) > 0
    lone = np.array([of_catalogs.get(name) is ALL for name in inside.catalog_names], np.bool_)
    lone &= inside.numbers_of_schemas == 0
    selected[inside.rows("catalog")] = (holds | lone)[inside.own_of("catalog")]
    return selected


class _Inside:
    """What is in what: the rows of tables, views and notebooks, and the numbers of their containers."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog, self._subjects = catalog, Subjects.of(catalog)
        subjects = self._subjects
        self.relations: Codes = np.concatenate([subjects.rows["table"], subjects.rows["view"]])
        self.notebooks: Codes = subjects.rows["notebook"]
        self.schema_of: Codes = subjects.schema_of[self.relations]
        self.catalog_of: Codes = subjects.catalog_of_schema
        self.catalog_names: list[str] = subjects.bare["catalogs"].text.to_pylist()
        self.schema_names: list[str] = subjects.bare["schemas"].text.to_pylist()
        self.numbers_of_schemas: Codes = np.bincount(self.catalog_of, minlength=len(self.catalog_names))

    def rows(self, kind: Literal["catalog", "schema"]) -> Codes:
        """Return the rows of the containers of a kind."""
        return self._subjects.rows[kind]

    def own_of(self, kind: Literal["catalog", "schema"]) -> Codes:
        """Return the numbers of the containers that have a row, in the order of `rows`."""
        return self._subjects.own[self.rows(kind)]

    def own(self, flags: Flags, kind: Literal["catalog", "schema"]) -> Flags:
        """Return the flags of the containers of a kind by their numbers, False for those without a row."""
        found = np.zeros(len(self.catalog_names if kind == "catalog" else self.schema_names), np.bool_)
        found[self.own_of(kind)] = flags[self.rows(kind)]
        return found

    def schemas(self, selected: Flags) -> tuple[Flags, Flags, Flags]:
        """Return which schemas are selected as a whole, which at least in part, and which relations in the rest of them."""
        own, held, number = self.own(selected, "schema"), selected[self.relations], len(self.schema_names)
        total = np.bincount(self.schema_of, minlength=number)
        counted = np.bincount(self.schema_of[held], minlength=number)
        whole: Flags = np.where(total > 0, counted == total, own)
        some: Flags = np.where(total > 0, counted > 0, own)
        return whole, some, held & ~whole[self.schema_of]

    def names(self, rows: Codes, column: str = "name") -> list[str]:
        """Return the names in some rows."""
        return [str(name) for name in self._catalog.objects[column].iloc[rows]]


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError
    return value


def _texts(value: object) -> set[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError
    return set(value)
