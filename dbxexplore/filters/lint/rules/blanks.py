"""Blanks around a pattern, and blanks that are matched as underscores."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.lint.context import MOST_EXAMPLES, Context, Judged, counted
from dbxexplore.filters.lint.findings import Finding, shown_pattern
from dbxexplore.filters.lint.rules.base import Rule

_BLANKS_AT_ENDS = re.compile(r"(?:\A|(?<=[\^|])) +|(?<![\\ ]) +(?=\$?\Z|\|)")


class StrayBlanks(Rule):
    """Blanks at the ends of a pattern or beside a ``|``, without which it would match more."""

    code = "stray-blanks"
    short = "stray blanks"
    explains_no_match = True

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report what the pattern would match without them."""
        written = without_stray_blanks(pattern.text)
        if written == pattern.text or not written.strip("^$|") or "(?x" in pattern.text:
            return None
        more = context.matched_by(pattern, [written]) & ~pattern.flags
        if not more.any():
            return None
        return self.finding(
            pattern,
            f"Blanks are part of a pattern: without them it also matches {counted(int(more.sum()), pattern.level)}",
            f"Write {shown_pattern(written)}",
            context.examples(pattern.level, more),
        )


def without_stray_blanks(text: str) -> str:
    """Return a pattern without the blanks at its ends and beside each ``|``."""
    return _BLANKS_AT_ENDS.sub("", text)


class BlanksAsUnderscores(Rule):
    """Names with blanks that a pattern misses because the dialect matches the blanks as ``_``."""

    code = "blanks-as-underscores"
    short = "blanks are _"
    explains_no_match = True

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report the names that it would match if they kept their blanks."""
        if not context.dialect.escapes(pattern.level):
            return None
        kept = context.matches(pattern, replace(context.dialect, blanks_as_underscores=False))
        if kept is None or not (kept & ~pattern.flags).any():
            return None
        missed = kept & ~pattern.flags
        written = pattern.text.replace(r"\ ", "_").replace(" ", "_")
        is_enough = context.matched_by(pattern, [written])[missed].all()
        return self.finding(
            pattern,
            f"Misses {counted(int(missed.sum()), pattern.level)}: {context.dialect.title} matches each blank of their "
            "names as _",
            f"Write {shown_pattern(written)}" if is_enough else "Write _ for each blank",
            context.subjects.texts(pattern.level, Dialect.STRICT, bare=context.dialect.subject == "bare").at(
                np.flatnonzero(missed)[:MOST_EXAMPLES]
            ),
        )
