"""The catalog as a tree in the page: the state is here, and the page gets the rows that it shows.

The page and the kernel speak through two traits of plain JSON. ``request`` holds what a person did and the kernel has
not answered yet, in order, each with a number; ``reply`` acknowledges the numbers and brings rows. The page may only
say what was done (`INTENTS`); whatever else arrives is ignored and logged. No message is larger than `MOST_BYTES`.
"""

from __future__ import annotations

import json
import logging
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

import anywidget
import traitlets

from dbxexplore.filters import Preview
from dbxexplore.filters.searches import with_search
from dbxexplore.widgets.base import locked
from dbxexplore.widgets.browse import script
from dbxexplore.widgets.browse.index import NodeRef
from dbxexplore.widgets.browse.model import SHOWS, SORTS, Row, Show, Sort, TreeModel
from dbxexplore.widgets.controls import Control
from dbxexplore.widgets.state import ExplorerState, Mask

_LOG = logging.getLogger(__name__)

MOST_BYTES = 256_000
_MOST_ROWS = 200
_FIRST_ROWS = 60
_MOST_SESSIONS = 16  # pages that showed this tree; the kernel remembers what each was answered
_LONGEST_TEXT = 1_000

INTENTS: Mapping[str, Mapping[str, type | tuple[str, ...]]] = {
    "hello": {},
    "window": {"start": int, "count": int},
    "expand": {"id": str, "open": bool},
    "expand_all": {"open": bool},
    "siblings": {"id": str},
    "tick": {"id": str, "on": bool},
    "tick_shown": {"on": bool},
    "clear_ticks": {},
    "search": {"text": str},
    "show": {"which": SHOWS},
    "sort": {"by": SORTS},
    "select": {"id": str},
    "find": {"text": str, "from": int},
    "finish": {},
    "include": {"id": str, "on": bool},
    "use_search": {"on": bool},
}
"""What the page may ask for, with the type or the choices of each value."""

COLUMNS = ("name", "verdict", "type", "holds")
PANES = ("rail", "side", "details")
_LARGEST_SHARE = 10_000

_CHANGING = {"tick", "tick_shown", "clear_ticks", "include", "use_search"}
_TICKING = {"tick", "tick_shown", "clear_ticks"}
_NODE_ID = re.compile(r"(\d+)-([csl])(\d{1,12})")
_WHERE: dict[str, Literal["catalog", "schema", "leaf"]] = {"c": "catalog", "s": "schema", "l": "leaf"}


@dataclass(frozen=True)
class Intent:
    """One user action in the page; ``values`` are validated against `INTENTS`."""

    seq: int
    type: str
    values: Mapping[str, object]


def read_request(request: object) -> tuple[str, int, list[Intent]]:
    """Return the page that a request is from, its highest number, and what it asks for, in the order of the numbers.

    A malformed intent is logged and left out; its number is acknowledged, so that it is not sent again.
    """
    if not isinstance(request, Mapping) or not isinstance(request.get("session"), str):
        _ignored(request)
        return "", 0, []
    items = request.get("intents")
    last, intents = 0, []
    for item in items if isinstance(items, list) else [items]:
        intent = _read_intent(item)
        if intent is None:
            _ignored(item)
        else:
            intents.append(intent)
        if isinstance(item, Mapping) and _is(item.get("seq"), int):
            last = max(last, item["seq"])
    return str(request["session"])[:_LONGEST_TEXT], last, sorted(intents, key=lambda intent: intent.seq)


def _read_intent(item: object) -> Intent | None:
    if not isinstance(item, Mapping) or not _is(item.get("seq"), int):
        return None
    kinds = INTENTS.get(item["type"]) if isinstance(item.get("type"), str) else None
    if kinds is None or not all(_is(item.get(name), kind) for name, kind in kinds.items()):
        return None
    return Intent(item["seq"], item["type"], {name: item[name] for name in kinds})


def _is(value: object, wanted: type | tuple[str, ...]) -> bool:
    if isinstance(wanted, tuple):
        return value in wanted
    # To Python, True is a number.
    return isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))


def _are_shares(value: object) -> bool:
    """Whether this is a part of the width for each column, or none at all."""
    if not isinstance(value, Mapping):
        return False
    sound = (isinstance(part, int | float) and not isinstance(part, bool) for part in value.values())
    is_known = not value or set(value) == set(COLUMNS)
    return is_known and all(sound) and all(0 < part <= _LARGEST_SHARE for part in value.values())


def _are_sizes(value: object) -> bool:
    """Whether this is a size in pixels for some of the panes."""
    if not isinstance(value, Mapping) or not set(value) <= set(PANES):
        return False
    return all(_is(size, int) and 0 < size <= _LARGEST_SHARE for size in value.values())


def _ignored(what: object) -> None:
    _LOG.warning("Ignored a malformed message from the page: %.200r", what)


class CatalogTree(Control, anywidget.AnyWidget):
    """A tree of a catalog with verdicts and ticks, for any number of objects."""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    request = traitlets.Dict().tag(sync=True)
    """User actions in the page: ``session`` (text) and ``intents``, a list of ``seq``, ``type`` and `INTENTS`' values."""

    reply = traitlets.Dict().tag(sync=True)
    """The answer: ``session``, ``ack`` (the highest number done), ``version``, ``total``, ``start``, ``rows``, ``focus``
    (a row to go to, or None) and ``status``."""

    height = traitlets.Int(420).tag(sync=True)
    """Height of the rows, in pixels."""

    columns = traitlets.Dict().tag(sync=True)
    """The part of the width of each of `COLUMNS` as set in a page, for the next page; empty by default."""

    panes = traitlets.Dict().tag(sync=True)
    """The sizes of `PANES` around the tree as set in a page, in pixels, for the next page; empty by default."""

    page_width = traitlets.Int(0).tag(sync=True)
    """Width of the whole Explorer in the page that was last measured, in pixels; 0 until a page has reported it."""

    loaded = traitlets.Bool(default_value=False)
    """Whether a page has shown the tree."""

    def __init__(self, state: ExplorerState | None = None, **traits: object) -> None:
        unknown = sorted(set(traits) - set(self.trait_names()))
        if unknown:
            msg = f"{type(self).__name__} has no trait {unknown[0]!r}"
            raise TypeError(msg)
        self.state = ExplorerState() if state is None else state
        self._model: TreeModel | None = None
        self._generation = 0  # of the catalog; ids of an earlier one name nothing
        self._asked: OrderedDict[str, int] = OrderedDict()  # the last number done for each page
        self._window = (0, _FIRST_ROWS)
        self._reported: Mask | None = None  # the ticks that this tree and the state agree on
        self._shown: tuple[Preview | None, Mask | None] = (None, None)  # the verdicts, and which of them are new
        super().__init__(_esm=script.page_script(), _css=script.page_style(), **traits)
        script.reload_in(self)
        self.observe(self._on_request, "request")
        self.observe(self._on_columns, "columns")
        self.observe(self._on_panes, "panes")
        self.observe(self._on_page_width, "page_width")
        self.state.observe(self._on_catalog, "catalog")
        self.state.observe(self._on_verdicts, ["live", "changed"])
        self.state.observe(self._on_read_only, "read_only")
        self.state.observe(self._on_ticked, "ticked")
        self._on_catalog({})

    def __repr__(self) -> str:
        # Not the traits: a notebook saves this text beside the widget.
        return f"{type(self).__name__}()"

    @locked
    def set_state(self, sync_data: dict[str, object]) -> None:
        """Apply a message of the page."""
        super().set_state(sync_data)

    @locked
    def reveal(self, *names: str) -> bool:
        """Show a catalog, or a schema by the names of both, open it, and move the keyboard focus of the tree there.

        Returns whether the catalog has it.
        """
        place = self._model.tree.find(("schema" if len(names) > 1 else "catalog", *names)) if self._model else None
        if place is None or self._model is None:
            return False
        # First shown: what is opened while something is searched for is closed again with the search.
        at = self._model.reveal(place)
        self._model.open(place, is_open=True)
        self._window = (max(0, at - 5), self._window[1])
        self._answer(focus=at)
        return True

    @locked
    def show_changed(self) -> None:
        """Show only what the last edit changed."""
        if self._model is not None:
            self._model.show_changed()
            self._answer(focus=0)

    # --- what happens in Python ---

    @locked
    def _on_catalog(self, _change: object) -> None:
        catalog, preview, before = self.state.catalog, self.state.live, self._model
        # Nothing is answered with numbers of the new catalog on rows of the old one.
        self._model = None
        self._generation += 1
        self._shown = (preview, self.state.changed)
        if catalog is not None and before is not None:
            self._model = before.moved_to(catalog, preview)
            if self.state.selected >= 0:  # the same object, which may have been selected elsewhere
                self._model.selected = self.state.selected
            if self._model.ticks.rules:
                self._report(ticks=True)
            else:
                self._report(ticks=False)
                self._take_ticks()
        elif catalog is not None:
            self._model = TreeModel(catalog, preview)
            self._model.selected = self.state.selected
            self._take_ticks()
        if self._model is not None and self.state.changed is not None:
            self._model.set_preview(preview, self.state.changed.flags)
        self._answer()

    @locked
    def _on_verdicts(self, _change: object) -> None:
        verdicts = (self.state.live, self.state.changed)
        if self._model is not None and self._shown != verdicts:  # set together, they are two changes and one answer
            self._shown = verdicts
            self._model.set_preview(verdicts[0], verdicts[1].flags if verdicts[1] is not None else None)
            self._answer()

    @locked
    def _on_read_only(self, _change: object) -> None:
        self._answer()

    @locked
    def _on_ticked(self, _change: object) -> None:
        """Show the ticks that were set elsewhere, or remove those that another panel has done with."""
        model = self._model
        if model is None or model.tree.catalog is not self.state.catalog:
            return  # another catalog is coming, which the ticks move to
        if self.state.ticked is None and model.ticks.any():
            model.clear_ticks()
            self._answer()
        elif self._take_ticks():
            self._answer()

    def _take_ticks(self) -> bool:
        """Tick what the state says, unless that is from here; return whether there was anything to take."""
        model, ticked = self._model, self.state.ticked
        if model is None or ticked is None or ticked is self._reported or len(ticked.flags) != len(model.tree.catalog):
            return False
        self._reported = ticked
        model.assign_ticks(ticked.flags)
        return True

    def _on_page_width(self, _change: object) -> None:
        self.state.page_width = self.page_width

    def _report(self, *, ticks: bool) -> None:
        """Write the selected row, and the ticks if ``ticks``, to the state."""
        model = self._model
        values: dict[str, object] = {"selected": model.selected if model else -1}
        if ticks:
            is_any = model is not None and model.ticks.any()
            self._reported = Mask(model.ticks.rows()) if model is not None and is_any else None
            values["ticked"] = self._reported
            values["ticked_text"] = str(model.status()["ticked"]) if model is not None else ""
        self.state.update(**values)

    # --- what happens in the page ---

    @locked
    def _on_request(self, change: Mapping[str, object]) -> None:
        session, last, intents = read_request(change["new"])
        if not session:
            return
        self.loaded = True
        done = self._asked.pop(session, 0)
        focus: int | None = None
        for intent in intents:
            if intent.seq > done:
                focus = self._try(intent, focus)
        done = max(done, last)
        self._asked[session] = done
        while len(self._asked) > _MOST_SESSIONS:
            self._asked.popitem(last=False)
        self._answer(focus=focus)

    def _on_columns(self, change: Mapping[str, object]) -> None:
        if not _are_shares(change["new"]):
            _ignored(change["new"])
            self.columns = change["old"] if _are_shares(change["old"]) else {}

    def _on_panes(self, change: Mapping[str, object]) -> None:
        if not _are_sizes(change["new"]):
            _ignored(change["new"])
            self.panes = change["old"] if _are_sizes(change["old"]) else {}

    def _try(self, intent: Intent, focus: int | None) -> int | None:
        try:
            row = self._do(intent)
        except Exception:  # noqa: BLE001 - one failed intent must not leave the page without an answer
            _LOG.exception("The tree could not do %r", intent.type)
            return focus
        return focus if row is None else row

    def _do(self, intent: Intent) -> int | None:
        """Carry out an intent; return the row to go to, if any."""
        model = self._model
        if intent.type == "window":
            start, count = cast("int", intent.values["start"]), cast("int", intent.values["count"])
            self._window = (max(0, start), min(_MOST_ROWS, max(1, count)))
        elif intent.type == "finish":
            self.state.finish()
        elif model is not None and not (self.state.read_only and intent.type in _CHANGING):
            if intent.type == "find":
                return model.find(str(intent.values["text"])[:_LONGEST_TEXT], cast("int", intent.values["from"]))
            if "id" in intent.values:
                place = self._node(str(intent.values["id"]))
                if place is None:
                    _ignored(intent)
                    return None
                _ON_NODE[intent.type](model, place, intent)
                if intent.type == "include":
                    self._include(model.selected, on=bool(intent.values["on"]))
            elif intent.type == "use_search":
                self._use_search(model, on=bool(intent.values["on"]))
            elif intent.type in _ON_TREE:
                _ON_TREE[intent.type](model, intent)
            self._report(ticks=intent.type in _TICKING)
        return None

    def _include(self, row: int, *, on: bool) -> None:
        """Include or exclude a row, and it alone, unless it is already."""
        self.state.finish()
        preview = self.state.preview
        if preview is not None and 0 <= row < len(preview.catalog) and bool(preview.included.iloc[row]) != on:
            self.state.filters = preview.explain(row).flipped(self.state.filters)

    def _use_search(self, model: TreeModel, *, on: bool) -> None:
        """Include or exclude what a search by regular expression finds, by a pattern of the filters."""
        searched = model.searched_expression()
        if searched is not None and self.state.preview is not None:
            self.state.finish()
            self.state.filters = with_search(self.state.filters, *searched, self.state.dialect, on=on)

    def _node(self, node_id: str) -> NodeRef | None:
        assert self._model is not None
        tree, match = self._model.tree, _NODE_ID.fullmatch(node_id)
        if match is None or int(match[1]) != self._generation:
            return None
        where, number = _WHERE[match[2]], int(match[3])
        size = {"catalog": len(tree.catalogs), "schema": len(tree.schemas), "leaf": len(tree.leaves)}[where]
        return (where, number) if number < size else None

    def _answer(self, focus: int | None = None) -> None:
        model = self._model
        session, done = next(reversed(self._asked.items()), ("", 0))
        start, count = self._window
        total = model.total if model else 0
        start = max(0, min(start, total - 1))
        if focus is not None and not start <= focus < start + count:
            start = max(0, focus - count // 2)
        status = model.status() if model else _NOTHING
        self.reply = {
            "session": session,
            "ack": done,
            "version": self._version_of(model),
            "total": total,
            "start": start,
            "rows": _fitting([self._identified(row) for row in model.window(start, count)] if model else []),
            "focus": focus,
            "status": {**status, "read_only": self.state.read_only},
        }

    def _version_of(self, model: TreeModel | None) -> int:
        # Rows stay good until something that they show changes; a generation has room for a billion changes.
        return self._generation * 1_000_000_000 + (model.version if model else 0)

    def _identified(self, row: Row) -> Row:
        return {**row, "id": f"{self._generation}-{row['id']}"}


_NOTHING: Mapping[str, object] = {
    "query": "",
    "show": "all",
    "sort": "name",
    "ticked": "",
    "found": "",
    "expression": "",
    "has_verdicts": False,
    "has_updates": False,
    "can_show_changed": False,
    "message": "Discover a workspace to see its catalogs",
}

_ON_NODE: Mapping[str, Callable[[TreeModel, NodeRef, Intent], None]] = {
    "expand": lambda model, place, intent: model.open(place, is_open=bool(intent.values["open"])),
    "siblings": lambda model, place, _: model.open_siblings(place),
    "tick": lambda model, place, intent: model.tick(place, on=bool(intent.values["on"])),
    "select": lambda model, place, _: model.select(place),
    "include": lambda model, place, _: model.select(place),
}
_ON_TREE: Mapping[str, Callable[[TreeModel, Intent], None]] = {
    "expand_all": lambda model, intent: model.open_all(is_open=bool(intent.values["open"])),
    "tick_shown": lambda model, intent: model.tick_shown(on=bool(intent.values["on"])),
    "clear_ticks": lambda model, _: model.clear_ticks(),
    "search": lambda model, intent: model.search(str(intent.values["text"])[:_LONGEST_TEXT]),
    "show": lambda model, intent: model.show_only(cast("Show", intent.values["which"])),
    "sort": lambda model, intent: model.sort_by(cast("Sort", intent.values["by"])),
}


def _fitting(rows: list[Row]) -> list[Row]:
    """Return as many of the rows as a message may hold; the page asks for the rest. Names may take twelve bytes a letter."""
    while len(rows) > 1 and len(json.dumps(rows)) > MOST_BYTES - 10_000:
        rows = rows[: len(rows) // 2]
    return rows
