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
from dbxexplore.filters.lint.findings import LIST_NAMES, Finding
from dbxexplore.filters.meant import Meant, is_broken_glob, meant_by
from dbxexplore.filters.patterns import LEVELS, Level, ListName, Patterns, compile_pattern
from dbxexplore.filters.subjects import Flags, Subjects

if TYPE_CHECKING:
    from dbxexplore.filters.filters import Filters

MOST_EXAMPLES = 5


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
        self.broken: list[Finding] = []
        self.patterns = {level: tuple(self._judge(level)) for level in LEVELS}

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
                    self.broken.append(Finding(code, "error", *place, error.pattern, error.problem, error.remedy))

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

    def others(self) -> list[Dialect]:
        """Return the named dialects that differ from this one."""
        return [other for other in Dialect.named().values() if other != self.dialect]

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
