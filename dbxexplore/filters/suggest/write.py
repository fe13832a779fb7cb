"""How patterns are written: names and families of names, joined into few anchored patterns of readable length."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dbxexplore.filters.filters import Filters
from dbxexplore.filters.patterns import LEVELS, Patterns, anchored, body_of

LONGEST = 500  # characters of a pattern: what a person still reads, and a form still takes
_LONGEST_FAMILIES = 160  # of a pattern made of families, which are read more closely than lists
MANY_PATTERNS = 20
_LONGEST_MERGED = 50_000
ANCHORS = len("^(?:)$")
DELIMITERS = r"_\-. /"
ANYTHING = ".*"
NUMBER = "[0-9]+"


@dataclass(frozen=True)
class Written:
    """The patterns of one level, and what they would take besides."""

    patterns: Patterns
    also: tuple[str, ...] = ()


def merged(filters: Filters) -> Filters:
    """Return filters that let through the same, with long lists of patterns joined into fewer, longer ones.

    Thousands of patterns over a hundred thousand names take a minute to preview; joined, they take seconds.
    """
    levels = {level: filters.level(level) for level in LEVELS}
    merged = {
        level: Patterns(_alternated(patterns.allow), _alternated(patterns.deny)) for level, patterns in levels.items()
    }
    return Filters(**merged)


def _alternated(texts: Sequence[str]) -> Sequence[str]:
    # Only lists of names: those stay a look-up, however long, where families would become one huge automaton.
    lists = [text for text in texts if not is_family(text)]
    if len(lists) <= MANY_PATTERNS:
        return texts
    merged = [anchored(body) for body in _packed([body_of(text) for text in lists], _LONGEST_MERGED)]
    return (*(text for text in texts if is_family(text)), *merged)


def written_texts(patterns: Patterns) -> tuple[str, ...]:
    """Return the patterns of a level that were written for a selection."""
    return (
        () if patterns == Patterns() else tuple(text for text in (*patterns.allow, *patterns.deny) if text != ANYTHING)
    )


def grouped(head: str, tails: Sequence[str], room: int) -> Iterator[str]:
    """Join the names of one schema, in as few texts of at most ``room`` characters as it takes."""
    group: list[str] = []
    length = 0
    for tail in tails:
        if group and len(head) + length + len(tail) + len("(?:)") > room:
            yield _with_head(head, group)
            group, length = [], 0
        group.append(tail)
        length += len(tail) + 1
    if group:
        yield _with_head(head, group)


def _with_head(head: str, tails: Sequence[str]) -> str:
    if len(tails) == 1:
        return head + tails[0]
    return "|".join(tails) if not head else f"{head}(?:{'|'.join(tails)})"


def anchored_patterns(families: Sequence[str], literals: Iterable[str]) -> tuple[str, ...]:
    """Return anchored patterns: the families, few to a pattern, and then the names, as many as it takes."""
    parts = [*_packed(families, _LONGEST_FAMILIES), *_packed(list(literals), LONGEST - ANCHORS)]
    if len(parts) > 1 and sum(map(len, parts)) + len(parts) <= _LONGEST_FAMILIES:
        parts = ["|".join(parts)]
    return tuple(anchored(part) for part in parts)


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


def is_family(body: str) -> bool:
    """Whether a pattern stands for a family of names rather than for names that are spelt out."""
    # Neither can stand in an escaped name.
    return ANYTHING in body or NUMBER in body


def simplify(body: str) -> str:
    """Return a shorter pattern for the same names, where the place that it names adds nothing."""
    if body.endswith(ANYTHING):
        return body  # a part of a name may stand in the names of containers too
    # What ends in some way, or holds something, anywhere: saying where the name begins adds nothing.
    for some in (r"[^.]+\.[^.]+\." + ANYTHING, r"[^.]+\." + ANYTHING):
        if body.startswith(some) and len(body) > len(some):
            return ANYTHING + body.removeprefix(some)
    return body.replace(r"[^.]+\." + ANYTHING, ANYTHING)


def as_glob(body: str) -> str:
    """Return the names that a pattern stands for, with ``*`` for any text."""
    return _WILD.sub(lambda part: part["escaped"] or "*", body)


# In one pass, because what stands for any text must not be put together from a dot and a star side by side.
_WILD = re.compile(
    r"\\(?P<escaped>.)|" + "|".join(map(re.escape, (r"[_\-. ]*" + NUMBER, NUMBER, "[^.]+", ANYTHING))), re.DOTALL
)
