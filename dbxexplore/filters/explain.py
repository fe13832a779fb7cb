"""Why one object is included or excluded: every level, every pattern, and the edits that would flip the verdict.

`Preview.explain` makes an `Explanation`; `Explanation.changes` are the edits, and `Explanation.flipped` applies them.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from dbxexplore.catalog.schema import Kind
from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.patterns import Level, ListName, exact_pattern

if TYPE_CHECKING:
    from dbxexplore.filters.filters import Filters


@dataclass(frozen=True)
class PatternExplanation:
    """One pattern compared with one subject. ``index`` counts from 0 within its list.

    ``implied`` patterns are not among the filters: the dialect adds them by itself, at the end of the list.
    """

    list: ListName
    index: int
    pattern: str
    matches: bool
    implied: bool = False

    @property
    def place(self) -> str:
        """Which pattern it is: ``deny pattern 2``, or ``built-in deny pattern``."""
        return f"built-in {self.list} pattern" if self.implied else f"{self.list} pattern {self.index + 1}"


@dataclass(frozen=True)
class LevelExplanation:
    """What one level decides on one object: its subject there, every pattern, and the verdict."""

    level: Level
    subject: str
    patterns: tuple[PatternExplanation, ...]
    passes: bool

    @property
    def decided_by(self) -> PatternExplanation | None:
        """The first deny pattern that matches, else the first allow pattern that does, else None."""
        return next((pattern for pattern in self.patterns if pattern.matches), None)

    @property
    def rule(self) -> str:
        """The rule that decided, as in ``Preview.frame``."""
        if self.decided_by:
            return self.decided_by.list
        return "everything" if self.passes else "no_allow"

    def __str__(self) -> str:
        verdict = "passes" if self.passes else "fails"
        return f"{self.level}: {self.subject!r} {verdict}: {self.reason}"

    @property
    def reason(self) -> str:
        """Why, in words."""
        pattern = self.decided_by
        if pattern:
            return f"{pattern.place} matches: {pattern.pattern}"
        return "the allow list is empty, which allows everything" if self.passes else "no allow pattern matches"


@dataclass(frozen=True)
class Change:
    """One edit of the filters: a pattern added to a list or removed from it."""

    action: Literal["add", "remove"]
    level: Level
    list: ListName
    pattern: str

    def apply(self, filters: Filters) -> Filters:
        """Return ``filters`` with this edit made."""
        patterns = filters.level(self.level)
        texts = tuple(getattr(patterns, self.list))
        texts = (*texts, self.pattern) if self.action == "add" else tuple(t for t in texts if t != self.pattern)
        return filters.with_level(self.level, replace(patterns, **{self.list: texts}))

    def __str__(self) -> str:
        where = "to" if self.action == "add" else "from"
        return f"{self.action} {self.pattern} {where} {self.level}, {self.list}"


@dataclass(frozen=True)
class Explanation:
    """Why one object is included or excluded. ``str()`` returns text; a notebook shows a table."""

    full_name: str
    kind: Kind
    levels: tuple[LevelExplanation, ...]
    dialect: Dialect

    @property
    def included(self) -> bool:
        """Whether the object and all its containers pass."""
        return all(level.passes for level in self.levels)

    @property
    def decided_by(self) -> LevelExplanation:
        """The level that decided: the outermost that fails, or the object's own."""
        return next((level for level in self.levels if not level.passes), self.levels[-1])

    @property
    def changes(self) -> tuple[Change, ...]:
        """Edits that, all together, flip the verdict: for this one object, with the fewest patterns.

        Empty where no edit can: a pattern that the dialect adds by itself denies the object.
        """
        if self.included:
            own = self.levels[-1]
            return (Change("add", own.level, "deny", exact_pattern(own.subject)),)
        if any(pattern.implied and pattern.matches for level in self.levels for pattern in level.patterns):
            return ()
        return tuple(change for level in self.levels if not level.passes for change in _let_pass(level, self.dialect))

    def flipped(self, filters: Filters) -> Filters:
        """Return ``filters`` with `changes` made, under which the verdict is the opposite if there are any."""
        for change in self.changes:
            filters = change.apply(filters)
        return filters

    def __str__(self) -> str:
        verdict = "included" if self.included else "excluded"
        lines = [f"{self.full_name} ({self.kind}) is {verdict} ({self.dialect.title} rules)"]
        lines += [f"  {level}" for level in self.levels]
        lines += [self.advice, *(f"  {change}" for change in self.changes)]
        return "\n".join(lines)

    @property
    def advice(self) -> str:
        """The text before `changes`, or in their place: ``To exclude it:``."""
        if not self.changes:
            return f"No pattern can include it: {self.dialect.title} always denies it"
        return f"To {'exclude' if self.included else 'include'} it:"

    def _repr_html_(self) -> str:
        verdict = "included" if self.included else "excluded"
        rows = "".join(
            "<tr>"
            f"<th scope='row' style='text-align:left'>{html.escape(level.level)}</th>"
            f"<td style='text-align:left'><code>{html.escape(level.subject)}</code></td>"
            f"<td style='text-align:left'>{'✓ passes' if level.passes else '✗ fails'}</td>"
            f"<td style='text-align:left'>{html.escape(level.reason)}</td>"
            "</tr>"
            for level in self.levels
        )
        changes = "".join(f"<li>{html.escape(str(change))}</li>" for change in self.changes)
        edits = f"<ul>{changes}</ul>" if changes else ""
        return (
            f"<p><code>{html.escape(self.full_name)}</code> ({self.kind}) is <strong>{verdict}</strong> "
            f"({html.escape(self.dialect.title)} rules)</p>"
            "<table><thead><tr><th>level</th><th>subject</th><th>verdict</th><th>why</th></tr></thead>"
            f"<tbody>{rows}</tbody></table><p>{html.escape(self.advice)}</p>{edits}"
        )


def _let_pass(level: LevelExplanation, dialect: Dialect) -> Iterable[Change]:
    denying = [pattern.pattern for pattern in level.patterns if pattern.matches and pattern.list == "deny"]
    for text in dict.fromkeys(denying):
        yield Change("remove", level.level, "deny", text)
    allow = [pattern for pattern in level.patterns if pattern.list == "allow"]
    allowed = any(pattern.matches for pattern in allow) or (not allow and dialect.empty_allow == "everything")
    if not allowed:
        yield Change("add", level.level, "allow", exact_pattern(level.subject))
