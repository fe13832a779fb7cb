"""State of the tree: what is open, searched, sorted and ticked, and the rows of any window of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias, TypedDict, cast, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore.catalog import Catalog
from dbxexplore.catalog.names import order_by_name
from dbxexplore.catalog.snapshot import counted
from dbxexplore.filters import Preview
from dbxexplore.filters.patterns import Level
from dbxexplore.filters.subjects import Codes, Flags
from dbxexplore.text import one_line, plural, shorten
from dbxexplore.widgets.browse.contents import contents
from dbxexplore.widgets.browse.index import NOTEBOOKS, NodeRef, TreeIndex
from dbxexplore.widgets.browse.ticks import Ticks, expression_in, is_expression, matching_nodes
from dbxexplore.widgets.words import reason, type_text

Show: TypeAlias = Literal["all", "included", "excluded", "ticked", "changed"]
Sort: TypeAlias = Literal["name", "name_desc", "type", "updated", "verdict"]
SHOWS: tuple[Show, ...] = get_args(Show)
SORTS: tuple[Sort, ...] = get_args(Sort)

_Container: TypeAlias = Literal["catalog", "schema"]
_CONTAINERS: tuple[_Container, ...] = get_args(_Container)
_TICK = ("off", "on", "mixed")
_VERDICTS = ("in", "some", "out", "")  # of containers, in the order that they are sorted by
_IN, _SOME, _OUT, _NONE = range(4)
_LONGEST_COMMENT = 120
_LONGEST_NAME = 255  # Unity Catalog takes no longer ones; a folder's path may be


class Row(TypedDict):
    """One row as the page gets it; the page's own code documents each key."""

    id: str
    level: int
    kind: str
    name: str
    open: bool | None
    tick: str
    verdict: str
    why: str
    why_short: str
    type: str
    holds: str
    holds_short: str
    comment: str
    warn: str
    pos: int
    of: int
    parent: int
    selected: bool


@dataclass(frozen=True)
class _Filtered:
    """The nodes that pass the search and the show filter.

    ``objects`` flags the objects shown (None for all); ``counts`` is their number per schema. ``catalogs`` and ``schemas``
    flag the containers shown, ``found_in`` and ``found_below`` those that a search opens because of a match in them.
    """

    objects: Flags | None
    counts: Codes
    catalogs: Flags
    schemas: Flags
    found_in: Flags
    found_below: Flags


class _Placed(NamedTuple):
    """A node with its position among its siblings and the row of its parent."""

    place: NodeRef
    position: int
    of: int
    parent: int


@dataclass(frozen=True)
class _Layout:
    """Row numbers of the visible catalogs and schemas, in order."""

    total: int
    catalogs: Codes
    catalog_at: Codes
    schemas: Codes
    schema_at: Codes


class TreeModel:
    """The tree of one catalog with its view state. Every method that changes it bumps ``version``."""

    def __init__(self, catalog: Catalog, preview: Preview | None = None) -> None:
        self.tree = TreeIndex.of(catalog)
        self.version = 0
        self.query = ""
        self.show: Show = "all"
        self.sort: Sort = "name"
        self.selected = -1
        self.ticks = Ticks(self.tree)
        self._preview = preview
        self._changed: Flags | None = None
        self._opened = self._flags()
        self._toggled = self._flags()  # relative to what a search opens by itself
        self._sorted: dict[int, Codes] = {}
        if len(self.tree.catalogs) == 1:
            self._opened["catalog"][0] = True

    # --- user actions ---

    def moved_to(self, catalog: Catalog, preview: Preview | None) -> TreeModel:
        """Return the tree of another catalog with the same nodes open and ticked."""
        moved = TreeModel(catalog, preview)
        moved.version = self.version + 1
        moved.query, moved.show = self.query, self.show
        moved.sort = "name" if self.sort == "updated" and not moved.tree.has_updates else self.sort
        for where, flags in self._opened.items():
            for number in np.flatnonzero(flags):
                place = moved.tree.find(self.tree.key((where, int(number))))
                if place is not None:
                    moved._opened[where][place[1]] = True
        moved.ticks = self.ticks.moved_to(moved.tree)
        selected = self.tree.node_of(self.selected)
        place = moved.tree.find(self.tree.key(selected)) if selected else None
        moved.selected = moved.tree.row_of(place) if place else -1
        return moved

    def set_preview(self, preview: Preview | None, changed: Flags | None = None) -> None:
        """Replace the verdicts; ``changed`` flags the rows of the catalog whose verdict the last edit changed."""
        self._preview, self._changed = preview, changed
        if self.show in {"included", "excluded"} and preview is None:
            self.show = "all"
        if self.sort == "verdict":
            self._sorted.clear()
            self._redo("container_order", "layout")
        stale = ("included", "catalogs_included", "schemas_included", "container_verdicts")
        self._redo(*stale, *(("filtered",) if self.show != "all" else ()))

    def open(self, place: NodeRef, *, is_open: bool) -> None:
        """Open or close a container."""
        where, number = place
        if where == "leaf":
            return
        if self.query:
            is_open = is_open != self._opens_by_itself(where)[number]
        (self._toggled if self.query else self._opened)[where][number] = is_open
        self._redo("layout")

    def open_all(self, *, is_open: bool) -> None:
        """Open or close every container."""
        for where in _CONTAINERS:
            if self.query:
                self._toggled[where] = self._opens_by_itself(where) != is_open
            else:
                self._opened[where][:] = is_open
        self._redo("layout")

    def open_siblings(self, place: NodeRef) -> None:
        """Open a container and its siblings."""
        where, number = place
        if where == "leaf":
            return
        numbers = range(len(self.tree.catalogs))
        if where == "schema":
            catalog_number = int(self.tree.catalog_of[number])
            numbers = range(self.tree.first_schema[catalog_number], self.tree.first_schema[catalog_number + 1])
        for sibling in numbers:
            self.open((where, sibling), is_open=True)

    def search(self, query: str) -> None:
        """Show the names that contain a text, ignoring case, and open their containers."""
        if query.strip() == self.query:
            return
        self.query = query.strip()
        self._toggled = self._flags()
        self._redo("found", "filtered", "layout")

    def show_only(self, which: Show) -> None:
        """Show only the objects of one choice, with their containers."""
        self.show = which
        self._redo("filtered", "layout")

    def show_changed(self) -> None:
        """Show only what the last edit changed, all of it: without a search, and with its containers open."""
        self.search("")
        self.show_only("changed")
        shown = self._filtered
        self._opened["catalog"] |= shown.catalogs
        self._opened["schema"] |= shown.schemas
        self._redo("layout")

    def sort_by(self, by: Sort) -> None:
        """Sort the objects in each container; by name or verdict, the containers too."""
        self.sort = by
        self._sorted.clear()
        self._redo("container_order", "layout")

    def tick(self, place: NodeRef, *, on: bool) -> None:
        """Tick or untick a node and everything in it, shown or not."""
        self.ticks.set_node(place, on=on)
        self._ticked()

    def tick_shown(self, *, on: bool) -> None:
        """Tick or untick the objects that pass the search and the show filter."""
        if self.show == "all":
            self.ticks.set_query(self.query, on=on)
        else:
            shown = self._filtered.objects
            self.ticks.set_objects(np.ones(len(self.tree.leaves), np.bool_) if shown is None else shown, on=on)
        self._ticked()

    def assign_ticks(self, rows: Flags) -> None:
        """Replace all ticks by those on these rows of the catalog; of containers, only rows that hold nothing count."""
        self.ticks = Ticks.of(self.tree, rows)
        self._ticked()

    def clear_ticks(self) -> None:
        """Remove all ticks."""
        self.ticks.clear()
        self._ticked()

    def select(self, place: NodeRef) -> None:
        """Select the object to explain."""
        self.selected = self.tree.row_of(place)
        self.version += 1

    def reveal(self, place: NodeRef) -> int:
        """Open the ancestors of a node and return its row; a search or filter that hides it is cleared."""
        at = self._index_of(place)
        if at < 0 and (self.query or self.show != "all"):
            self.search("")
            self.show_only("all")
        catalog_number, schema_number = self.tree.ancestors(place)
        if schema_number is not None:
            self.open(("catalog", catalog_number), is_open=True)
        if place[0] == "leaf" and schema_number is not None:
            self.open(("schema", schema_number), is_open=True)
        return self._index_of(place)

    def _ticked(self) -> None:
        self._redo("tick_states", *(("filtered", "layout") if self.show == "ticked" else ()))

    def _redo(self, *what: str) -> None:
        """Invalidate cached properties and bump the version."""
        if "filtered" in what:
            what = (*what, "layout")
        for name in what:
            self.__dict__.pop(f"_{name}", None)
        self.version += 1

    # --- nodes ---

    def _flags(self) -> dict[_Container, Flags]:
        """Return one flag per container, all False."""
        return {
            "catalog": np.zeros(len(self.tree.catalogs), np.bool_),
            "schema": np.zeros(len(self.tree.schemas), np.bool_),
        }

    def _is_open(self, place: NodeRef) -> bool:
        where, number = place
        return where != "leaf" and bool(self._open_flags(where)[number])

    def _open_flags(self, where: _Container) -> Flags:
        """Return which catalogs or schemas are open."""
        return self._opens_by_itself(where) != self._toggled[where] if self.query else self._opened[where]

    def _opens_by_itself(self, where: _Container) -> Flags:
        """Return which catalogs or schemas the search opens, because of a match in them."""
        return self._filtered.found_below if where == "catalog" else self._filtered.found_in

    # --- derived from the state ---

    @cached_property
    def _found(self) -> tuple[Flags, Flags, Flags] | None:
        """The objects, catalogs and schemas that match the search; None without a search."""
        return matching_nodes(self.tree, self.query) if self.query else None

    @cached_property
    def _included(self) -> Flags | None:
        """The verdicts on the objects, in their order."""
        return None if self._preview is None else self._preview.included.to_numpy()[self.tree.leaves]

    @cached_property
    def _schemas_included(self) -> Codes:
        return np.zeros(len(self.tree.schemas), np.intp) if self._included is None else self.tree.sums(self._included)

    @cached_property
    def _catalogs_included(self) -> Codes:
        return self.tree.catalog_sums(self._schemas_included)

    @cached_property
    def _container_verdicts(self) -> dict[_Container, Codes]:
        """The verdict on each catalog and schema, as an index into `_VERDICTS`: its own, and those on the objects in it."""
        tree = self.tree
        return {
            "catalog": self._verdicts_on(tree.catalog_rows, self._catalogs_included, self._catalog_sizes),
            "schema": self._verdicts_on(tree.schema_rows, self._schemas_included, tree.sizes),
        }

    def _verdicts_on(self, rows: Codes, included: Codes, sizes: Codes) -> Codes:
        if self._preview is None:
            return np.full(len(rows), _NONE)
        has_row = rows >= 0
        is_out = has_row & ~self._preview.included.to_numpy()[rows] if has_row.any() else has_row
        nothing_in_it = np.where(has_row, _IN, _NONE)
        # One that is included, with nothing in it that is, counts as included wherever containers are counted.
        of_objects = np.where(included == sizes, _IN, np.where((included > 0) | has_row, _SOME, _OUT))
        verdicts: Codes = np.where(is_out, _OUT, np.where(sizes == 0, nothing_in_it, of_objects))
        return verdicts

    @cached_property
    def _container_order(self) -> tuple[Codes, Codes]:
        """The catalogs in their order, the notebooks last in any, and the schemas in theirs, catalog by catalog."""
        tree = self.tree
        catalogs, schemas = np.arange(len(tree.catalogs)), np.arange(len(tree.schemas))  # they are numbered by name
        of_catalogs, of_schemas = catalogs, schemas
        if self.sort == "name_desc":
            of_catalogs, of_schemas = -catalogs, -schemas
        elif self.sort == "verdict":
            of_catalogs, of_schemas = self._container_verdicts["catalog"], self._container_verdicts["schema"]
        order = np.lexsort((of_catalogs, catalogs == len(catalogs) - 1 if tree.has_notebooks else catalogs * 0))
        place: Codes = np.empty(len(catalogs), dtype=np.intp)
        place[order] = catalogs
        return order, np.lexsort((of_schemas, place[tree.catalog_of]))

    @cached_property
    def _tick_states(self) -> tuple[Codes, Codes]:
        return self.ticks.states()

    def _shown_objects(self) -> tuple[Flags | None, Flags | None, Flags | None]:
        """Return, by the show filter alone, which objects are shown, and catalogs and schemas by their own rows."""
        tree = self.tree
        match self.show:
            case "included" | "excluded" if self._preview is not None:
                flags: Flags = self._preview.included.to_numpy()
                flags = flags if self.show == "included" else ~flags
            case "changed":
                flags = np.zeros(len(tree.catalog), np.bool_) if self._changed is None else self._changed
            case "ticked":
                of_catalogs, of_schemas = self._tick_states
                return self.ticks.objects, of_catalogs == 1, of_schemas == 1
            case _:
                return None, None, None
        catalogs, schemas = ((rows >= 0) & flags[rows] for rows in (tree.catalog_rows, tree.schema_rows))
        return flags[tree.leaves], catalogs, schemas

    @cached_property
    def _filtered(self) -> _Filtered:
        tree = self.tree
        objects, catalogs, schemas = self._shown_objects()
        every_catalog, every_schema = np.ones(len(tree.catalogs), np.bool_), np.ones(len(tree.schemas), np.bool_)
        catalogs, schemas = (
            every_catalog if catalogs is None else catalogs,
            every_schema if schemas is None else schemas,
        )
        nothing_found = ~every_schema, ~every_catalog
        if self._found is None:
            if objects is None:
                return _Filtered(None, tree.sizes, every_catalog, every_schema, *nothing_found)
            return self._with_containers(objects, catalogs, schemas, *nothing_found)
        own, own_catalogs, own_schemas = self._found
        in_found = own_schemas | own_catalogs[tree.catalog_of] if len(own_schemas) else own_schemas
        matched = own if objects is None else own & objects
        found_in = tree.sums(matched) > 0
        found_below = tree.catalog_sums(found_in | (own_schemas & schemas)) > 0
        everything = own | in_found[tree.schema_of_leaf] if in_found.any() else own
        shown = everything if objects is None else everything & objects
        return self._with_containers(shown, own_catalogs & catalogs, in_found & schemas, found_in, found_below)

    def _with_containers(
        self, objects: Flags, catalogs: Flags, schemas: Flags, found_in: Flags, found_below: Flags
    ) -> _Filtered:
        counts = self.tree.sums(objects)
        schemas = schemas | (counts > 0)
        catalogs = catalogs | (self.tree.catalog_sums(schemas) > 0)
        return _Filtered(objects, counts, catalogs, schemas, found_in, found_below)

    @cached_property
    def _layout(self) -> _Layout:
        tree, filtered = self.tree, self._filtered
        catalogs, schemas = self._container_order
        catalogs, schemas = catalogs[filtered.catalogs[catalogs]], schemas[filtered.schemas[schemas]]
        schemas = schemas[self._open_flags("catalog")[tree.catalog_of[schemas]]]
        lengths = 1 + np.where(self._open_flags("schema")[schemas], filtered.counts[schemas], 0)
        before = np.cumsum(lengths) - lengths  # rows of schemas and objects above each schema
        position_of_catalog: Codes = np.zeros(len(tree.catalogs), dtype=np.intp)
        position_of_catalog[catalogs] = np.arange(len(catalogs))
        schema_at = before + position_of_catalog[tree.catalog_of[schemas]] + 1
        in_catalog = np.bincount(
            position_of_catalog[tree.catalog_of[schemas]], weights=lengths, minlength=len(catalogs)
        ).astype(np.intp)
        catalog_at = np.arange(len(catalogs)) + np.cumsum(in_catalog) - in_catalog
        return _Layout(len(catalogs) + int(lengths.sum()), catalogs, catalog_at, schemas, schema_at)

    # --- rows ---

    @property
    def total(self) -> int:
        """Total number of rows."""
        return self._layout.total

    def window(self, start: int, count: int) -> list[Row]:
        """Return the rows from ``start``, at most ``count``."""
        places = list(self._places(max(0, start), min(self.total, max(0, start) + max(0, count))))
        return self._rows(places)

    def _places(self, start: int, stop: int) -> Iterator[_Placed]:
        """Yield what the rows from ``start`` to ``stop`` show."""
        layout, filtered = self._layout, self._filtered
        at = start
        while at < stop:
            catalog_position = int(np.searchsorted(layout.catalog_at, at, side="right")) - 1
            catalog_number = int(layout.catalogs[catalog_position])
            if layout.catalog_at[catalog_position] == at:
                yield _Placed(("catalog", catalog_number), catalog_position + 1, len(layout.catalogs), -1)
                at += 1
                continue
            schema_position = int(np.searchsorted(layout.schema_at, at, side="right")) - 1
            schema_number, schema_at = int(layout.schemas[schema_position]), int(layout.schema_at[schema_position])
            if schema_at == at:
                first, last = np.searchsorted(
                    layout.schema_at, [layout.catalog_at[catalog_position], self._end_of(catalog_position)]
                )
                above = int(layout.catalog_at[catalog_position])
                yield _Placed(("schema", schema_number), schema_position - int(first) + 1, int(last - first), above)
                at += 1
                continue
            objects, number = self._objects_of(schema_number), int(filtered.counts[schema_number])
            until = min(stop, schema_at + 1 + number)
            for index in range(at, until):
                position = index - schema_at - 1
                yield _Placed(("leaf", int(objects[position])), position + 1, number, schema_at)
            at = until

    def _end_of(self, catalog_position: int) -> int:
        after = catalog_position + 1
        return int(self._layout.catalog_at[after]) if after < len(self._layout.catalogs) else self._layout.total

    def _objects_of(self, schema_number: int) -> Codes:
        """Return the shown objects of a schema in their order, as places in the tree's objects."""
        order = self._order_of(schema_number)
        shown = self._filtered.objects
        return order if shown is None else order[shown[order]]

    def _order_of(self, schema_number: int) -> Codes:
        if schema_number not in self._sorted:
            if len(self._sorted) > 64:  # noqa: PLR2004 - more than are on a screen
                self._sorted.clear()
            self._sorted[schema_number] = self._order(schema_number)
        return self._sorted[schema_number]

    def _order(self, schema_number: int) -> Codes:
        tree = self.tree
        start, stop = int(tree.first_leaf[schema_number]), int(tree.first_leaf[schema_number + 1])
        held = tree.catalog.objects.iloc[tree.leaves[start:stop]]
        by: pa.Array | None = None
        if self.sort == "type":
            by = pa.array([type_text(kind, of) for kind, of in zip(held["kind"], held["object_type"], strict=True)])
        elif self.sort == "updated":
            # Latest first; objects without a time come last.
            times = pa.array(held["updated_at"], pa.timestamp("ns", "UTC"), from_pandas=True)
            by = pc.negate(times.cast(pa.int64()))
        elif self.sort == "verdict" and self._included is not None:
            by = pa.array((~self._included[start:stop]).astype(np.int8))
        names = pa.array(held["name"].array, from_pandas=True)
        order = order_by_name(names, by, descending=self.sort == "name_desc")
        return order + start

    def _rows(self, places: Sequence[_Placed]) -> list[Row]:
        rows = np.array([self.tree.row_of(placed.place) for placed in places], dtype=np.intp)
        with_row = np.flatnonzero(rows >= 0)
        objects = self.tree.catalog.objects.iloc[rows[with_row]]
        records = objects[_SHOWN_COLUMNS].astype(object).to_dict("records")
        judged = [None] * len(records) if self._preview is None else _verdicts(self._preview, rows[with_row])
        known = {int(at): pair for at, pair in zip(with_row, zip(records, judged, strict=True), strict=True)}
        return [self._row(placed, *known.get(number, (None, None))) for number, placed in enumerate(places)]

    def _row(self, placed: _Placed, record: Mapping[str, object] | None, judged: _Judged | None) -> Row:
        place = placed.place
        where, number = place
        kind, name = self._kind_and_name(place, record)
        verdict, why, why_short = self._verdict(place, judged)
        held = None if where == "leaf" else contents(self.tree, place)
        is_unread = record is not None and record["browse_only"] is True
        ticks = self.ticks.objects if where == "leaf" else self._tick_states[where == "schema"]
        return {
            "id": f"{where[0]}{number}",
            "level": {"catalog": 1, "schema": 2, "leaf": 3}[where],
            "kind": kind,
            "name": name[:_LONGEST_NAME],
            "open": None if where == "leaf" else self._is_open(place),
            "tick": _TICK[int(ticks[number])],
            "verdict": verdict,
            "why": why,
            "why_short": why_short,
            "type": type_text(kind, record["object_type"]) if record is not None else "",
            "holds": held.text if held else "",
            "holds_short": held.short if held else "",
            "comment": _comment(record),
            "warn": "visible, not readable" if is_unread else held.warning if held else "",
            "pos": placed.position,
            "of": placed.of,
            "parent": placed.parent,
            "selected": record is not None and self.tree.row_of(place) == self.selected,
        }

    def _kind_and_name(self, place: NodeRef, record: Mapping[str, object] | None) -> tuple[str, str]:
        where, number = place
        if where == "leaf" and record is not None:
            return str(record["kind"]), str(record["name"])
        catalog_number, _ = self.tree.ancestors(place)
        notebooks = self.tree.is_notebooks(catalog_number)
        if where == "catalog":
            return ("notebooks", NOTEBOOKS) if notebooks else ("catalog", self.tree.catalogs[number])
        return "folder" if notebooks else "schema", self.tree.schemas[number]

    def _verdict(self, place: NodeRef, judged: _Judged | None) -> tuple[str, str, str]:
        """Return the verdict and its reason, whole and short; for a container, with the number of objects included."""
        where, number = place
        if self._preview is None:
            return "", "", ""
        if where == "leaf":
            assert judged is not None
            return ("in" if judged.included else "out"), judged.why, judged.short
        of_catalogs = where == "catalog"
        verdict = _VERDICTS[self._container_verdicts[where][number]]
        included = int((self._catalogs_included if of_catalogs else self._schemas_included)[number])
        size = int((self._catalog_sizes if of_catalogs else self.tree.sizes)[number])
        own, own_short = (judged.why, judged.short) if judged is not None else ("", "")
        if not size or (judged is not None and not judged.included):
            return verdict, own, own_short
        inside = f"{included:,} of {size:,} included"
        return verdict, " · ".join(part for part in (inside, own) if part), f"{included:,} of {size:,}"

    @cached_property
    def _catalog_sizes(self) -> Codes:
        return self.tree.catalog_sums(self.tree.sizes)

    # --- finding a row ---

    def _index_of(self, place: NodeRef) -> int:
        """Return the row that shows a node, -1 when none does."""
        layout = self._layout
        where, number = place
        if where == "catalog":
            found = np.flatnonzero(layout.catalogs == number)
            return int(layout.catalog_at[found[0]]) if len(found) else -1
        _, schema_number = self.tree.ancestors(place)
        assert schema_number is not None
        found = np.flatnonzero(layout.schemas == schema_number)
        if not len(found):
            return -1
        at = int(layout.schema_at[found[0]])
        if where == "schema":
            return at
        inside = np.flatnonzero(self._objects_of(schema_number) == number)
        return at + 1 + int(inside[0]) if len(inside) and self._is_open(("schema", schema_number)) else -1

    def find(self, text: str, start: int) -> int | None:
        """Return the first row from ``start`` on, and then from the first row, whose name begins with a text."""
        text = text.lower()
        total = self.total
        if not text or not total:
            return None
        layout = self._layout
        catalogs, schemas = self.tree.container_names
        found = [
            *(
                int(at)
                for number, at in zip(layout.catalogs, layout.catalog_at, strict=True)
                if catalogs[number].startswith(text)
            ),
            *(
                int(at)
                for number, at in zip(layout.schemas, layout.schema_at, strict=True)
                if schemas[number].startswith(text)
            ),
        ]
        begins: Flags = pc.starts_with(self.tree.names, text).to_numpy(zero_copy_only=False)
        if self._filtered.objects is not None:
            begins = begins & self._filtered.objects
        numbers = self.tree.sums(begins)[layout.schemas]
        is_open = self._open_flags("schema")[layout.schemas]
        holding = np.flatnonzero(is_open & (numbers > 0))
        # Only the two places where the answer may be are looked at: the first from here on, and the first of all.
        ends = layout.schema_at[holding] + self._filtered.counts[layout.schemas[holding]]
        after = holding[np.searchsorted(ends, start) :]
        for place in {*after[:2].tolist(), *holding[:1].tolist()}:
            schema_number = int(layout.schemas[place])
            found += (
                int(layout.schema_at[place]) + 1 + np.flatnonzero(begins[self._objects_of(schema_number)])
            ).tolist()
        later = [at for at in found if at >= start]
        return min(later or found, default=None)

    def searched_expression(self) -> tuple[str, Mapping[Level, int]] | None:
        """Return the regular expression that is searched for, and how many it finds of what it finds most of.

        That is catalogs, schemas, notebooks, or tables and views. None without one, and where it finds nothing.
        """
        expression = expression_in(self.query)
        if not expression or self._found is None:
            return None
        objects, catalogs, schemas = self._found
        kinds = self.tree.catalog.objects["kind"].iloc[self.tree.leaves[objects]].value_counts()
        groups: list[dict[Level, int]] = [
            {"catalogs": int(np.count_nonzero(catalogs))},
            {"schemas": int(np.count_nonzero(schemas))},
            {"tables": int(kinds.get("table", 0)), "views": int(kinds.get("view", 0))},
            {"notebooks": int(kinds.get("notebook", 0))},
        ]
        most = max(groups, key=lambda numbers: sum(numbers.values()))
        found = {level: number for level, number in most.items() if number}
        return (expression, found) if found else None

    def status(self) -> dict[str, object]:
        """Return the status line of the page: search, filter, sort order and number of ticks."""
        counts = self.ticks.counts()
        found = ""
        if self.query or self.show != "all":
            number = int(self._filtered.counts.sum())
            found = f"{number:,} of {plural(len(self.tree.leaves), 'object')}"
        expression = expression_in(self.query)
        if expression is not None and not is_expression(expression):
            found = "Not a valid regular expression"
        return {
            "query": self.query,
            "show": self.show,
            "sort": self.sort,
            "ticked": counted(counts) if counts else ("containers without objects" if self.ticks.any() else ""),
            "found": found,
            "has_verdicts": self._preview is not None,
            "has_updates": self.tree.has_updates,
            "expression": self._searched_text(),
            "can_show_changed": self._changed is not None and bool(self._changed.any()),
            "message": "" if self.total else "No matches" if found else self._nothing(),
        }

    def _searched_text(self) -> str:
        """Return in words what can be made a pattern of; empty for nothing."""
        searched = self.searched_expression()
        if searched is None:
            return ""
        numbers = searched[1]
        if len(numbers) > 1:
            return f"{sum(numbers.values()):,} tables and views"
        return "".join(plural(number, level[:-1]) for level, number in numbers.items())

    def _nothing(self) -> str:
        """Return why the tree has no rows."""
        reasons = sorted(set(self.tree.catalog.failures["reason"].astype(str)))
        return f"Nothing could be listed: {', '.join(reasons)}" if reasons else "The catalog is empty"


_JUDGED_COLUMNS = ["included", "level", "rule", "pattern", "own_verdict", "kind"]
_SHOWN_COLUMNS = ["kind", "name", "object_type", "browse_only", "comment"]


@dataclass(frozen=True)
class _Judged:
    included: bool
    why: str
    short: str


def _verdicts(preview: Preview, rows: Codes) -> list[_Judged | None]:
    judged = preview.rows(rows)
    return [
        _Judged(bool(row["included"]), _why(row), _short_why(row))
        for row in cast("list[Mapping[str, object]]", judged[_JUDGED_COLUMNS].to_dict("records"))
    ]


def _why(row: Mapping[str, object]) -> str:
    if row["rule"] == "allow":
        return f"by {row['level']} pattern {one_line(str(row['pattern']), 60)}"
    passes_alone = not row["included"] and row["own_verdict"] and row["level"] != row["kind"]
    return reason(row) + (" (its own patterns match)" if passes_alone else "")


def _short_why(row: Mapping[str, object]) -> str:
    """Return the reason in few words, without the level where it is the object's own."""
    level = f"{row['level']} "
    if row["rule"] == "no_allow":
        return "not allowed" if row["level"] == row["kind"] else f"{level}not allowed"
    return reason(row).removeprefix(level) if row["level"] == row["kind"] else reason(row)


def _comment(record: Mapping[str, object] | None) -> str:
    comment = record["comment"] if record is not None else None
    if not isinstance(comment, str):
        return ""
    return shorten(comment, _LONGEST_COMMENT)
