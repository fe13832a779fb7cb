"""What would differ under other matching rules: single patterns, schemas that some always deny, and rules for views."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from dbxexplore.filters.dialects import INFORMATION_SCHEMA, Dialect
from dbxexplore.filters.lint.context import Context, Judged, counted, union
from dbxexplore.filters.lint.findings import Finding, shown_pattern
from dbxexplore.filters.lint.rules.base import Rule
from dbxexplore.filters.lint.rules.matches import whole
from dbxexplore.filters.patterns import Level
from dbxexplore.filters.subjects import Flags

_WHICH_DATAHUB = (
    "DataHub applies view patterns from 1.6.0.12 on and ignored them before; which version Dagster+ runs, if any, is "
    "not known"
)
# Which difference in the settings of two dialects explains a difference of their verdicts, the most telling first.
_BECAUSE: dict[str, dict[object, str]] = {
    "subject": {"bare": "it compares bare names", "qualified": "it compares qualified names"},
    "match": {
        "full": "a pattern must match the whole name",
        "prefix": "a pattern must match from the start",
        "search": "a pattern may match anywhere",
    },
    "ignore_case": {True: "it ignores case", False: "it is case-sensitive"},
    "blanks_as_underscores": {True: "it matches blanks as _", False: "it keeps blanks"},
}


class DialectDependent(Rule):
    """Objects whose verdict differs between the named dialects."""

    code = "dialect-dependent"
    severity = "info"
    short = "differs under other rules"

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report the names that a pattern matches under some dialects only, where that changes verdicts."""
        changed = np.zeros(len(pattern.flags), dtype=np.bool_)
        gained, others = False, list[Dialect]()
        for other in context.others:
            flags = context.matches(pattern, other)
            if flags is None:
                continue
            # It matters where the verdict of the level differs too, not only that of one of its patterns.
            here = (flags != pattern.flags) & (
                context.passes(pattern.level, other) != context.passes(pattern.level, context.dialect)
            )
            if here.any():
                changed |= here
                gained = gained or bool((here & flags).any())
                others.append(other)
        if not others:
            return None
        lost = bool((changed & pattern.flags).any())
        verb = "would be judged differently" if gained and lost else "would match" if gained else "would not match"
        if pattern.text.startswith("^") and pattern.text.endswith("$"):
            remedy = "Spell names in their own case, and choose the matching rules that compare names in this form"
        elif context.dialect.match != "full":
            remedy = f"Use {shown_pattern(whole(pattern.text))} with the whole qualified name, in its own case"
        else:
            remedy = "Spell out both cases, and write the whole qualified name"
        return self.finding(
            pattern,
            f"Under {_titles(others, 'or')} rules, {counted(int(changed.sum()), pattern.level)} {verb}"
            f"{_because(context.dialect, others)}",
            remedy,
            context.examples(pattern.level, changed),
        )

    def check_level(self, context: Context, level: Level) -> Iterator[Finding]:
        """Yield what the rules of a level itself make differ, whatever the patterns are."""
        if level == "schemas":
            yield from self._information_schema(context)
        if level == "views":
            yield from self._view_rules(context)

    def _information_schema(self, context: Context) -> Iterator[Finding]:
        """Report the schemas that some dialects deny by themselves and others let through."""
        ours = context.dialect.denies_information_schema
        others = [other for other in context.others if other.denies_information_schema != ours]
        if not others:
            return
        without = replace(context.dialect, denies_information_schema=False)
        denying = context.dialect if ours else others[0]
        differs = context.passes("schemas", without) & context.subjects.matches("schemas", INFORMATION_SCHEMA, denying)
        differs &= context.passes("catalogs", context.dialect)[context.subjects.catalog_of_schema]
        if differs.any():
            number = counted(int(differs.sum()), "schemas")
            yield Finding(
                self.code,
                self.severity,
                "schemas",
                "deny",
                None,
                "",
                f"{denying.title} always denies {number}, whatever the patterns are; {_titles(others, 'and')} would not"
                if ours
                else f"Under {_titles(others, 'and')} rules, {number} would be denied, whatever the patterns are",
                r"Deny ^(?:.*\.)?information_schema.*$ to exclude them under every rule set",
                context.examples("schemas", differs),
            )

    def _view_rules(self, context: Context) -> Iterator[Finding]:
        """Report the views whose verdict depends on which lists a view must pass."""
        ours = _view_passes(context, context.dialect.views)
        differing = {other: _view_passes(context, other.views) != ours for other in context.others}
        others = [other for other, flags in differing.items() if flags.any()]
        if others:
            differs = union(differing.values(), len(ours))
            has_version = Dialect.DATAHUB_1_5 in {context.dialect, *others}
            unknown = f". {_WHICH_DATAHUB}" if has_version else ""
            yield Finding(
                self.code,
                self.severity,
                "views",
                "allow",
                None,
                "",
                f"Under {_titles(others, 'or')} rules, {counted(int(differs.sum()), 'views')} would be judged "
                f"differently, because views are compared with other lists{unknown}",
                "Use the same patterns for views in the table and the view lists",
                context.examples("views", differs),
            )


def _view_passes(context: Context, rule: str) -> Flags:
    tables = context.passes("tables", context.dialect)[context.subjects.first_view :]
    views = context.passes("views", context.dialect)
    return {"tables_and_views": tables & views, "views": views, "tables": tables}[rule]


def _titles(dialects: Iterable[Dialect], conjunction: str) -> str:
    *most, last = (dialect.title for dialect in dialects)
    return f"{', '.join(most)} {conjunction} {last}" if most else last


def _because(dialect: Dialect, others: list[Dialect]) -> str:
    """Return why the dialects differ, in brackets; empty where it is not the same for all of them."""
    ours = dialect.settings()
    reasons = {
        next(
            (words[other.settings()[key]] for key, words in _BECAUSE.items() if other.settings()[key] != ours[key]), ""
        )
        for other in others
    }
    return f" ({reason})" if len(reasons) == 1 and (reason := reasons.pop()) else ""
