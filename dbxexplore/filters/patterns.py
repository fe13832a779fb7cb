"""Patterns, the five lists of them, and the ways in which they can be read."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeAlias, get_args

from dbxexplore import errors
from dbxexplore.catalog.schema import Kind
from dbxexplore.filters import meant
from dbxexplore.text import shorten

if TYPE_CHECKING:
    from dbxexplore.catalog import Catalog
    from dbxexplore.filters.lint import Findings
    from dbxexplore.filters.preview import Preview

Match: TypeAlias = Literal["prefix", "search", "full"]
Subject: TypeAlias = Literal["qualified", "bare"]
Views: TypeAlias = Literal["tables_and_views", "views", "tables"]
EmptyAllow: TypeAlias = Literal["nothing", "everything"]
Level: TypeAlias = Literal["catalogs", "schemas", "tables", "views", "notebooks"]
LEVELS: tuple[Level, ...] = get_args(Level)
LEVEL_OF_KIND: Mapping[Kind, Level] = {
    "catalog": "catalogs",
    "schema": "schemas",
    "table": "tables",
    "view": "views",
    "notebook": "notebooks",
}
ListName: TypeAlias = Literal["allow", "deny"]
INFORMATION_SCHEMA = r".*\.information_schema"
"""What DataHub denies among the schemas by itself. It is a prefix: ``information_schema_old`` is denied too."""


class Matcher(Protocol):
    """A function that tells whether and how a subject matches."""

    def __call__(self, subject: str, /) -> re.Match[str] | None:
        """Return the match, or None."""
        ...


@dataclass(frozen=True)
class Patterns:
    """What one level lets through: regular expressions to allow and to deny. Deny wins.

    Any sequence of texts is taken; kept are tuples, so that filters can be compared and hashed. A text need
    not be a valid expression yet: `problems` tells, and a preview refuses it.
    """

    allow: Sequence[str] = (".*",)
    deny: Sequence[str] = ()

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - pydantic reads it from the class

    def __post_init__(self) -> None:
        for name in get_args(ListName):
            given = getattr(self, name)
            if isinstance(given, str) or not isinstance(given, Iterable):
                msg = f"{name} is {given!r}"
                raise errors.FilterError(msg, expected=f'a list of patterns, such as {name}=["^prod$"]')
            texts = tuple(given)
            wrong = [text for text in texts if not isinstance(text, str)]
            if wrong:
                msg = f"{name} holds {wrong[0]!r}"
                raise errors.FilterError(msg, expected="patterns as text")
            object.__setattr__(self, name, texts)

    def problems(self) -> list[tuple[ListName, int, errors.PatternError]]:
        """Return the patterns that are no regular expression: list, index and what is wrong."""
        found: list[tuple[ListName, int, errors.PatternError]] = []
        for name in get_args(ListName):
            for index, text in enumerate(getattr(self, name)):
                try:
                    compile_pattern(text, ignore_case=False)
                except errors.PatternError as error:
                    found.append((name, index, error))
        return found


def compile_pattern(text: str, *, ignore_case: bool) -> re.Pattern[str]:
    """Compile one pattern as Python's ``re`` reads it.

    Raises:
        PatternError: it is no regular expression; says where and, for a glob, what was meant.
    """
    half = next((index for index, character in enumerate(text) if "\ud800" <= character <= "\udfff"), None)
    if half is not None:
        msg = f"The pattern {_shown(text)} holds half of a surrogate pair at character {half + 1}"
        raise errors.PatternError(msg, pattern=text, position=half, expected="whole characters")
    try:
        with warnings.catch_warnings():
            # Python warns of constructs that may change meaning some day; half-typed text is full of them.
            warnings.simplefilter("ignore")
            return re.compile(text, re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as error:
        position = getattr(error, "pos", None)
        reason = getattr(error, "msg", None) or str(error) or "it nests too deeply"
        where = f" at character {position + 1}" if position is not None else ""
        msg = f"The pattern {_shown(text)} is not a regular expression: {reason}{where}"
        raise errors.PatternError(msg, pattern=text, position=position, remedy=_remedy(text, reason)) from None


def _shown(text: str) -> str:
    return _quoted(shorten(text, 200))


def _quoted(text: str) -> str:
    # Not repr, which doubles backslashes: what is shown can be copied into a form as it is.
    return "'" + "".join(c if c.isprintable() else repr(c)[1:-1] for c in text) + "'"


def _remedy(text: str, reason: str) -> str:
    if meant.is_broken_glob(text):
        return f"If {_quoted(text[:60])} is meant as a glob, write {_quoted(meant.glob_pattern(text)[:80])}"
    guess = meant.meant_by(text, "tables")
    if guess is not None and not guess.in_other_list:
        return f"{guess.what}: {meant.advice(guess.patterns, lambda pattern: _quoted(pattern[:80]))}"
    if "unterminated" in reason:
        return "Close the bracket that is open there, or put a backslash before it if it is meant literally"
    return "Put a backslash before a character that is meant literally"


@dataclass(frozen=True)
class Filters:
    """The patterns of all five levels. Levels that are not given let everything through."""

    catalogs: Patterns = field(default_factory=Patterns)
    schemas: Patterns = field(default_factory=Patterns)
    tables: Patterns = field(default_factory=Patterns)
    views: Patterns = field(default_factory=Patterns)
    notebooks: Patterns = field(default_factory=Patterns)

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    def __post_init__(self) -> None:
        for level in LEVELS:
            if not isinstance(getattr(self, level), Patterns):
                msg = f"{level} is {getattr(self, level)!r}"
                raise errors.FilterError(msg, expected=f'{level}=Patterns(allow=["…"], deny=["…"])')

    def level(self, level: Level) -> Patterns:
        """Return the patterns of one level."""
        patterns: Patterns = getattr(self, level)
        return patterns

    def with_level(self, level: Level, patterns: Patterns) -> Filters:
        """Return these filters with the patterns of one level replaced."""
        return replace(self, **{level: patterns})

    def check(self) -> None:
        """See that every pattern is a regular expression.

        Raises:
            PatternError: names the level, the list, the place in it, and what is wrong.
        """
        for level in LEVELS:
            for name, index, error in self.level(level).problems():
                raise error.at(level, name, index)

    def preview(self, catalog: Catalog, dialect: Dialect | None = None) -> Preview:
        """Judge every object of a catalog as ``dialect`` reads these filters (`Dialect.DATAHUB` unless given).

        Raises:
            PatternError: a pattern is no regular expression.
        """
        from dbxexplore.filters.preview import Preview

        return Preview(catalog, self, dialect or Dialect.DATAHUB)

    def lint(self, catalog: Catalog, dialect: Dialect | None = None) -> Findings:
        """Return what is probably wrong with these filters, judged on a catalog, as ``dialect`` reads them.

        `Dialect.DATAHUB` unless given. Patterns that cannot be read are findings; nothing is raised for them.
        """
        from dbxexplore.filters.lint import lint

        return lint(catalog, self, dialect)


@dataclass(frozen=True)
class Dialect:
    """How patterns are read. Dagster+ does not publish its own reading, so it is said here. The defaults are DataHub's.

    Attributes:
        match: a pattern must match from the start of the subject (``prefix``, Python's ``re.match``),
            anywhere in it (``search``), or the whole of it (``full``).
        ignore_case: whether upper and lower case are the same.
        subject: what a pattern is held against: the ``qualified`` name (``catalog``, ``catalog.schema``,
            ``catalog.schema.name``, a notebook's path), or the ``bare`` last name of each.
        views: which patterns a view must pass: those for tables *and* those for views, those for views
            alone, or those for tables alone.
        empty_allow: whether an empty allow list lets nothing or everything through.
        denies_information_schema: whether the deny list of the schemas ends with `INFORMATION_SCHEMA`, which
            cannot be removed.
        blanks_as_underscores: whether blanks in the names of catalogs and schemas are matched as ``_`` at the
            levels of the catalogs and schemas. Tables, views and notebooks keep theirs.
        name: what a preview calls this reading.

    ``DATAHUB`` and ``OPENMETADATA`` read as the ingestion of those tools does, ``DATAHUB_1_5`` as DataHub did
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
        types["name"] = (str, "text, by which a preview calls this reading")
        for name, (wanted, expected) in types.items():
            value = getattr(self, name)
            if not isinstance(value, wanted):
                msg = f"{name} is {value!r}"
                raise errors.FilterError(msg, expected=expected)

    @classmethod
    def named(cls) -> dict[str, Dialect]:
        """Return the named dialects by their names."""
        return {dialect.name: dialect for dialect in (cls.DATAHUB, cls.DATAHUB_1_5, cls.OPENMETADATA, cls.STRICT)}

    def settings(self) -> dict[str, object]:
        """Return what defines this reading, without its name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name"}

    def implied_deny(self, level: Level) -> tuple[str, ...]:
        """Return the patterns that this reading adds to the end of the deny list of ``level`` by itself."""
        return (INFORMATION_SCHEMA,) if level == "schemas" and self.denies_information_schema else ()

    def applied(self, level: Level, patterns: Patterns) -> Patterns:
        """Return ``patterns`` together with those that this reading adds by itself."""
        implied = self.implied_deny(level)
        return replace(patterns, deny=(*patterns.deny, *implied)) if implied else patterns

    def subject_text(self, level: Level, text: str) -> str:
        """Return what patterns of ``level`` are held against, for an object of this (bare or qualified) name."""
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


# DataHub, `unity-catalog` source of acryl-datahub 1.7.0 (`AllowDenyPattern`; `UnityCatalogSourceConfig` and its
# validators; `escape_unity_name`): re.match, ignoring case unless told otherwise; an empty allow list accepts
# nothing; a view must pass the table and the view pattern, a metric view the table pattern; a recipe that gives
# `schema_pattern` has INFORMATION_SCHEMA appended to its deny list, and every recipe that is written here gives it;
# blanks in catalog and schema names are underscores in what `catalog_pattern` and `schema_pattern` see.
# Its other settings that select objects are at values where they change nothing: see `dbxexplore.export.forms.recipe`.
Dialect.DATAHUB = Dialect(name="datahub")
# The same source before 1.6.0.12 accepts `view_pattern` in a recipe and never applies it.
Dialect.DATAHUB_1_5 = replace(Dialect.DATAHUB, views="tables", name="datahub-1.5")
# OpenMetadata, `metadata.utils.filters` of openmetadata-ingestion: re.match ignoring case against the bare name,
# exclude wins, an empty list is no filter, and views are filtered by the table pattern.
Dialect.OPENMETADATA = Dialect(
    subject="bare",
    views="tables",
    empty_allow="everything",
    denies_information_schema=False,
    blanks_as_underscores=False,
    name="openmetadata",
)
Dialect.STRICT = Dialect(
    match="full",
    ignore_case=False,
    views="views",
    denies_information_schema=False,
    blanks_as_underscores=False,
    name="strict",
)


def exact_pattern(subject: str) -> str:
    """Return the pattern that matches ``subject`` alone, under prefix, search and full match alike."""
    return f"^(?:{re.escape(subject)})$"
