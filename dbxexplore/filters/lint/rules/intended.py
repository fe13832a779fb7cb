"""Texts that look like something else than a regular expression: globs, SQL, quotes, lists, negation."""

from __future__ import annotations

from collections.abc import Sequence

from dbxexplore.filters.lint.context import Context, Judged
from dbxexplore.filters.lint.findings import Finding, shown_pattern
from dbxexplore.filters.lint.rules.base import Rule
from dbxexplore.filters.meant import MeantCode, advice
from dbxexplore.filters.patterns import ListName


class Intended(Rule):
    """Says what the text looks like, and what to write instead."""

    explains_no_match = True

    def __init__(self, code: MeantCode, short: str) -> None:
        self.code, self.short = code, short

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report what was probably meant, unless the pattern works as it is."""
        guess = pattern.guess
        if guess is None or guess.code != self.code or (pattern.flags.any() and not guess.although_it_matches):
            return None
        patterns = self._written(context, pattern, guess.patterns)
        matched = context.matched_by(pattern, patterns)
        if not matched.any() and not guess.although_unknown:
            return None  # it may be a regular expression for future objects
        other: ListName = "allow" if pattern.list == "deny" else "deny"
        place = f" to the {other} list" if guess.in_other_list else ""
        verb = "Add" if guess.in_other_list else "Write"
        texts = advice(patterns, shown_pattern).removeprefix("write ")
        remedy = f"If it is meant as a glob, write {texts}" if self.code == "glob-pattern" else f"{verb} {texts}{place}"
        return self.finding(
            pattern,
            guess.what,
            remedy,
            context.examples(pattern.level, matched),
            replacements=patterns,
            in_other_list=guess.in_other_list,
        )

    def _written(self, context: Context, pattern: Judged, texts: Sequence[str]) -> tuple[str, ...]:
        """Return what to write, as names of the level are compared."""
        if self.code == "glob-pattern":
            return (context.glob(pattern.level, pattern.text),)
        return tuple(_reaching(context, pattern, text) for text in texts)


def _reaching(context: Context, pattern: Judged, text: str) -> str:
    """Return ``text``, or the same in the containers that pass where only that matches something here."""
    anywhere = context.qualified(pattern.level, text.removeprefix("^").removesuffix("$"))
    if context.matched_by(pattern, [text]).any() or not context.matched_by(pattern, [anywhere]).any():
        return text
    return anywhere
