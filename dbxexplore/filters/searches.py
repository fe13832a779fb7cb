"""A search by regular expression, made into a pattern that means the same to the filters."""

from __future__ import annotations

import re
from collections.abc import Collection

from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.filters import Filters
from dbxexplore.filters.patterns import Level, Patterns, alternatives, anchored

# What comes before an object's own name in what the patterns of its level are compared with.
_BEFORE: dict[Level, str] = {
    "catalogs": "",
    "schemas": r"[^.]+\.",
    "tables": r"[^.]+\.[^.]+\.",
    "views": r"[^.]+\.[^.]+\.",
    "notebooks": "(?:.*/)?",
}
_HOW_LETTERS_COUNT = re.compile(r"(?<!\\)[A-Za-z]")


def search_pattern(expression: str, level: Level, dialect: Dialect) -> str:
    """Return the anchored pattern for what an expression finds in own names, whatever their case.

    Args:
        expression: a regular expression, found anywhere in a name.
        level: the level of what it is to be compared with.
        dialect: the matching rules.
    """
    is_qualified = dialect.subject == "qualified" or level in {"catalogs", "notebooks"}
    before = _BEFORE[level] if is_qualified else ""
    parts = [_in_whole(part) for part in alternatives(expression)]
    # The same beginning is written once.
    body = f"{before}{parts[0]}" if len(parts) == 1 else f"{before}(?:{'|'.join(parts)})" if before else "|".join(parts)
    is_any_case = dialect.ignore_case or not _HOW_LETTERS_COUNT.search(expression)
    return anchored(body) if is_any_case else f"(?i){anchored(body)}"


def _in_whole(part: str) -> str:
    """Return what matches a whole name where ``part`` is found somewhere in it."""
    begins, ends = part.startswith("^"), bool(re.search(r"(?<!\\)(?:\\\\)*\$$", part))
    body = part[begins : len(part) - ends]
    return f"{'' if begins else '.*'}{body}{'' if ends else '.*'}"


def with_search(filters: Filters, expression: str, levels: Collection[Level], dialect: Dialect, *, on: bool) -> Filters:
    """Return filters that include (``on``) or exclude what a search finds, beside what they say already.

    Where a level includes everything, the search takes the place of that. Found tables and views are written for both,
    so that each list says what it excludes; or for tables alone, where the matching rules judge views by those.

    Args:
        filters: the filters to begin with.
        expression: what is searched for, in own names.
        levels: the levels of what is found.
        dialect: the matching rules.
        on: whether to include it.
    """
    judged: dict[Level, None] = {
        "tables" if level == "views" and dialect.views == "tables" else level: None for level in levels
    }
    for level in judged:
        pattern, patterns = search_pattern(expression, level, dialect), filters.level(level)
        allow, deny = tuple(patterns.allow), tuple(patterns.deny)
        if on:
            allow = (*(text for text in allow if text != ".*"), pattern)
        else:
            deny = (*deny, pattern)
        filters = filters.with_level(level, Patterns(tuple(dict.fromkeys(allow)), tuple(dict.fromkeys(deny))))
    return filters
