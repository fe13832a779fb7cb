"""What is probably wrong with filters, judged on one catalog: a code, a place and a remedy for each finding."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args, overload

import numpy as np
import pandas as pd

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.catalog.schema import NAME_DTYPE
from dbxexplore.filters.dialects import INFORMATION_SCHEMA, Dialect
from dbxexplore.filters.engine import backtracking, regular
from dbxexplore.filters.meant import advice, is_broken_glob, meant_by
from dbxexplore.filters.patterns import (
    LEVELS,
    Level,
    ListName,
    Patterns,
    compile_pattern,
    exact_pattern,
)
from dbxexplore.filters.subjects import Codes, Flags, Subjects
from dbxexplore.text import shorten

if TYPE_CHECKING:
    from dbxexplore.filters.filters import Filters

Severity: TypeAlias = Literal["error", "warning", "info"]
Code: TypeAlias = Literal[
    "invalid-pattern",
    "glob-pattern",
    "sql-pattern",
    "quoted-pattern",
    "list-pattern",
    "negated-pattern",
    "stray-blanks",
    "slow-pattern",
    "over-match",
    "bare-name",
    "qualified-name",
    "metastore-name",
    "wrong-level",
    "blanks-as-underscores",
    "unescaped-dot",
    "dead-pattern",
    "shadowed-pattern",
    "allow-undone",
    "drops-views",
    "dialect-dependent",
]
_MOST_EXAMPLES = 5
_SHOWN = 80  # characters of a pattern within a sentence
_LIST_NAMES: tuple[ListName, ...] = get_args(ListName)


@dataclass(frozen=True)
class Finding:
    """One thing that is probably wrong.

    ``code`` is stable. ``level``, ``list`` and ``index`` (from 0) say which pattern it is about, ``pattern`` is
    its text; ``index`` is None and ``pattern`` empty where it is about the whole list. ``examples`` are at most
    five of the names concerned.
    """

    code: Code
    severity: Severity
    level: Level
    list: ListName
    index: int | None
    pattern: str
    message: str
    remedy: str
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"{self.level}, {self.list}" + ("" if self.index is None else f" pattern {self.index + 1}")
        shown = f": {_shown(self.pattern)}" if self.index is not None else ""
        lines = [f"{self.severity} [{self.code}] {place}{shown}", f"  {self.message}"]
        if self.examples:
            lines.append(f"  e.g. {', '.join(self.examples)}")
        return "\n".join([*lines, f"  {self.remedy}"])


class Findings(Sequence[Finding]):
    """What `lint` found: the errors first, then by place. Empty, and so false, when there is nothing."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        order: tuple[Severity, ...] = get_args(Severity)
        self._findings = tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> Findings: ...
    def __getitem__(self, index: int | slice) -> Finding | Findings:
        return Findings(self._findings[index]) if isinstance(index, slice) else self._findings[index]

    def __len__(self) -> int:
        return len(self._findings)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Findings) and self._findings == other._findings

    def __hash__(self) -> int:
        return hash(self._findings)

    @property
    def codes(self) -> tuple[Code, ...]:
        """The codes found, each once, in the order of the findings."""
        return tuple(dict.fromkeys(finding.code for finding in self))

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row a finding, index 0..n-1.

        Columns: ``code`` (string), ``severity``, ``level``, ``list`` (categories), ``index`` (Int64, NA where a
        finding is about a whole list), ``pattern``, ``message``, ``remedy`` (string), ``examples`` (list of texts).
        """
        texts = {
            name: pd.array([getattr(finding, name) for finding in self], dtype=NAME_DTYPE)
            for name in ("code", "pattern", "message", "remedy")
        }
        choices = {"severity": get_args(Severity), "level": LEVELS, "list": _LIST_NAMES}
        categories = {
            name: pd.Categorical([getattr(finding, name) for finding in self], categories=list(known))
            for name, known in choices.items()
        }
        columns = {
            **texts,
            **categories,
            "index": pd.array([finding.index for finding in self], dtype="Int64"),
            "examples": pd.Series([list(finding.examples) for finding in self], dtype=object),
        }
        order = ["code", "severity", "level", "list", "index", "pattern", "message", "remedy", "examples"]
        return pd.DataFrame(columns)[order]

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self) or "No findings"

    def __repr__(self) -> str:
        counts = [f"{sum(f.severity == severity for f in self)} {severity}" for severity in get_args(Severity)]
        return f"<Findings: {', '.join(counts)}>" if len(self) else "<Findings: none>"

    def _repr_html_(self) -> str:
        if not len(self):
            return "<p>No findings</p>"
        heads = "".join(f"<th>{name}</th>" for name in ("", "code", "where", "pattern", "what", "what to do"))
        rows = "".join(_html_row(finding) for finding in self)
        return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _html_row(finding: Finding) -> str:
    place = f"{finding.level}, {finding.list}" + ("" if finding.index is None else f" {finding.index + 1}")
    what = html.escape(finding.message)
    if finding.examples:
        what += "<br><small>" + ", ".join(f"<code>{html.escape(name)}</code>" for name in finding.examples) + "</small>"
    cells = [
        html.escape(finding.severity),
        f"<code>{html.escape(finding.code)}</code>",
        html.escape(place),
        f"<code>{html.escape(_shown(finding.pattern))}</code>",
        what,
        html.escape(finding.remedy),
    ]
    return "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in cells) + "</tr>"


def _shown(text: str) -> str:
    return shorten(text, _SHOWN)


def _anchored(text: str) -> str:
    text = text.removeprefix("^")
    # A dollar after a backslash stands for itself.
    ends = text.endswith("$") and (len(text) - len(text[:-1].rstrip("\\"))) % 2 == 1
    return f"^(?:{_shown(text[:-1] if ends else text)})$"


def lint(catalog: Catalog, filters: Filters, dialect: Dialect | None = None) -> Findings:
    """Return what is probably wrong with ``filters`` as ``dialect`` reads them (`Dialect.DATAHUB` unless given).

    Invalid and slow patterns are findings like any other: nothing is raised for them, and the other checks
    are made as if they were not there.
    """
    linter = _Linter(catalog, filters, dialect or Dialect.DATAHUB)
    return Findings(finding for level in LEVELS for finding in linter.level(level))


@dataclass(frozen=True)
class _Held:
    """A pattern that can be judged, its place, and which subjects of its level it matches."""

    level: Level
    list: ListName
    index: int
    text: str
    flags: Flags

    def finding(
        self, code: Code, severity: Severity, message: str, remedy: str, examples: Sequence[str] = ()
    ) -> Finding:
        return Finding(code, severity, self.level, self.list, self.index, self.text, message, remedy, tuple(examples))


class _Linter:
    def __init__(self, catalog: Catalog, filters: Filters, dialect: Dialect) -> None:
        self.catalog, self.filters, self.dialect = catalog, filters, dialect
        self.subjects = Subjects.of(catalog)
        self.broken: list[Finding] = []
        self.held = {level: self._hold(level) for level in LEVELS}

    def level(self, level: Level) -> Iterator[Finding]:
        yield from (finding for finding in self.broken if finding.level == level)
        if not len(self.subjects.names(level, self.dialect)):
            return  # nothing can be said of a level that has no objects here
        for held in self.held[level]:
            # One pattern, one reason why it matches nothing: the first that fits is the most helpful.
            checks: tuple[Callable[[_Held], Finding | None], ...] = (
                self._meant,
                self._stray_blanks,
                self._blanks_as_underscores,
                self._other_subject,
                self._metastore_name,
                self._wrong_level,
                self._dead,
            )
            yield from self._first(held, checks)
            for check in (
                self._trap,
                self._unescaped_dot,
                self._over_match,
                self._shadowed,
                self._undone,
                self._dialect_dependent,
            ):
                yield from self._first(held, (check,))
        if level == "tables":
            yield from self._drops_views()
        if level == "schemas":
            yield from self._information_schema()
        if level == "views":
            yield from self._other_rules()

    @staticmethod
    def _first(held: _Held, checks: Sequence[Callable[[_Held], Finding | None]]) -> Iterator[Finding]:
        found = next((finding for finding in (check(held) for check in checks) if finding), None)
        if found:
            yield found

    # --- patterns that cannot be judged ---

    def _hold(self, level: Level) -> tuple[_Held, ...]:
        found = []
        for name in _LIST_NAMES:
            for index, text in enumerate(getattr(self.filters.level(level), name)):
                try:
                    compile_pattern(text, ignore_case=self.dialect.ignore_case)
                except errors.PatternError as error:
                    self.broken.append(_broken(_broken_code(text, level), (level, name, index), error))
                    continue
                try:
                    found.append(_Held(level, name, index, text, self.subjects.matches(level, text, self.dialect)))
                except errors.PatternError as error:
                    self.broken.append(_broken("slow-pattern", (level, name, index), error))
        return tuple(found)

    # --- one pattern ---

    def _meant(self, held: _Held) -> Finding | None:
        """Say that the text looks like something else than a regular expression, and what to write."""
        guess = meant_by(held.text, held.level)
        if guess is None or (held.flags.any() and not guess.although_it_matches):
            return None
        patterns = tuple(self._reaching(held, text) for text in guess.patterns)
        taken = self._taken(held, patterns)
        if not taken.any() and not guess.although_unknown:
            return None  # it may be a regular expression for objects to come
        other: ListName = "allow" if held.list == "deny" else "deny"
        place = f" to the {other} list" if guess.in_other_list else ""
        verb = "Add" if guess.in_other_list else "Write"
        said = advice(patterns, _shown).removeprefix("write ")
        said = f"If it is meant as a glob, write {said}" if guess.code == "glob-pattern" else f"{verb} {said}{place}"
        return held.finding(guess.code, "warning", guess.what, said, self._examples(held.level, taken))

    def _reaching(self, held: _Held, text: str) -> str:
        """Return ``text``, or the same for any container where only that matches something here."""
        if held.level in {"catalogs", "notebooks"} or self.dialect.subject == "bare":
            return text
        anywhere = rf"^.*\.{text.removeprefix('^')}"
        if self._taken(held, [text]).any() or not self._taken(held, [anywhere]).any():
            return text
        return anywhere

    def _taken(self, held: _Held, patterns: Sequence[str]) -> Flags:
        """Return what some patterns match together on the level of ``held``; those that cannot be read, nothing."""
        flags = (self._flags(replace(held, text=text), self.dialect) for text in patterns)
        return _union_of([one for one in flags if one is not None], len(held.flags))

    def _stray_blanks(self, held: _Held) -> Finding | None:
        written = _BLANKS_AT_ENDS.sub("", held.text)
        if written == held.text or not written.strip("^$|") or "(?x" in held.text:
            return None
        more = self._taken(held, [written]) & ~held.flags
        if not more.any():
            return None
        return held.finding(
            "stray-blanks",
            "warning",
            f"Blanks are part of a pattern: without them it also takes {_counted(int(more.sum()), held.level)}",
            f"Write {_shown(written)}",
            self._examples(held.level, more),
        )

    def _blanks_as_underscores(self, held: _Held) -> Finding | None:
        if not self.dialect.escapes(held.level):
            return None
        kept = self._flags(held, replace(self.dialect, blanks_as_underscores=False))
        if kept is None or not (kept & ~held.flags).any():
            return None
        missed = kept & ~held.flags
        written = held.text.replace(r"\ ", "_").replace(" ", "_")
        remedy = f"Write {_shown(written)}" if self._taken(held, [written])[missed].all() else "Write _ for each blank"
        return held.finding(
            "blanks-as-underscores",
            "warning",
            f"Misses {_counted(int(missed.sum()), held.level)}: {self.dialect.name} matches each blank of their names as _",
            remedy,
            self.subjects.texts(held.level, Dialect.STRICT, bare=self.dialect.subject == "bare").at(
                np.flatnonzero(missed)[:_MOST_EXAMPLES]
            ),
        )

    def _metastore_name(self, held: _Held) -> Finding | None:
        """Say that a name begins with one part too many, as it does where the metastore stands before everything."""
        found = _FIRST_PART.fullmatch(held.text)
        if found is None or held.flags.any() or self.dialect.subject == "bare":
            return None
        if len(_DOT.findall(held.text)) <= _DOTS.get(held.level, 99):
            return None
        written = found["start"] + found["rest"]
        taken = self._taken(held, [written])
        if not taken.any():
            return None
        return held.finding(
            "metastore-name",
            "warning",
            f"Matches nothing: names begin with the catalog, not with a metastore such as {found['first']}",
            f"Write {_shown(written)}",
            self._examples(held.level, taken),
        )

    def _wrong_level(self, held: _Held) -> Finding | None:
        """Say that a pattern spells out objects of another level."""
        if held.flags.any() or self.dialect.subject == "bare":
            return None
        whole = replace(self.dialect, match="full")
        for level in LEVELS:
            at_all = self._flags(replace(held, level=level), whole) if level != held.level else None
            if at_all is None or not at_all.any() or level == "views" or (held.level, level) == ("views", "tables"):
                continue
            below = level in {"catalogs", "schemas"} and held.level in LEVELS[LEVELS.index(level) + 1 : 4]
            inside = rf"^{_anchored(held.text).removeprefix('^').removesuffix('$')}\..*"
            return held.finding(
                "wrong-level",
                "warning" if held.list == "allow" else "info",
                f"Matches none of the {_nouns(held.level)}, but {_counted(int(at_all.sum()), level)}",
                f"Move it to the {level[:-1]} patterns"
                + (f", or write {inside} for all that is in there" if below else ""),
                self._examples(level, at_all),
            )
        return None

    def _unescaped_dot(self, held: _Held) -> Finding | None:
        """Say that a dot which may be meant to end a name lets other names through."""
        if (
            held.level in {"catalogs", "notebooks"}
            or self.dialect.subject == "bare"
            or not _SIMPLE.fullmatch(held.text)
        ):
            return None
        written = _LOOSE_DOT.sub(lambda found: r"\..*" if found["star"] else r"\.", held.text)
        if written == held.text:
            return None
        meant = self._taken(held, [written])
        more = held.flags & ~meant
        if not meant.any() or not more.any():
            return None
        return held.finding(
            "unescaped-dot",
            "info",
            f"A dot matches any character: besides {self._examples(held.level, meant)[0]} it also takes "
            f"{_counted(int(more.sum()), held.level)} with something else in its place",
            f"Write {_shown(written)} if the dot is one, or leave it if all of these are meant",
            self._examples(held.level, more),
        )

    def _trap(self, held: _Held) -> Finding | None:
        """Say that a pattern, although it is decided quickly here, can hang what reads it with Python's ``re``."""
        compiled = compile_pattern(held.text, ignore_case=self.dialect.ignore_case)
        try:
            tree = regular.parse(held.text, compiled.flags)
        except regular.NotRegularError:
            return None
        names = self.subjects.names(held.level, self.dialect)
        few = names.at(np.arange(min(len(names), _MOST_EXAMPLES)))
        text = backtracking.trap(compiled, backtracking.METHODS[self.dialect.match], tree, few)
        if text is None:
            return None
        return held.finding(
            "slow-pattern",
            "warning",
            f"Decided quickly here, but Python's re, with which DataHub reads patterns, hangs on a name like {text[:60]!r}",
            "Avoid repetitions within repetitions, such as (a+)+",
        )

    def _other_subject(self, held: _Held) -> Finding | None:
        """Say that a pattern for bare names is held against qualified ones, or the other way round."""
        if held.flags.any() or held.level == "catalogs":
            return None
        qualified = self.dialect.subject == "qualified"
        other = self._flags(held, replace(self.dialect, subject="bare" if qualified else "qualified"))
        if other is None or not other.any():
            return None
        meant = self._examples(held.level, other)
        if qualified:
            return held.finding(
                "bare-name",
                "warning",
                f"Matches nothing: it is held against {_subject(held.level)}, and matches only the last part of it",
                f"Write the whole of it, for example {exact_pattern(meant[0])}",
                meant,
            )
        return held.finding(
            "qualified-name",
            "warning",
            f"Matches nothing: {self.dialect.name} holds it against the bare name, and it matches only qualified ones",
            f"Write the last part alone, for example {exact_pattern(meant[0])}",
            meant,
        )

    def _dead(self, held: _Held) -> Finding | None:
        if held.flags.any():
            return None
        doubt = "" if self.catalog.complete else ", but the snapshot is incomplete"
        return held.finding(
            "dead-pattern",
            "warning" if held.list == "allow" else "info",
            f"Matches none of the {len(held.flags):,} {_nouns(held.level)} of this snapshot{doubt}",
            "Remove it, or check its spelling, upper and lower case, and dots",
        )

    def _over_match(self, held: _Held) -> Finding | None:
        if self.dialect.match == "full":
            return None
        exact = self._flags(held, replace(self.dialect, match="full"))
        if exact is None or not exact.any():
            return None
        more = held.flags & ~exact
        if not more.any():
            return None
        spelt = self._examples(held.level, exact)[0]
        return held.finding(
            "over-match",
            "warning",
            f"Not anchored: besides {spelt} it also takes {_counted(int(more.sum()), held.level)} more",
            f"Write {_anchored(held.text)} for the exact names, or end it with .* to show that all are meant",
            self._examples(held.level, more),
        )

    def _shadowed(self, held: _Held) -> Finding | None:
        if not held.flags.any():
            return None
        others = [other for other in self._peers(held) if other.index != held.index]
        covering = next((other for other in others if _covers(other, held)), None)
        if covering is not None:
            by = f"pattern {covering.index + 1} ({_shown(covering.text)})"
        elif not (held.flags & ~_union(other for other in others if other.index < held.index)).any():
            by = "the patterns before it, taken together"
        else:
            return None
        return held.finding(
            "shadowed-pattern",
            "info",
            f"Makes no difference in this snapshot: all that it matches is matched by {by}",
            "Remove it, unless it is there for objects to come",
        )

    def _undone(self, held: _Held) -> Finding | None:
        if held.list == "deny" or not held.flags.any():
            return None
        implied = self.dialect.implied_deny(held.level)
        denying = [other for other in self.held[held.level] if other.list == "deny"]
        if (held.flags & ~self._taken(held, implied) & ~_union(denying)).any():
            return None
        if implied and not (held.flags & ~self._taken(held, implied)).any():
            return held.finding(
                "allow-undone",
                "warning",
                f"All that it allows is denied by {self.dialect.name} itself, as {implied[0]}",
                "Remove it: no pattern can let these through",
                self._examples(held.level, held.flags),
            )
        first = next(other for other in denying if (other.flags & held.flags).any())
        return held.finding(
            "allow-undone",
            "warning",
            f"All that it allows is denied by this level's own deny list, as by {_shown(first.text)}: deny wins",
            "Remove it, or narrow the deny pattern",
            self._examples(held.level, held.flags),
        )

    def _dialect_dependent(self, held: _Held) -> Finding | None:
        differs = np.zeros(len(held.flags), dtype=np.bool_)
        names = []
        for other in _others(self.dialect):
            flags = self._flags(held, other)
            if flags is None:
                continue
            # It matters where the verdict of the level differs too, not only that of one of its patterns.
            here = (flags != held.flags) & (self._passes(held.level, other) != self._passes(held.level, self.dialect))
            if here.any():
                differs |= here
                names.append(other.name)
        if not differs.any():
            return None
        if held.text.startswith("^") and held.text.endswith("$"):
            remedy = "Spell names in their own case; between bare and qualified names, settle on one reading"
        elif self.dialect.match != "full":
            remedy = f"Anchor it, as {_anchored(held.text)}, and write the whole qualified name, in its case"
        else:
            remedy = "Spell out both cases, and write the whole qualified name"
        return held.finding(
            "dialect-dependent",
            "info",
            f"{_counted(int(differs.sum()), held.level)} would be judged otherwise if read as {' or '.join(names)}",
            remedy,
            self._examples(held.level, differs),
        )

    # --- views ---

    def _drops_views(self) -> Iterator[Finding]:
        """Tell which table patterns keep out views that the view patterns, if there are any, let through."""
        views = self.subjects.first_view
        if self.dialect.views == "views" or len(self.subjects.qualified["tables"]) == views:
            return
        open_to = self._container_passes()[self.subjects.rows["view"]]
        if self.dialect.views == "tables_and_views":
            open_to = open_to & self._passes("views", self.dialect)
        remedy = "Say it for views too, or let the pattern match them"
        for held in self.held["tables"]:
            dropped = held.flags[views:] & open_to
            if held.list == "deny" and dropped.any():
                yield held.finding(
                    "drops-views",
                    "warning",
                    f"Also keeps out {_counted(int(dropped.sum()), 'views')}: a view must pass the table patterns as well",
                    remedy,
                    self._examples("views", dropped),
                )
        allow = [held for held in self.held["tables"] if held.list == "allow"]
        dropped = open_to & ~_union(allow)[views:] if allow else np.zeros(1, dtype=np.bool_)
        # Where no table pattern lets a single view through, and where it lets some through, is the same to a view.
        if dropped.any():
            yield Finding(
                "drops-views",
                "warning",
                "tables",
                "allow",
                allow[0].index if len(allow) == 1 else None,
                allow[0].text if len(allow) == 1 else "",
                f"Keeps out {_counted(int(dropped.sum()), 'views')} that nothing else does: a view must pass these as well",
                remedy,
                self._examples("views", dropped),
            )

    def _information_schema(self) -> Iterator[Finding]:
        """Tell which schemas some readings deny by themselves and others let through."""
        ours = self.dialect.denies_information_schema
        others = [other for other in _others(self.dialect) if other.denies_information_schema != ours]
        denying = self.dialect if ours else next(iter(others), None)
        if denying is None or not others:
            return
        without = replace(self.dialect, denies_information_schema=False)
        differs = self._passes("schemas", without) & self.subjects.matches("schemas", INFORMATION_SCHEMA, denying)
        differs &= self._passes("catalogs", self.dialect)[self._catalog_of_schema()]
        if differs.any():
            names = " and ".join(other.name for other in others)
            number = _counted(int(differs.sum()), "schemas")
            yield Finding(
                "dialect-dependent",
                "info",
                "schemas",
                "deny",
                None,
                "",
                f"{denying.name} denies {number} by itself, whatever the patterns say; {names} would let them through"
                if ours
                else f"{number} would be denied if read as {names}, whatever the patterns say",
                r"Deny ^(?:.*\.)?information_schema.*$ to leave them out in every reading",
                self._examples("schemas", differs),
            )

    def _catalog_of_schema(self) -> Codes:
        subjects = self.subjects
        of = np.zeros(len(subjects.qualified["schemas"]), dtype=np.intp)
        rows = np.flatnonzero(subjects.schema_of >= 0)
        of[subjects.schema_of[rows]] = subjects.catalog_of[rows]
        return of

    def _other_rules(self) -> Iterator[Finding]:
        """Tell which views' verdicts depend on the rule for views alone, whatever the patterns mean."""
        ours = self._view_passes(self.dialect.views)
        others = {other.name: self._view_passes(other.views) != ours for other in _others(self.dialect)}
        names = [name for name, differs in others.items() if differs.any()]
        if names:
            differs = _union_of(list(others.values()), len(ours))
            version = Dialect.DATAHUB_1_5.name in names or self.dialect == Dialect.DATAHUB_1_5
            unknown = f". {_WHICH_DATAHUB}" if version else ""
            yield Finding(
                "dialect-dependent",
                "info",
                "views",
                "allow",
                None,
                "",
                f"{_counted(int(differs.sum()), 'views')} would be judged otherwise if read as {' or '.join(names)}, "
                f"which hold views against other lists{unknown}",
                "Say the same of views in both the table and the view patterns",
                self._examples("views", differs),
            )

    def _view_passes(self, rule: str) -> Flags:
        tables = self._passes("tables", self.dialect)[self.subjects.first_view :]
        views = self._passes("views", self.dialect)
        return {"tables_and_views": tables & views, "views": views, "tables": tables}[rule]

    # --- what the checks share ---

    def _flags(self, held: _Held, dialect: Dialect) -> Flags | None:
        """Return what the pattern matches in another reading, None where that takes too long."""
        try:
            return self.subjects.matches(held.level, held.text, dialect)
        except errors.PatternError:
            return None

    def _passes(self, level: Level, dialect: Dialect) -> Flags:
        """Return the verdicts of a level on its subjects, by the patterns that can be judged."""
        usable = {
            name: [
                held.text for held in self.held[level] if held.list == name and self._flags(held, dialect) is not None
            ]
            for name in _LIST_NAMES
        }
        return self.subjects.judge(level, Patterns(usable["allow"], usable["deny"]), dialect).passes

    def _container_passes(self) -> Flags:
        passes = np.ones(len(self.catalog), dtype=np.bool_)
        for level, (rows, subjects) in self.subjects.inside.items():
            passes[rows] &= self._passes(level, self.dialect)[subjects]
        return passes

    def _peers(self, held: _Held) -> Iterator[_Held]:
        return (other for other in self.held[held.level] if other.list == held.list)

    def _examples(self, level: Level, flags: Flags) -> tuple[str, ...]:
        return tuple(self.subjects.names(level, self.dialect).at(np.flatnonzero(flags)[:_MOST_EXAMPLES]))


_WHICH_DATAHUB = (
    "DataHub applies view patterns from 1.6.0.12 on and ignored them before; which version Dagster+ runs, if any, is "
    "not known"
)
_BLANKS_AT_ENDS = re.compile(r"(?:\A|(?<=[\^|])) +|(?<![\\ ]) +(?=\$?\Z|\|)")
_FIRST_PART = re.compile(r"(?P<start>\^?(?:\(\?:)?)(?P<first>[\w\-]+)(?:\\\.|\[\.\]|\.)(?P<rest>.+)", re.DOTALL)
_DOT = re.compile(r"\\\.|\[\.\]|\.(?![*+?])")
_DOTS: dict[Level, int] = {"catalogs": 0, "schemas": 1, "tables": 2, "views": 2}  # in a name of each level
_SIMPLE = re.compile(r"\^?[\w\-][\w.*\\\-]*\$?")  # begins with a name
_LOOSE_DOT = re.compile(r"(?<=[\w\-])\.(?:(?P<star>\*)|(?=[\w\-]))")


def _broken_code(text: str, level: Level) -> Code:
    if is_broken_glob(text):
        return "glob-pattern"
    guess = meant_by(text, level)
    return "invalid-pattern" if guess is None else guess.code


def _broken(code: Code, place: tuple[Level, ListName, int], error: errors.PatternError) -> Finding:
    level, name, index = place
    return Finding(code, "error", level, name, index, error.pattern, error.problem, error.remedy)


def _covers(other: _Held, held: _Held) -> bool:
    if (held.flags & ~other.flags).any():
        return False
    # Of two that match the same, the second is the one too many.
    return other.index < held.index or bool((other.flags & ~held.flags).any())


def _union(held: Iterable[_Held]) -> Flags:
    flags = [one.flags for one in held]
    return reduce(np.logical_or, flags) if flags else np.zeros(1, dtype=np.bool_)


def _union_of(flags: Sequence[Flags], size: int) -> Flags:
    return reduce(np.logical_or, flags, np.zeros(size, dtype=np.bool_))


def _others(dialect: Dialect) -> list[Dialect]:
    return [other for other in Dialect.named().values() if other != dialect]


def _subject(level: Level) -> str:
    return {
        "catalogs": "the catalog's name",
        "schemas": "catalog.schema",
        "tables": "catalog.schema.table",
        "views": "catalog.schema.view",
        "notebooks": "the full path",
    }[level]


def _nouns(level: Level) -> str:
    return "tables and views" if level == "tables" else level


def _counted(number: int, level: Level) -> str:
    noun = ("table or view" if level == "tables" else level[:-1]) if number == 1 else _nouns(level)
    return f"{number:,} {noun}"
