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
from dbxexplore.filters.subjects import Codes, Flags
from dbxexplore.text import one_line, plural, shorten
from dbxexplore.widgets.browse.contents import contents
from dbxexplore.widgets.browse.index import NOTEBOOKS, Place, TreeIndex
from dbxexplore.widgets.browse.ticks import Ticks, matching_nodes
from dbxexplore.widgets.words import reason, type_text

Show: TypeAlias = Literal["all", "included", "excluded", "ticked", "changed"]
Sort: TypeAlias = Literal["name", "name_desc", "type", "updated", "verdict"]
SHOWS: tuple[Show, ...] = get_args(Show)
SORTS: tuple[Sort, ...] = get_args(Sort)

_Container: TypeAlias = Literal["top", "middle"]
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

    ``objects`` flags the objects shown (None for all); ``counts`` is their number per middle. ``tops`` and ``middles``
    flag the containers shown, ``found_in`` and ``found_below`` those that a search opens because of a match in them.
    """

    objects: Flags | None
    counts: Codes
    tops: Flags
    middles: Flags
    found_in: Flags
    found_below: Flags


class _Placed(NamedTuple):
    """A node with its position among its siblings and the row of its parent."""

    place: Place
    position: int
    of: int
    parent: int


@dataclass(frozen=True)
class _Layout:
    """Row numbers of the visible tops and middles, in order."""

    total: int
    tops: Codes
    top_at: Codes
    middles: Codes
    middle_at: Codes


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
        if len(self.tree.tops) == 1:
            self._opened["top"][0] = True

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
        selected = self.tree.place_of(self.selected)
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
        stale = ("included", "tops_included", "middles_included", "container_verdicts")
        self._redo(*stale, *(("filtered",) if self.show != "all" else ()))

    def open(self, place: Place, *, is_open: bool) -> None:
        """Open or close a container."""
        where, number = place
        if where == "object":
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

    def open_siblings(self, place: Place) -> None:
        """Open a container and its siblings."""
        where, number = place
        if where == "object":
            return
        numbers = range(len(self.tree.tops))
        if where == "middle":
            top = int(self.tree.top_of[number])
            numbers = range(self.tree.first_middle[top], self.tree.first_middle[top + 1])
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

    def sort_by(self, by: Sort) -> None:
        """Sort the objects in each container; by name or verdict, the containers too."""
        self.sort = by
        self._sorted.clear()
        self._redo("container_order", "layout")

    def tick(self, place: Place, *, on: bool) -> None:
        """Tick or untick a node and everything in it, shown or not."""
        self.ticks.set_node(place, on=on)
        self._ticked()

    def tick_shown(self, *, on: bool) -> None:
        """Tick or untick the objects that pass the search and the show filter."""
        if self.show == "all":
            self.ticks.set_query(self.query, on=on)
        else:
            shown = self._filtered.objects
            self.ticks.set_objects(np.ones(len(self.tree.objects), np.bool_) if shown is None else shown, on=on)
        self._ticked()

    def clear_ticks(self) -> None:
        """Remove all ticks."""
        self.ticks.clear()
        self._ticked()

    def select(self, place: Place) -> None:
        """Select the object to explain."""
        self.selected = self.tree.row_of(place)
        self.version += 1

    def reveal(self, place: Place) -> int:
        """Open the ancestors of a node and return its row; a search or filter that hides it is cleared."""
        at = self._index_of(place)
        if at < 0 and (self.query or self.show != "all"):
            self.search("")
            self.show_only("all")
        top, middle = self.tree.holders(place)
        if middle is not None:
            self.open(("top", top), is_open=True)
        if place[0] == "object" and middle is not None:
            self.open(("middle", middle), is_open=True)
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
        return {"top": np.zeros(len(self.tree.tops), np.bool_), "middle": np.zeros(len(self.tree.middles), np.bool_)}

    def _is_open(self, place: Place) -> bool:
        where, number = place
        return where != "object" and bool(self._open_flags(where)[number])

    def _open_flags(self, where: _Container) -> Flags:
        """Return which tops or middles are open."""
        return self._opens_by_itself(where) != self._toggled[where] if self.query else self._opened[where]

    def _opens_by_itself(self, where: _Container) -> Flags:
        """Return which tops or middles the search opens, because of a match in them."""
        return self._filtered.found_below if where == "top" else self._filtered.found_in

    # --- derived from the state ---

    @cached_property
    def _found(self) -> tuple[Flags, Flags, Flags] | None:
        """The objects, tops and middles that match the search; None without a search."""
        return matching_nodes(self.tree, self.query) if self.query else None

    @cached_property
    def _included(self) -> Flags | None:
        """The verdicts on the objects, in their order."""
        return None if self._preview is None else self._preview.included.to_numpy()[self.tree.objects]

    @cached_property
    def _middles_included(self) -> Codes:
        return np.zeros(len(self.tree.middles), np.intp) if self._included is None else self.tree.sums(self._included)

    @cached_property
    def _tops_included(self) -> Codes:
        return self.tree.top_sums(self._middles_included)

    @cached_property
    def _container_verdicts(self) -> dict[_Container, Codes]:
        """The verdict on each top and middle, as an index into `_VERDICTS`: its own, and those on the objects in it."""
        tree = self.tree
        return {
            "top": self._verdicts_on(tree.top_rows, self._tops_included, self._top_sizes),
            "middle": self._verdicts_on(tree.middle_rows, self._middles_included, tree.sizes),
        }

    def _verdicts_on(self, rows: Codes, included: Codes, sizes: Codes) -> Codes:
        if self._preview is None:
            return np.full(len(rows), _NONE)
        has_row = rows >= 0
        is_out = has_row & ~self._preview.included.to_numpy()[rows] if has_row.any() else has_row
        nothing_in_it = np.where(has_row, _IN, _NONE)
        of_objects = np.where(included == sizes, _IN, np.where(included > 0, _SOME, _OUT))
        verdicts: Codes = np.where(is_out, _OUT, np.where(sizes == 0, nothing_in_it, of_objects))
        return verdicts

    @cached_property
    def _container_order(self) -> tuple[Codes, Codes]:
        """The tops in their order, the notebooks last in any, and the middles in theirs, top by top."""
        tree = self.tree
        tops, middles = np.arange(len(tree.tops)), np.arange(len(tree.middles))  # they are numbered by name
        of_tops, of_middles = tops, middles
        if self.sort == "name_desc":
            of_tops, of_middles = -tops, -middles
        elif self.sort == "verdict":
            of_tops, of_middles = self._container_verdicts["top"], self._container_verdicts["middle"]
        order = np.lexsort((of_tops, tops == len(tops) - 1 if tree.has_notebooks else tops * 0))
        place: Codes = np.empty(len(tops), dtype=np.intp)
        place[order] = tops
        return order, np.lexsort((of_middles, place[tree.top_of]))

    @cached_property
    def _tick_states(self) -> tuple[Codes, Codes]:
        return self.ticks.states()

    def _shown_objects(self) -> tuple[Flags | None, Flags | None, Flags | None]:
        """Return, by the show filter alone, which objects are shown, and tops and middles by their own rows."""
        tree = self.tree
        match self.show:
            case "included" | "excluded" if self._preview is not None:
                flags: Flags = self._preview.included.to_numpy()
                flags = flags if self.show == "included" else ~flags
            case "changed":
                flags = np.zeros(len(tree.catalog), np.bool_) if self._changed is None else self._changed
            case "ticked":
                of_tops, of_middles = self._tick_states
                return self.ticks.objects, of_tops == 1, of_middles == 1
            case _:
                return None, None, None
        tops, middles = ((rows >= 0) & flags[rows] for rows in (tree.top_rows, tree.middle_rows))
        return flags[tree.objects], tops, middles

    @cached_property
    def _filtered(self) -> _Filtered:
        tree = self.tree
        objects, tops, middles = self._shown_objects()
        every_top, every_middle = np.ones(len(tree.tops), np.bool_), np.ones(len(tree.middles), np.bool_)
        tops, middles = every_top if tops is None else tops, every_middle if middles is None else middles
        nothing_found = ~every_middle, ~every_top
        if self._found is None:
            if objects is None:
                return _Filtered(None, tree.sizes, every_top, every_middle, *nothing_found)
            return self._with_containers(objects, tops, middles, *nothing_found)
        own, own_tops, own_middles = self._found
        in_found = own_middles | own_tops[tree.top_of] if len(own_middles) else own_middles
        matched = own if objects is None else own & objects
        found_in = tree.sums(matched) > 0
        found_below = tree.top_sums(found_in | (own_middles & middles)) > 0
        everything = own | in_found[tree.middle_of_object] if in_found.any() else own
        shown = everything if objects is None else everything & objects
        return self._with_containers(shown, own_tops & tops, in_found & middles, found_in, found_below)

    def _with_containers(
        self, objects: Flags, tops: Flags, middles: Flags, found_in: Flags, found_below: Flags
    ) -> _Filtered:
        counts = self.tree.sums(objects)
        middles = middles | (counts > 0)
        tops = tops | (self.tree.top_sums(middles) > 0)
        return _Filtered(objects, counts, tops, middles, found_in, found_below)

    @cached_property
    def _layout(self) -> _Layout:
        tree, filtered = self.tree, self._filtered
        tops, middles = self._container_order
        tops, middles = tops[filtered.tops[tops]], middles[filtered.middles[middles]]
        middles = middles[self._open_flags("top")[tree.top_of[middles]]]
        lengths = 1 + np.where(self._open_flags("middle")[middles], filtered.counts[middles], 0)
        before = np.cumsum(lengths) - lengths  # rows of middles and objects above each middle
        place_of_top: Codes = np.zeros(len(tree.tops), dtype=np.intp)
        place_of_top[tops] = np.arange(len(tops))
        middle_at = before + place_of_top[tree.top_of[middles]] + 1
        in_top = np.bincount(place_of_top[tree.top_of[middles]], weights=lengths, minlength=len(tops)).astype(np.intp)
        top_at = np.arange(len(tops)) + np.cumsum(in_top) - in_top
        return _Layout(len(tops) + int(lengths.sum()), tops, top_at, middles, middle_at)

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
            top_place = int(np.searchsorted(layout.top_at, at, side="right")) - 1
            top = int(layout.tops[top_place])
            if layout.top_at[top_place] == at:
                yield _Placed(("top", top), top_place + 1, len(layout.tops), -1)
                at += 1
                continue
            middle_place = int(np.searchsorted(layout.middle_at, at, side="right")) - 1
            middle, middle_at = int(layout.middles[middle_place]), int(layout.middle_at[middle_place])
            if middle_at == at:
                first, last = np.searchsorted(layout.middle_at, [layout.top_at[top_place], self._end_of(top_place)])
                above = int(layout.top_at[top_place])
                yield _Placed(("middle", middle), middle_place - int(first) + 1, int(last - first), above)
                at += 1
                continue
            objects, number = self._objects_of(middle), int(filtered.counts[middle])
            until = min(stop, middle_at + 1 + number)
            for index in range(at, until):
                position = index - middle_at - 1
                yield _Placed(("object", int(objects[position])), position + 1, number, middle_at)
            at = until

    def _end_of(self, top_place: int) -> int:
        after = top_place + 1
        return int(self._layout.top_at[after]) if after < len(self._layout.tops) else self._layout.total

    def _objects_of(self, middle: int) -> Codes:
        """Return the shown objects of a middle in their order, as places in the tree's objects."""
        order = self._order_of(middle)
        shown = self._filtered.objects
        return order if shown is None else order[shown[order]]

    def _order_of(self, middle: int) -> Codes:
        if middle not in self._sorted:
            if len(self._sorted) > 64:  # noqa: PLR2004 - more than are on a screen
                self._sorted.clear()
            self._sorted[middle] = self._order(middle)
        return self._sorted[middle]

    def _order(self, middle: int) -> Codes:
        tree = self.tree
        start, stop = int(tree.first_object[middle]), int(tree.first_object[middle + 1])
        held = tree.catalog.objects.iloc[tree.objects[start:stop]]
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
        held = None if where == "object" else contents(self.tree, place)
        is_unread = record is not None and record["browse_only"] is True
        ticks = self.ticks.objects if where == "object" else self._tick_states[where == "middle"]
        return {
            "id": f"{where[0]}{number}",
            "level": {"top": 1, "middle": 2, "object": 3}[where],
            "kind": kind,
            "name": name[:_LONGEST_NAME],
            "open": None if where == "object" else self._is_open(place),
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

    def _kind_and_name(self, place: Place, record: Mapping[str, object] | None) -> tuple[str, str]:
        where, number = place
        if where == "object" and record is not None:
            return str(record["kind"]), str(record["name"])
        top, _ = self.tree.holders(place)
        notebooks = self.tree.is_notebooks(top)
        if where == "top":
            return ("notebooks", NOTEBOOKS) if notebooks else ("catalog", self.tree.tops[number])
        return "folder" if notebooks else "schema", self.tree.middles[number]

    def _verdict(self, place: Place, judged: _Judged | None) -> tuple[str, str, str]:
        """Return the verdict and its reason, whole and short; for a container, with the number of objects included."""
        where, number = place
        if self._preview is None:
            return "", "", ""
        if where == "object":
            assert judged is not None
            return ("in" if judged.included else "out"), judged.why, judged.short
        of_tops = where == "top"
        verdict = _VERDICTS[self._container_verdicts[where][number]]
        included = int((self._tops_included if of_tops else self._middles_included)[number])
        size = int((self._top_sizes if of_tops else self.tree.sizes)[number])
        own, own_short = (judged.why, judged.short) if judged is not None else ("", "")
        if not size or (judged is not None and not judged.included):
            return verdict, own, own_short
        inside = f"{included:,} of {size:,} included"
        return verdict, " · ".join(part for part in (inside, own) if part), f"{included:,} of {size:,}"

    @cached_property
    def _top_sizes(self) -> Codes:
        return self.tree.top_sums(self.tree.sizes)

    # --- finding a row ---

    def _index_of(self, place: Place) -> int:
        """Return the row that shows a node, -1 when none does."""
        layout = self._layout
        where, number = place
        if where == "top":
            found = np.flatnonzero(layout.tops == number)
            return int(layout.top_at[found[0]]) if len(found) else -1
        _, middle = self.tree.holders(place)
        assert middle is not None
        found = np.flatnonzero(layout.middles == middle)
        if not len(found):
            return -1
        at = int(layout.middle_at[found[0]])
        if where == "middle":
            return at
        inside = np.flatnonzero(self._objects_of(middle) == number)
        return at + 1 + int(inside[0]) if len(inside) and self._is_open(("middle", middle)) else -1

    def find(self, text: str, start: int) -> int | None:
        """Return the first row from ``start`` on, and then from the top, whose name begins with a text."""
        text = text.lower()
        total = self.total
        if not text or not total:
            return None
        layout = self._layout
        tops, middles = self.tree.container_names
        found = [
            *(int(at) for number, at in zip(layout.tops, layout.top_at, strict=True) if tops[number].startswith(text)),
            *(
                int(at)
                for number, at in zip(layout.middles, layout.middle_at, strict=True)
                if middles[number].startswith(text)
            ),
        ]
        begins: Flags = pc.starts_with(self.tree.names, text).to_numpy(zero_copy_only=False)
        if self._filtered.objects is not None:
            begins = begins & self._filtered.objects
        numbers = self.tree.sums(begins)[layout.middles]
        is_open = self._open_flags("middle")[layout.middles]
        holding = np.flatnonzero(is_open & (numbers > 0))
        # Only the two places where the answer may be are looked at: the first from here on, and the first of all.
        ends = layout.middle_at[holding] + self._filtered.counts[layout.middles[holding]]
        after = holding[np.searchsorted(ends, start) :]
        for place in {*after[:2].tolist(), *holding[:1].tolist()}:
            middle = int(layout.middles[place])
            found += (int(layout.middle_at[place]) + 1 + np.flatnonzero(begins[self._objects_of(middle)])).tolist()
        later = [at for at in found if at >= start]
        return min(later or found, default=None)

    def status(self) -> dict[str, object]:
        """Return the status line of the page: search, filter, sort order and number of ticks."""
        counts = self.ticks.counts()
        found = ""
        if self.query or self.show != "all":
            number = int(self._filtered.counts.sum())
            found = f"{number:,} of {plural(len(self.tree.objects), 'object')}"
        return {
            "query": self.query,
            "show": self.show,
            "sort": self.sort,
            "ticked": counted(counts) if counts else ("containers without objects" if self.ticks.any() else ""),
            "found": found,
            "has_verdicts": self._preview is not None,
            "has_updates": self.tree.has_updates,
            "can_show_changed": self._changed is not None and bool(self._changed.any()),
            "message": "" if self.total else "No matches" if found else self._nothing(),
        }

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
