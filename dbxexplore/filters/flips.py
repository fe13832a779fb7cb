"""Edits that include or exclude an object: alone, with its container, or with similar names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dbxexplore.filters.explain import Change, Explanation
from dbxexplore.filters.filters import Filters
from dbxexplore.filters.preview import Preview
from dbxexplore.filters.subjects import Subjects

_DIGITS = re.compile(r"[0-9]+")
_LEAST_STEM = 3  # characters; what shares fewer is not similar


@dataclass(frozen=True)
class Flip:
    """An edit that gives an object the opposite verdict.

    ``scope`` says what it is about, such as ``this table``, ``schema prod.gold`` or ``names like orders_bak_*``;
    ``changes`` are the edits of the filters, all of them together.
    """

    scope: str
    changes: tuple[Change, ...]

    def apply(self, filters: Filters) -> Filters:
        """Return ``filters`` with all changes made."""
        for change in self.changes:
            filters = change.apply(filters)
        return filters


def flips(preview: Preview, row: int, explanation: Explanation) -> tuple[Flip, ...]:
    """Return the edits that flip the verdict on a row of the catalog, the narrowest first.

    Args:
        preview: the verdicts.
        row: the row of ``preview.catalog.objects``.
        explanation: ``preview.explain(row)``.
    """
    return tuple(flip for flip in _candidates(preview, row, explanation) if flip.changes)


def _candidates(preview: Preview, row: int, explanation: Explanation) -> Iterator[Flip]:
    yield Flip(f"this {explanation.kind}", explanation.changes)
    container = _container(preview, row)
    if container >= 0 and bool(preview.included.iloc[container]) == explanation.included:
        around = preview.explain(container)
        yield Flip(f"{around.kind} {around.full_name}", around.changes)
    own = explanation.levels[-1]
    adds = [change for change in explanation.changes if change.action == "add"]
    # Other edits, such as the removal of a pattern that denies it, are not about its name.
    if (
        explanation.kind in {"table", "view"}
        and len(adds) == len(explanation.changes) == 1
        and adds[0].level == own.level
    ):
        name = str(preview.catalog.objects["name"].iloc[row])
        if like := _like(name):
            shown, pattern = like
            before = re.escape(own.subject.removesuffix(name))
            yield Flip(f"names like {shown}", (Change("add", own.level, adds[0].list, f"^{before}{pattern}$"),))


def _container(preview: Preview, row: int) -> int:
    """Return the row of the schema of an object, or of the catalog of a schema; -1 where there is none."""
    subjects = Subjects.of(preview.catalog)
    kind = str(preview.catalog.objects["kind"].iloc[row])
    inside = {"table": ("schema", subjects.schema_of), "view": ("schema", subjects.schema_of)}
    inside["schema"] = ("catalog", subjects.catalog_of)
    if kind not in inside:
        return -1
    of, numbers = inside[kind]
    rows = subjects.rows[of]  # type: ignore[index]  # mypy widens the literal
    found = np.flatnonzero(subjects.own[rows] == numbers[row])
    return int(rows[found[0]]) if len(found) else -1


def _like(name: str) -> tuple[str, str] | None:
    """Return what is similar to a name, as it is shown and as a pattern: other digits, or the same first word."""
    if _DIGITS.search(name):
        parts = _DIGITS.split(name)
        return "*".join(parts), r"\d+".join(map(re.escape, parts))
    stem, separator, _ = name.partition("_")
    if not separator or len(stem) < _LEAST_STEM:
        return None
    return f"{stem}_*", f"{re.escape(stem)}_.*"
