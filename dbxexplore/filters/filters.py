"""Filters: the patterns of all five levels, with the preview and the lint of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.lint import Findings, lint
from dbxexplore.filters.patterns import LEVELS, Level, Patterns
from dbxexplore.filters.preview import Preview


@dataclass(frozen=True)
class Filters:
    """The patterns of all five levels. By default, a level allows everything."""

    catalogs: Patterns = field(default_factory=Patterns)
    schemas: Patterns = field(default_factory=Patterns)
    tables: Patterns = field(default_factory=Patterns)
    views: Patterns = field(default_factory=Patterns)
    notebooks: Patterns = field(default_factory=Patterns)

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    def __post_init__(self) -> None:
        for level in LEVELS:
            if not isinstance(getattr(self, level), Patterns):
                msg = f"{level} is {getattr(self, level)!r}"
                raise errors.FilterError(msg, expected=f'{level}=Patterns(allow=["…"], deny=["…"])')

    def level(self, level: Level) -> Patterns:
        """Return the patterns of one level."""
        patterns: Patterns = getattr(self, level)
        return patterns

    def with_level(self, level: Level, patterns: Patterns) -> Filters:
        """Return these filters with the patterns of one level replaced."""
        return replace(self, **{level: patterns})

    def check(self) -> None:
        """Check that every pattern is a regular expression.

        Raises:
            PatternError: names the level, the list, the place in it, and what is wrong.
        """
        for level in LEVELS:
            for name, index, error in self.level(level).problems():
                raise error.at(level, name, index)

    def preview(self, catalog: Catalog, dialect: Dialect | None = None) -> Preview:
        """Judge every object of a catalog by these filters and the matching rules of ``dialect``.

        `Dialect.DATAHUB` by default.

        Raises:
            PatternError: a pattern is not a regular expression.
        """
        return Preview(catalog, self, dialect or Dialect.DATAHUB)

    def lint(self, catalog: Catalog, dialect: Dialect | None = None) -> Findings:
        """Return what is probably wrong with these filters on a catalog, under the matching rules of ``dialect``.

        `Dialect.DATAHUB` by default. Invalid patterns are findings; nothing is raised for them.
        """
        return lint(catalog, self, dialect)
