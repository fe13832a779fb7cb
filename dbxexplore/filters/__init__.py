"""Filters: patterns, how they are read, and what they let through."""

from dbxexplore.filters.patterns import Dialect, Filters, Patterns
from dbxexplore.filters.preview import Explanation, Preview

__all__ = ["Dialect", "Explanation", "Filters", "Patterns", "Preview"]
