"""Patterns that spell names in another way than they are compared."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import ClassVar

from dbxexplore.filters.dialects import Subject
from dbxexplore.filters.lint.context import Context, Judged, counted, nouns
from dbxexplore.filters.lint.findings import Finding, shown_pattern
from dbxexplore.filters.lint.rules.base import Rule
from dbxexplore.filters.lint.rules.matches import body, whole
from dbxexplore.filters.meant import exactly
from dbxexplore.filters.patterns import LEVELS, Level, anchored
from dbxexplore.filters.subjects import Flags

_FIRST_PART = re.compile(r"(?P<start>\^?(?:\(\?:)?)(?P<first>[\w\-]+)(?:\\\.|\[\.\]|\.)(?P<rest>.+)", re.DOTALL)
_DOT = re.compile(r"\\\.|\[\.\]|\.(?![*+?])")
_DOTS: dict[Level, int] = {"catalogs": 0, "schemas": 1, "tables": 2, "views": 2}  # in a name of each level
_SIMPLE = re.compile(r"\^?[\w\-][\w.*\\\-]*\$?")  # begins with a name
_LOOSE_DOT = re.compile(r"(?<=[\w\-])\.(?:(?P<star>\*)|(?=[\w\-]))")
_SUBJECTS: dict[Level, str] = {
    "schemas": "catalog.schema",
    "tables": "catalog.schema.table",
    "views": "catalog.schema.view",
    "notebooks": "the full path",
}


class _OtherSubject(Rule):
    """A pattern that matches nothing, but would if the other form of the names were compared."""

    explains_no_match = True
    compared: ClassVar[str]
    """The form of the names that the matching rules compare: ``qualified`` or ``bare``."""

    def why(self, context: Context, level: Level) -> str:
        """Return what the names of a level are compared as."""
        raise NotImplementedError

    def written(self, context: Context, pattern: Judged) -> str:
        """Return the pattern for the form of the names that is compared."""
        raise NotImplementedError

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report the names that the pattern would match."""
        other = _under_other_subject(context, pattern)
        if other is None or context.dialect.subject != self.compared:
            return None
        inside = other & context.reachable(pattern.level)
        meant = context.examples(pattern.level, inside if inside.any() else other)
        written = self.written(context, pattern)
        if not context.matched_by(pattern, [written]).any():
            written = exactly(meant[0])
        return self.finding(
            pattern,
            f"No match, because {self.why(context, pattern.level)}",
            f"Write {shown_pattern(written)}",
            meant,
            replacements=(written,),
        )


class BareName(_OtherSubject):
    """A pattern for bare names, compared with qualified ones."""

    code = "bare-name"
    short = "missing catalog"
    compared = "qualified"

    def why(self, context: Context, level: Level) -> str:  # noqa: ARG002 - as its sibling has it
        """Return what the names of a level are compared as."""
        return f"{nouns(level)} are compared as {_SUBJECTS[level]}"

    def written(self, context: Context, pattern: Judged) -> str:
        """Return the pattern with the containers before it."""
        return context.qualified(pattern.level, body(pattern.text))


class QualifiedName(_OtherSubject):
    """A pattern for qualified names, compared with bare ones."""

    code = "qualified-name"
    short = "remove the prefix"
    compared = "bare"

    def why(self, context: Context, level: Level) -> str:  # noqa: ARG002 - as its sibling has it
        """Return what the names of a level are compared as."""
        return f"{context.dialect.title} compares bare names, without what they are in"

    def written(self, context: Context, pattern: Judged) -> str:  # noqa: ARG002 - as its sibling has it
        """Return the pattern for the last part of the name."""
        return anchored(re.split(r"\\\.|\.(?![*+?])", body(pattern.text))[-1])


def _under_other_subject(context: Context, pattern: Judged) -> Flags | None:
    """Return what a pattern that matches nothing would match if the other form of the names were compared."""
    if pattern.flags.any() or pattern.level == "catalogs":
        return None
    other: Subject = "bare" if context.dialect.subject == "qualified" else "qualified"
    flags = context.matches(pattern, replace(context.dialect, subject=other))
    return flags if flags is not None and flags.any() else None


class MetastoreName(Rule):
    """A name with one part too many, as where the metastore stands before everything."""

    code = "metastore-name"
    short = "metastore in front"
    explains_no_match = True

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report what the rest of the name matches."""
        parts = _FIRST_PART.fullmatch(pattern.text)
        if parts is None or pattern.flags.any() or context.dialect.subject == "bare":
            return None
        if len(_DOT.findall(pattern.text)) <= _DOTS.get(pattern.level, 99):
            return None
        written = parts["start"] + parts["rest"]
        matched = context.matched_by(pattern, [written])
        if not matched.any():
            return None
        return self.finding(
            pattern,
            f"No match, because names begin with the catalog, not with a metastore such as {parts['first']}",
            f"Write {shown_pattern(written)}",
            context.examples(pattern.level, matched),
            replacements=(written,),
        )


class WrongLevel(Rule):
    """A pattern that spells out objects of another level."""

    code = "wrong-level"
    short = "other level"
    explains_no_match = True

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report the level whose names it matches in full."""
        if pattern.flags.any() or context.dialect.subject == "bare":
            return None
        in_full = replace(context.dialect, match="full")
        for level in LEVELS:
            matched = context.matches(replace(pattern, level=level), in_full) if level != pattern.level else None
            if (
                matched is None
                or not matched.any()
                or level == "views"
                or (pattern.level, level) == ("views", "tables")
            ):
                continue
            below = level in {"catalogs", "schemas"} and pattern.level in LEVELS[LEVELS.index(level) + 1 : 4]
            inside = shown_pattern(whole(pattern.text)).removesuffix("$") + r"\..*"
            return self.finding(
                pattern,
                f"Matches none of the {nouns(pattern.level)}, but {counted(int(matched.sum()), level)}",
                f"Move it to the {level[:-1]} patterns"
                + (f", or write {inside} for everything inside" if below else ""),
                context.examples(level, matched),
                severity="warning" if pattern.list == "allow" else "info",
            )
        return None


class UnescapedDot(Rule):
    """A dot that may be meant to end a name, but matches any character."""

    code = "unescaped-dot"
    severity = "info"
    short = "dot matches more"

    def check(self, context: Context, pattern: Judged) -> Finding | None:
        """Report what it matches with something else in place of the dot."""
        if (
            pattern.level in {"catalogs", "notebooks"}
            or context.dialect.subject == "bare"
            or not _SIMPLE.fullmatch(pattern.text)
        ):
            return None
        written = _LOOSE_DOT.sub(lambda dot: r"\..*" if dot["star"] else r"\.", pattern.text)
        if written == pattern.text:
            return None
        meant = context.matched_by(pattern, [written])
        more = pattern.flags & ~meant
        if not meant.any() or not more.any():
            return None
        return self.finding(
            pattern,
            f"A dot matches any character: besides {context.examples(pattern.level, meant)[0]} this also matches "
            f"{counted(int(more.sum()), pattern.level)} with something else in its place",
            f"Write {shown_pattern(written)} if it is meant as a dot, or leave it if all of these are intended",
            context.examples(pattern.level, more),
            replacements=(written,),
        )
