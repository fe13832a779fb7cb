"""The semantics of filters, one object at a time, written from the design and not from the package.

Nothing here imports the package: objects and filters are plain values, so that this can be wrong in other ways
only than the code that it judges. It is slow and simple on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

LEVELS = ("catalogs", "schemas", "tables", "views", "notebooks")
KINDS = ("catalog", "schema", "table", "view", "notebook")


@dataclass(frozen=True)
class Object:
    """One object by its raw names; ``path`` is a notebook's."""

    kind: str
    catalog: str = ""
    schema: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_name(self) -> str:
        return {
            "catalog": self.name,
            "schema": f"{self.catalog}.{self.name}",
            "table": f"{self.catalog}.{self.schema}.{self.name}",
            "view": f"{self.catalog}.{self.schema}.{self.name}",
            "notebook": self.path,
        }[self.kind]


@dataclass(frozen=True)
class Reading:
    """A dialect, in the words of the design."""

    match: str
    ignore_case: bool
    subject: str
    views: str
    empty_allow: str
    denies_information_schema: bool = False
    blanks_as_underscores: bool = False


Lists = Mapping[str, tuple[Sequence[str], Sequence[str]]]  # level -> (allow, deny)


@dataclass(frozen=True)
class Said:
    """What one level says: whether it lets the object pass, by which rule, and which pattern decided."""

    level: str
    subject: str
    passes: bool
    rule: str
    pattern: str | None


@cache
def compiled(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE) if ignore_case else re.compile(pattern)


def matches(pattern: str, subject: str, reading: Reading) -> bool:
    expression = compiled(pattern, reading.ignore_case)
    if reading.match == "prefix":
        return expression.match(subject) is not None
    if reading.match == "search":
        return expression.search(subject) is not None
    return expression.fullmatch(subject) is not None


def ask(level: str, subject: str, lists: Lists, reading: Reading) -> Said:
    """Deny wins over allow; the first pattern of a list that matches is the one that decided."""
    allow, deny = lists[level]
    if reading.blanks_as_underscores and level in ("catalogs", "schemas"):
        subject = "_".join(subject.split(" "))
    if reading.denies_information_schema and level == "schemas":
        deny = [*deny, ".*\\.information_schema"]
    for pattern in deny:
        if matches(pattern, subject, reading):
            return Said(level, subject, False, "deny", pattern)
    for pattern in allow:
        if matches(pattern, subject, reading):
            return Said(level, subject, True, "allow", pattern)
    if not allow and reading.empty_allow == "everything":
        return Said(level, subject, True, "everything", None)
    return Said(level, subject, False, "no_allow", None)


def _subject(qualified: str, bare: str, reading: Reading) -> str:
    return qualified if reading.subject == "qualified" else bare


def containers(thing: Object, lists: Lists, reading: Reading) -> Iterator[Said]:
    """What its containers' levels say, outermost first. A notebook has none."""
    if thing.kind in {"schema", "table", "view"}:
        yield ask("catalogs", thing.catalog, lists, reading)
    if thing.kind in {"table", "view"}:
        qualified = f"{thing.catalog}.{thing.schema}"
        yield ask("schemas", _subject(qualified, thing.schema, reading), lists, reading)


def own(thing: Object, lists: Lists, reading: Reading) -> Iterator[Said]:
    """What the levels of the object itself say: one, or for a view as many as the reading asks."""
    subject = _subject(thing.full_name, thing.name, reading)
    if thing.kind != "view":
        yield ask(f"{thing.kind}s", subject, lists, reading)
        return
    if reading.views in {"tables_and_views", "tables"}:
        yield ask("tables", subject, lists, reading)
    if reading.views in {"tables_and_views", "views"}:
        yield ask("views", subject, lists, reading)


def everything_said(thing: Object, lists: Lists, reading: Reading) -> list[Said]:
    return [*containers(thing, lists, reading), *own(thing, lists, reading)]


def included(thing: Object, lists: Lists, reading: Reading) -> bool:
    return all(said.passes for said in everything_said(thing, lists, reading))


def own_verdict(thing: Object, lists: Lists, reading: Reading) -> bool:
    return all(said.passes for said in own(thing, lists, reading))


def decided(thing: Object, lists: Lists, reading: Reading) -> Said:
    """The outermost level that fails, or, when none does, the innermost of the object's own."""
    said = everything_said(thing, lists, reading)
    return next((one for one in said if not one.passes), said[-1])
