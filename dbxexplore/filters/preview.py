"""The preview: a verdict on every object, with the level, rule and pattern that decided it.

`Preview.included` and `Preview.counts` are quick; `Preview.frame` adds who decided; `Preview.explain` is about one object.
"""

from __future__ import annotations

import difflib
import html
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.catalog.schema import KINDS, Kind
from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.engine.matching import matches
from dbxexplore.filters.explain import Explanation, LevelExplanation, PatternExplanation
from dbxexplore.filters.patterns import LEVEL_OF_KIND, LEVELS, Level, ListName, Patterns
from dbxexplore.filters.readings import other_readings
from dbxexplore.filters.subjects import RULES, Codes, Flags, Subjects, Verdicts

if TYPE_CHECKING:
    from dbxexplore.filters.filters import Filters

_KIND_OF_LEVEL: dict[Level, Kind] = {level: kind for kind, level in LEVEL_OF_KIND.items()}


class Preview:
    """The verdict of ``filters`` on every object of ``catalog``, under the matching rules of ``dialect``.

    An object is included when it and all its containers pass. The one that decided is the outermost that
    fails, or the object itself: catalog, schema, then for a view the table patterns before the view patterns.

    Raises:
        PatternError: a pattern is not a regular expression, or takes too long.
    """

    def __init__(self, catalog: Catalog, filters: Filters, dialect: Dialect) -> None:
        filters.check()
        self.catalog = catalog
        self.filters = filters
        self.dialect = dialect
        self._subjects = Subjects.of(catalog)
        self._subjects.prepare(filters, dialect)
        self._applied = {level: dialect.applied(level, filters.level(level)) for level in LEVELS}
        self._verdicts = {level: self._subjects.judge(level, filters.level(level), dialect) for level in LEVELS}

    # --- verdicts, as arrays in the order of the frame ---

    @cached_property
    def _stages(self) -> list[tuple[Level, Codes, Codes]]:
        """The levels that an object must pass: level, the rows it applies to, their subjects. Outermost first."""
        containers = [(level, *inside) for level, inside in self._subjects.inside.items()]
        return containers + self._own_stages()

    def _own_stages(self) -> list[tuple[Level, Codes, Codes]]:
        own, rows = self._subjects.own, self._subjects.rows
        return [(level, rows[kind], own[_span(rows[kind])] + shift) for level, kind, shift in self._own_levels()]

    def _own_levels(self) -> list[tuple[Level, Kind, int]]:
        """Return what each kind must pass by itself, and where its subjects begin among those of the level."""
        levels: list[tuple[Level, Kind, int]] = [
            (LEVEL_OF_KIND[kind], kind, 0) for kind in ("catalog", "schema", "table", "notebook")
        ]
        if self.dialect.views != "views":
            levels.append(("tables", "view", self._subjects.first_view))
        if self.dialect.views != "tables":
            levels.append(("views", "view", 0))
        return levels

    @cached_property
    def included(self) -> pd.Series:
        """A boolean on the index of ``catalog.objects``: whether the object is let through."""
        return pd.Series(self._passes(self._stages), index=self.catalog.objects.index, name="included")

    @cached_property
    def own_verdict(self) -> pd.Series:
        """A boolean on the same index: whether the object passes its own patterns, whatever its containers do."""
        passes = self._passes(self._own_stages())
        return pd.Series(passes, index=self.catalog.objects.index, name="own_verdict")

    def _passes(self, stages: Iterable[tuple[Level, Codes, Codes]]) -> Flags:
        passes = np.ones(len(self.catalog), dtype=np.bool_)
        for level, rows, subjects in stages:
            verdicts = self._verdicts[level].passes
            if not verdicts.all():  # a level that lets everything through is most often met
                passes[_span(rows)] &= verdicts[_span(subjects)]
        return passes

    @cached_property
    def frame(self) -> pd.DataFrame:
        """``catalog.objects`` with the verdict and who decided it.

        Added columns: ``included`` (bool); ``level`` (category: the kind of the container or object that
        decided); ``rule`` (category: ``allow`` or ``deny`` by a pattern, ``no_allow`` when none allows it,
        ``everything`` when the allow list is empty and the dialect reads that as no filter); ``pattern``
        (category: the deciding pattern, NA where none did; it may be one that the dialect adds by itself, see
        `Dialect.implied_deny`); ``own_verdict`` (bool).
        """
        return self._judged(None)

    def rows(self, at: Sequence[int] | npt.NDArray[np.integer]) -> pd.DataFrame:
        """Return the rows of `frame` at these positions; of a large catalog, in a small part of its time."""
        return self._judged(np.asarray(at, dtype=np.intp))

    def _judged(self, at: Codes | None) -> pd.DataFrame:
        """Return `frame`, or its rows at some positions."""
        size = len(self.catalog) if at is None else len(at)
        level = np.full(size, -1, dtype=np.int8)
        rule = np.full(size, -1, dtype=np.int8)
        pattern = np.full(size, -1, dtype=np.int32)
        texts = self._texts()
        undecided = np.ones(size, dtype=np.bool_)
        for name, rows, subjects in self._stages if at is None else self._stages_of(at):
            verdicts = self._verdicts[name]
            if at is not None:  # who decided is worked out for these alone
                verdicts, subjects = verdicts.taken(subjects), np.arange(len(subjects))  # noqa: PLW2901
            # The innermost stage speaks for what passes; the first that fails has the last word.
            speaks = undecided[rows]
            spoken, subject = rows[speaks], subjects[speaks]
            level[spoken] = KINDS.index(_KIND_OF_LEVEL[name])
            rule[spoken] = verdicts.rule[subject]
            pattern[spoken] = _text_codes(verdicts, subject, self._applied[name], texts)
            undecided[spoken] = verdicts.passes[subject]
        objects, taken = self.catalog.objects, slice(None) if at is None else at
        return objects.iloc[taken].assign(
            included=self.included.to_numpy()[taken],
            level=_category(level, KINDS),
            rule=_category(rule, RULES),
            pattern=_category(pattern, list(texts)),
            own_verdict=self.own_verdict.to_numpy()[taken],
        )

    def _stages_of(self, at: Codes) -> list[tuple[Level, Codes, Codes]]:
        """Return the stages of the rows at some positions, each with the places of its rows in ``at``."""
        subjects, stages = self._subjects, list[tuple[Level, Codes, Codes]]()
        containers: tuple[tuple[Level, Codes], ...] = (
            ("catalogs", subjects.catalog_of[at]),
            ("schemas", subjects.schema_of[at]),
        )
        for level, container in containers:
            places = np.flatnonzero(container >= 0)
            stages.append((level, places, container[places]))
        kinds = {kind: np.flatnonzero(_is_among(at, rows)) for kind, rows in subjects.rows.items()}
        for level, kind, shift in self._own_levels():
            stages.append((level, kinds[kind], subjects.own[at[kinds[kind]]] + shift))
        return stages

    def _texts(self) -> dict[str, int]:
        every = (text for patterns in self._applied.values() for text in (*patterns.allow, *patterns.deny))
        return {text: code for code, text in enumerate(dict.fromkeys(every))}

    # --- sums and comparisons ---

    def counts(self) -> pd.DataFrame:
        """How many objects of each kind are ``included`` and ``excluded``; all five kinds, in their order."""
        included, rows = self.included.to_numpy(), self._subjects.rows
        let_in = np.array([np.count_nonzero(included[rows[kind]]) for kind in KINDS])
        left_out = np.array([len(rows[kind]) for kind in KINDS]) - let_in
        return pd.DataFrame({"included": let_in, "excluded": left_out}, index=pd.Index(list(KINDS), name="kind"))

    @cached_property
    def dialect_dependent(self) -> pd.Series:
        """A boolean on the same index: whether the verdict differs under other rules that the filters could be meant for.

        See `dbxexplore.filters.readings`.
        """
        differs = np.zeros(len(self.catalog), dtype=np.bool_)
        for other in other_readings(self._subjects, self.filters, self.dialect):
            differs |= Preview(self.catalog, self.filters, other).included.to_numpy() != self.included.to_numpy()
        return pd.Series(differs, index=self.catalog.objects.index, name="dialect_dependent")

    def compare(self, other: Preview) -> pd.DataFrame:
        """What going from this preview to ``other``, of the same catalog, adds and removes.

        Returns rows of ``other.frame`` whose verdict changed, with ``change`` (category: added, removed) as
        the first column.
        """
        if other.catalog is not self.catalog:
            msg = "The previews are of different catalogs"
            raise errors.FilterError(msg, expected="two previews of the same catalog")
        frame = other.rows(np.flatnonzero(self.included.to_numpy() != other.included.to_numpy()))
        codes = np.where(frame["included"].to_numpy(), 0, 1)
        return frame.assign(change=_category(codes, ["added", "removed"]))[["change", *frame.columns]]

    # --- one object ---

    def explain(self, name: str | int) -> Explanation:
        """Explain why one object is included or excluded: every level, every pattern, and what would change it.

        ``name`` is a full name as in ``catalog.objects``, or a row of it by its index label, for names that
        more than one object has.

        Raises:
            UnknownObjectError: there is no such object, or more than one.
        """
        at = self._find(name)
        columns = ("kind", "catalog", "schema", "name", "full_name")
        row = {column: str(self.catalog.objects[column].iloc[at]) for column in columns}
        kind = next(known for known in KINDS if known == row["kind"])
        levels = [self._explain_level(level, subject) for level, subject in self._subjects_of(row, kind)]
        return Explanation(row["full_name"], kind, tuple(levels), self.dialect)

    def _find(self, name: str | int) -> int:
        objects = self.catalog.objects
        if not isinstance(name, str):
            if name in objects.index:
                return int(name)
            msg = f"There is no row {name!r}"
            raise errors.UnknownObjectError(msg, expected=f"0 to {len(objects) - 1}")
        known = name.encode(errors="replace").decode()  # Arrow cannot compare an unpaired surrogate
        rows = objects.index[(objects["full_name"] == known).to_numpy(dtype=bool, na_value=False) & (known == name)]
        if len(rows) == 1:
            return int(rows[0])
        if len(rows):
            choice = ", ".join(f"{row} ({objects.loc[row, 'kind']})" for row in rows)
            msg = f"{len(rows)} objects are named {name!r}"
            raise errors.UnknownObjectError(msg, remedy=f"Pass the row instead: {choice}")
        msg = f"There is no object {name!r} in this catalog"
        raise errors.UnknownObjectError(msg, remedy=_did_you_mean(known, objects["full_name"]))

    def _subjects_of(self, row: Mapping[str, str], kind: Kind) -> list[tuple[Level, str]]:
        qualified = self.dialect.subject == "qualified"
        subjects: list[tuple[Level, str]] = []
        if kind in {"schema", "table", "view"}:
            subjects.append(("catalogs", row["catalog"]))
        if kind in {"table", "view"}:
            subjects.append(("schemas", f"{row['catalog']}.{row['schema']}" if qualified else row["schema"]))
        own = row["full_name"] if qualified else row["name"]
        levels: list[Level] = [LEVEL_OF_KIND[kind]]
        if kind == "view":
            levels = [level for level in ("tables", "views") if level in _view_levels(self.dialect)]
        subjects += [(level, own) for level in levels]
        return [(level, self.dialect.subject_text(level, text)) for level, text in subjects]

    def _explain_level(self, level: Level, subject: str) -> LevelExplanation:
        patterns = self._applied[level]
        written = {name: len(getattr(self.filters.level(level), name)) for name in get_args(ListName)}
        explained = tuple(
            PatternExplanation(
                name,
                index,
                text,
                matches=bool(matches(text, self.dialect, [subject])[0]),
                implied=index >= written[name],
            )
            for name in ("deny", "allow")
            for index, text in enumerate(getattr(patterns, name))
        )
        decided = next((each.list for each in explained if each.matches), None)
        otherwise = not patterns.allow and self.dialect.empty_allow == "everything"
        return LevelExplanation(level, subject, explained, passes=decided == "allow" or (decided is None and otherwise))

    def __repr__(self) -> str:
        counts = self.counts().sum()
        warning = "" if self.catalog.complete else "; the catalog is incomplete"
        return f"<Preview ({self.dialect.title}): {counts['included']:,} of {len(self.catalog):,} objects included{warning}>"

    def _repr_html_(self) -> str:
        table = self.counts().to_html(border=0, escape=True)
        note = f"<p><small>Matching rules: {html.escape(self.dialect.title)}</small></p>"
        if not self.catalog.complete:
            note += (
                f"<p><strong>Incomplete:</strong> {self.catalog.not_listed}; contents unknown and missing "
                "from this preview.</p>"
            )
        return table + note


def _span(codes: Codes) -> Codes | slice:
    """Return a slice for codes that follow one another, as the rows of one kind do: it takes a tenth of the time."""
    if len(codes) and codes[-1] - codes[0] == len(codes) - 1 and (codes[1:] > codes[:-1]).all():
        return slice(int(codes[0]), int(codes[-1]) + 1)
    return codes


def _is_among(at: Codes, rows: Codes) -> Flags:
    """Return which of ``at`` are among ``rows``, which are sorted."""
    if not len(rows):
        return np.zeros(len(at), dtype=np.bool_)
    place = np.minimum(np.searchsorted(rows, at), len(rows) - 1)
    flags: Flags = rows[place] == at
    return flags


def _category(codes: npt.NDArray[np.integer], categories: Sequence[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes.tolist() if not len(codes) else codes, categories=list(categories))  # type: ignore[call-overload,no-any-return]  # the stubs know no integer arrays but those of the platform's own width


def _view_levels(dialect: Dialect) -> tuple[Level, ...]:
    if dialect.views == "tables_and_views":
        return ("tables", "views")
    return (dialect.views,)


def _text_codes(verdicts: Verdicts, subject: Codes, patterns: Patterns, texts: dict[str, int]) -> npt.NDArray[np.int32]:
    """Return the code of the deciding pattern's text for each subject, -1 where none decided."""
    allow = np.array([texts[text] for text in patterns.allow] + [-1], dtype=np.int32)
    deny = np.array([texts[text] for text in patterns.deny] + [-1], dtype=np.int32)
    index, rule = verdicts.pattern[subject], verdicts.rule[subject]
    codes = np.full(len(subject), -1, dtype=np.int32)
    for code, lookup in ((RULES.index("allow"), allow), (RULES.index("deny"), deny)):
        codes[rule == code] = lookup[index[rule == code]]
    return codes


def _did_you_mean(name: str, known: pd.Series) -> str:
    # Comparing with every name is slow on a large catalog, and a slip rarely changes all parts of a name.
    parts = [part.lower() for part in name.replace("/", ".").split(".") if part]
    lowered = known.str.lower()
    near = known[lowered.str.contains(parts[-1], regex=False)].head(2000) if parts else known.head(0)
    pool = list(near) or list(known.head(2000))
    close = difflib.get_close_matches(name, pool, n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(repr(text) for text in close)}?" if close else "Names are matched exactly"
