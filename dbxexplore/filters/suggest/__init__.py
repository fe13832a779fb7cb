r"""Filters from a selection: few, readable, anchored patterns that let through exactly what is selected.

`suggest_filters` solves each level by itself (`goals`). Its subjects that must pass and those that must not are
described by the families that they belong to (`families`: their catalog or schema, a beginning, an ending or a part of
their name), and the families that save the most characters are taken until only single names are left (`cover`,
`write`). Nothing here has to be right about what a pattern matches: the result is previewed, and where it is not exact,
names are spelt out instead.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.filters import Filters
from dbxexplore.filters.patterns import LEVELS, Level, Patterns
from dbxexplore.filters.preview import Preview
from dbxexplore.filters.subjects import Codes, Flags, Subjects
from dbxexplore.filters.suggest.cover import Solver
from dbxexplore.filters.suggest.families import Families
from dbxexplore.filters.suggest.goals import Goals
from dbxexplore.filters.suggest.write import MANY_PATTERNS, Written, anchored_patterns, merged, written_texts


@dataclass(frozen=True)
class Suggestion:
    """Filters for a selection.

    ``exact`` says whether they include the selection and nothing else, checked by a preview; ``wrong`` are the full
    names for which they do not, with those that the dialect always denies. ``also_captures`` are names, with ``*`` for
    any text: future objects with such a name would be included as well. ``patterns`` are the texts that were written,
    in the order of the levels.
    """

    filters: Filters
    exact: bool
    also_captures: tuple[str, ...]
    patterns: tuple[str, ...]
    wrong: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [
            "Matches your selection exactly"
            if self.exact
            else f"Does NOT match your selection exactly: {len(self.wrong):,} differ"
        ]
        lines += [f"  {place}: {text}" for place, text in _placed(self.filters)]
        if self.also_captures:
            lines.append(f"Also matches future objects named {', '.join(self.also_captures[:10])}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{html.escape(place)}</td>"
            f"<td style='text-align:left'><code>{html.escape(text)}</code></td></tr>"
            for place, text in _placed(self.filters)
        )
        head = (
            "Matches your selection exactly"
            if self.exact
            else f"<strong>Does not match your selection exactly:</strong> {len(self.wrong):,} differ"
        )
        also = ", ".join(f"<code>{html.escape(name)}</code>" for name in self.also_captures[:10])
        note = f"<p>Also matches future objects named {also}</p>" if also else ""
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
    keep: Filters | None = None,
) -> Suggestion:
    """Return the shortest readable filters that let through exactly ``selected``.

    Args:
        catalog: what is selected from.
        selected: a boolean for each row of ``catalog.objects`` (a Series is aligned on its index), or index
            labels, or full names. The containers of what is selected are selected with it. Where no catalog
            or schema is selected, only tables, views and notebooks count: an empty container may pass.
        generalise: prefer families of names, which also match future siblings, to lists of names.
        dialect: the matching rules (`Dialect.DATAHUB` by default). Patterns are anchored, so that
            they mean the same under prefix, search and full match.
        keep: filters to change. Where nothing is selected, their patterns stay as they are: those for notebooks,
            or those for catalogs, schemas, tables and views. Without it, what is not selected is excluded.

    Raises:
        UnknownObjectError: a label or name is not in the catalog.
        FilterError: ``selected`` is none of the above.
    """
    dialect = dialect or Dialect.DATAHUB
    mask = _mask(catalog, selected)
    denied = _always_denied(catalog, dialect) & mask
    candidates = _Candidates(Goals(catalog, mask & ~denied, dialect, denied), generalise=generalise)
    tried: list[_Candidate] = []
    for candidate in candidates.tried():
        tried.append(candidate)
        if candidate.exact and candidate.count > MANY_PATTERNS:
            break  # a long list of names stays one, however it is written
    best = min(tried, key=lambda candidate: candidate.rank)
    if not best.exact:
        best = min((best, candidates.spelt_out()), key=lambda candidate: candidate.rank)
    suggestion = best.suggestion if keep is None else _kept(best.suggestion, keep, catalog, mask)
    if not denied.any():
        return suggestion
    # The rest of the selection is worth short filters, although no filters can be exact.
    unreachable = catalog.objects["full_name"].to_numpy()[denied].tolist()
    return replace(suggestion, exact=False, wrong=(*suggestion.wrong, *unreachable))


def untouched_levels(catalog: Catalog, selected: Flags) -> list[Level]:
    """Return the levels on which nothing is selected: notebooks, or all others, which belong together.

    ``selected`` has a boolean for each row of ``catalog.objects``.
    """
    notebooks = Subjects.of(catalog).rows["notebook"]
    has_notebooks = bool(selected[notebooks].any())
    has_others = int(np.count_nonzero(selected)) > int(np.count_nonzero(selected[notebooks]))
    return [level for level in LEVELS if not (has_notebooks if level == "notebooks" else has_others)]


def _kept(suggestion: Suggestion, keep: Filters, catalog: Catalog, mask: Flags) -> Suggestion:
    """Return a suggestion with the patterns of other filters on the levels on which nothing is selected."""
    kept = untouched_levels(catalog, mask)
    filters = suggestion.filters
    for level in kept:
        filters = filters.with_level(level, keep.level(level))
    texts = tuple(text for level in LEVELS if level not in kept for text in written_texts(filters.level(level)))
    return replace(suggestion, filters=filters, patterns=texts)


def _always_denied(catalog: Catalog, dialect: Dialect) -> Flags:
    """Return which objects the dialect denies by itself, whatever the filters are."""
    subjects, denied = Subjects.of(catalog), np.zeros(len(catalog), dtype=np.bool_)
    for text in dialect.implied_deny("schemas"):
        matched = subjects.matches("schemas", text, dialect)
        if matched.any():
            rows, schema = subjects.inside["schemas"]
            denied[rows] |= matched[schema]
    return denied


def _mask(catalog: Catalog, selected: Selection) -> Flags:
    objects = catalog.objects
    if isinstance(selected, str) or not isinstance(selected, Iterable):
        msg = f"selected is {selected!r}"
        raise errors.FilterError(msg, expected="a boolean for each row, or index labels, or full names")
    if isinstance(selected, pd.Series) and pd.api.types.is_bool_dtype(selected.dtype):
        if not selected.index.is_unique or not selected.index.isin(objects.index).all():
            raise errors.FilterError("selected has rows that are not in the catalog", expected="its own index")
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


class _Candidates:
    """The ways to write filters for the goals of one selection."""

    def __init__(self, goals: Goals, *, generalise: bool) -> None:
        self.goals, self.generalise = goals, generalise
        self._solvers: dict[Level, Solver] = {}

    def tried(self) -> Iterator[_Candidate]:
        # Excluding a container spares crawling it, so that is tried first; a pattern more needs a reason.
        first = self._candidate(0, schemas_matter=True, split_views=False)
        yield first
        if first.exact and all(first.suggestion.filters.level(level) == Patterns() for level in ("tables", "views")):
            return  # whole containers: no patterns for what is in them are fewer
        if self._has_views() and self.goals.dialect.views == "tables_and_views":
            yield self._candidate(1, schemas_matter=True, split_views=True)
        if not self.goals.names_containers:
            yield self._candidate(2, schemas_matter=False, split_views=False)

    def spelt_out(self) -> _Candidate:
        return self._candidate(9, schemas_matter=True, split_views=True, write=self._list)

    def _has_views(self) -> bool:
        return len(self.goals.subjects.rows["view"]) > 0

    def _candidate(
        self,
        number: int,
        *,
        schemas_matter: bool,
        split_views: bool,
        write: Callable[[Level, Flags, Flags], Written] | None = None,
    ) -> _Candidate:
        write = write or self._write
        written = {level: write(level, *goal) for level, goal in self.goals.goals(schemas_matter, split_views).items()}
        filters = Filters(**{level: written[level].patterns if level in written else Patterns() for level in LEVELS})
        wrong = self._wrong(filters)
        texts = [text for level in LEVELS for text in written_texts(filters.level(level))]
        also = dict.fromkeys(self._also(written))
        names = tuple(self.goals.catalog.objects["full_name"].iloc[wrong].tolist())
        suggestion = Suggestion(filters, not len(wrong), tuple(also), tuple(texts), names)
        return _Candidate(suggestion, number, len(texts))

    def _also(self, written: Mapping[Level, Written]) -> Iterator[str]:
        """Name what else would be let through: new objects by a family's name, or in a container that passes."""
        levels: tuple[Level, ...] = ("tables", "views", "notebooks")
        for level in levels:
            if level not in written or not len(self.goals.subjects.qualified[level]):
                continue
            if written[level].patterns != Patterns():
                yield from written[level].also
            else:
                yield from ("/*",) if level == "notebooks" else self._anything_inside(written)

    def _anything_inside(self, written: Mapping[Level, Written]) -> Iterator[str]:
        containers: tuple[tuple[Level, Flags], ...] = (
            ("schemas", self.goals.schemas),
            ("catalogs", self.goals.catalogs),
        )
        for level, passing in containers:
            if level in written and written[level].patterns != Patterns():
                names = self.goals.subjects.qualified[level].at(np.flatnonzero(passing))
                yield from (f"{name}.*" for name in (*written[level].also, *names))
                return
        yield "*"

    def _wrong(self, filters: Filters) -> Codes:
        try:
            included = Preview(self.goals.catalog, merged(filters), self.goals.dialect).included.to_numpy()
        except errors.PatternError:  # what cannot be previewed is not suggested
            return np.arange(len(self.goals.catalog))
        wanted = self.goals.mask.copy()
        rows, own = self.goals.subjects.rows, self.goals.subjects.own
        wanted[rows["catalog"]] = self.goals.catalogs[own[rows["catalog"]]]
        wanted[rows["schema"]] = self.goals.schemas[own[rows["schema"]]]
        wrong = included != wanted
        if not self.goals.names_containers:
            for kind in ("catalog", "schema"):
                wrong[rows[kind]] &= wanted[rows[kind]]
        return np.flatnonzero(wrong)

    def _write(self, level: Level, wanted: Flags, unwanted: Flags) -> Written:
        trivial = self.goals.trivial(level, wanted, unwanted)
        if trivial is not None:
            return trivial
        if level not in self._solvers:
            self._solvers[level] = Solver(Families(self.goals, level, wanted | unwanted), generalise=self.generalise)
        return self._solvers[level].solve(wanted, unwanted)

    def _list(self, level: Level, wanted: Flags, unwanted: Flags) -> Written:
        trivial = self.goals.trivial(level, wanted, unwanted)
        if trivial is not None:
            return trivial
        return Written(Patterns(allow=anchored_patterns([], self.goals.literals(level, wanted))))
