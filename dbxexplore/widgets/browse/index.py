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

Place: TypeAlias = tuple[Literal["top", "middle", "object"], int]
"""A node of one tree: its number among the tops, the middles or the objects."""


@dataclass(frozen=True)
class TreeIndex:
    """The nodes of one catalog.

    ``tops`` are the names of the catalogs, in the order of their names (`order_by_name`), and at the end `NOTEBOOKS` if
    there are any.
    ``middles`` are the names of the schemas and folders, those of one top together: of top ``t`` they are
    ``first_middle[t]`` to ``first_middle[t + 1]``. ``objects`` are the rows of the tables, views and notebooks, those
    of middle ``m`` at ``first_object[m]`` to ``first_object[m + 1]``. ``top_rows`` and ``middle_rows`` are the rows of
    the containers themselves, -1 for those only named by their objects.
    """

    catalog: Catalog
    tops: tuple[str, ...]
    top_rows: Codes
    middles: tuple[str, ...]
    middle_rows: Codes
    top_of: Codes
    first_middle: Codes
    objects: Codes
    first_object: Codes
    has_notebooks: bool

    @classmethod
    def of(cls, catalog: Catalog) -> TreeIndex:
        """Return the tree of ``catalog``, worked out once."""
        return catalog.derived(cls, lambda: _indexed(catalog))

    # --- nodes ---

    def is_notebooks(self, top: int) -> bool:
        """Whether a top is the entry for the notebooks."""
        return self.has_notebooks and top == len(self.tops) - 1

    def key(self, place: Place) -> NodeKey:
        """Return the key of a node, which identifies it in any catalog."""
        where, number = place
        if where == "top":
            return ("notebooks",) if self.is_notebooks(number) else ("catalog", self.tops[number])
        if where == "middle":
            top = int(self.top_of[number])
            if self.is_notebooks(top):
                return ("folder", self.middles[number])
            return ("schema", self.tops[top], self.middles[number])
        row = self.objects[number]
        kind, catalog, schema, name, full_name = (
            str(self.catalog.objects[column].iloc[row]) for column in ("kind", "catalog", "schema", "name", "full_name")
        )
        return (kind, full_name) if kind == "notebook" else (kind, catalog, schema, name)

    def find(self, key: NodeKey) -> Place | None:
        """Return the node with a key, None if this catalog has none."""
        match key:
            case ("catalog" | "notebooks", *_):
                top = self._top_numbers.get(key)
                return None if top is None else ("top", top)
            case ("schema" | "folder", *_):
                middle = self._middle_numbers.get(key)
                return None if middle is None else ("middle", middle)
            case ("notebook", str(full_name)):
                folder = self._middle_numbers.get(("folder", _folder(full_name)))
                return self._object_in(folder, "notebook", "full_name", full_name)
            case (str(kind), str(catalog), str(schema), str(name)):
                return self._object_in(self._middle_numbers.get(("schema", catalog, schema)), kind, "name", name)
        return None

    def _object_in(self, middle: int | None, kind: str, column: str, text: str) -> Place | None:
        if middle is None:
            return None
        start, stop = self.first_object[middle], self.first_object[middle + 1]
        rows = self.catalog.objects.iloc[self.objects[start:stop]]
        is_match = ((rows[column] == text) & (rows["kind"] == kind)).to_numpy(dtype=bool, na_value=False)
        return ("object", int(start + np.argmax(is_match))) if is_match.any() else None

    @cached_property
    def _top_numbers(self) -> dict[NodeKey, int]:
        return {self.key(("top", number)): number for number in range(len(self.tops))}

    @cached_property
    def _middle_numbers(self) -> dict[NodeKey, int]:
        return {self.key(("middle", number)): number for number in range(len(self.middles))}

    def place_of(self, row: int) -> Place | None:
        """Return the node that a row of the catalog is, None for a row that the catalog has not."""
        nodes: tuple[tuple[Literal["top", "middle", "object"], Codes], ...] = (
            ("top", self.top_rows),
            ("middle", self.middle_rows),
            ("object", self.objects),
        )
        for where, rows in nodes:
            found = np.flatnonzero(rows == row)
            if row >= 0 and len(found):
                return where, int(found[0])
        return None

    def row_of(self, place: Place) -> int:
        """Return the row of the catalog that a node has, -1 for a container that objects merely name."""
        where, number = place
        return int({"top": self.top_rows, "middle": self.middle_rows, "object": self.objects}[where][number])

    def holders(self, place: Place) -> tuple[int, int | None]:
        """Return the top and the middle that a node is in or is; the middle is None for a top."""
        where, number = place
        if where == "top":
            return number, None
        middle = number if where == "middle" else int(np.searchsorted(self.first_object, number, side="right")) - 1
        return int(self.top_of[middle]), middle

    @cached_property
    def middle_of_object(self) -> Codes:
        """The middle of each of ``objects``."""
        return np.repeat(np.arange(len(self.middles)), np.diff(self.first_object))

    # --- sums ---

    def sums(self, flags: Flags) -> Codes:
        """Return how many of the objects of each middle are flagged; ``flags`` is in the order of ``objects``."""
        return _sums(flags, self.first_object)

    def top_sums(self, of_middles: Codes | Flags) -> Codes:
        """Return the sum over the middles of each top."""
        return _sums(of_middles, self.first_middle)

    @cached_property
    def sizes(self) -> Codes:
        """How many objects each middle holds."""
        return np.diff(self.first_object)

    @cached_property
    def kinds(self) -> dict[str, Codes]:
        """How many objects of each kind each middle holds."""
        kind = self.catalog.objects["kind"]
        codes = kind.cat.codes.to_numpy()[self.objects]
        return {name: self.sums(codes == code) for code, name in enumerate(kind.cat.categories) if name in KINDS[2:]}

    @cached_property
    def has_updates(self) -> bool:
        """Whether it is known of any object when it was updated."""
        known = self.catalog.objects["updated_at"].notna().to_numpy()
        return bool(known[self.objects].any())

    def counts_in(self, place: Place) -> dict[str, int]:
        """Return how many containers and objects of each kind a top or a middle holds."""
        where, number = place
        if where == "middle":
            return {kind: int(of_middles[number]) for kind, of_middles in self.kinds.items()}
        middles = slice(self.first_middle[number], self.first_middle[number + 1])
        inner = "folder" if self.is_notebooks(number) else "schema"
        objects = {kind: int(of_middles[middles].sum()) for kind, of_middles in self.kinds.items()}
        return {inner: int(middles.stop - middles.start), **objects}

    # --- what is not known ---

    @cached_property
    def unlisted(self) -> dict[Place, str]:
        """Why containers could not be listed, or not fully; a failure names them by their names joined by dots."""
        reasons = self._reasons
        found: dict[Place, str] = {}
        if not reasons:
            return found
        for number in range(len(self.tops)):
            if why := reasons.get(".".join(self.key(("top", number))[1:])):
                found["top", number] = why
        for number, top in enumerate(self.top_of.tolist()):
            # Of a catalog that was not listed to its end, it is not known either what else its schemas hold.
            why = reasons.get(".".join(self.key(("middle", number))[1:])) or found.get(("top", top))
            if why:
                found["middle", number] = why
        return found

    @cached_property
    def _reasons(self) -> dict[str, str]:
        return self.catalog.reasons()

    def unlisted_in(self, place: Place) -> int:
        """Return how many of the containers in a top could not be fully listed; of folders, those without a node too."""
        where, top = place
        if where != "top" or not self._reasons:
            return 0
        if self.is_notebooks(top):
            return sum(scope.startswith("/") for scope in self._reasons)
        middles = range(self.first_middle[top], self.first_middle[top + 1])
        return sum(("middle", middle) in self.unlisted for middle in middles)

    # --- names ---

    @cached_property
    def names(self) -> pa.Array:
        """The names of ``objects``, in lower case."""
        text = Names(pa.array(self.catalog.objects["name"].array, from_pandas=True)).text
        return pc.utf8_lower(text.take(pa.array(self.objects)))

    @cached_property
    def container_names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The names of tops and of middles, in lower case."""
        return tuple(name.lower() for name in self.tops), tuple(name.lower() for name in self.middles)

    @cached_property
    def qualified_names(self) -> tuple[str, ...]:
        """The names of the middles with those of their tops before them, in lower case: catalog.schema, or a path."""
        tops, middles = self.container_names
        notebooks = len(tops) - 1 if self.has_notebooks else -1
        return tuple(
            name if top == notebooks else f"{tops[top]}.{name}"
            for top, name in zip(self.top_of.tolist(), middles, strict=True)
        )


def _indexed(catalog: Catalog) -> TreeIndex:
    subjects = Subjects.of(catalog)
    rows, objects = subjects.rows, catalog.objects
    tops = list(subjects.bare["catalogs"].text.to_pylist())
    schemas = list(subjects.bare["schemas"].text.to_pylist())
    top_rows, middle_rows = np.full(len(tops), -1, dtype=np.intp), np.full(len(schemas), -1, dtype=np.intp)
    top_rows[subjects.own[rows["catalog"]]] = rows["catalog"]
    middle_rows[subjects.own[rows["schema"]]] = rows["schema"]
    top_of = np.zeros(len(schemas), dtype=np.intp)
    inside, schema = subjects.inside["schemas"]
    top_of[schema] = subjects.catalog_of[inside]

    relations = np.concatenate([rows["table"], rows["view"]])
    held, held_in = [relations], [subjects.schema_of[relations]]
    folders, folder_of = _folders(objects, rows["notebook"])
    if folders:
        tops.append(NOTEBOOKS)
        top_rows = np.append(top_rows, -1)
        top_of = np.append(top_of, np.full(len(folders), len(tops) - 1))
        middle_rows = np.append(middle_rows, np.full(len(folders), -1))
        held.append(rows["notebook"])
        held_in.append(folder_of + len(schemas))
    middles = schemas + folders

    is_last = np.zeros(len(tops), dtype=np.bool_)
    is_last[len(tops) - 1 :] = bool(folders)
    order_of_tops = order_by_name(pa.array(tops, pa.string()), is_last)
    top_number = _inverse(order_of_tops)
    order = order_by_name(pa.array(middles, pa.string()), top_number[top_of])
    middle_number = _inverse(order)
    of_object = middle_number[np.concatenate(held_in).astype(np.intp)]
    by_middle = np.argsort(of_object, kind="stable")
    return TreeIndex(
        catalog=catalog,
        tops=tuple(tops[t] for t in order_of_tops),
        top_rows=top_rows[order_of_tops],
        middles=tuple(middles[m] for m in order),
        middle_rows=middle_rows[order],
        top_of=top_number[top_of[order]],
        first_middle=_offsets(top_number[top_of[order]], len(tops)),
        objects=np.concatenate(held)[by_middle],
        first_object=_offsets(of_object, len(middles)),
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
