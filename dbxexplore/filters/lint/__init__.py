"""Lint: what is probably wrong with filters, judged on one catalog.

`lint` returns `Findings`. Each code is a rule in `dbxexplore.filters.lint.rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dbxexplore.catalog import Catalog
from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.lint.context import Context
from dbxexplore.filters.lint.findings import Finding, Findings, Severity
from dbxexplore.filters.lint.rules import RULES
from dbxexplore.filters.patterns import LEVELS, Level

if TYPE_CHECKING:
    from dbxexplore.filters.filters import Filters

__all__ = ["RULES", "Finding", "Findings", "Severity", "lint", "short_name"]


def lint(catalog: Catalog, filters: Filters, dialect: Dialect | None = None) -> Findings:
    """Return what is probably wrong with ``filters`` under the matching rules of ``dialect``.

    `Dialect.DATAHUB` by default. Invalid and slow patterns are findings like any other: nothing is raised for them,
    and the other rules are checked as if they were not there.
    """
    context = Context(catalog, filters, dialect or Dialect.DATAHUB)
    return Findings(finding for level in LEVELS for finding in _check_level(context, level))


def _check_level(context: Context, level: Level) -> Iterator[Finding]:
    yield from (finding for finding in context.broken if finding.level == level)
    if not len(context.subjects.names(level, context.dialect)):
        return  # nothing can be said of a level that has no objects here
    for pattern in context.patterns[level]:
        is_explained, offered = False, list[tuple[str, ...]]()
        for rule in RULES:
            if rule.explains_no_match and is_explained:
                continue  # one reason per pattern why it matches nothing: the first is the most helpful
            finding = rule.check(context, pattern)
            if finding is not None:
                is_explained = is_explained or rule.explains_no_match
                if not finding.replacements or finding.replacements not in offered:
                    yield finding  # one remedy, once
                    offered.append(finding.replacements)
    for rule in RULES:
        yield from rule.check_level(context, level)


def short_name(code: str) -> str:
    """Return the two or three words that stand for a code where there is no room for a sentence."""
    return next((rule.short for rule in RULES if rule.code == code), code)
