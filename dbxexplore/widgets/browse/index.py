"""The catalog as a tree of three levels, laid out so that a window of it costs the same at any size.

Containers are few and objects many, so the containers are lists and the objects one array, sorted by the
container that they are in. Notebooks form a tree of the same shape: one entry for all of them, then their folders.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore.catalog import Catalog
from dbxexplore.catalog.names import order_by_name
from dbxexplore.catalog.schema import KINDS
from dbxexplore.filters.engine.matching import Names
from dbxexplore.filters.subjects import Codes, Flags, Subjects

NOTEBOOKS = "Notebooks"  # the entry beside the catalogs that holds all notebooks

NodeKey: TypeAlias = tuple[str, ...]
"""Identifies a node in any catalog: its kind, and the names on the path to it."""

NodeRef: TypeAlias = tuple[Literal["catalog", "schema", "leaf"], int]
"""A node of one tree: its number among the catalogs, the schemas or the leaves."""


@dataclass(frozen=True)
class TreeIndex:
    """The nodes of one catalog.

    ``catalogs`` are the names of the catalogs, in the order of their names (`order_by_name`), and at the end `NOTEBOOKS` if
    there are any.
    ``schemas`` are the names of the schemas and folders, those of one catalog together: of catalog ``c`` they are
    ``first_schema[c]`` to ``first_schema[c + 1]``. ``leaves`` are the rows of the tables, views and notebooks, those
    of schema ``s`` at ``first_leaf[s]`` to ``first_leaf[s + 1]``. ``catalog_rows`` and ``schema_rows`` are the rows of
    the containers themselves, -1 for those only named by their objects.
    """

    catalog: Catalog
    catalogs: tuple[str, ...]
    catalog_rows: Codes
    schemas: tuple[str, ...]
    schema_rows: Codes
    catalog_of: Codes
    first_schema: Codes
    leaves: Codes
    first_leaf: Codes
    has_notebooks: bool

    @classmethod
    def of(cls, catalog: Catalog) -> TreeIndex:
        """Return the tree of ``catalog``, worked out once."""
        return catalog.derived(cls, lambda: _indexed(catalog))

    # --- nodes ---

    def is_notebooks(self, catalog_number: int) -> bool:
        """Whether a catalog is the entry for the notebooks."""
        return self.has_notebooks and catalog_number == len(self.catalogs) - 1

    def key(self, place: NodeRef) -> NodeKey:
        """Return the key of a node, which identifies it in any catalog."""
        where, number = place
        if where == "catalog":
            return ("notebooks",) if self.is_notebooks(number) else ("catalog", self.catalogs[number])
        if where == "schema":
            catalog_number = int(self.catalog_of[number])
            if self.is_notebooks(catalog_number):
                return ("folder", self.schemas[number])
            return ("schema", self.catalogs[catalog_number], self.schemas[number])
        row = self.leaves[number]
        kind, catalog, schema, name, full_name = (
            str(self.catalog.objects[column].iloc[row]) for column in ("kind", "catalog", "schema", "name", "full_name")
        )
        return (kind, full_name) if kind == "notebook" else (kind, catalog, schema, name)

    def find(self, key: NodeKey) -> NodeRef | None:
        """Return the node with a key, None if this catalog has none."""
        match key:
            case ("catalog" | "notebooks", *_):
                catalog_number = self._catalog_numbers.get(key)
                return None if catalog_number is None else ("catalog", catalog_number)
            case ("schema" | "folder", *_):
                schema_number = self._schema_numbers.get(key)
                return None if schema_number is None else ("schema", schema_number)
            case ("notebook", str(full_name)):
                folder = self._schema_numbers.get(("folder", _folder(full_name)))
                return self._object_in(folder, "notebook", "full_name", full_name)
            case (str(kind), str(catalog), str(schema), str(name)):
                return self._object_in(self._schema_numbers.get(("schema", catalog, schema)), kind, "name", name)
        return None

    def _object_in(self, schema_number: int | None, kind: str, column: str, text: str) -> NodeRef | None:
        if schema_number is None:
            return None
        start, stop = self.first_leaf[schema_number], self.first_leaf[schema_number + 1]
        rows = self.catalog.objects.iloc[self.leaves[start:stop]]
        is_match = ((rows[column] == text) & (rows["kind"] == kind)).to_numpy(dtype=bool, na_value=False)
        return ("leaf", int(start + np.argmax(is_match))) if is_match.any() else None

    @cached_property
    def _catalog_numbers(self) -> dict[NodeKey, int]:
        return {self.key(("catalog", number)): number for number in range(len(self.catalogs))}

    @cached_property
    def _schema_numbers(self) -> dict[NodeKey, int]:
        return {self.key(("schema", number)): number for number in range(len(self.schemas))}

    def node_of(self, row: int) -> NodeRef | None:
        """Return the node that a row of the catalog is, None for a row that the catalog has not."""
        nodes: tuple[tuple[Literal["catalog", "schema", "leaf"], Codes], ...] = (
            ("catalog", self.catalog_rows),
            ("schema", self.schema_rows),
            ("leaf", self.leaves),
        )
        for where, rows in nodes:
            found = np.flatnonzero(rows == row)
            if row >= 0 and len(found):
                return where, int(found[0])
        return None

    def row_of(self, place: NodeRef) -> int:
        """Return the row of the catalog that a node has, -1 for a container that objects merely name."""
        where, number = place
        return int({"catalog": self.catalog_rows, "schema": self.schema_rows, "leaf": self.leaves}[where][number])

    def ancestors(self, place: NodeRef) -> tuple[int, int | None]:
        """Return the catalog and the schema that a node is in or is; the schema is None for a catalog."""
        where, number = place
        if where == "catalog":
            return number, None
        schema_number = number if where == "schema" else int(np.searchsorted(self.first_leaf, number, side="right")) - 1
        return int(self.catalog_of[schema_number]), schema_number

    @cached_property
    def schema_of_leaf(self) -> Codes:
        """The schema of each of ``leaves``."""
        return np.repeat(np.arange(len(self.schemas)), np.diff(self.first_leaf))

    # --- sums ---

    def sums(self, flags: Flags) -> Codes:
        """Return how many of the objects of each schema are flagged; ``flags`` is in the order of ``leaves``."""
        return _sums(flags, self.first_leaf)

    def catalog_sums(self, of_schemas: Codes | Flags) -> Codes:
        """Return the sum over the schemas of each catalog."""
        return _sums(of_schemas, self.first_schema)

    @cached_property
    def sizes(self) -> Codes:
        """How many objects each schema holds."""
        return np.diff(self.first_leaf)

    @cached_property
    def kinds(self) -> dict[str, Codes]:
        """How many objects of each kind each schema holds."""
        kind = self.catalog.objects["kind"]
        codes = kind.cat.codes.to_numpy()[self.leaves]
        return {name: self.sums(codes == code) for code, name in enumerate(kind.cat.categories) if name in KINDS[2:]}

    @cached_property
    def has_updates(self) -> bool:
        """Whether it is known of any object when it was updated."""
        known = self.catalog.objects["updated_at"].notna().to_numpy()
        return bool(known[self.leaves].any())

    def counts_in(self, place: NodeRef) -> dict[str, int]:
        """Return how many containers and objects of each kind a catalog or a schema holds."""
        where, number = place
        if where == "schema":
            return {kind: int(of_schemas[number]) for kind, of_schemas in self.kinds.items()}
        schemas = slice(self.first_schema[number], self.first_schema[number + 1])
        inner = "folder" if self.is_notebooks(number) else "schema"
        objects = {kind: int(of_schemas[schemas].sum()) for kind, of_schemas in self.kinds.items()}
        return {inner: int(schemas.stop - schemas.start), **objects}

    # --- what is not known ---

    @cached_property
    def unlisted(self) -> dict[NodeRef, str]:
        """Why containers could not be listed, or not fully; a failure names them by their names joined by dots."""
        reasons = self._reasons
        found: dict[NodeRef, str] = {}
        if not reasons:
            return found
        for number in range(len(self.catalogs)):
            if why := reasons.get(".".join(self.key(("catalog", number))[1:])):
                found["catalog", number] = why
        for number, catalog_number in enumerate(self.catalog_of.tolist()):
            # Of a catalog that was not listed to its end, it is not known either what else its schemas hold.
            why = reasons.get(".".join(self.key(("schema", number))[1:])) or found.get(("catalog", catalog_number))
            if why:
                found["schema", number] = why
        return found

    @cached_property
    def _reasons(self) -> dict[str, str]:
        return self.catalog.reasons()

    def unlisted_in(self, place: NodeRef) -> int:
        """Return how many of the containers in a catalog could not be fully listed; of folders, those without a node too."""
        where, catalog_number = place
        if where != "catalog" or not self._reasons:
            return 0
        if self.is_notebooks(catalog_number):
            return sum(scope.startswith("/") for scope in self._reasons)
        schemas = range(self.first_schema[catalog_number], self.first_schema[catalog_number + 1])
        return sum(("schema", schema_number) in self.unlisted for schema_number in schemas)

    # --- names ---

    @cached_property
    def names(self) -> pa.Array:
        """The names of ``leaves``, in lower case."""
        text = Names(pa.array(self.catalog.objects["name"].array, from_pandas=True)).text
        return pc.utf8_lower(text.take(pa.array(self.leaves)))

    @cached_property
    def container_names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of catalogs and of schemas, in lower case."""
        return tuple(name.lower() for name in self.catalogs), tuple(name.lower() for name in self.schemas)

    @cached_property
    def qualified_names(self) -> tuple[str, ...]:
        """The names of the schemas with those of their catalogs before them, in lower case: catalog.schema, or a path."""
        catalogs, schemas = self.container_names
        notebooks = len(catalogs) - 1 if self.has_notebooks else -1
        return tuple(
            name if catalog_number == notebooks else f"{catalogs[catalog_number]}.{name}"
            for catalog_number, name in zip(self.catalog_of.tolist(), schemas, strict=True)
        )


def _indexed(catalog: Catalog) -> TreeIndex:
    subjects = Subjects.of(catalog)
    rows, objects = subjects.rows, catalog.objects
    catalogs = list(subjects.bare["catalogs"].text.to_pylist())
    schemas = list(subjects.bare["schemas"].text.to_pylist())
    catalog_rows, schema_rows = np.full(len(catalogs), -1, dtype=np.intp), np.full(len(schemas), -1, dtype=np.intp)
    catalog_rows[subjects.own[rows["catalog"]]] = rows["catalog"]
    schema_rows[subjects.own[rows["schema"]]] = rows["schema"]
    catalog_of = np.zeros(len(schemas), dtype=np.intp)
    inside, schema = subjects.inside["schemas"]
    catalog_of[schema] = subjects.catalog_of[inside]

    relations = np.concatenate([rows["table"], rows["view"]])
    held, held_in = [relations], [subjects.schema_of[relations]]
    folders, folder_of = _folders(objects, rows["notebook"])
    if folders:
        catalogs.append(NOTEBOOKS)
        catalog_rows = np.append(catalog_rows, -1)
        catalog_of = np.append(catalog_of, np.full(len(folders), len(catalogs) - 1))
        schema_rows = np.append(schema_rows, np.full(len(folders), -1))
        held.append(rows["notebook"])
        held_in.append(folder_of + len(schemas))
    schemas = schemas + folders

    is_last = np.zeros(len(catalogs), dtype=np.bool_)
    is_last[len(catalogs) - 1 :] = bool(folders)
    order_of_catalogs = order_by_name(pa.array(catalogs, pa.string()), is_last)
    number_of_catalog = _inverse(order_of_catalogs)
    order = order_by_name(pa.array(schemas, pa.string()), number_of_catalog[catalog_of])
    number_of_schema = _inverse(order)
    of_object = number_of_schema[np.concatenate(held_in).astype(np.intp)]
    by_schema = np.argsort(of_object, kind="stable")
    return TreeIndex(
        catalog=catalog,
        catalogs=tuple(catalogs[c] for c in order_of_catalogs),
        catalog_rows=catalog_rows[order_of_catalogs],
        schemas=tuple(schemas[s] for s in order),
        schema_rows=schema_rows[order],
        catalog_of=number_of_catalog[catalog_of[order]],
        first_schema=_offsets(number_of_catalog[catalog_of[order]], len(catalogs)),
        leaves=np.concatenate(held)[by_schema],
        first_leaf=_offsets(of_object, len(schemas)),
        has_notebooks=bool(folders),
    )


def _folders(objects: pd.DataFrame, notebooks: Codes) -> tuple[list[str], Codes]:
    """Return the folders that hold notebooks, and the number of the folder of each of these rows."""
    if not len(notebooks):
        return [], np.empty(0, dtype=np.intp)
    codes, folders = pd.factorize(
        np.array([_folder(str(path)) for path in objects["full_name"].iloc[notebooks]], object)
    )
    return [str(folder) for folder in folders], codes.astype(np.intp)


def _folder(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _inverse(order: Codes) -> Codes:
    found = np.empty(len(order), dtype=np.intp)
    found[order] = np.arange(len(order))
    return found


def _offsets(groups: Codes, number: int) -> Codes:
    """Return where each group begins among its sorted members, and at the end where the last one ends."""
    return np.concatenate([[0], np.cumsum(np.bincount(groups, minlength=number))]).astype(np.intp)


def _sums(values: Codes | Flags, first: Codes) -> Codes:
    running: Codes = np.concatenate([[0], np.cumsum(values)]).astype(np.intp)
    return running[first[1:]] - running[first[:-1]]
