"""Filters: patterns, how they are read, what they let through, what is wrong with them, and how to write them."""

from dbxexplore.filters.lint import Finding, Findings
from dbxexplore.filters.patterns import Dialect, Filters, Patterns
from dbxexplore.filters.preview import Explanation, Preview
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
