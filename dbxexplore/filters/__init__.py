"""Filters: patterns and matching rules, the preview of what they include, lint, and suggested patterns."""

from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.explain import Explanation
from dbxexplore.filters.filters import Filters
from dbxexplore.filters.lint import Finding, Findings
from dbxexplore.filters.patterns import Patterns
from dbxexplore.filters.preview import Preview
from dbxexplore.filters.suggest import Suggestion, suggest_filters

__all__ = [
    "Dialect",
    "Explanation",
    "Filters",
    "Finding",
    "Findings",
    "Patterns",
    "Preview",
    "Suggestion",
    "suggest_filters",
]
