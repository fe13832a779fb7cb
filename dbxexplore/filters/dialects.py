"""Matching rules: what a pattern is compared with, and how. `DIALECTS` is the list of those that have a name.

Dagster+ does not publish how it matches, so a `Dialect` says it. To add one, append it to `DIALECTS`: the command line,
the editor's menu, lint and the number of dialect-dependent objects all read that list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Literal, Protocol, TypeAlias, get_args

from dbxexplore import errors
from dbxexplore.filters.patterns import Level, Patterns, compile_pattern

Match: TypeAlias = Literal["prefix", "search", "full"]
Subject: TypeAlias = Literal["qualified", "bare"]
Views: TypeAlias = Literal["tables_and_views", "views", "tables"]
EmptyAllow: TypeAlias = Literal["nothing", "everything"]
INFORMATION_SCHEMA = r".*\.information_schema"
"""What DataHub denies among the schemas by itself. It is a prefix: ``information_schema_old`` is denied too."""


class Matcher(Protocol):
    """A function that decides whether and how a subject matches."""

    def __call__(self, subject: str, /) -> re.Match[str] | None:
        """Return the match, or None."""
        ...


@dataclass(frozen=True)
class Dialect:
    """Matching rules. Dagster+ does not publish its own, so they are explicit here. The defaults are DataHub's.

    Attributes:
        match: a pattern must match from the start of the subject (``prefix``, Python's ``re.match``),
            anywhere in it (``search``), or the whole of it (``full``).
        ignore_case: whether upper and lower case are the same.
        subject: what a pattern is compared with: the ``qualified`` name (``catalog``, ``catalog.schema``,
            ``catalog.schema.name``, a notebook's path), or the ``bare`` last name of each.
        views: which patterns a view must pass: those for tables *and* those for views, those for views
            alone, or those for tables alone.
        empty_allow: whether an empty allow list allows nothing or everything.
        denies_information_schema: whether the deny list of the schemas ends with `INFORMATION_SCHEMA`, which
            cannot be removed.
        blanks_as_underscores: whether blanks in the names of catalogs and schemas are matched as ``_`` at the
            levels of the catalogs and schemas. Tables, views and notebooks keep theirs.
        name: the key of these rules in documents and on the command line.
        label: what a person calls them, such as ``DataHub``; see `title`.
        summary: what they do, in a few words.

    ``DATAHUB`` and ``OPENMETADATA`` match as the ingestion of those tools does, ``DATAHUB_1_5`` as DataHub did
    before 1.6.0.12, when it ignored view patterns. ``STRICT`` takes a pattern to mean exactly the names that it
    spells out. Which of them Dagster+ runs is not known.
    """

    match: Match = "prefix"
    ignore_case: bool = True
    subject: Subject = "qualified"
    views: Views = "tables_and_views"
    empty_allow: EmptyAllow = "nothing"
    denies_information_schema: bool = True
    blanks_as_underscores: bool = True
    name: str = field(default="custom", compare=False)
    label: str = field(default="", compare=False)
    summary: str = field(default="", compare=False)

    DATAHUB: ClassVar[Dialect]
    DATAHUB_1_5: ClassVar[Dialect]
    OPENMETADATA: ClassVar[Dialect]
    STRICT: ClassVar[Dialect]

    def __post_init__(self) -> None:
        choices = {"match": Match, "subject": Subject, "views": Views, "empty_allow": EmptyAllow}
        for name, kind in choices.items():
            value = getattr(self, name)
            if value not in get_args(kind):
                msg = f"{name} is {value!r}"
                raise errors.FilterError(msg, expected=f"one of {', '.join(get_args(kind))}")
        flags = ("ignore_case", "denies_information_schema", "blanks_as_underscores")
        types: dict[str, tuple[type, str]] = dict.fromkeys(flags, (bool, "True or False"))
        types |= dict.fromkeys(_NAMING, (str, "text"))
        for name, (wanted, expected) in types.items():
            value = getattr(self, name)
            if not isinstance(value, wanted):
                msg = f"{name} is {value!r}"
                raise errors.FilterError(msg, expected=expected)

    @classmethod
    def named(cls) -> dict[str, Dialect]:
        """Return the named dialects by their names, in the order of `DIALECTS`."""
        return {dialect.name: dialect for dialect in DIALECTS}

    @property
    def title(self) -> str:
        """What a person calls these rules: the label of the named dialect with the same settings, else the name."""
        return next((dialect.label or dialect.name for dialect in DIALECTS if dialect == self), self.name)

    def settings(self) -> dict[str, object]:
        """Return what defines these rules, without what they are called."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in _NAMING}

    def implied_deny(self, level: Level) -> tuple[str, ...]:
        """Return the patterns that this dialect adds to the end of the deny list of ``level`` by itself."""
        return (INFORMATION_SCHEMA,) if level == "schemas" and self.denies_information_schema else ()

    def applied(self, level: Level, patterns: Patterns) -> Patterns:
        """Return ``patterns`` together with those that this dialect adds by itself."""
        implied = self.implied_deny(level)
        return replace(patterns, deny=(*patterns.deny, *implied)) if implied else patterns

    def subject_text(self, level: Level, text: str) -> str:
        """Return what patterns of ``level`` are compared with, for an object of this (bare or qualified) name."""
        return text.replace(" ", "_") if self.escapes(level) else text

    def escapes(self, level: Level) -> bool:
        """Whether blanks in the names of this level are matched as underscores."""
        return self.blanks_as_underscores and level in {"catalogs", "schemas"}

    def allows(self, patterns: Patterns, subject: str) -> bool:
        """Whether ``patterns`` let one subject through: the definition, one name at a time."""
        if any(self.matches(text, subject) for text in patterns.deny):
            return False
        if not patterns.allow:
            return self.empty_allow == "everything"
        return any(self.matches(text, subject) for text in patterns.allow)

    def matches(self, text: str, subject: str) -> bool:
        """Whether one pattern matches one subject."""
        return self.matcher(text)(subject) is not None

    def matcher(self, text: str) -> Matcher:
        """Return the function of Python's ``re`` that decides whether a subject matches ``text``."""
        compiled = compile_pattern(text, ignore_case=self.ignore_case)
        return {"prefix": compiled.match, "search": compiled.search, "full": compiled.fullmatch}[self.match]


_NAMING = ("name", "label", "summary")

# DataHub, `unity-catalog` source of acryl-datahub 1.7.0 (`AllowDenyPattern`; `UnityCatalogSourceConfig` and its
# validators; `escape_unity_name`): re.match, ignoring case unless told otherwise; an empty allow list accepts
# nothing; a view must pass the table and the view pattern, a metric view the table pattern; a recipe that gives
# `schema_pattern` has INFORMATION_SCHEMA appended to its deny list, and every recipe that is written here gives it;
# blanks in catalog and schema names are underscores in what `catalog_pattern` and `schema_pattern` see.
# Its other settings that select objects are at values where they change nothing: see `dbxexplore.export.forms.recipe`.
Dialect.DATAHUB = Dialect(name="datahub", label="DataHub", summary="prefix match, ignores case, catalog.schema.table")
# The same source before 1.6.0.12 accepts `view_pattern` in a recipe and never applies it.
Dialect.DATAHUB_1_5 = Dialect(
    views="tables",
    name="datahub-1.5",
    label="DataHub before 1.6.0.12",
    summary="the same, but without view patterns",
)
# OpenMetadata, `metadata.utils.filters` of openmetadata-ingestion: re.match ignoring case against the bare name,
# exclude wins, an empty list is no filter, and views are filtered by the table pattern.
Dialect.OPENMETADATA = Dialect(
    subject="bare",
    views="tables",
    empty_allow="everything",
    denies_information_schema=False,
    blanks_as_underscores=False,
    name="openmetadata",
    label="OpenMetadata",
    summary="prefix match, ignores case, bare names",
)
Dialect.STRICT = Dialect(
    match="full",
    ignore_case=False,
    views="views",
    denies_information_schema=False,
    blanks_as_underscores=False,
    name="strict",
    label="Strict",
    summary="exact match, case-sensitive, catalog.schema.table",
)
DIALECTS = [Dialect.DATAHUB, Dialect.DATAHUB_1_5, Dialect.OPENMETADATA, Dialect.STRICT]
"""The named dialects, in the order in which they are offered."""
