r"""How RE2 has to be asked to decide exactly what Python's ``re`` would.

Python's ``re`` is the definition of a match; RE2 is fast. A pattern is therefore not handed to RE2 as text,
where the two read many things differently (``$`` before a final newline, ``\d`` and ``\w`` beyond ASCII, case
folding, POSIX classes, ``\Z``…). Its tree (see `syntax`) is translated:

* Each test of a single character is put to Python's own engine for every character that occurs in the names, and
  becomes the plain set of those it accepts. So Unicode classes and case folding need no reasoning: they are
  Python's by construction.
* Sequence, alternation, repetition and groups mean the same in any engine as long as only *whether* there
  is a match is asked. Repetition counts are cut to what the longest name can hold.
* An assertion is kept only where both engines agree on these names: ``$`` where no name has a newline,
  ``\b`` where all are ASCII.
* Look-around at the very start or end is a verdict of its own, joined to the rest by *and* and *not*.

`plan` returns what to do with the names: look them up in a list of words, ask RE2, or join such verdicts. Whatever is
left over (back-references, possessive and atomic groups, conditionals, other look-around) is refused with
`NotRegularError`, and Python's engine decides.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from dbxexplore.filters.engine.syntax import (
    Anchor,
    Chars,
    Either,
    Irregular,
    Look,
    Node,
    NotRegularError,
    Repeat,
    Sequel,
    Test,
    parts,
    sequel,
)

_MOST_WORDS = 20_000  # of a pattern that is a list of names: more than fit a pattern that a person keeps
_MOST_LETTERS = 1_000_000
_LONGEST_WORD = 1000  # longer than any name may be
_MOST_SPLITS = 64  # of alternatives that hold look-around


@dataclass(frozen=True)
class Traits:
    """What a group of names has in common.

    ``alphabet`` holds every character that occurs in them, and may hold more; ``longest`` is the number of
    characters of the longest. All of them have at least one.
    """

    alphabet: str
    longest: int

    @cached_property
    def codes(self) -> frozenset[int]:
        """The alphabet as code points."""
        return frozenset(map(ord, self.alphabet))

    @cached_property
    def ranks(self) -> dict[int, int]:
        """The place of each code point in the sorted alphabet."""
        return {code: rank for rank, code in enumerate(sorted(self.codes))}

    @property
    def has_newline(self) -> bool:
        """Whether a name may have a newline in it."""
        return "\n" in self.alphabet

    @cached_property
    def is_ascii(self) -> bool:
        """Whether all names are ASCII."""
        return self.alphabet.isascii()


# --- the tree on names of certain traits ---

BEGIN, END = Anchor(r"\A"), Anchor(r"\z")


def _translate(node: Node, traits: Traits, known: dict[Test, Chars]) -> Node:  # noqa: PLR0911 - one return per construct
    """Return a tree of sets of characters and of anchors as RE2 writes them."""
    match node:
        case Test():
            if node not in known:
                known[node] = Chars(_accepted(node, traits))
            return known[node]
        case Sequel(items):
            return sequel(_translate(item, traits, known) for item in items)
        case Either(items):
            return Either(tuple(_translate(item, traits, known) for item in items))
        case Repeat(item, low, high):
            # At most `longest` of the repetitions can consume a character, and an empty one can be repeated or
            # left out at will: so a count above that is as good as any other, and RE2 takes none above 1,000.
            longest = traits.longest
            more = None if high is None or high >= longest else high
            return Repeat(_translate(item, traits, known), min(low, longest + 1), more)
        case Look(item, ahead, negative):
            return Look(_translate(item, traits, known), ahead, negative)
        case Anchor(text, flags):
            return _anchor(text, flags, traits)
        case Irregular():
            raise NotRegularError
    return node


def _accepted(test: Test, traits: Traits) -> frozenset[int]:
    """Return the characters of the alphabet that Python's engine accepts for a test of one character."""
    if test.char is not None and not test.flags & re.IGNORECASE:
        return frozenset((ord(test.char),)) & traits.codes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = re.compile(test.text, test.flags & ~re.VERBOSE)
    return frozenset(map(ord, compiled.findall(traits.alphabet)))


def _anchor(text: str, flags: int, traits: Traits) -> Anchor:
    lines = bool(flags & re.MULTILINE) and traits.has_newline
    match text:
        case "^":
            return Anchor("(?m:^)") if lines else BEGIN
        case r"\A":
            return BEGIN
        case r"\Z" | r"\z":
            return END
        case "$" if lines:
            return Anchor("(?m:$)")
        case "$" if not traits.has_newline:
            return END
        case r"\b" | r"\B" if traits.is_ascii:
            return Anchor(text)
    raise NotRegularError


def min_width(node: Node) -> int:
    """Return the least number of characters that ``node`` consumes."""
    match node:
        case Chars():
            return 1
        case Sequel(items):
            return sum(map(min_width, items))
        case Either(items):
            return min(map(min_width, items))
        case Repeat(item, low, _):
            return low * min_width(item)
    return 0


def _always_matches_empty(node: Node) -> bool:
    """Whether ``node`` matches nothing at any position, whatever stands there."""
    match node:
        case Sequel(items):
            return all(map(_always_matches_empty, items))
        case Either(items):
            return any(map(_always_matches_empty, items))
        case Repeat(item, low, _):
            return low == 0 or _always_matches_empty(item)
    return False


def _has_look(node: Node) -> bool:
    match node:
        case Look():
            return True
        case Sequel(items) | Either(items):
            return any(map(_has_look, items))
        case Repeat(item, _, _):
            return _has_look(item)
    return False


# --- what is to be done to the names ---


@dataclass(frozen=True)
class Fixed:
    """The same verdict for all."""

    verdict: bool


@dataclass(frozen=True)
class Words:
    """Names that equal, start with or end with one of ``words``; ``lowered``, once their ASCII is lower case."""

    how: Literal["equals", "starts", "ends"]
    words: tuple[str, ...]
    lowered: bool


@dataclass(frozen=True)
class Regex:
    """Names in which RE2 finds ``text``."""

    text: str


@dataclass(frozen=True)
class Not:
    """The opposite verdicts."""

    plan: Plan


@dataclass(frozen=True)
class AllOf:
    """Names that pass each of several."""

    plans: tuple[Plan, ...]


@dataclass(frozen=True)
class AnyOf:
    """Names that pass one of several."""

    plans: tuple[Plan, ...]


Plan: TypeAlias = Fixed | Words | Regex | Not | AllOf | AnyOf


def plan(tree: Node, match: Literal["prefix", "search", "full"], traits: Traits) -> Plan:
    """Return how to judge names of the given traits, exactly as Python's ``re`` would.

    Raises:
        NotRegularError: only Python's own engine can tell.
    """
    try:
        node = _translate(tree, traits, {})
        begin = (BEGIN,) if match != "search" else ()
        end = (END,) if match == "full" else ()
        return _plan(parts(sequel((*begin, node, *end))), traits, _MOST_SPLITS)
    except RecursionError as error:
        raise NotRegularError from error


def _plan(sequence: Sequence[Node], traits: Traits, splits: int) -> Plan:
    begins, core, ends = _trimmed(sequence, traits)
    if any(map(_has_look, core)):
        return _plan_look(begins, core, ends, traits, splits)
    if not core:
        return Fixed(verdict=not (begins and ends))
    if sum(map(min_width, core)) > traits.longest:
        return Fixed(verdict=False)
    words = _words(core) if begins or ends else None
    if words is not None and ((begins and ends) or len(words[0]) <= 4):  # noqa: PLR2004 - one pass over the names each
        how: Literal["equals", "starts", "ends"] = "equals" if begins and ends else "starts" if begins else "ends"
        return Words(how, *words)
    whole = sequel(((BEGIN,) if begins else ()) + tuple(core) + ((END,) if ends else ()))
    return Regex(_emit(whole, traits))


def _trimmed(sequence: Sequence[Node], traits: Traits) -> tuple[bool, list[Node], bool]:
    """Split off the anchors at both ends, and drop there what can match anything."""
    core = list(sequence)
    begins = ends = False
    while core:
        if core[0] == BEGIN:
            begins = True
            del core[0]
        elif core[-1] == END:
            ends = True
            del core[-1]
        elif not begins and _always_matches_empty(core[0]):
            del core[0]
        elif not ends and _always_matches_empty(core[-1]):
            del core[-1]
        elif begins and _is_anything(core[0], traits):
            # After the start, any text: then the rest may be anywhere. An anchor that follows is met again.
            begins = False
            del core[0]
        elif ends and _is_anything(core[-1], traits):
            ends = False
            del core[-1]
        else:
            break
    return begins, core, ends


def _is_anything(node: Node, traits: Traits) -> bool:
    match node:
        case Repeat(Chars(codes), 0, None):
            return codes >= traits.codes
    return False


def _plan_look(begins: bool, core: list[Node], ends: bool, traits: Traits, splits: int) -> Plan:  # noqa: FBT001
    start: tuple[Node, ...] = (BEGIN,) if begins else ()
    stop: tuple[Node, ...] = (END,) if ends else ()
    first, last = core[0], core[-1]
    if begins and isinstance(first, Look) and first.ahead:
        return _with_look(first, (BEGIN, first.item), (*start, *core[1:], *stop), traits, splits)
    if ends and isinstance(last, Look) and not last.ahead:
        return _with_look(last, (last.item, END), (*start, *core[:-1], *stop), traits, splits)
    if begins and ends and len(core) == 1:
        nowhere = _found_nowhere(core[0], traits)
        if nowhere is not None:
            return Not(_plan(parts(nowhere), traits, splits))
    for index, item in enumerate(core):
        if isinstance(item, Either) and _has_look(item) and len(item.items) <= splits:
            share = splits // len(item.items)
            before, after = (*start, *core[:index]), (*core[index + 1 :], *stop)
            ways = [parts(sequel((*before, branch, *after))) for branch in item.items]
            return AnyOf(tuple(_plan(way, traits, share) for way in ways))
    raise NotRegularError


def _with_look(look: Look, looked: tuple[Node, ...], rest: tuple[Node, ...], traits: Traits, splits: int) -> Plan:
    seen = _plan(parts(sequel(looked)), traits, splits)
    return AllOf((Not(seen) if look.negative else seen, _plan(rest, traits, splits)))


def _found_nowhere(node: Node, traits: Traits) -> Node | None:
    """Return what must not occur where ``node`` is ``((?!x).)*``, the usual way to say "without x"."""
    match node:
        case Repeat(Sequel((Look(item, True, True), Chars(codes))), 0, None) if codes >= traits.codes:
            # An x of no width could also stand at the very end, where the repetition does not look.
            return item if min_width(item) and not _has_look(item) else None
    return None


# --- lists of names ---


def _words(core: Sequence[Node]) -> tuple[tuple[str, ...], bool] | None:
    """Return the texts that ``core`` spells out, and whether they stand for either case; None if too many."""
    lowered = all(map(_ignores_case, core))
    try:
        words = list(_spelt(sequel(core), lowered=lowered))
    except OverflowError:
        return None
    words = list(dict.fromkeys(words))
    return tuple(words), lowered and any(word.lower() != word.upper() for word in words)


def _ignores_case(node: Node) -> bool:
    match node:
        case Chars(codes):
            letters = {chr(code) for code in codes if code < 128}  # noqa: PLR2004 - ASCII
            return all(ord(letter.swapcase()) in codes for letter in letters)
        case Sequel(items) | Either(items):
            return all(map(_ignores_case, items))
        case Repeat(item, _, _):
            return _ignores_case(item)
    return False


def _spelt(node: Node, *, lowered: bool) -> list[str]:
    match node:
        case Chars(codes) if len(codes) <= 4:  # noqa: PLR2004 - beyond that, a class and not a spelling
            spelt = [chr(code) for code in sorted(codes)]
            return list(dict.fromkeys(_ascii_lower(text) for text in spelt)) if lowered else spelt
        case Either(items):
            words = [word for item in items for word in _spelt(item, lowered=lowered)]
            return _limited(words)
        case Sequel(items):
            words = [""]
            run: list[str] = []
            # Runs of single texts are joined once: a long literal is not copied again for each letter.
            for item in items:
                more = _spelt(item, lowered=lowered)
                if len(more) == 1:
                    run.append(more[0])
                    continue
                tail, run = "".join(run), []
                words = _limited([word + tail + next_word for word in words for next_word in more])
            tail = "".join(run)
            return [word + tail for word in words]
        case Repeat(item, low, high) if low == high and 0 < low * min_width(item) <= _LONGEST_WORD:
            return _spelt(Sequel((item,) * low), lowered=lowered)
    raise OverflowError


def _ascii_lower(text: str) -> str:
    return text.lower() if text.isascii() else text


def _limited(words: list[str]) -> list[str]:
    if len(words) > _MOST_WORDS or sum(map(len, words)) > _MOST_LETTERS:
        raise OverflowError
    return words


# --- RE2's syntax ---


def _emit(node: Node, traits: Traits) -> str:
    pieces: list[str] = []
    _write(node, traits, {}, pieces)
    return "".join(pieces)


def _write(node: Node, traits: Traits, classes: dict[frozenset[int], str], pieces: list[str]) -> None:
    match node:
        case Chars(codes):
            if codes not in classes:
                classes[codes] = _class(codes, traits)
            pieces.append(classes[codes])
        case Sequel(items):
            for item in items:
                _write(item, traits, classes, pieces)
        case Either(items):
            for index, item in enumerate(items):
                pieces.append("|" if index else "(?:")
                _write(item, traits, classes, pieces)
            pieces.append(")")
        case Repeat(item, low, high):
            pieces.append("(?:")
            _write(item, traits, classes, pieces)
            pieces.append(")" + _times(low, high))
        case Anchor(text):
            pieces.append(text)
        case _:
            raise NotRegularError


def _times(low: int, high: int | None) -> str:
    if high is None:
        return {0: "*", 1: "+"}.get(low, f"{{{low},}}")
    return f"{{{low},{high}}}"


def _class(codes: frozenset[int], traits: Traits) -> str:
    if not codes:
        return r"[^\x{0}-\x{10FFFF}]"
    if len(codes) == 1:
        return _code(next(iter(codes)))
    # Characters that no name has may fall into a range: that keeps classes, and so RE2's automata, small.
    return "[" + "".join(f"{_code(low)}-{_code(high)}" for low, high in _ranges(codes, traits)) + "]"


def _ranges(codes: frozenset[int], traits: Traits) -> Iterator[tuple[int, int]]:
    ordered = sorted(codes)
    low = high = ordered[0]
    for code in ordered[1:]:
        if traits.ranks[code] != traits.ranks[high] + 1:
            yield low, high
            low = code
        high = code
    yield low, high


def _code(code: int) -> str:
    return f"\\x{{{code:X}}}"
