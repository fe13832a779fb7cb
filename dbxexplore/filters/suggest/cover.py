"""Which families to write: those that save the most characters over spelling names out, taken one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from dbxexplore.filters.patterns import Patterns
from dbxexplore.filters.subjects import Flags
from dbxexplore.filters.suggest.families import Families
from dbxexplore.filters.suggest.write import ANYTHING, Written, anchored_patterns, as_glob, is_family

_MOST_PICKS = 40
_MOST_MIXED_FAMILIES = 6
_COST_OF_A_PATTERN = 10
_PENALTY_FOR_A_PART = 14  # in characters: a beginning or an ending is clearer than a part
_WEIGHT_OF_DENYING = 2.0
_TRIED = 24  # families, of which the pattern is written before one is picked


@dataclass(frozen=True)
class Cover:
    """Families that take many subjects, and the subjects that are left to be spelt out."""

    families: tuple[str, ...]
    left: Flags
    cost: float


class Solver:
    """Writes one level, over and over for goals that differ a little, from the same families."""

    def __init__(self, families: Families, *, generalise: bool) -> None:
        self.families, self.generalise = families, generalise

    def solve(self, wanted: Flags, unwanted: Flags) -> Written:
        """Return the cheapest of: families that are allowed; all but families that are denied; and mixtures."""
        take, leave = wanted[self.families.at], unwanted[self.families.at]
        best, allow, deny = self._allowed_or_denied(take, leave)
        for body, inside in self._mixed_families(take, leave):
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

    def _allowed_or_denied(self, take: Flags, leave: Flags) -> tuple[float, Cover | None, Cover | None]:
        allowed = self._cover(take, leave, np.inf)
        denied = self._cover(leave, take, allowed.cost / _WEIGHT_OF_DENYING)
        all_taken = bool(
            self.families.goals.subjects.matches(self.families.level, ANYTHING, self.families.goals.dialect)[
                self.families.at[take]
            ].all()
        )
        # What is denied by name lets everything else through, now and to come: that takes a clear gain.
        if denied.cost * _WEIGHT_OF_DENYING < allowed.cost and all_taken:
            return denied.cost, None, denied
        return allowed.cost, allowed, None

    def _written(self, allow: Cover | None, deny: Cover | None) -> Written:
        families = (*(allow.families if allow else (ANYTHING,)),)
        patterns = Patterns(
            allow=(ANYTHING,) if allow is None else self._texts(allow), deny=() if deny is None else self._texts(deny)
        )
        return Written(patterns, tuple(as_glob(body) for body in families if is_family(body)))

    def _texts(self, cover: Cover) -> tuple[str, ...]:
        left = np.zeros(self.families.size, dtype=np.bool_)
        left[self.families.at[cover.left]] = True
        return anchored_patterns(cover.families, self.families.goals.literals(self.families.level, left))

    def _cover(self, take: Flags, leave: Flags, most: float) -> Cover:
        """Pick families that hold none of ``leave``, as long as they are shorter than the names they stand for."""
        if not take.any():
            return Cover((), take, 0.0)
        pure = np.bincount(self.families.codes[leave[self.families.rows]], minlength=self.families.groups) == 0
        kept = take[self.families.rows] & pure[self.families.codes]
        rows, codes = self.families.rows[kept], self.families.codes[kept]
        # One that is left alone is spelt out. Few groups hold several of few names, and each pick counts them all.
        shared = np.bincount(codes, minlength=self.families.groups) > 1
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
        return Cover(tuple(families), left, cost + float(self.families.lengths[left].sum()))

    def _pick(
        self, rows: npt.NDArray[np.int32], codes: npt.NDArray[np.int32], groups: npt.NDArray[np.intp]
    ) -> tuple[int, str] | None:
        """Return the family that saves the most characters, None where none saves any; ``groups`` tells its codes."""
        saved = np.bincount(codes, weights=self.families.lengths[rows], minlength=len(groups))
        tried = np.flatnonzero(np.bincount(codes, minlength=len(groups)) > 1)
        if len(tried) > _TRIED:
            tried = tried[np.argpartition(-saved[tried], _TRIED)[:_TRIED]]
        # Of those that save the same, the first: traits of places come before traits of names.
        best: tuple[float, int, str] | None = None
        for group in map(int, sorted(tried, key=lambda group: (-saved[group], group))):
            if best is not None and saved[group] <= best[0]:
                break
            body = self.families.body_of(int(groups[group]))
            # A family that also takes siblings to come is worth half of its length if that is asked for.
            length = (len(body) + 1) * (0.5 if self.generalise else 1.0)
            gain = float(saved[group]) - length - _penalty(body)
            if gain > 0 and (best is None or gain > best[0]):
                best = (gain, group, body)
        return None if best is None else best[1:]

    def _mixed_families(self, take: Flags, leave: Flags) -> Iterator[tuple[str, Flags]]:
        """Yield families that hold much of what is wanted, and some that is not."""
        wanted = np.bincount(self.families.codes[take[self.families.rows]], minlength=self.families.groups)
        unwanted = np.bincount(self.families.codes[leave[self.families.rows]], minlength=self.families.groups)
        enough = (unwanted > 0) & (unwanted < leave.sum()) & (wanted * 3 >= take.sum())
        groups = np.flatnonzero(enough)
        groups = groups[np.argsort(unwanted[groups] - wanted[groups], kind="stable")]
        seen: set[bytes] = set()
        for group in map(int, groups[: 4 * _MOST_MIXED_FAMILIES]):
            inside = np.zeros(len(self.families.at), dtype=np.bool_)
            inside[self.families.rows[self.families.codes == group]] = True
            if inside.tobytes() not in seen and len(seen) < _MOST_MIXED_FAMILIES:
                seen.add(inside.tobytes())
                yield self.families.body_of(group), inside


def _penalty(body: str) -> int:
    return (
        _PENALTY_FOR_A_PART
        if body.endswith(ANYTHING) and body.removesuffix(ANYTHING).rpartition(r"\.")[2].startswith(ANYTHING)
        else 0
    )
