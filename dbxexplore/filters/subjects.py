"""The subjects of each level, which patterns are compared with, and the cache of what each pattern matches.

A container is judged once, not once per table in it. Which subjects a pattern matches depends only on the pattern,
the level and the way of matching, so it is cached: after an edit of one pattern, only that one is matched again.
`Subjects.of` returns the subjects of a catalog, `Subjects.judge` the `Verdicts` of one level.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.catalog.schema import KINDS, Kind
from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.engine import matching
from dbxexplore.filters.engine.matching import Names
from dbxexplore.filters.patterns import LEVELS, Level, ListName, Patterns

if TYPE_CHECKING:
    from dbxexplore.filters.filters import Filters

Flags: TypeAlias = npt.NDArray[np.bool_]
Codes: TypeAlias = npt.NDArray[np.intp]

_REMEMBERED_BYTES = 64_000_000  # of flags, one byte per subject: a few hundred patterns over 100,000 names
_WORTH_A_THREAD = 50_000  # names, over which a pattern takes longer than a thread to start
_SIDE_BY_SIDE = 2  # patterns; each uses threads of its own where it is slow

_Key: TypeAlias = tuple[object, ...]  # what the subjects that a pattern matches depend on

RULES = ("allow", "deny", "no_allow", "everything")
_ALLOW, _DENY, _NO_ALLOW, _EVERYTHING = range(4)


@dataclass(frozen=True)
class Verdicts:
    """What the patterns of one level decide on each of its subjects.

    ``allow`` and ``deny`` hold, for each pattern of the two lists, which of the ``size`` subjects it matches;
    ``everything`` says that there is no allow list to pass. What decided is worked out when it is asked for.
    """

    allow: tuple[Flags, ...]
    deny: tuple[Flags, ...]
    everything: bool
    size: int

    @cached_property
    def passes(self) -> Flags:
        """The verdict on each subject. Deny wins over allow."""
        passes = np.full(self.size, self.everything)
        for flags in self.allow:
            passes |= flags
        for flags in self.deny:
            passes &= ~flags
        return passes

    def taken(self, at: Codes) -> Verdicts:
        """Return the verdicts on some of the subjects."""
        allow, deny = (tuple(flags[at] for flags in each) for each in (self.allow, self.deny))
        return Verdicts(allow, deny, self.everything, len(at))

    @cached_property
    def rule(self) -> npt.NDArray[np.int8]:
        """What decided on each subject, as an index into `RULES`."""
        otherwise = _EVERYTHING if self.everything else _NO_ALLOW
        return np.where(self._denied >= 0, _DENY, np.where(self._allowed >= 0, _ALLOW, otherwise)).astype(np.int8)

    @cached_property
    def pattern(self) -> npt.NDArray[np.int32]:
        """The index of the deciding pattern in the list that the rule names, -1 where none decided."""
        return np.where(self._denied >= 0, self._denied, self._allowed)

    @cached_property
    def _denied(self) -> npt.NDArray[np.int32]:
        return _first(self.deny, self.size)

    @cached_property
    def _allowed(self) -> npt.NDArray[np.int32]:
        return _first(self.allow, self.size)


def _first(matched: Sequence[Flags], size: int) -> npt.NDArray[np.int32]:
    """Return the index of the first pattern that matches each subject, -1 where none does."""
    first = np.full(size, -1, dtype=np.int32)
    for index, flags in reversed(list(enumerate(matched))):
        np.putmask(first, flags, index)
    return first


@dataclass
class Subjects:
    """The subjects of each level of one catalog, and how rows of its frame refer to them.

    ``qualified`` and ``bare`` hold, for each level, the texts that patterns are compared with. Of a row,
    ``catalog_of`` and ``schema_of`` are the positions of its containers among the subjects of those levels,
    -1 where it has none; ``own`` is its position among the subjects of its own level. The subjects of
    ``tables`` are the tables and then the views. ``rows`` holds the rows of each kind.
    """

    qualified: dict[Level, Names]
    bare: dict[Level, Names]
    catalog_of: Codes
    schema_of: Codes
    own: Codes
    first_view: int
    rows: dict[Kind, Codes]
    _matched: OrderedDict[_Key, Flags] = field(default_factory=OrderedDict, repr=False)
    _refused: dict[_Key, errors.PatternError] = field(default_factory=dict, repr=False)
    _underscored: dict[tuple[Level, bool], Names] = field(default_factory=dict, repr=False)
    # Held while the two change, not while names are matched: a preview and a lint may ask at the same time.
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @classmethod
    def of(cls, catalog: Catalog) -> Subjects:
        """Return the subjects of ``catalog``, worked out once."""
        return catalog.derived(cls, lambda: _subjects(catalog.objects))

    @cached_property
    def inside(self) -> dict[Level, tuple[Codes, Codes]]:
        """The rows that are in a catalog, and in a schema, each with the subject of that container."""
        inside: dict[Level, tuple[Codes, Codes]] = {}
        containers: tuple[tuple[Level, Codes], ...] = (("catalogs", self.catalog_of), ("schemas", self.schema_of))
        for level, container in containers:
            rows = np.flatnonzero(container >= 0)
            inside[level] = (rows, container[rows])
        return inside

    @cached_property
    def catalog_of_schema(self) -> Codes:
        """The catalog of each subject of ``schemas``."""
        of = np.zeros(len(self.qualified["schemas"]), dtype=np.intp)
        rows, schemas = self.inside["schemas"]
        of[schemas] = self.catalog_of[rows]
        return of

    def prepare(self, filters: Filters, dialect: Dialect) -> None:
        """Match all patterns of ``filters`` that are not remembered, side by side: Arrow lets other threads run."""
        wanted = [
            (level, text)
            for level in LEVELS
            if len(self.names(level, dialect)) >= _WORTH_A_THREAD
            for text in dict.fromkeys((*filters.level(level).allow, *filters.level(level).deny))
            if not self._is_known(self._key(level, text, dialect))
        ]
        size = sum(len(self.names(level, dialect)) for level, _ in wanted)
        if len(wanted) > 1 and size <= _REMEMBERED_BYTES:  # else the first would be forgotten before they are used
            for level, _ in wanted:
                _ = self.names(level, dialect).groups  # made once, before two threads want them
            with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
                tried = [
                    pool.submit(matching.matches, text, dialect, self.names(level, dialect)) for level, text in wanted
                ]
                _ = self.inside
            for (level, text), future in zip(wanted, tried, strict=True):
                with contextlib.suppress(errors.PatternError):  # raised where the pattern has a place
                    self._remember(self._key(level, text, dialect), future.result)

    def judge(self, level: Level, patterns: Patterns, dialect: Dialect) -> Verdicts:
        """Return the verdicts of ``patterns`` on the subjects of ``level``. Deny wins over allow.

        What ``dialect`` denies by itself comes last in ``deny``.

        Raises:
            PatternError: a pattern takes too long; names its place.
        """
        patterns = dialect.applied(level, patterns)
        return Verdicts(
            self._matched_by(level, "allow", patterns.allow, dialect),
            self._matched_by(level, "deny", patterns.deny, dialect),
            everything=not patterns.allow and dialect.empty_allow == "everything",
            size=len(self.qualified[level]),
        )

    def names(self, level: Level, dialect: Dialect) -> Names:
        """Return the texts that ``dialect`` compares the patterns of ``level`` with."""
        return self.texts(level, dialect, bare=dialect.subject == "bare")

    def texts(self, level: Level, dialect: Dialect, *, bare: bool) -> Names:
        """Return the bare or the qualified names of ``level``, written as ``dialect`` matches them."""
        names = (self.bare if bare else self.qualified)[level]
        return self._escaped(level, names) if dialect.escapes(level) else names

    def _escaped(self, level: Level, names: Names) -> Names:
        key = (level, names is self.bare[level])
        with self._lock:
            if key not in self._underscored:
                text = pc.replace_substring(names.text, pattern=" ", replacement="_")
                # Where there are no blanks, both are one and the same, and what matches is remembered for both.
                self._underscored[key] = names if text.equals(names.text) else Names(text)
            return self._underscored[key]

    def _matched_by(self, level: Level, name: ListName, texts: Sequence[str], dialect: Dialect) -> tuple[Flags, ...]:
        matched = []
        for index, text in enumerate(texts):
            try:
                matched.append(self.matches(level, text, dialect))
            except errors.PatternError as error:
                raise error.at(level, name, index) from None
        return tuple(matched)

    def matches(self, level: Level, text: str, dialect: Dialect) -> Flags:
        """Return which subjects of ``level`` one pattern matches, remembered; not to be changed in place.

        Raises:
            PatternError: it is not a regular expression, or takes too long.
        """
        key = self._key(level, text, dialect)
        with self._lock:
            if key in self._refused:
                raise self._refused[key]
            known = self._matched.get(key)
            if known is not None:
                self._matched.move_to_end(key)
                return known
        return self._remember(key, lambda: matching.matches(text, dialect, self.names(level, dialect)))

    def _key(self, level: Level, text: str, dialect: Dialect) -> _Key:
        return (level, text, dialect.match, dialect.ignore_case, id(self.names(level, dialect)))

    def _is_known(self, key: _Key) -> bool:
        with self._lock:
            return key in self._matched or key in self._refused

    def _remember(self, key: _Key, match: Callable[[], Flags]) -> Flags:
        try:
            flags = match()
        except errors.PatternError as error:
            with self._lock:
                self._refused[key] = error
            raise
        with self._lock:
            self._matched[key] = flags
            while sum(kept.nbytes for kept in self._matched.values()) > _REMEMBERED_BYTES and len(self._matched) > 1:
                self._matched.popitem(last=False)
        return flags


def _subjects(objects: pd.DataFrame) -> Subjects:
    rows = _rows_by_kind(objects["kind"])
    name, full_name = _text(objects["name"]), _text(objects["full_name"])

    # A container is judged by name, whether or not it has a row: its rows and its contents refer to it alike.
    catalog_of, catalogs = _container(objects["catalog"], rows["catalog"], name, rows["notebook"])
    no_schema = np.concatenate([rows["catalog"], rows["notebook"]])
    schema_codes, schema_names = _container(objects["schema"], rows["schema"], name, no_schema)
    schema_of, pairs = _numbered_pairs(catalog_of, schema_codes, max(1, len(schema_names)))
    schema_catalogs = [catalogs[pair // max(1, len(schema_names))] for pair in pairs]
    schemas = [schema_names[pair % max(1, len(schema_names))] for pair in pairs]
    qualified_schemas = [f"{catalog}.{schema}" for catalog, schema in zip(schema_catalogs, schemas, strict=True)]

    own = np.full(len(objects), -1, dtype=np.intp)
    own[rows["catalog"]] = catalog_of[rows["catalog"]]
    own[rows["schema"]] = schema_of[rows["schema"]]
    for kind in ("table", "view", "notebook"):
        own[rows[kind]] = np.arange(len(rows[kind]))
    catalog_of[rows["catalog"]] = -1
    return Subjects(
        qualified=_levels(catalogs, qualified_schemas, full_name, rows),
        bare=_levels(catalogs, schemas, name, rows),
        catalog_of=catalog_of,
        schema_of=schema_of,
        own=own,
        first_view=len(rows["table"]),
        rows=rows,
    )


def _rows_by_kind(kind: pd.Series) -> dict[Kind, Codes]:
    categories = list(kind.cat.categories)
    codes = kind.cat.codes.to_numpy()
    return {kind: np.flatnonzero(codes == (categories.index(kind) if kind in categories else -2)) for kind in KINDS}


def _levels(
    catalogs: Sequence[str], schemas: Sequence[str], text: pa.Array, rows: Mapping[Kind, Codes]
) -> dict[Level, Names]:
    relations = np.concatenate([rows["table"], rows["view"]])
    return {
        "catalogs": Names(catalogs),
        "schemas": Names(schemas),
        "tables": Names(_taken(text, relations)),
        "views": Names(_taken(text, rows["view"])),
        "notebooks": Names(_taken(text, rows["notebook"])),
    }


def _text(series: pd.Series) -> pa.Array:
    return Names(pa.array(series.array, from_pandas=True)).text


def _taken(text: pa.Array, rows: Codes) -> pa.Array:
    # A catalog is sorted by kind, so the names are a piece of the column and need not be copied.
    if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (rows[1:] > rows[:-1]).all():
        return text.slice(int(rows[0]), len(rows))
    return text.take(pa.array(rows))


def _container(series: pd.Series, named: Codes, name: pa.Array, outside: Codes) -> tuple[Codes, list[str]]:
    """Number the distinct containers that ``series`` names; rows in ``named`` name themselves.

    Returns the number for each row, -1 for those ``outside`` and where ``series`` is missing, and the names.
    """
    known = {str(category): code for code, category in enumerate(series.cat.categories)}
    codes = series.cat.codes.to_numpy().astype(np.intp)
    if len(named):
        codes[named] = [known.setdefault(own, len(known)) for own in _taken(name, named).to_pylist()]
    codes[outside] = -1
    used = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(known)))
    position = np.full(len(known) + 1, -1, dtype=np.intp)  # the last one is for -1
    position[used] = np.arange(len(used))
    names = list(known)
    return position[codes], [names[code] for code in used]


def _numbered_pairs(first: Codes, second: Codes, base: int) -> tuple[Codes, list[int]]:
    """Number the distinct pairs ``first * base + second``, -1 where there is no second."""
    pair = np.where(second >= 0, first * base + second, -1)
    # Neighbouring rows mostly share their schema: numbering runs of equal pairs is numbering far fewer.
    is_start = np.ones(len(pair), dtype=np.bool_)
    np.not_equal(pair[1:], pair[:-1], out=is_start[1:])
    starts = np.flatnonzero(is_start)
    codes, distinct = pd.factorize(pair[starts])
    numbers = [int(value) for value in distinct if value >= 0]
    position = np.cumsum(distinct >= 0) - 1
    position[distinct < 0] = -1
    each = position[codes].astype(np.intp) if len(codes) else np.empty(0, dtype=np.intp)
    return np.repeat(each, np.diff(starts, append=len(pair))), numbers
