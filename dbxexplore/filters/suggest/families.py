"""Families of names: what subjects of one level share, such as a container, a beginning, an ending or a part."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore.filters.patterns import Level
from dbxexplore.filters.subjects import Codes, Flags
from dbxexplore.filters.suggest.goals import Goals
from dbxexplore.filters.suggest.write import ANYTHING, DELIMITERS, NUMBER, simplify

_MOST_TOKENS = 3
_MOST_PARTS = 16


@dataclass(frozen=True)
class Trait:
    """One way of grouping subjects: of each of ``rows`` the number of its group; ``body`` writes the pattern."""

    rows: npt.NDArray[np.int32]
    codes: npt.NDArray[np.int32]
    size: int
    body: Callable[[int], str]


class Families:
    """The traits of the subjects of one level that matter."""

    def __init__(self, goals: Goals, level: Level, matter: Flags) -> None:
        self.goals, self.level = goals, level
        self.at = np.flatnonzero(matter)
        self.size = len(matter)
        bare = goals.subjects.texts(level, goals.dialect, bare=level != "notebooks" or goals.dialect.subject == "bare")
        self.bare = bare.text.take(pa.array(self.at))
        self.folded = pc.utf8_lower(self.bare) if goals.dialect.ignore_case else self.bare
        self.lengths = pc.utf8_length(self.bare).to_numpy(zero_copy_only=False).astype(np.float64) + 2
        self._flatten([trait for trait in self._all() if trait.size])

    def _flatten(self, traits: Sequence[Trait]) -> None:
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

    def body_of(self, group: int) -> str:
        """Return the pattern of a group, without its anchors."""
        number = int(self.numbers[group])
        trait = int(np.searchsorted(self.starts, number, side="right")) - 1
        return self.traits[trait].body(number - int(self.starts[trait]))

    # Patterns for the containers: any, a catalog, a schema by its bare name, a schema.

    def _scopes(self) -> Iterator[tuple[Codes | None, Callable[[int], str]]]:
        """Yield ways to say where a name stands: the number of that place for each subject, and its pattern."""
        qualified = self.goals.dialect.subject == "qualified"
        if not qualified or self.level in {"catalogs", "notebooks"}:
            yield None, lambda _: ""
            return
        catalog_of = self.goals.catalog_of(self.level)[self.at]
        if self.level == "schemas":
            catalogs = self.goals.subjects.names("catalogs", self.goals.dialect).text.to_pylist()
            yield None, lambda _: r"[^.]+\."
            yield catalog_of, lambda code: re.escape(catalogs[code]) + r"\."
            return
        catalogs = self.goals.subjects.qualified["catalogs"].text.to_pylist()
        yield None, lambda _: r"[^.]+\.[^.]+\."
        yield catalog_of, lambda code: re.escape(catalogs[code]) + r"\.[^.]+\."
        schema_of = self.goals.schema_of(self.level)[self.at]
        schemas = self.goals.subjects.qualified["schemas"].text.to_pylist()
        yield schema_of, lambda code: re.escape(schemas[code]) + r"\."
        bare_codes, bare_schemas = pd.factorize(
            np.array(self.goals.subjects.bare["schemas"].text.to_pylist(), dtype=object)
        )
        yield (
            bare_codes.astype(np.intp)[schema_of],
            lambda code: r"[^.]+\." + re.escape(str(bare_schemas[code])) + r"\.",
        )

    def _all(self) -> Iterator[Trait]:
        scopes = list(self._scopes())
        everyone = np.arange(len(self.at))
        for codes, place in scopes:
            if codes is not None:
                yield _numbered(everyone, codes, _then_anything(place))
        for rows, codes, body in self._name_traits():
            for places, place in scopes:
                yield _crossed(rows, codes, body, None if places is None else places[rows], place)

    def _name_traits(self) -> Iterator[tuple[Codes, Codes, Callable[[int], str]]]:
        delimited = f"[^{DELIMITERS}]*[{DELIMITERS}]+"
        ended = f"[{DELIMITERS}]+[^{DELIMITERS}]*"
        for count in range(1, _MOST_TOKENS + 1):
            yield self._extracted(f"^(?P<part>(?:{delimited}){{{count}}})", lambda text: re.escape(text) + ANYTHING)
            yield self._extracted(f"(?P<part>(?:{ended}){{{count}}})$", lambda text: ANYTHING + re.escape(text))
        # A stem and a number: the pattern has to ask for the number too, or it would take more than the trait holds.
        yield self._extracted(
            r"^(?P<part>[^0-9]*[^0-9_\-. ])[_\-. ]*[0-9]+$", lambda text: re.escape(text) + r"[_\-. ]*" + NUMBER
        )
        yield self._extracted("^(?P<part>(?s:.)+)$", re.escape)
        if self.level == "notebooks":
            yield from (
                self._extracted(f"^(?P<part>(?:/[^/]*){{{depth}}}/)", lambda text: re.escape(text) + ANYTHING)
                for depth in range(1, 6)
            )
        yield from self._parts()

    def _extracted(self, pattern: str, body: Callable[[str], str]) -> tuple[Codes, Codes, Callable[[int], str]]:
        extracted = pc.extract_regex(self.folded, pattern=pattern)
        encoded = pc.struct_field(extracted, [0]).filter(pc.is_valid(extracted)).dictionary_encode()
        rows = np.flatnonzero(pc.is_valid(extracted).to_numpy(zero_copy_only=False))
        texts = encoded.dictionary.to_pylist()
        return rows, encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp), lambda code: body(texts[code])

    def _parts(self) -> Iterator[tuple[Codes, Codes, Callable[[int], str]]]:
        """Yield the most frequent parts of names, each for all names that hold it anywhere."""
        lists = pc.split_pattern_regex(self.folded, pattern=f"[{DELIMITERS}]+")
        counted = pc.value_counts(pc.list_flatten(lists))
        values, counts = counted.field("values"), counted.field("counts").to_numpy(zero_copy_only=False)
        frequent = np.argsort(-counts, kind="stable")[: _MOST_PARTS * 4]
        parts = [text for text in values.take(pa.array(frequent)).to_pylist() if len(text) > 1]
        for part in islice(parts, _MOST_PARTS):
            rows = np.flatnonzero(pc.match_substring(self.folded, part).to_numpy(zero_copy_only=False))
            yield rows, np.zeros(len(rows), dtype=np.intp), _holding(part)


def _then_anything(place: Callable[[int], str]) -> Callable[[int], str]:
    return lambda code: place(code) + ANYTHING


def _holding(part: str) -> Callable[[int], str]:
    return lambda _: ANYTHING + re.escape(part) + ANYTHING


def _numbered(rows: Codes, codes: Codes, body: Callable[[int], str]) -> Trait:
    size = int(codes.max()) + 1 if len(codes) else 0
    # A group of one is spelt out by its name. What is left is kept small: there are dozens of traits.
    kept = (np.bincount(codes, minlength=size) > 1)[codes]
    return Trait(rows[kept].astype(np.int32), codes[kept].astype(np.int32), size, body)


def _crossed(
    rows: Codes, codes: Codes, body: Callable[[int], str], places: Codes | None, place: Callable[[int], str]
) -> Trait:
    """Return the groups of those that share a trait of their name and the place where they stand."""
    if places is None:
        return _numbered(rows, codes, lambda code: simplify(place(0) + body(code)))
    base = int(places.max()) + 1 if len(places) else 1
    numbers, pairs = pd.factorize(codes * base + places)
    return _numbered(
        rows,
        numbers.astype(np.intp),
        lambda code: simplify(place(int(pairs[code]) % base) + body(int(pairs[code]) // base)),
    )
