"""Other matching rules that the filters could be meant for: where their verdicts differ, a person should know."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dbxexplore import errors
from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.patterns import LEVELS
from dbxexplore.filters.subjects import Subjects

if TYPE_CHECKING:
    from dbxexplore.filters.filters import Filters


def other_readings(subjects: Subjects, filters: Filters, dialect: Dialect) -> list[Dialect]:
    r"""Return the named dialects other than ``dialect`` that ``filters`` could be meant for.

    Who writes ``^prod\.gold$`` for schemas does not mean rules that compare bare names, under which it matches nothing.
    ``Dialect.STRICT`` is no engine's: of it only the exact match counts, and not which lists a view must pass.
    """
    readings = []
    for named in Dialect.named().values():
        other = named
        if other == Dialect.STRICT:
            other = replace(
                other,
                views=dialect.views,
                denies_information_schema=dialect.denies_information_schema,
                empty_allow=dialect.empty_allow,
                name=other.title,
            )
        if other != dialect and (other.subject == dialect.subject or _match(subjects, filters, dialect, other)):
            readings.append(other)
    return readings


def _match(subjects: Subjects, filters: Filters, dialect: Dialect, other: Dialect) -> bool:
    """Whether each pattern that matches names under ``dialect`` matches some under ``other`` too."""
    for level in LEVELS:
        for text in (*filters.level(level).allow, *filters.level(level).deny):
            try:
                if subjects.matches(level, text, dialect).any() and not subjects.matches(level, text, other).any():
                    return False
            except errors.PatternError:
                continue  # reported as such
    return True
