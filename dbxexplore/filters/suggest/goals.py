"""What is asked of each level: which of its subjects must pass, which must not, and how they are spelt out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from dbxexplore.catalog import Catalog
from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.patterns import Level, Patterns
from dbxexplore.filters.subjects import Codes, Flags, Subjects
from dbxexplore.filters.suggest.write import ANCHORS, ANYTHING, LONGEST, Written, grouped


class Goals:
    """``mask`` says which objects must pass; those that are ``free`` may pass or not."""

    def __init__(self, catalog: Catalog, mask: Flags, dialect: Dialect, free: Flags) -> None:
        self.catalog, self.dialect = catalog, dialect
        self.subjects = Subjects.of(catalog)
        self.mask, self.free = mask, free
        rows = self.subjects.rows
        containers = np.concatenate([rows["catalog"], rows["schema"]])
        self.names_containers = bool(mask[containers].any())
        self.catalogs = self._containers("catalogs")
        self.schemas = self._containers("schemas")

    def _containers(self, level: Level) -> Flags:
        """Return which containers must pass: those selected, and those of what is selected."""
        subjects, kind = self.subjects, "catalog" if level == "catalogs" else "schema"
        needed = np.zeros(len(subjects.qualified[level]), dtype=np.bool_)
        inside, container = subjects.inside[level]
        needed[container[self.mask[inside]]] = True
        own = subjects.rows["catalog" if kind == "catalog" else "schema"]
        needed[subjects.own[own[self.mask[own]]]] = True
        return needed

    def goals(self, schemas_matter: bool, split_views: bool) -> dict[Level, tuple[Flags, Flags]]:  # noqa: FBT001
        """Return for each level the subjects that must pass and those that must not; the rest does not matter."""
        subjects = self.subjects
        catalog_of_schema = self.subjects.catalog_of_schema
        catalogs = self._with_alike("catalogs", self.catalogs)
        reached = catalogs[catalog_of_schema]
        goals: dict[Level, tuple[Flags, Flags]] = {"catalogs": (catalogs, ~catalogs)}
        if schemas_matter:
            schemas = self._with_alike("schemas", self.schemas)
            goals["schemas"] = (schemas, ~schemas & reached & ~self._free_schemas())
            open_schema = schemas & reached
        else:
            open_schema = reached
        relations = np.concatenate([subjects.rows["table"], subjects.rows["view"]])
        chosen, seen = self.mask[relations], open_schema[subjects.schema_of[relations]] & ~self.free[relations]
        is_view = np.arange(len(relations)) >= subjects.first_view
        views = slice(subjects.first_view, None)
        here, not_here = chosen.copy(), ~chosen & seen
        match self.dialect.views:
            case "views":
                here &= ~is_view
                not_here &= ~is_view
                goals["views"] = (chosen[views], ~chosen[views] & seen[views])
            case "tables_and_views" if split_views:
                not_here &= ~is_view
                goals["views"] = (chosen[views], ~chosen[views] & seen[views])
        goals["tables"] = (here, not_here)
        notebooks = self.mask[subjects.rows["notebook"]]
        goals["notebooks"] = (notebooks, ~notebooks)
        return goals

    def _with_alike(self, level: Level, wanted: Flags) -> Flags:
        """Return ``wanted`` with the containers that no pattern can tell from one of them: `a b` from `a_b`."""
        if self.subjects.names(level, self.dialect) is self.subjects.qualified[level]:
            return wanted
        codes, distinct = pd.factorize(
            np.array(self.subjects.names(level, self.dialect).text.to_pylist(), dtype=object)
        )
        alike: Flags = (np.bincount(codes[wanted], minlength=len(distinct)) > 0)[codes]
        return alike

    def _free_schemas(self) -> Flags:
        free = np.zeros(len(self.subjects.qualified["schemas"]), dtype=np.bool_)
        schema_of = self.subjects.schema_of[self.free]
        free[schema_of[schema_of >= 0]] = True
        return free

    def trivial(self, level: Level, wanted: Flags, unwanted: Flags) -> Written | None:
        """Return the patterns of a level where everything or nothing is to pass, else None."""
        if not wanted.any():
            if not unwanted.any():
                return Written(Patterns())
            allow = () if self.dialect.empty_allow == "nothing" else (ANYTHING,)
            return Written(Patterns(allow=allow, deny=() if not allow else ("^(?:(?s:.*))$",)))
        if not unwanted.any() and bool(self.subjects.matches(level, ANYTHING, self.dialect)[wanted].all()):
            return Written(Patterns())
        return None

    def literals(self, level: Level, wanted: Flags) -> Iterator[str]:
        """Spell out subjects, those of a schema together."""
        names = self.subjects.names(level, self.dialect).at(np.flatnonzero(wanted))
        heads = self._heads(level, wanted)
        room = LONGEST - ANCHORS
        groups: dict[str, dict[str, None]] = {}
        for name, head in zip(names, heads, strict=True):
            groups.setdefault(head, {})[name.removeprefix(head)] = None
        for head, tails in groups.items():
            yield from grouped(re.escape(head), [re.escape(tail) for tail in tails], room)

    def _heads(self, level: Level, wanted: Flags) -> list[str]:
        at = np.flatnonzero(wanted)
        if self.dialect.subject == "bare" or level in {"catalogs", "notebooks"}:
            return [""] * len(at)
        if level == "schemas":
            containers = self.subjects.names("catalogs", self.dialect).at(self.subjects.catalog_of_schema[at])
        else:
            containers = self.subjects.qualified["schemas"].at(self.schema_of(level)[at])
        return [f"{name}." for name in containers]

    def schema_of(self, level: Level) -> Codes:
        """Return the schema of each subject of ``tables`` or ``views``."""
        rows = self.subjects.rows
        own = rows["view"] if level == "views" else np.concatenate([rows["table"], rows["view"]])
        schema_of: Codes = self.subjects.schema_of[own]
        return schema_of

    def catalog_of(self, level: Level) -> Codes:
        """Return the catalog of each subject of ``schemas``, ``tables`` or ``views``."""
        of = self.subjects.catalog_of_schema
        return of if level == "schemas" else of[self.schema_of(level)]
