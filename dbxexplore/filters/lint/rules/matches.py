"""Patterns that match nothing, more than they spell out, or only what others decide already."""

from __future__ import annotations

from dataclasses import replace

from dbxexplore.filters.lint.context import Context, Judged, counted, nouns, union
from dbxexplore.filters.lint.findings import Finding, shown_pattern
from dbxexplore.filters.lint.rules.base import Rule
from dbxexplore.filters.patterns import anchored


def whole(text: str) -> str:
    """Return a pattern for the whole of what ``text`` matches."""
    return anchored(body(text))


def body(text: str) -> str:
    """Return a pattern without its anchors."""
    text = text.removeprefix("^")
    # A dollar after a backslash stands for itself.
    ends = text.endswith("$") and (len(text) - len(text[:-1].rstrip("\\"))) % 2 == 1
    return text[:-1] if ends else text


class DeadPattern(Rule):
    """A pattern that matches nothing, for no reason that another rule knows."""

    code = "dead-pattern"
    short = "no match"
    explains_no_match = True

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report that it matches nothing here."""
        if pattern.flags.any():
            return None
        doubt = "" if context.catalog.complete else ", but the snapshot is incomplete"
        return self.finding(
            pattern,
            f"Matches none of the {len(pattern.flags):,} {nouns(pattern.level)} of this snapshot{doubt}",
            "Remove it, or check its spelling, upper and lower case, and dots",
            severity="warning" if pattern.list == "allow" else "info",
        )


class OverMatch(Rule):
    """A name that is spelt out, but not anchored, and is the beginning or a part of other names."""

    code = "over-match"
    short = "matches more"

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report the other names."""
        if context.dialect.match == "full" or pattern.guess is not None:  # another text was meant
            return None
        exact = context.matches(pattern, replace(context.dialect, match="full"))
        if exact is None or not exact.any():
            return None
        more = pattern.flags & ~exact
        if not more.any():
            return None
        return self.finding(
            pattern,
            f"Not anchored: also matches {counted(int(more.sum()), pattern.level)} besides "
            f"{context.examples(pattern.level, exact)[0]}",
            f"Use {shown_pattern(whole(pattern.text))} for the exact names, or end it with .* if that is intended",
            context.examples(pattern.level, more),
            replacements=(whole(pattern.text),),
        )


class ShadowedPattern(Rule):
    """A pattern that makes no difference in this snapshot, because others of its list match the same."""

    code = "shadowed-pattern"
    severity = "info"
    short = "no effect"

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report the pattern that covers it, or that those before it do so together."""
        if not pattern.flags.any():
            return None
        others = context.peers(pattern)
        covering = next((other for other in others if _covers(other, pattern)), None)
        before = union((other.flags for other in others if other.index < pattern.index), len(pattern.flags))
        if covering is not None:
            by = f"pattern {covering.index + 1} ({shown_pattern(covering.text)})"
        elif not (pattern.flags & ~before).any():
            by = "the patterns before it, taken together"
        else:
            return None
        return self.finding(
            pattern,
            f"Redundant: every name it matches is already matched by {by}",
            "Remove it, unless it is meant for future objects",
        )


def _covers(other: Judged, pattern: Judged) -> bool:
    if (pattern.flags & ~other.flags).any():
        return False
    # Of two that match the same, the second is the one too many.
    return other.index < pattern.index or bool((other.flags & ~pattern.flags).any())


class AllowUndone(Rule):
    """An allow pattern, everything of which is denied on the same level."""

    code = "allow-undone"
    short = "all denied"

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report what denies it."""
        if pattern.list == "deny" or not pattern.flags.any():
            return None
        examples = context.examples(pattern.level, pattern.flags)
        implied = context.dialect.implied_deny(pattern.level)
        left = pattern.flags & ~context.matched_by(pattern, implied)
        if implied and not left.any():
            by = f"{context.dialect.title} itself, as {implied[0]}"
            return self.finding(
                pattern,
                f"Everything this pattern allows is denied by {by}",
                "Remove it: nothing can allow these",
                examples,
            )
        denying = [other for other in context.patterns[pattern.level] if other.list == "deny"]
        if (left & ~union((other.flags for other in denying), len(left))).any():
            return None
        first = next(other for other in denying if (other.flags & pattern.flags).any())
        return self.finding(
            pattern,
            f"Everything this pattern allows is denied by {shown_pattern(first.text)} on the same level (deny wins)",
            "Remove it, or narrow the deny pattern",
            examples,
        )
