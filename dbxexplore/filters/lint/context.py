"""What the rules of lint are checked against: the patterns of all levels with what they match, and shared questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import TYPE_CHECKING

import numpy as np

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.lint.findings import LIST_NAMES, Finding, shown_pattern
from dbxexplore.filters.meant import Meant, escaped, glob_pattern, is_broken_glob, meant_by
from dbxexplore.filters.patterns import LEVELS, Level, ListName, Patterns, anchored, compile_pattern
from dbxexplore.filters.readings import other_readings
from dbxexplore.filters.subjects import Flags, Subjects

if TYPE_CHECKING:
    from dbxexplore.filters.filters import Filters

MOST_EXAMPLES = 5
_MOST_CONTAINERS = 1_000  # that are looked at to see whether there is only one name among them


@dataclass(frozen=True)
class Judged:
    """A valid pattern, its place, what it was probably meant to be, and which subjects of its level it matches."""

    level: Level
    list: ListName
    index: int
    text: str
    flags: Flags

    @cached_property
    def guess(self) -> Meant | None:
        """What was meant, if it looks like something else than a regular expression."""
        return meant_by(self.text, self.level)


class Context:
    """Filters on one catalog under one dialect. Patterns that cannot be judged are findings in ``broken``."""

    def __init__(self, catalog: Catalog, filters: Filters, dialect: Dialect) -> None:
        self.catalog, self.filters, self.dialect = catalog, filters, dialect
        self.subjects = Subjects.of(catalog)
        self._unusable: list[Finding] = []
        self.patterns = {level: tuple(self._judge(level)) for level in LEVELS}
        self.broken = [self._with_glob(finding) for finding in self._unusable]

    def _with_glob(self, finding: Finding) -> Finding:
        """Return a finding on a pattern that is not valid, with what to write if it is meant as a glob."""
        if finding.code != "glob-pattern" or not is_broken_glob(finding.pattern):
            return finding
        written = self.glob(finding.level, finding.pattern)
        remedy = f"If it is meant as a glob, write {shown_pattern(written)}"
        return replace(finding, remedy=remedy, replacements=(written,))

    def glob(self, level: Level, text: str) -> str:
        """Return the pattern for the names of a level that a glob means: it is about bare names, unless it has dots."""
        body = glob_pattern(text).removeprefix("^").removesuffix("$")
        if body == ".*":
            return body
        # What begins with any text may as well begin in the name of a container.
        is_whole = body.startswith(".*") or r"\." in body or "/" in body
        return anchored(body) if is_whole else self.qualified(level, body)

    def _judge(self, level: Level) -> Iterator[Judged]:
        for name in LIST_NAMES:
            for index, text in enumerate(getattr(self.filters.level(level), name)):
                code = "slow-pattern"
                try:
                    compile_pattern(text, ignore_case=self.dialect.ignore_case)
                except errors.PatternError:
                    code = _broken_code(text, level)
                try:
                    yield Judged(level, name, index, text, self.subjects.matches(level, text, self.dialect))
                except errors.PatternError as error:
                    place = (level, name, index)
                    found = Finding(code, "error", *place, error.pattern, error.problem, error.remedy)
                    self._unusable.append(found)

    def matches(self, pattern: Judged, dialect: Dialect) -> Flags | None:
        """Return what a pattern matches under another dialect, None where that takes too long."""
        try:
            return self.subjects.matches(pattern.level, pattern.text, dialect)
        except errors.PatternError:
            return None

    def matched_by(self, pattern: Judged, texts: Sequence[str]) -> Flags:
        """Return what some texts match together on the level of ``pattern``; one that is invalid matches nothing."""
        flags = (self.matches(replace(pattern, text=text), self.dialect) for text in texts)
        return union((each for each in flags if each is not None), len(pattern.flags))

    def passes(self, level: Level, dialect: Dialect) -> Flags:
        """Return the verdicts of a level on its subjects, by the patterns that can be judged."""
        usable = {
            name: [
                pattern.text
                for pattern in self.patterns[level]
                if pattern.list == name and self.matches(pattern, dialect) is not None
            ]
            for name in LIST_NAMES
        }
        return self.subjects.judge(level, Patterns(usable["allow"], usable["deny"]), dialect).passes

    def peers(self, pattern: Judged) -> list[Judged]:
        """Return the other patterns of the same list."""
        return [
            other
            for other in self.patterns[pattern.level]
            if other.list == pattern.list and other.index != pattern.index
        ]

    @cached_property
    def others(self) -> list[Dialect]:
        """The other rules that the filters could be meant for."""
        return other_readings(self.subjects, self.filters, self.dialect)

    def reachable(self, level: Level) -> Flags:
        """Return which subjects of a level are in containers that pass."""
        subjects = self.subjects
        catalogs = self.passes("catalogs", self.dialect)
        size = len(subjects.names(level, self.dialect))
        if level in {"catalogs", "notebooks"} or not len(catalogs):
            return np.ones(size, dtype=np.bool_)
        schemas = catalogs[subjects.catalog_of_schema]
        if level == "schemas":
            return schemas
        schemas = schemas & self.passes("schemas", self.dialect)
        rows = np.concatenate([subjects.rows["table"], subjects.rows["view"]])
        rows = rows if level == "tables" else subjects.rows["view"]
        return schemas[subjects.schema_of[rows]]

    def qualified(self, level: Level, body: str) -> str:
        """Return the pattern for names of a level that match ``body``, in the containers that pass.

        ``body`` is a pattern for the bare name, without anchors. Where only one container passes, it is spelt out.
        """
        if level in {"catalogs", "notebooks"} or self.dialect.subject == "bare":
            return anchored(body)
        parts = [self._only("catalogs")]
        if level != "schemas":
            parts.append(self._only("schemas"))
        body = f"(?:{body})" if "|" in body else body
        return f"^{''.join(parts)}{body}$"

    def _only(self, level: Level) -> str:
        """Return the only container of a level that passes, as a pattern with the dot after it; any where there are more."""
        passes = self.passes(level, self.dialect) & self.reachable(level)
        names = {str(name) for name in self.subjects.bare[level].at(np.flatnonzero(passes)[:_MOST_CONTAINERS])}
        return f"{escaped(names.pop())}\\." if len(names) == 1 else r"[^.]+\."

    def examples(self, level: Level, flags: Flags) -> tuple[str, ...]:
        """Return the first few of the subjects that are flagged."""
        return tuple(self.subjects.names(level, self.dialect).at(np.flatnonzero(flags)[:MOST_EXAMPLES]))


def union(flags: Iterable[Flags], size: int) -> Flags:
    """Return what is flagged by any; nothing of ``size`` where there are none."""
    return reduce(np.logical_or, flags, np.zeros(size, dtype=np.bool_))


def nouns(level: Level) -> str:
    """Return what the subjects of a level are called."""
    return "tables and views" if level == "tables" else level


def counted(number: int, level: Level) -> str:
    """Return a number of subjects of a level: ``1 schema``, ``12 tables and views``."""
    noun = ("table or view" if level == "tables" else level[:-1]) if number == 1 else nouns(level)
    return f"{number:,} {noun}"


def _broken_code(text: str, level: Level) -> str:
    if is_broken_glob(text):
        return "glob-pattern"
    guess = meant_by(text, level)
    return "invalid-pattern" if guess is None else guess.code
