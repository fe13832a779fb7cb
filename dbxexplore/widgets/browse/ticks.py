"""The ticks in the tree, kept as rules, so that they also apply to objects never shown and to other catalogs.

A later rule overrides an earlier one. A tick on a container applies to everything in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore.filters.subjects import Codes, Flags
from dbxexplore.widgets.browse.index import NodeKey, NodeRef, TreeIndex

_MOST_RULES = 5_000  # users make a few; beyond this, the objects are stored by name in one rule


@dataclass(frozen=True)
class NodeRule:
    """One node, and everything in it."""

    key: NodeKey
    on: bool


@dataclass(frozen=True)
class QueryRule:
    """The objects that match a search."""

    query: str
    on: bool


@dataclass(frozen=True, eq=False)
class ObjectsRule:
    """Single objects of one tree; in another tree, those of the same kinds and names."""

    tree: TreeIndex
    flags: Flags
    on: bool

    def in_tree(self, tree: TreeIndex) -> Flags:
        """Return which objects of a tree these are."""
        if tree is self.tree:
            return self.flags
        wanted = _names(tree, np.ones(len(tree.leaves), np.bool_)).isin(_names(self.tree, self.flags))
        return np.asarray(wanted, dtype=np.bool_)


Rule: TypeAlias = "NodeRule | QueryRule | ObjectsRule"


class Ticks:
    """The ticks on one tree, and the rules that they come from.

    ``objects`` has one flag per object of the tree, in order. ``empty`` has one per schema and ``empty_catalogs`` one
    per catalog; they apply to containers without objects.
    """

    def __init__(self, tree: TreeIndex, rules: tuple[Rule, ...] = ()) -> None:
        self.tree = tree
        self.rules: tuple[Rule, ...] = ()
        self._clear()
        for rule in rules:
            self._apply(rule)
        self.rules = rules

    @classmethod
    def of(cls, tree: TreeIndex, rows: Flags) -> Ticks:
        """Return the ticks on rows of the catalog; of containers, only rows that hold nothing count (see `rows`)."""
        ticks = cls(tree)
        ticks.objects[:] = rows[tree.leaves]
        for own, found in ((tree.schema_rows, ticks.empty), (tree.catalog_rows, ticks.empty_catalogs)):
            found[own >= 0] = rows[own[own >= 0]]
        ticks.empty &= tree.sizes == 0
        ticks.empty_catalogs &= np.diff(tree.first_schema) == 0
        ticks.rules = _condensed(ticks)
        return ticks

    def _clear(self) -> None:
        self.objects: Flags = np.zeros(len(self.tree.leaves), dtype=np.bool_)
        self.empty: Flags = np.zeros(len(self.tree.schemas), dtype=np.bool_)
        self.empty_catalogs: Flags = np.zeros(len(self.tree.catalogs), dtype=np.bool_)

    # --- user actions ---

    def set_node(self, place: NodeRef, *, on: bool) -> None:
        """Tick or untick a node and everything in it."""
        rule = NodeRule(self.tree.key(place), on)
        earlier = tuple(kept for kept in self.rules if not _is_inside(kept, rule.key))
        self._add(rule, earlier)

    def set_query(self, query: str, *, on: bool) -> None:
        """Tick or untick the objects that match a search."""
        self._add(QueryRule(query, on), self.rules)

    def set_objects(self, flags: Flags, *, on: bool) -> None:
        """Tick or untick single objects, flagged in the tree's order."""
        self._add(ObjectsRule(self.tree, flags.copy(), on), self.rules)

    def clear(self) -> None:
        """Remove all ticks."""
        self.rules = ()
        self._clear()

    def _add(self, rule: Rule, earlier: tuple[Rule, ...]) -> None:
        self._apply(rule)
        self.rules = (*earlier, rule)
        if len(self.rules) > _MOST_RULES:
            self.rules = _condensed(self)

    def _apply(self, rule: Rule) -> None:
        if isinstance(rule, NodeRule):
            self._apply_node(rule)
        elif isinstance(rule, QueryRule):
            self.objects[matching_objects(self.tree, rule.query)] = rule.on
        else:
            self.objects[rule.in_tree(self.tree)] = rule.on

    def _apply_node(self, rule: NodeRule) -> None:
        tree, place = self.tree, self.tree.find(rule.key)
        if place is None:
            return
        where, number = place
        if where == "leaf":
            self.objects[number] = rule.on
            return
        schemas = slice(number, number + 1)
        if where == "catalog":
            schemas = slice(tree.first_schema[number], tree.first_schema[number + 1])
            self.empty_catalogs[number] = rule.on
        self.empty[schemas] = rule.on
        self.objects[tree.first_leaf[schemas.start] : tree.first_leaf[schemas.stop]] = rule.on

    # --- what it comes to ---

    def any(self) -> bool:
        """Whether anything is ticked."""
        return bool(self.objects.any()) or bool((self.empty & (self.tree.sizes == 0)).any()) or bool(self._lone().any())

    def _lone(self) -> Flags:
        """Return the ticked catalogs that hold nothing at all."""
        lone: Flags = self.empty_catalogs & (np.diff(self.tree.first_schema) == 0)
        return lone

    def rows(self) -> Flags:
        """Return the ticks as flags for the rows of the catalog, with the containers of what is ticked."""
        tree = self.tree
        found = np.zeros(len(tree.catalog), dtype=np.bool_)
        found[tree.leaves[self.objects]] = True
        schemas: Flags = np.where(tree.sizes > 0, tree.sums(self.objects) > 0, self.empty)
        catalogs = (tree.catalog_sums(schemas) > 0) | self._lone()
        for rows, held in ((tree.schema_rows, schemas), (tree.catalog_rows, catalogs)):
            with_row = rows[held & (rows >= 0)]
            found[with_row] = True
        return found

    def states(self) -> tuple[Codes, Codes]:
        """Return 0 (off), 1 (on) or 2 (mixed) for each catalog and each schema."""
        tree = self.tree
        ticked = tree.sums(self.objects)
        schemas = np.where(tree.sizes == 0, self.empty, np.where(ticked == 0, 0, np.where(ticked == tree.sizes, 1, 2)))
        number = np.diff(tree.first_schema)
        on, some = tree.catalog_sums(schemas == 1), tree.catalog_sums(schemas > 0)
        catalogs = np.where(number == 0, self.empty_catalogs, np.where(some == 0, 0, np.where(on == number, 1, 2)))
        return catalogs.astype(np.intp), schemas.astype(np.intp)

    def counts(self) -> Mapping[str, int]:
        """Return how many objects of each kind are ticked."""
        codes = self.tree.catalog.objects["kind"].cat.codes.to_numpy()[self.tree.leaves[self.objects]]
        categories = self.tree.catalog.objects["kind"].cat.categories
        numbers = np.bincount(codes, minlength=len(categories))
        return {str(kind): int(number) for kind, number in zip(categories, numbers, strict=True) if number}

    def moved_to(self, tree: TreeIndex) -> Ticks:
        """Return the same rules on another tree."""
        return Ticks(tree, self.rules)


def _names(tree: TreeIndex, flags: Flags) -> pd.MultiIndex:
    """Return what names these objects of a tree."""
    held = tree.catalog.objects.iloc[tree.leaves[flags]]
    names = [held[column].astype(object).fillna("") for column in ("kind", "catalog", "schema", "full_name")]
    return pd.MultiIndex.from_arrays(names)


def _is_inside(rule: Rule, container: NodeKey) -> bool:
    """Whether a rule is about a node in ``container``, or about that node itself."""
    if not isinstance(rule, NodeRule):
        return False
    key = rule.key
    match container:
        case ("catalog", name):
            return key[0] not in {"notebooks", "folder", "notebook"} and key[1] == name
        case ("notebooks",):
            return key[0] in {"notebooks", "folder", "notebook"}
        case ("schema", catalog, schema):
            return len(key) > 2 and key[1:3] == (catalog, schema)  # noqa: PLR2004 - a schema's names
        case ("folder", path):
            return key == container or (key[0] == "notebook" and (key[1].rpartition("/")[0] or "/") == path)
    return key == container


def _condensed(ticks: Ticks) -> tuple[Rule, ...]:
    """Return few rules that come to the same."""
    tree = ticks.tree
    held = ObjectsRule(tree, ticks.objects.copy(), on=True)
    catalogs, schemas = ticks.states()
    empty = [
        *(("catalog", int(number)) for number in np.flatnonzero((catalogs == 1) & (np.diff(tree.first_schema) == 0))),
        *(("schema", int(number)) for number in np.flatnonzero((schemas == 1) & (tree.sizes == 0))),
    ]
    return (*(NodeRule(tree.key(place), on=True) for place in empty), held)  # type: ignore[arg-type]  # mypy widens the literals


def matching_objects(tree: TreeIndex, query: str) -> Flags:
    """Return which of the tree's objects a search finds: by name, or by the name of a container of theirs.

    A query with a dot or a slash is looked for in full names as well.
    """
    own, catalogs, schemas = matching_nodes(tree, query)
    if len(schemas):
        schemas |= catalogs[tree.catalog_of]
    if schemas.any():
        own |= schemas[tree.schema_of_leaf]
    return own


def matching_nodes(tree: TreeIndex, query: str) -> tuple[Flags, Flags, Flags]:
    """Return which objects, catalogs and schemas a search finds by their own names, whatever their case.

    ``owner:``, ``type:`` and ``comment:`` before a text look for it there instead, among the objects, and ``re:`` takes it
    for a regular expression for names; one that is not valid finds nothing.
    """
    text = query.strip().lower()
    prefix, colon, rest = query.strip().partition(":")
    if colon and prefix.lower() in _FIELDS:
        return _in_field(tree, _FIELDS[prefix.lower()], rest.strip().lower()), *_no_containers(tree)
    if (expression := expression_in(query)) is not None:
        return _by_expression(tree, expression)
    objects = _flags(pc.match_substring(tree.names, text))
    catalog_names, schema_names = tree.container_names
    catalogs = np.fromiter((text in name for name in catalog_names), np.bool_, len(catalog_names))
    schemas = np.fromiter((text in name for name in schema_names), np.bool_, len(schema_names))
    if "." in text or "/" in text:
        objects |= _spanning(tree, text)
        # Its end must reach the container's own name, or everything in a catalog would be found by the catalog's.
        ends = (q.rfind(text) + len(text) - len(q) + len(n) if text in q else -1 for q, n in _qualified(tree))
        schemas |= np.fromiter(ends, np.intp, len(schema_names)) >= 0
    return objects, catalogs, schemas


def expression_in(query: str) -> str | None:
    """Return the regular expression that a search asks for, None where it looks for a text."""
    prefix, colon, rest = query.strip().partition(":")
    return rest.strip() if colon and prefix.lower() == "re" else None


def is_expression(text: str) -> bool:
    """Return whether a text is a regular expression that names can be searched by."""
    try:
        pc.match_substring_regex(pa.array([""]), text)
    except pa.ArrowInvalid:
        return False
    return True


_FIELDS = {"owner": "owner", "type": "object_type", "comment": "comment"}


def _in_field(tree: TreeIndex, column: str, text: str) -> Flags:
    values = pa.array(tree.catalog.objects[column].astype("string"), pa.string(), from_pandas=True)
    values = pc.utf8_lower(values.take(pa.array(tree.leaves)))
    if column == "object_type":
        values = pc.replace_substring(values, "_", " ")  # as it is shown
    return _flags(pc.fill_null(pc.match_substring(values, text), False))  # noqa: FBT003 - of what is not known


def _no_containers(tree: TreeIndex) -> tuple[Flags, Flags]:
    return np.zeros(len(tree.catalogs), np.bool_), np.zeros(len(tree.schemas), np.bool_)


def _by_expression(tree: TreeIndex, text: str) -> tuple[Flags, Flags, Flags]:
    names = (tree.names, *(pa.array(found, pa.string()) for found in tree.container_names))
    try:
        objects, catalogs, schemas = (_flags(pc.match_substring_regex(each, text, ignore_case=True)) for each in names)
    except pa.ArrowInvalid:
        return np.zeros(len(tree.leaves), np.bool_), *_no_containers(tree)
    return objects, catalogs, schemas


def _qualified(tree: TreeIndex) -> Iterator[tuple[str, str]]:
    return zip(tree.qualified_names, tree.container_names[1], strict=True)


def _spanning(tree: TreeIndex, text: str) -> Flags:
    """Return which objects have ``text`` across the border between the name of what holds them and their own."""
    found = np.zeros(len(tree.leaves), dtype=np.bool_)
    notebooks = len(tree.catalogs) - 1 if tree.has_notebooks else -1
    borders = ["/" if catalog_number == notebooks else "." for catalog_number in tree.catalog_of.tolist()]
    for border in [at for at, character in enumerate(text, start=1) if character in "./"]:
        before, after = text[:border], text[border:]
        held = [f"{n.rstrip('/')}{b}".endswith(before) for n, b in zip(tree.qualified_names, borders, strict=True)]
        if any(held):
            found |= _flags(pc.starts_with(tree.names, after)) & np.array(held)[tree.schema_of_leaf]
    return found


def _flags(found: pa.BooleanArray) -> Flags:
    flags: Flags = found.to_numpy(zero_copy_only=False).astype(np.bool_)
    return flags
