"""Which names one pattern matches: Python's ``re``, name by name, at the speed of RE2.

`matches` equals ``dialect.matcher(text)(name) is not None`` for every name. Most patterns are decided by RE2
over Arrow text (`re2` says when that is the same), the rest by Python's engine under a time limit
(`fallback`).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore import errors
from dbxexplore.filters.dialects import Dialect
from dbxexplore.filters.engine import fallback, re2
from dbxexplore.filters.engine.re2 import AllOf, AnyOf, Fixed, Not, Plan, Regex, Traits, Words
from dbxexplore.filters.engine.spelt import spelt_names
from dbxexplore.filters.engine.syntax import Node, NotRegularError, parse
from dbxexplore.filters.patterns import compile_pattern
from dbxexplore.text import shorten

_PLAIN = "".join(map(chr, range(128))).replace("\n", "")
_FIRST_SLICE = 500  # names, by which the speed of a pattern is judged
_LARGEST_SLICE = 50_000
_SECONDS_A_SLICE = 0.05
_MOST_THREADS = 4


@dataclass(frozen=True)
class Group:
    """Names that are judged alike. ``rows`` are their places among all names, None where these are all."""

    names: pa.Array
    rows: npt.NDArray[np.intp] | None
    traits: Traits

    @cached_property
    def lowered(self) -> pa.Array:
        """The names with ASCII letters in lower case."""
        return pc.ascii_lower(self.names)


class Names:
    """Names as one Arrow array of text, grouped by what a pattern's meaning may depend on.

    The groups are: plain ASCII; other text without newlines; text with newlines. An empty name is in none.
    """

    def __init__(self, text: pa.Array | pa.ChunkedArray | Sequence[str]) -> None:
        self.text = _one_array(text)

    def __len__(self) -> int:
        return len(self.text)

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The groups that have names in them."""
        if not len(self):
            return ()
        if _is_plain(self.text):
            return (Group(self.text, None, _traits(self.text, _PLAIN)),)
        ascii_ = _flags(pc.string_is_ascii(self.text))
        newline = _flags(pc.match_substring(self.text, "\n"))
        empty = _flags(pc.equal(pc.binary_length(self.text), 0))
        groups = []
        for flags, base in ((ascii_ & ~newline & ~empty, _PLAIN), (~ascii_ & ~newline, ""), (newline, "")):
            rows = np.flatnonzero(flags)
            if len(rows):
                names = self.text.take(pa.array(rows))
                groups.append(Group(names, rows, _traits(names, base or _alphabet(names))))
        return tuple(groups)

    @cached_property
    def empty(self) -> npt.NDArray[np.intp]:
        """The places of the empty names."""
        return np.flatnonzero(_flags(pc.equal(pc.binary_length(self.text), 0)))

    def at(self, places: npt.NDArray[np.intp]) -> list[str]:
        """Return the names at some places."""
        names: list[str] = self.text.take(pa.array(places, pa.int64())).to_pylist()
        return names


def _one_array(text: pa.Array | pa.ChunkedArray | Sequence[str]) -> pa.Array:
    if isinstance(text, pa.ChunkedArray):
        if text.num_chunks == 1:
            return text.chunk(0)
        whole = text.combine_chunks()
        return whole if isinstance(whole, pa.Array) else pa.concat_arrays(whole.chunks)
    return text if isinstance(text, pa.Array) else pa.array(text, pa.string())


def _is_plain(names: pa.Array) -> bool:
    """Whether all of at least one name are ASCII, and none is empty or has a newline."""
    # Read from Arrow's own buffers: a pass over bytes is a tenth of a pass over names.
    _, ends, data = names.buffers()
    width = "i8" if pa.types.is_large_string(names.type) else "i4"
    offsets = np.frombuffer(ends, width)[names.offset : names.offset + len(names) + 1]
    if data is None or np.less_equal(offsets[1:], offsets[:-1]).any():
        return False
    used = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    if used.max() > 127:  # noqa: PLR2004 - ASCII
        return False
    # Control characters are rare: most often, the least byte alone tells that there is no newline.
    return bool(used.min() > ord("\n") or not (used == ord("\n")).any())


def _traits(names: pa.Array, alphabet: str) -> Traits:
    # Of UTF-8, the bytes are at least as many as the characters.
    return Traits(alphabet, int(pc.max(pc.binary_length(names)).as_py()))


def _alphabet(names: pa.Array) -> str:
    occurring = {char for name in names.unique().to_pylist() for char in name}
    return "".join(sorted(occurring))


def _flags(array: pa.Array) -> npt.NDArray[np.bool_]:
    flags: npt.NDArray[np.bool_] = array.to_numpy(zero_copy_only=False)
    return flags


def allowance(names: int) -> float:
    """Return the seconds that a pattern may take over so many names: 0.8 for 100,000, 2.2 for a million."""
    return 0.65 + 1.5e-6 * names


def matches(text: str, dialect: Dialect, subjects: Names | Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return which of ``subjects`` the pattern ``text`` matches, as ``dialect`` reads it.

    Equal, name by name, to ``dialect.matcher(text)(subject) is not None``; one boolean per subject.

    Raises:
        PatternError: it is not a regular expression, or takes too long (see `allowance`).
    """
    names = subjects if isinstance(subjects, Names) else Names(subjects)
    return _Judge(text, dialect, names).flags()


class _Judge:
    """One pattern over the names of one level."""

    def __init__(self, text: str, dialect: Dialect, names: Names) -> None:
        self.text, self.dialect, self.names = text, dialect, names
        self.deadline = time.monotonic() + allowance(len(names))
        self.spelt = spelt_names(text)
        if self.spelt is None:
            _ = self.compiled  # refused at once where it is no expression

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return compile_pattern(self.text, ignore_case=self.dialect.ignore_case)

    @cached_property
    def tree(self) -> Node | None:
        try:
            return parse(self.text, self.compiled.flags)
        except NotRegularError:
            return None

    def flags(self) -> npt.NDArray[np.bool_]:
        groups = self.names.groups
        if len(groups) == 1 and groups[0].rows is None:
            flags = self._regular(groups[0])
            return self._by_python(groups[0].names.to_pylist()) if flags is None else flags
        flags = np.zeros(len(self.names), dtype=np.bool_)
        left = [self.names.empty]
        for group in groups:
            assert group.rows is not None
            judged = self._regular(group)
            if judged is None:
                left.append(group.rows)
            else:
                flags[group.rows] = judged
        rows = np.concatenate(left)
        flags[rows] = self._by_python(self.names.at(rows))
        return flags

    def _regular(self, group: Group) -> npt.NDArray[np.bool_] | None:
        names = self._spelt_for(group.traits)
        if names is not None:
            return _flags(_with_words(names, group))
        if self.tree is None:
            return None
        try:
            return self._carry_out(re2.plan(self.tree, self.dialect.match, group.traits), group)
        except (NotRegularError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
            # RE2 refuses what would make it too large; an Arrow without RE2 refuses everything.
            return None

    def _spelt_for(self, traits: Traits) -> Words | None:
        """Return the names that the pattern spells out, where looking them up is what Python's engine would find."""
        if self.spelt is None or traits.has_newline:  # before which ``$`` matches too
            return None
        if not self.dialect.ignore_case:
            return Words("equals", self.spelt, lowered=False)
        if traits.is_ascii and self.text.isascii():  # beyond ASCII, a letter may have more than two cases
            return Words("equals", tuple(name.lower() for name in self.spelt), lowered=True)
        return None

    def _by_python(self, names: list[str]) -> npt.NDArray[np.bool_]:
        method = fallback.METHODS[self.dialect.match]
        try:
            return fallback.judge(self.compiled, method, self.tree, names, self._remaining())
        except fallback.TooSlowError:
            raise self._too_slow() from None
        except fallback.NoHelperError:
            raise self._too_slow("might take longer than anyone can wait, and cannot be tried safely here") from None

    def _remaining(self) -> float:
        return max(0.05, self.deadline - time.monotonic())

    def _too_slow(self, what: str = "takes too long") -> errors.PatternError:
        msg = f"The pattern {shorten(self.text, 200)!r} {what} over {len(self.names):,} names"
        return errors.PatternError(
            msg,
            pattern=self.text,
            position=None,
            expected="a pattern that is decided in about a second",
            remedy="Avoid repetitions within repetitions, back-references and look-around, or split the pattern",
        )

    # --- plans ---

    def _carry_out(self, plan: Plan, group: Group) -> npt.NDArray[np.bool_]:
        match plan:
            case Fixed(verdict):
                return np.full(len(group.names), verdict, dtype=np.bool_)
            case Words():
                return _flags(_with_words(plan, group))
            case Regex(pattern):
                return self._with_re2(pattern, group.names)
            case Not(inner):
                return ~self._carry_out(inner, group)
            case AllOf(plans):
                return self._one_by_one(plans, group)
            case AnyOf(plans):
                return reduce(np.logical_or, (self._carry_out(each, group) for each in plans))

    def _one_by_one(self, plans: Sequence[Plan], group: Group) -> npt.NDArray[np.bool_]:
        flags = np.ones(len(group.names), dtype=np.bool_)
        for plan in plans:
            if np.count_nonzero(flags) * 2 > len(flags):
                flags &= self._carry_out(plan, group)
            else:  # it is quicker to take the few that are left out of the many
                few = Group(group.names.filter(pa.array(flags)), None, group.traits)
                flags[flags] = self._carry_out(plan, few)
        return flags

    def _with_re2(self, pattern: str, names: pa.Array) -> npt.NDArray[np.bool_]:
        # RE2 takes time in proportion to a name, but the factor can be large: slices let the clock be read.
        started = time.monotonic()
        head = _flags(pc.match_substring_regex(names.slice(0, _FIRST_SLICE), pattern))
        if len(names) <= _FIRST_SLICE:
            return head
        each = max(1e-9, (time.monotonic() - started) / _FIRST_SLICE)
        size = int(min(_LARGEST_SLICE, max(_FIRST_SLICE, _SECONDS_A_SLICE / each)))
        slices = [names.slice(at, size) for at in range(_FIRST_SLICE, len(names), size)]
        return np.concatenate([head, *self._judged(pattern, slices)])

    def _judged(self, pattern: str, slices: list[pa.Array]) -> Iterator[npt.NDArray[np.bool_]]:
        def judge(names: pa.Array) -> npt.NDArray[np.bool_]:
            if time.monotonic() > self.deadline:
                raise fallback.TooSlowError
            return _flags(pc.match_substring_regex(names, pattern))

        threads = min(_MOST_THREADS, os.cpu_count() or 1, len(slices))
        try:
            if threads == 1:
                yield from map(judge, slices)
                return
            with ThreadPoolExecutor(threads) as pool:  # Arrow lets go of the interpreter while RE2 works
                yield from pool.map(judge, slices)
        except fallback.TooSlowError:
            raise self._too_slow() from None


def _with_words(words: Words, group: Group) -> pa.Array:
    names = group.lowered if words.lowered else group.names
    if words.how == "equals":
        if len(words.words) == 1:
            return pc.equal(names, pa.scalar(words.words[0], names.type))
        return pc.is_in(names, value_set=pa.array(words.words, names.type))
    compare = pc.starts_with if words.how == "starts" else pc.ends_with
    compared = [compare(names, pattern=word) for word in words.words]
    return reduce(pc.or_, compared) if compared else pa.array(np.zeros(len(names), dtype=np.bool_))
