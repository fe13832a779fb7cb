r"""Writes filters from a selection: few, readable, anchored patterns that let through exactly what is selected.

Each level is solved by itself. Its subjects that must pass and those that must not are described by *traits*
that many share (their catalog or schema, a beginning, an ending or a part of their name), and the traits that
save the most characters are taken until only single names are left. Nothing here has to be right about
what a pattern matches: the result is previewed, and where it is not exact, names are spelt out instead.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.filters import Filters
from dbxexplore.filters.patterns import LEVELS, Level, Patterns
from dbxexplore.filters.preview import Preview
from dbxexplore.filters.subjects import Codes, Flags, Subjects

_LONGEST = 500  # characters of a pattern: what a person still reads, and a form still takes
_LONGEST_FAMILIES = 160  # of a pattern made of families, which are read more closely than lists
_MANY_PATTERNS = 20
_LONGEST_MERGED = 50_000
_ANCHORS = len("^(?:)$")
_MOST_TOKENS = 3
_MOST_PARTS = 16
_MOST_PICKS = 40
_MOST_MIXED = 6
_COST_OF_A_PATTERN = 10
_COST_OF_ANYWHERE = 14  # in characters: a beginning or an ending is clearer than a part
_WEIGHT_OF_DENYING = 2.0
_TRIED = 24  # families, of which the pattern is written before one is picked
_DELIMITERS = r"_\-. /"
_ALL = ".*"
_NUMBER = "[0-9]+"


@dataclass(frozen=True)
class Suggestion:
    """Filters for a selection.

    ``exact`` tells whether they let through the selection and nothing else, found by previewing them; ``wrong``
    holds the full names for which they do not, those among them that the dialect always denies. ``also_captures`` are the names, with ``*`` for any text, that
    an object to come would have to have to be let through as well. ``patterns`` are the texts that were
    written, in the order of the levels.
    """

    filters: Filters
    exact: bool
    also_captures: tuple[str, ...]
    patterns: tuple[str, ...]
    wrong: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = ["Exactly the selection" if self.exact else f"NOT exactly the selection: {len(self.wrong):,} differ"]
        lines += [f"  {place}: {text}" for place, text in _placed(self.filters)]
        if self.also_captures:
            lines.append(f"Would also take new objects called {', '.join(self.also_captures[:10])}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{html.escape(place)}</td>"
            f"<td style='text-align:left'><code>{html.escape(text)}</code></td></tr>"
            for place, text in _placed(self.filters)
        )
        head = (
            "Exactly the selection"
            if self.exact
            else f"<strong>Not exactly the selection:</strong> {len(self.wrong):,} differ"
        )
        also = ", ".join(f"<code>{html.escape(name)}</code>" for name in self.also_captures[:10])
        note = f"<p>Would also take new objects called {also}</p>" if also else ""
        return f"<p>{head}</p><table><tbody>{rows}</tbody></table>{note}"


def _placed(filters: Filters) -> Iterator[tuple[str, str]]:
    for level in LEVELS:
        patterns = filters.level(level)
        if patterns == Patterns():
            continue
        if not patterns.allow:
            yield f"{level}, allow", "(nothing)"
        for text in patterns.allow:
            yield f"{level}, allow", text
        for text in patterns.deny:
            yield f"{level}, deny", text


Selection: TypeAlias = "pd.Series | npt.NDArray[np.bool_] | Sequence[bool] | Sequence[int] | Sequence[str] | pd.Index"


def suggest_filters(
    catalog: Catalog,
    selected: Selection,
    *,
    generalise: bool = False,
    dialect: Dialect | None = None,
) -> Suggestion:
    """Return the shortest readable filters that let through exactly ``selected``.

    Args:
        catalog: what is selected from.
        selected: a boolean for each row of ``catalog.objects`` (a Series is aligned on its index), or index
            labels, or full names. The containers of what is selected are selected with it. Where no catalog
            or schema is selected, only tables, views and notebooks count: an empty container may pass.
        generalise: prefer families of names, which also take siblings to come, to lists of names.
        dialect: how the filters will be read (`Dialect.DATAHUB` unless given). Patterns are anchored, so that
            they mean the same under prefix, search and full match.

    Raises:
        UnknownObjectError: a label or name is not in the catalog.
        FilterError: ``selected`` is none of the above.
    """
    dialect = dialect or Dialect.DATAHUB
    mask = _mask(catalog, selected)
    denied = _always_denied(catalog, dialect) & mask
    task = _Task(catalog, mask & ~denied, dialect, generalise=generalise, free=denied)
    tried: list[_Candidate] = []
    for candidate in task.candidates():
        tried.append(candidate)
        if candidate.exact and candidate.count > _MANY_PATTERNS:
            break  # a long list of names stays one, however it is written
    best = min(tried, key=lambda candidate: candidate.rank)
    if not best.exact:
        best = min((best, task.spelt_out()), key=lambda candidate: candidate.rank)
    if not denied.any():
        return best.suggestion
    # The rest of the selection is worth short filters, although no filters can be exact.
    unreachable = catalog.objects["full_name"].to_numpy()[denied].tolist()
    return replace(best.suggestion, exact=False, wrong=(*best.suggestion.wrong, *unreachable))


def _always_denied(catalog: Catalog, dialect: Dialect) -> Flags:
    """Return which objects the dialect denies by itself, whatever the filters are."""
    subjects, denied = Subjects.of(catalog), np.zeros(len(catalog), dtype=np.bool_)
    for text in dialect.implied_deny("schemas"):
        matched = subjects.matches("schemas", text, dialect)
        if matched.any():
            rows, schema = subjects.inside["schemas"]
            denied[rows] |= matched[schema]
    return denied


# --- the selection ---


def _mask(catalog: Catalog, selected: Selection) -> Flags:
    objects = catalog.objects
    if isinstance(selected, str) or not isinstance(selected, Iterable):
        msg = f"selected is {selected!r}"
        raise errors.FilterError(msg, expected="a boolean for each row, or index labels, or full names")
    if isinstance(selected, pd.Series) and pd.api.types.is_bool_dtype(selected.dtype):
        if not selected.index.is_unique or not selected.index.isin(objects.index).all():
            raise errors.FilterError("selected has rows that the catalog has not", expected="its own index")
        aligned = selected.reindex(objects.index)
        return np.asarray(aligned.astype("boolean").fillna(value=False), dtype=np.bool_)
    if isinstance(selected, np.ndarray) and selected.dtype == np.bool_ and selected.shape == (len(objects),):
        return selected.copy()  # a million of them are not looked at one by one
    values = list(selected)
    mask = np.zeros(len(objects), dtype=np.bool_)
    if not values:
        return mask
    if all(isinstance(value, bool | np.bool_) for value in values):
        if len(values) != len(objects):
            msg = f"selected has {len(values):,} booleans"
            raise errors.FilterError(msg, expected=f"one for each of the {len(objects):,} objects")
        return np.asarray(values, dtype=np.bool_)
    if all(isinstance(value, str) for value in values):
        wanted = pd.Index(values)
        mask = np.asarray(objects["full_name"].isin(wanted), dtype=np.bool_)
        unknown = wanted[~wanted.isin(objects["full_name"][mask])]
    else:
        wanted = pd.Index(values)
        unknown = wanted[~wanted.isin(objects.index)]
        mask = np.asarray(objects.index.isin(wanted), dtype=np.bool_)
    if len(unknown):
        msg = f"There is no object {unknown.tolist()[0]!r} in this catalog"
        raise errors.UnknownObjectError(msg, expected="index labels or full names of catalog.objects")
    return mask


# --- one task: which subjects of each level must pass, and which must not ---


@dataclass(frozen=True)
class _Candidate:
    suggestion: Suggestion
    number: int  # among the candidates: the earlier are to be preferred
    count: int

    @property
    def exact(self) -> bool:
        return self.suggestion.exact

    @property
    def rank(self) -> tuple[bool, int, int, int, int]:
        """What sorts the better candidate first."""
        length = sum(map(len, self.suggestion.patterns))
        return (not self.exact, len(self.suggestion.wrong), self.count, self.number, length)


@dataclass(frozen=True)
class _Written:
    """The patterns of one level, and what they would take besides."""

    patterns: Patterns
    also: tuple[str, ...] = ()


class _Task:
    """``mask`` says which objects must pass; those that are ``free`` may pass or not."""

    def __init__(self, catalog: Catalog, mask: Flags, dialect: Dialect, *, generalise: bool, free: Flags) -> None:
        self.catalog, self.dialect, self.generalise = catalog, dialect, generalise
        self.subjects = Subjects.of(catalog)
        self.mask, self.free = mask, free
        rows = self.subjects.rows
        containers = np.concatenate([rows["catalog"], rows["schema"]])
        self.names_containers = bool(mask[containers].any())
        self.catalogs = self._held_in("catalogs")
        self.schemas = self._held_in("schemas")
        self._traits: dict[Level, _Traits] = {}

    def _held_in(self, level: Level) -> Flags:
        """Return which containers must pass: those selected, and those of what is selected."""
        subjects, kind = self.subjects, "catalog" if level == "catalogs" else "schema"
        held = np.zeros(len(subjects.qualified[level]), dtype=np.bool_)
        inside, container = subjects.inside[level]
        held[container[self.mask[inside]]] = True
        own = subjects.rows["catalog" if kind == "catalog" else "schema"]
        held[subjects.own[own[self.mask[own]]]] = True
        return held

    def candidates(self) -> Iterator[_Candidate]:
        # Excluding a container spares crawling it, so that is tried first; a pattern more needs a reason.
        yield self._candidate(0, schemas_matter=True, apart=False)
        if self._has_views() and self.dialect.views == "tables_and_views":
            yield self._candidate(1, schemas_matter=True, apart=True)
        if not self.names_containers:
            yield self._candidate(2, schemas_matter=False, apart=False)

    def spelt_out(self) -> _Candidate:
        return self._candidate(9, schemas_matter=True, apart=True, write=self._list)

    def _has_views(self) -> bool:
        return len(self.subjects.rows["view"]) > 0

    def _candidate(
        self,
        number: int,
        *,
        schemas_matter: bool,
        apart: bool,
        write: Callable[[Level, Flags, Flags], _Written] | None = None,
    ) -> _Candidate:
        write = write or self._write
        written = {level: write(level, *goal) for level, goal in self._goals(schemas_matter, apart).items()}
        filters = Filters(**{level: written[level].patterns if level in written else Patterns() for level in LEVELS})
        wrong = self._wrong(filters)
        texts = [text for level in LEVELS for text in _written_texts(filters.level(level))]
        also = dict.fromkeys(self._also(written))
        names = tuple(self.catalog.objects["full_name"].iloc[wrong].tolist())
        suggestion = Suggestion(filters, not len(wrong), tuple(also), tuple(texts), names)
        return _Candidate(suggestion, number, len(texts))

    def _also(self, written: Mapping[Level, _Written]) -> Iterator[str]:
        """Name what else would be let through: new objects by a family's name, or in a container that passes."""
        levels: tuple[Level, ...] = ("tables", "views", "notebooks")
        for level in levels:
            if level not in written or not len(self.subjects.qualified[level]):
                continue
            if written[level].patterns != Patterns():
                yield from written[level].also
            else:
                yield from ("/*",) if level == "notebooks" else self._anything_inside(written)

    def _anything_inside(self, written: Mapping[Level, _Written]) -> Iterator[str]:
        containers: tuple[tuple[Level, Flags], ...] = (("schemas", self.schemas), ("catalogs", self.catalogs))
        for level, held in containers:
            if level in written and written[level].patterns != Patterns():
                names = self.subjects.qualified[level].at(np.flatnonzero(held))
                yield from (f"{name}.*" for name in (*written[level].also, *names))
                return
        yield "*"

    def _wrong(self, filters: Filters) -> Codes:
        try:
            included = Preview(self.catalog, _merged(filters), self.dialect).included.to_numpy()
        except errors.PatternError:  # what cannot be previewed is not suggested
            return np.arange(len(self.catalog))
        wanted = self.mask.copy()
        rows, own = self.subjects.rows, self.subjects.own
        wanted[rows["catalog"]] = self.catalogs[own[rows["catalog"]]]
        wanted[rows["schema"]] = self.schemas[own[rows["schema"]]]
        wrong = included != wanted
        if not self.names_containers:
            for kind in ("catalog", "schema"):
                wrong[rows[kind]] &= wanted[rows[kind]]
        return np.flatnonzero(wrong)

    def _goals(self, schemas_matter: bool, apart: bool) -> dict[Level, tuple[Flags, Flags]]:  # noqa: FBT001
        """Return for each level the subjects that must pass and those that must not; the rest does not matter."""
        subjects = self.subjects
        catalog_of_schema = self._catalog_of_schema()
        catalogs = self._with_alike("catalogs", self.catalogs)
        reached = catalogs[catalog_of_schema]
        goals: dict[Level, tuple[Flags, Flags]] = {"catalogs": (catalogs, ~catalogs)}
        if schemas_matter:
            schemas = self._with_alike("schemas", self.schemas)
            goals["schemas"] = (schemas, ~schemas & reached & ~self._free_schemas())
            open_schema = schemas & reached
        else:
            open_schema = reached
        relations = np.concatenate([subjects.rows["table"], subjects.rows["view"]])
        chosen, seen = self.mask[relations], open_schema[subjects.schema_of[relations]] & ~self.free[relations]
        is_view = np.arange(len(relations)) >= subjects.first_view
        views = slice(subjects.first_view, None)
        here, not_here = chosen.copy(), ~chosen & seen
        match self.dialect.views:
            case "views":
                here &= ~is_view
                not_here &= ~is_view
                goals["views"] = (chosen[views], ~chosen[views] & seen[views])
            case "tables_and_views" if apart:
                not_here &= ~is_view
                goals["views"] = (chosen[views], ~chosen[views] & seen[views])
        goals["tables"] = (here, not_here)
        notebooks = self.mask[subjects.rows["notebook"]]
        goals["notebooks"] = (notebooks, ~notebooks)
        return goals

    def _with_alike(self, level: Level, wanted: Flags) -> Flags:
        """Return ``wanted`` with the containers that no pattern can tell from one of them: `a b` from `a_b`."""
        if self.subjects.names(level, self.dialect) is self.subjects.qualified[level]:
            return wanted
        codes, distinct = pd.factorize(
            np.array(self.subjects.names(level, self.dialect).text.to_pylist(), dtype=object)
        )
        found: Flags = (np.bincount(codes[wanted], minlength=len(distinct)) > 0)[codes]
        return found

    def _free_schemas(self) -> Flags:
        found = np.zeros(len(self.subjects.qualified["schemas"]), dtype=np.bool_)
        schema_of = self.subjects.schema_of[self.free]
        found[schema_of[schema_of >= 0]] = True
        return found

    def _catalog_of_schema(self) -> Codes:
        of = np.zeros(len(self.subjects.qualified["schemas"]), dtype=np.intp)
        rows = np.flatnonzero(self.subjects.schema_of >= 0)
        of[self.subjects.schema_of[rows]] = self.subjects.catalog_of[rows]
        return of

    # --- one level ---

    def _write(self, level: Level, wanted: Flags, unwanted: Flags) -> _Written:
        trivial = self._trivial(level, wanted, unwanted)
        if trivial is not None:
            return trivial
        if level not in self._traits:
            self._traits[level] = _Traits(self, level, wanted | unwanted)
        traits = self._traits[level]
        return traits.solve(wanted, unwanted)

    def _list(self, level: Level, wanted: Flags, unwanted: Flags) -> _Written:
        trivial = self._trivial(level, wanted, unwanted)
        if trivial is not None:
            return trivial
        return _Written(Patterns(allow=_joined([], self.literals(level, wanted))))

    def _trivial(self, level: Level, wanted: Flags, unwanted: Flags) -> _Written | None:
        if not wanted.any():
            if not unwanted.any():
                return _Written(Patterns())
            allow = () if self.dialect.empty_allow == "nothing" else (_ALL,)
            return _Written(Patterns(allow=allow, deny=() if not allow else ("^(?:(?s:.*))$",)))
        if not unwanted.any() and bool(self.subjects.matches(level, _ALL, self.dialect)[wanted].all()):
            return _Written(Patterns())
        return None

    def literals(self, level: Level, wanted: Flags) -> Iterator[str]:
        """Spell out subjects, those of a schema together."""
        names = self.subjects.names(level, self.dialect).at(np.flatnonzero(wanted))
        heads = self._heads(level, wanted)
        room = _LONGEST - _ANCHORS
        groups: dict[str, dict[str, None]] = {}
        for name, head in zip(names, heads, strict=True):
            groups.setdefault(head, {})[name.removeprefix(head)] = None
        for head, tails in groups.items():
            yield from _in_groups(re.escape(head), [re.escape(tail) for tail in tails], room)

    def _heads(self, level: Level, wanted: Flags) -> list[str]:
        at = np.flatnonzero(wanted)
        if self.dialect.subject == "bare" or level in {"catalogs", "notebooks"}:
            return [""] * len(at)
        if level == "schemas":
            containers = self.subjects.names("catalogs", self.dialect).at(self._catalog_of_schema()[at])
        else:
            containers = self.subjects.qualified["schemas"].at(self.schema_of(level)[at])
        return [f"{name}." for name in containers]

    def schema_of(self, level: Level) -> Codes:
        """Return the schema of each subject of ``tables`` or ``views``."""
        rows = self.subjects.rows
        own = rows["view"] if level == "views" else np.concatenate([rows["table"], rows["view"]])
        schema_of: Codes = self.subjects.schema_of[own]
        return schema_of

    def catalog_of(self, level: Level) -> Codes:
        """Return the catalog of each subject of ``schemas``, ``tables`` or ``views``."""
        of = self._catalog_of_schema()
        return of if level == "schemas" else of[self.schema_of(level)]


def _merged(filters: Filters) -> Filters:
    """Return filters that let through the same, with long lists of patterns joined into fewer, longer ones.

    Thousands of patterns over a hundred thousand names take a minute to preview; joined, they take seconds.
    """
    levels = {level: filters.level(level) for level in LEVELS}
    merged = {level: Patterns(_alternated(one.allow), _alternated(one.deny)) for level, one in levels.items()}
    return Filters(**merged)


def _alternated(texts: Sequence[str]) -> Sequence[str]:
    # Only lists of names: those stay a look-up, however long, where families would become one huge automaton.
    lists = [text for text in texts if not _is_family(text)]
    if len(lists) <= _MANY_PATTERNS:
        return texts
    bodies = [text.removeprefix("^(?:").removesuffix(")$") for text in lists]
    merged = [f"^(?:{body})$" for body in _packed(bodies, _LONGEST_MERGED)]
    return (*(text for text in texts if _is_family(text)), *merged)


def _written_texts(patterns: Patterns) -> tuple[str, ...]:
    return () if patterns == Patterns() else tuple(text for text in (*patterns.allow, *patterns.deny) if text != _ALL)


def _in_groups(head: str, tails: Sequence[str], room: int) -> Iterator[str]:
    """Join the names of one schema, in as few texts of at most ``room`` characters as it takes."""
    group: list[str] = []
    length = 0
    for tail in tails:
        if group and len(head) + length + len(tail) + len("(?:)") > room:
            yield _grouped(head, group)
            group, length = [], 0
        group.append(tail)
        length += len(tail) + 1
    if group:
        yield _grouped(head, group)


def _grouped(head: str, tails: Sequence[str]) -> str:
    if len(tails) == 1:
        return head + tails[0]
    return "|".join(tails) if not head else f"{head}(?:{'|'.join(tails)})"


def _joined(families: Sequence[str], literals: Iterable[str]) -> tuple[str, ...]:
    """Return anchored patterns: the families, few to a pattern, and then the names, as many as it takes."""
    parts = [*_packed(families, _LONGEST_FAMILIES), *_packed(list(literals), _LONGEST - _ANCHORS)]
    if len(parts) > 1 and sum(map(len, parts)) + len(parts) <= _LONGEST_FAMILIES:
        parts = ["|".join(parts)]
    return tuple(f"^(?:{part})$" for part in parts)


def _packed(bodies: Sequence[str], room: int) -> Iterator[str]:
    group: list[str] = []
    length = 0
    for body in bodies:
        if group and length + len(body) > room:
            yield "|".join(group)
            group, length = [], 0
        group.append(body)
        length += len(body) + 1
    if group:
        yield "|".join(group)


# --- what subjects share ---


@dataclass(frozen=True)
class _Trait:
    """One way of grouping subjects: of each of ``rows`` the number of its group; ``body`` writes the pattern."""

    rows: npt.NDArray[np.int32]
    codes: npt.NDArray[np.int32]
    size: int
    body: Callable[[int], str]


@dataclass(frozen=True)
class _Cover:
    """Families that take many subjects, and the subjects that are left to be spelt out."""

    families: tuple[str, ...]
    left: Flags
    cost: float


class _Traits:
    """The traits of the subjects of one level that matter."""

    def __init__(self, task: _Task, level: Level, matter: Flags) -> None:
        self.task, self.level = task, level
        self.at = np.flatnonzero(matter)
        self.size = len(matter)
        bare = task.subjects.texts(level, task.dialect, bare=level != "notebooks" or task.dialect.subject == "bare")
        self.bare = bare.text.take(pa.array(self.at))
        self.folded = pc.utf8_lower(self.bare) if task.dialect.ignore_case else self.bare
        self.lengths = pc.utf8_length(self.bare).to_numpy(zero_copy_only=False).astype(np.float64) + 2
        self._flatten([trait for trait in self._all() if trait.size])

    def _flatten(self, traits: Sequence[_Trait]) -> None:
        """Number the groups of all traits in one row, so that one count serves for all of them."""
        starts = np.cumsum([0, *(trait.size for trait in traits)])
        none = np.empty(0, dtype=np.int32)
        self.rows = np.concatenate([none, *(trait.rows for trait in traits)])
        numbers = np.concatenate(
            [none, *(trait.codes + np.int32(at) for trait, at in zip(traits, starts, strict=False))]
        )
        shared = np.bincount(numbers, minlength=int(starts[-1])) > 0
        self.numbers = np.flatnonzero(shared)
        self.groups, self.starts, self.traits = len(self.numbers), starts, traits
        self.codes = (np.cumsum(shared, dtype=np.int32) - np.int32(1))[numbers]

    def _body(self, group: int) -> str:
        number = int(self.numbers[group])
        trait = int(np.searchsorted(self.starts, number, side="right")) - 1
        return self.traits[trait].body(number - int(self.starts[trait]))

    # Patterns for the containers: any, a catalog, a schema by its bare name, a schema.

    def _scopes(self) -> Iterator[tuple[Codes | None, Callable[[int], str]]]:
        """Yield ways to say where a name stands: the number of that place for each subject, and its pattern."""
        qualified = self.task.dialect.subject == "qualified"
        if not qualified or self.level in {"catalogs", "notebooks"}:
            yield None, lambda _: ""
            return
        catalog_of = self.task.catalog_of(self.level)[self.at]
        if self.level == "schemas":
            held = self.task.subjects.names("catalogs", self.task.dialect).text.to_pylist()
            yield None, lambda _: r"[^.]+\."
            yield catalog_of, lambda code: re.escape(held[code]) + r"\."
            return
        catalogs = self.task.subjects.qualified["catalogs"].text.to_pylist()
        yield None, lambda _: r"[^.]+\.[^.]+\."
        yield catalog_of, lambda code: re.escape(catalogs[code]) + r"\.[^.]+\."
        schema_of = self.task.schema_of(self.level)[self.at]
        schemas = self.task.subjects.qualified["schemas"].text.to_pylist()
        yield schema_of, lambda code: re.escape(schemas[code]) + r"\."
        bare_codes, bare_schemas = pd.factorize(
            np.array(self.task.subjects.bare["schemas"].text.to_pylist(), dtype=object)
        )
        yield (
            bare_codes.astype(np.intp)[schema_of],
            lambda code: r"[^.]+\." + re.escape(str(bare_schemas[code])) + r"\.",
        )

    def _all(self) -> Iterator[_Trait]:
        scopes = list(self._scopes())
        everyone = np.arange(len(self.at))
        for codes, place in scopes:
            if codes is not None:
                yield _numbered(everyone, codes, _then_anything(place))
        for rows, codes, body in self._name_traits():
            for places, place in scopes:
                yield _crossed(rows, codes, body, None if places is None else places[rows], place)

    def _name_traits(self) -> Iterator[tuple[Codes, Codes, Callable[[int], str]]]:
        delimited = f"[^{_DELIMITERS}]*[{_DELIMITERS}]+"
        ended = f"[{_DELIMITERS}]+[^{_DELIMITERS}]*"
        for count in range(1, _MOST_TOKENS + 1):
            yield self._extracted(f"^(?P<part>(?:{delimited}){{{count}}})", lambda text: re.escape(text) + _ALL)
            yield self._extracted(f"(?P<part>(?:{ended}){{{count}}})$", lambda text: _ALL + re.escape(text))
        # A stem and a number: the pattern has to ask for the number too, or it would take more than the trait holds.
        yield self._extracted(
            r"^(?P<part>[^0-9]*[^0-9_\-. ])[_\-. ]*[0-9]+$", lambda text: re.escape(text) + r"[_\-. ]*" + _NUMBER
        )
        yield self._extracted("^(?P<part>(?s:.)+)$", re.escape)
        if self.level == "notebooks":
            yield from (
                self._extracted(f"^(?P<part>(?:/[^/]*){{{depth}}}/)", lambda text: re.escape(text) + _ALL)
                for depth in range(1, 6)
            )
        yield from self._parts()

    def _extracted(self, pattern: str, body: Callable[[str], str]) -> tuple[Codes, Codes, Callable[[int], str]]:
        found = pc.extract_regex(self.folded, pattern=pattern)
        encoded = pc.struct_field(found, [0]).filter(pc.is_valid(found)).dictionary_encode()
        rows = np.flatnonzero(pc.is_valid(found).to_numpy(zero_copy_only=False))
        texts = encoded.dictionary.to_pylist()
        return rows, encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp), lambda code: body(texts[code])

    def _parts(self) -> Iterator[tuple[Codes, Codes, Callable[[int], str]]]:
        """Yield the most frequent parts of names, each for all names that hold it anywhere."""
        lists = pc.split_pattern_regex(self.folded, pattern=f"[{_DELIMITERS}]+")
        counted = pc.value_counts(pc.list_flatten(lists))
        values, counts = counted.field("values"), counted.field("counts").to_numpy(zero_copy_only=False)
        frequent = np.argsort(-counts, kind="stable")[: _MOST_PARTS * 4]
        parts = [text for text in values.take(pa.array(frequent)).to_pylist() if len(text) > 1]
        for part in islice(parts, _MOST_PARTS):
            rows = np.flatnonzero(pc.match_substring(self.folded, part).to_numpy(zero_copy_only=False))
            yield rows, np.zeros(len(rows), dtype=np.intp), _holding(part)

    # --- choosing ---

    def solve(self, wanted: Flags, unwanted: Flags) -> _Written:
        """Return the cheapest of: families that are allowed; all but families that are denied; and mixtures."""
        take, leave = wanted[self.at], unwanted[self.at]
        best, allow, deny = self._allowed_or_denied(take, leave)
        for body, inside in self._impure(take, leave):
            denied = self._cover(leave & inside, take, best)
            kept_out = leave & inside
            if denied.cost >= best:
                continue
            rest = self._cover(take & ~inside, leave & ~kept_out, best - denied.cost)
            cost = denied.cost + rest.cost + len(body) + _COST_OF_A_PATTERN
            if cost < best:
                best, deny = cost, denied
                allow = replace(rest, families=(body, *rest.families))
        return self._written(allow, deny)

    def _allowed_or_denied(self, take: Flags, leave: Flags) -> tuple[float, _Cover | None, _Cover | None]:
        allowed = self._cover(take, leave, np.inf)
        denied = self._cover(leave, take, allowed.cost / _WEIGHT_OF_DENYING)
        all_taken = bool(self.task.subjects.matches(self.level, _ALL, self.task.dialect)[self.at[take]].all())
        # What is denied by name lets everything else through, now and to come: that takes a clear gain.
        if denied.cost * _WEIGHT_OF_DENYING < allowed.cost and all_taken:
            return denied.cost, None, denied
        return allowed.cost, allowed, None

    def _written(self, allow: _Cover | None, deny: _Cover | None) -> _Written:
        families = (*(allow.families if allow else (_ALL,)),)
        patterns = Patterns(
            allow=(_ALL,) if allow is None else self._texts(allow), deny=() if deny is None else self._texts(deny)
        )
        return _Written(patterns, tuple(_as_glob(body) for body in families if _is_family(body)))

    def _texts(self, cover: _Cover) -> tuple[str, ...]:
        left = np.zeros(self.size, dtype=np.bool_)
        left[self.at[cover.left]] = True
        return _joined(cover.families, self.task.literals(self.level, left))

    def _cover(self, take: Flags, leave: Flags, most: float) -> _Cover:
        """Pick families that hold none of ``leave``, as long as they are shorter than the names they stand for."""
        if not take.any():
            return _Cover((), take, 0.0)
        pure = np.bincount(self.codes[leave[self.rows]], minlength=self.groups) == 0
        kept = take[self.rows] & pure[self.codes]
        rows, codes = self.rows[kept], self.codes[kept]
        # One that is left alone is spelt out. Few groups hold several of few names, and each pick counts them all.
        shared = np.bincount(codes, minlength=self.groups) > 1
        kept = shared[codes]
        groups = np.flatnonzero(shared)
        rows, codes = rows[kept], (np.cumsum(shared, dtype=np.int32) - np.int32(1))[codes[kept]]
        families: list[str] = []
        left, cost = take.copy(), float(_COST_OF_A_PATTERN)
        while len(families) < _MOST_PICKS and cost < most and len(rows):
            picked = self._pick(rows, codes, groups)
            if picked is None:
                break
            group, body = picked
            families.append(body)
            cost += len(body) + 1
            left[rows[codes == group]] = False
            kept = left[rows]
            rows, codes = rows[kept], codes[kept]
        return _Cover(tuple(families), left, cost + float(self.lengths[left].sum()))

    def _pick(
        self, rows: npt.NDArray[np.int32], codes: npt.NDArray[np.int32], groups: npt.NDArray[np.intp]
    ) -> tuple[int, str] | None:
        """Return the family that saves the most characters, None where none saves any; ``groups`` tells its codes."""
        saved = np.bincount(codes, weights=self.lengths[rows], minlength=len(groups))
        tried = np.flatnonzero(np.bincount(codes, minlength=len(groups)) > 1)
        if len(tried) > _TRIED:
            tried = tried[np.argpartition(-saved[tried], _TRIED)[:_TRIED]]
        # Of those that save the same, the first: traits of places come before traits of names.
        best: tuple[float, int, str] | None = None
        for group in map(int, sorted(tried, key=lambda group: (-saved[group], group))):
            if best is not None and saved[group] <= best[0]:
                break
            body = self._body(int(groups[group]))
            # A family that also takes siblings to come is worth half of its length if that is asked for.
            length = (len(body) + 1) * (0.5 if self.task.generalise else 1.0)
            gain = float(saved[group]) - length - _dearness(body)
            if gain > 0 and (best is None or gain > best[0]):
                best = (gain, group, body)
        return None if best is None else best[1:]

    def _impure(self, take: Flags, leave: Flags) -> Iterator[tuple[str, Flags]]:
        """Yield families that hold much of what is wanted, and some that is not."""
        held = np.bincount(self.codes[take[self.rows]], minlength=self.groups)
        unwanted = np.bincount(self.codes[leave[self.rows]], minlength=self.groups)
        enough = (unwanted > 0) & (unwanted < leave.sum()) & (held * 3 >= take.sum())
        groups = np.flatnonzero(enough)
        groups = groups[np.argsort(unwanted[groups] - held[groups], kind="stable")]
        seen: set[bytes] = set()
        for group in map(int, groups[: 4 * _MOST_MIXED]):
            inside = np.zeros(len(self.at), dtype=np.bool_)
            inside[self.rows[self.codes == group]] = True
            if inside.tobytes() not in seen and len(seen) < _MOST_MIXED:
                seen.add(inside.tobytes())
                yield self._body(group), inside


def _then_anything(place: Callable[[int], str]) -> Callable[[int], str]:
    return lambda code: place(code) + _ALL


def _holding(part: str) -> Callable[[int], str]:
    return lambda _: _ALL + re.escape(part) + _ALL


def _numbered(rows: Codes, codes: Codes, body: Callable[[int], str]) -> _Trait:
    size = int(codes.max()) + 1 if len(codes) else 0
    # A group of one is spelt out by its name. What is left is kept small: there are dozens of traits.
    kept = (np.bincount(codes, minlength=size) > 1)[codes]
    return _Trait(rows[kept].astype(np.int32), codes[kept].astype(np.int32), size, body)


def _crossed(
    rows: Codes, codes: Codes, body: Callable[[int], str], places: Codes | None, place: Callable[[int], str]
) -> _Trait:
    """Return the groups of those that share a trait of their name and the place where they stand."""
    if places is None:
        return _numbered(rows, codes, lambda code: _tidy(place(0) + body(code)))
    base = int(places.max()) + 1 if len(places) else 1
    numbers, pairs = pd.factorize(codes * base + places)
    return _numbered(
        rows,
        numbers.astype(np.intp),
        lambda code: _tidy(place(int(pairs[code]) % base) + body(int(pairs[code]) // base)),
    )


def _is_family(body: str) -> bool:
    # Neither can stand in an escaped name.
    return _ALL in body or _NUMBER in body


def _tidy(body: str) -> str:
    if body.endswith(_ALL):
        return body  # a part of a name may stand in the names of containers too
    # What ends in some way, or holds something, anywhere: saying where the name begins adds nothing.
    for some in (r"[^.]+\.[^.]+\." + _ALL, r"[^.]+\." + _ALL):
        if body.startswith(some) and len(body) > len(some):
            return _ALL + body.removeprefix(some)
    return body.replace(r"[^.]+\." + _ALL, _ALL)


def _dearness(body: str) -> int:
    return (
        _COST_OF_ANYWHERE
        if body.endswith(_ALL) and body.removesuffix(_ALL).rpartition(r"\.")[2].startswith(_ALL)
        else 0
    )


def _as_glob(body: str) -> str:
    return _WILD.sub(lambda found: found["escaped"] or "*", body)


# In one pass, because what stands for any text must not be put together from a dot and a star side by side.
_WILD = re.compile(
    r"\\(?P<escaped>.)|" + "|".join(map(re.escape, (r"[_\-. ]*" + _NUMBER, _NUMBER, "[^.]+", _ALL))), re.DOTALL
)
