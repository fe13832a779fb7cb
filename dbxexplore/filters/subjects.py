"""What patterns are held against: each container once, each object once, and which pattern matched them.

Containers are judged once and not once for each table in them. Which subjects a pattern matches depends on
nothing but the pattern, the level and the way of matching, so it is remembered: after one pattern was
edited, one pattern is matched anew.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from dbxexplore.catalog import Catalog
from dbxexplore.filters.patterns import LEVELS, Dialect, EmptyAllow, Level, Patterns

Flags: TypeAlias = npt.NDArray[np.bool_]
Codes: TypeAlias = npt.NDArray[np.intp]

_REMEMBERED_BYTES = 64_000_000  # of flags, one byte a subject: a few hundred patterns over 100,000 names


@dataclass(frozen=True)
class Verdicts:
    """What one level's patterns say of each of its subjects.

    ``passes`` is the verdict. ``rule`` is an index into `RULES` and ``pattern`` the index of the deciding
    pattern in the list that the rule names, -1 where no pattern decided.
    """

    passes: Flags
    rule: npt.NDArray[np.int8]
    pattern: npt.NDArray[np.int32]


RULES = ("allow", "deny", "no_allow", "everything")
_ALLOW, _DENY, _NO_ALLOW, _EVERYTHING = range(4)


@dataclass
class Subjects:
    """The subjects of each level of one catalog, and how rows of its frame refer to them.

    ``qualified`` and ``bare`` hold, for each level, the texts that patterns are held against. Of a row,
    ``catalog_of`` and ``schema_of`` are the positions of its containers among the subjects of those levels,
    -1 where it has none; ``own`` is its position among the subjects of its own level. The subjects of
    ``tables`` are the tables and then the views.
    """

    qualified: dict[Level, npt.NDArray[np.object_]]
    bare: dict[Level, npt.NDArray[np.object_]]
    catalog_of: Codes
    schema_of: Codes
    own: Codes
    first_view: int
    _matched: OrderedDict[tuple[object, ...], Flags] = field(default_factory=OrderedDict, repr=False)

    @classmethod
    def of(cls, catalog: Catalog) -> Subjects:
        """Return the subjects of ``catalog``, worked out once."""
        return catalog.derived(cls, lambda: _subjects(catalog.objects))

    def judge(self, level: Level, patterns: Patterns, dialect: Dialect) -> Verdicts:
        """Return the verdicts of ``patterns`` on the subjects of ``level``. Deny wins over allow."""
        denied = self._first_match(level, patterns.deny, dialect)
        allowed = self._first_match(level, patterns.allow, dialect)
        return _decide(denied, allowed, dialect.empty_allow if not patterns.allow else "nothing")

    def _first_match(self, level: Level, texts: tuple[str, ...], dialect: Dialect) -> npt.NDArray[np.int32]:
        found = np.full(len(self.qualified[level]), -1, dtype=np.int32)
        for index, text in enumerate(texts):
            found[self._matches(level, text, dialect) & (found < 0)] = index
        return found

    def _matches(self, level: Level, text: str, dialect: Dialect) -> Flags:
        key = (level, text, dialect.match, dialect.ignore_case, dialect.subject)
        if key in self._matched:
            self._matched.move_to_end(key)
            return self._matched[key]
        names = (self.qualified if dialect.subject == "qualified" else self.bare)[level]
        matcher = dialect.matcher(text)
        flags = np.fromiter((matcher(name) is not None for name in names), dtype=np.bool_, count=len(names))
        self._matched[key] = flags
        while sum(kept.nbytes for kept in self._matched.values()) > _REMEMBERED_BYTES and len(self._matched) > 1:
            self._matched.popitem(last=False)
        return flags


def _decide(denied: npt.NDArray[np.int32], allowed: npt.NDArray[np.int32], empty_allow: EmptyAllow) -> Verdicts:
    otherwise = _EVERYTHING if empty_allow == "everything" else _NO_ALLOW
    rule = np.where(denied >= 0, _DENY, np.where(allowed >= 0, _ALLOW, otherwise)).astype(np.int8)
    pattern = np.where(denied >= 0, denied, allowed)
    return Verdicts((rule == _ALLOW) | (rule == _EVERYTHING), rule, pattern)


def _subjects(objects: pd.DataFrame) -> Subjects:
    kind = objects["kind"].astype(object).to_numpy()
    name = objects["name"].astype(object).to_numpy()
    full_name = objects["full_name"].astype(object).to_numpy()
    is_a = {k: kind == k for k in ("catalog", "schema", "table", "view", "notebook")}

    # A container is judged by name, whether or not it has a row: its rows and its contents refer to it alike.
    catalog_name = np.where(is_a["catalog"], name, objects["catalog"].astype(object).to_numpy())
    has_catalog = ~is_a["notebook"]
    catalog_of, catalogs = _positions(pd.Series(catalog_name[has_catalog]), has_catalog)

    schema_name = np.where(is_a["schema"], name, objects["schema"].astype(object).to_numpy())
    has_schema = has_catalog & ~is_a["catalog"]
    schema_codes, schema_names = pd.factorize(pd.Series(schema_name[has_schema]))
    pair = catalog_of[has_schema] * np.intp(max(1, len(schema_names))) + schema_codes
    schema_of, pairs = _positions(pd.Series(pair), has_schema)
    schema_catalogs = catalogs[(pairs // max(1, len(schema_names))).astype(np.intp)]
    schemas = np.asarray(schema_names, dtype=object)[(pairs % max(1, len(schema_names))).astype(np.intp)]

    own = np.full(len(objects), -1, dtype=np.intp)
    own[is_a["catalog"]] = catalog_of[is_a["catalog"]]
    own[is_a["schema"]] = schema_of[is_a["schema"]]
    for one in ("table", "view", "notebook"):
        own[is_a[one]] = np.arange(is_a[one].sum())
    relations = np.concatenate([np.flatnonzero(is_a["table"]), np.flatnonzero(is_a["view"])])
    qualified_schemas = np.array([f"{c}.{s}" for c, s in zip(schema_catalogs, schemas, strict=True)], dtype=object)
    return Subjects(
        qualified=dict(
            zip(
                LEVELS,
                (
                    catalogs,
                    qualified_schemas,
                    full_name[relations],
                    full_name[is_a["view"]],
                    full_name[is_a["notebook"]],
                ),
                strict=True,
            )
        ),
        bare=dict(
            zip(
                LEVELS,
                (catalogs, schemas, name[relations], name[is_a["view"]], name[is_a["notebook"]]),
                strict=True,
            )
        ),
        catalog_of=np.where(is_a["catalog"], -1, catalog_of),
        schema_of=np.where(is_a["schema"], -1, schema_of),
        own=own,
        first_view=int(is_a["table"].sum()),
    )


def _positions(values: pd.Series, among: Flags) -> tuple[Codes, npt.NDArray[np.object_]]:
    """Number the distinct ``values`` of the rows flagged in ``among``; rows that are not get -1."""
    codes, distinct = pd.factorize(values)
    positions = np.full(len(among), -1, dtype=np.intp)
    positions[among] = codes
    return positions, np.asarray(distinct, dtype=object)
