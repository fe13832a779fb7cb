"""Patterns that cannot be used: invalid ones, and those that take too long."""

from __future__ import annotations

import numpy as np

from dbxexplore.filters.engine import fallback
from dbxexplore.filters.engine.syntax import NotRegularError, parse
from dbxexplore.filters.lint.context import MOST_EXAMPLES, Context, Judged
from dbxexplore.filters.lint.findings import Finding
from dbxexplore.filters.lint.rules.base import Rule
from dbxexplore.filters.patterns import compile_pattern


class InvalidPattern(Rule):
    """A text that is not a regular expression: see ``broken`` of `Context`, where every pattern is compiled."""

    code = "invalid-pattern"
    severity = "error"
    short = "invalid"


class SlowPattern(Rule):
    """A pattern that is decided quickly here, but can hang what matches it with Python's ``re``.

    One that takes too long here as well is an error: see ``broken`` of `Context`.
    """

    code = "slow-pattern"
    short = "slow"

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report a name on which it hangs."""
        compiled = compile_pattern(pattern.text, ignore_case=context.dialect.ignore_case)
        try:
            tree = parse(pattern.text, compiled.flags)
        except NotRegularError:
            return None
        names = context.subjects.names(pattern.level, context.dialect)
        few = names.at(np.arange(min(len(names), MOST_EXAMPLES)))
        name = fallback.trap(compiled, fallback.METHODS[context.dialect.match], tree, few)
        if name is None:
            return None
        return self.finding(
            pattern,
            f"Safe here, but can hang Python's re (catastrophic backtracking) on a name like {name[:60]!r}",
            "Avoid nested repetition such as (a+)+",
        )
