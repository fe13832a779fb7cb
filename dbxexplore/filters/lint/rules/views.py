"""Table patterns that keep views out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dbxexplore.filters.lint.context import Context, counted, union
from dbxexplore.filters.lint.findings import Finding
from dbxexplore.filters.lint.rules.base import Rule
from dbxexplore.filters.patterns import Level
from dbxexplore.filters.subjects import Flags

_REMEDY = "Repeat it in the view patterns, or let this pattern match the views"


class DropsViews(Rule):
    """Table patterns that exclude views which the view patterns, if there are any, include."""

    code = "drops-views"
    short = "also excludes views"

    def check_level(self, context: Context, level: Level) -> Iterator[Finding]:
        """Yield the deny patterns that do so, and the allow list if it does."""
        first_view = context.subjects.first_view
        if (
            level != "tables"
            or context.dialect.views == "views"
            or len(context.subjects.qualified["tables"]) == first_view
        ):
            return
        open_to = _container_passes(context)[context.subjects.rows["view"]]
        if context.dialect.views == "tables_and_views":
            open_to = open_to & context.passes("views", context.dialect)
        for pattern in context.patterns["tables"]:
            dropped = pattern.flags[first_view:] & open_to
            if pattern.list == "deny" and dropped.any():
                number = counted(int(dropped.sum()), "views")
                yield self.finding(
                    pattern,
                    f"Also excludes {number}: a view must pass the table patterns as well",
                    _REMEDY,
                    context.examples("views", dropped),
                )
        allow = [pattern for pattern in context.patterns["tables"] if pattern.list == "allow"]
        dropped = (
            open_to
            & ~union((pattern.flags for pattern in allow), len(context.subjects.qualified["tables"]))[first_view:]
        )
        # Where no table pattern lets a single view through, and where it lets some through, is the same to a view.
        if allow and dropped.any():
            yield Finding(
                self.code,
                self.severity,
                "tables",
                "allow",
                allow[0].index if len(allow) == 1 else None,
                allow[0].text if len(allow) == 1 else "",
                f"Excludes {counted(int(dropped.sum()), 'views')} that nothing else does: a view must pass the table "
                "patterns as well",
                _REMEDY,
                context.examples("views", dropped),
            )


def _container_passes(context: Context) -> Flags:
    passes = np.ones(len(context.catalog), dtype=np.bool_)
    for level, (rows, subjects) in context.subjects.inside.items():
        passes[rows] &= context.passes(level, context.dialect)[subjects]
    return passes
