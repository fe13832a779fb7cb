r"""Patterns as trees: a parser for those that Python's ``re`` has compiled already.

`parse` knows which token is which and how tokens nest, and nothing of what a single character means: each test of one
character (a letter, an escape, a class, a dot) is kept as the text that was written, to be put to ``re`` later on. A
construct that it does not know is refused with `NotRegularError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias


class NotRegularError(Exception):
    """The pattern, on these names, cannot be shown to mean the same to RE2 as to Python."""


@dataclass(frozen=True)
class Test:
    r"""One character that Python's ``re`` accepts for a text of the pattern, such as ``a``, ``[a-z]`` or ``\d``."""

    text: str
    flags: int

    @cached_property
    def char(self) -> str | None:
        """The character, if it is written as itself or behind a backslash."""
        if len(self.text) == 1:
            return None if self.text == "." else self.text
        is_escaped = len(self.text) == 2 and self.text[0] == "\\" and not self.text[1].isalnum()  # noqa: PLR2004
        return self.text[1] if is_escaped else None


@dataclass(frozen=True)
class Chars:
    """One character out of a set of code points."""

    codes: frozenset[int]


@dataclass(frozen=True)
class Sequel:
    """One part after another."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Either:
    """One of several."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """``low`` to ``high`` times the same, without end where ``high`` is None."""

    item: Node
    low: int
    high: int | None


@dataclass(frozen=True)
class Anchor:
    """A condition on a position, as the pattern or, once translated, RE2 writes it."""

    text: str
    flags: int = 0


@dataclass(frozen=True)
class Look:
    """A look-ahead or look-behind."""

    item: Node
    ahead: bool
    negative: bool


@dataclass(frozen=True)
class Irregular:
    """What only a backtracking engine can do with ``item``; ``once`` if it never tries it in another way."""

    item: Node
    once: bool


Node: TypeAlias = Test | Chars | Sequel | Either | Repeat | Anchor | Look | Irregular
NEVER = Chars(frozenset())

_TOKEN = re.compile(
    # Letters and digits most of all: a run of them, up to one that is repeated.
    r"(?P<text>(?:[^\\^$.|?*+(){}\[\]#\s](?![*+?{]))+)"
    r"|(?P<ignored>\(\?#(?:\\.|[^)\\])*\)|\(\?[aiLmsux]+\))"  # flags of the whole are among those it was compiled with
    r"|(?P<reference>\(\?P=[^)]+\)|\\(?![1-3][0-7]{2})[1-9][0-9]?)"
    r"|(?P<if>\(\?\([^)]+\))"
    r"|(?P<look>\(\?<?[=!])"
    r"|(?P<atomic>\(\?>)"
    r"|(?P<flags>\(\?(?P<on>[aiLmsux]*)(?:-(?P<off>[imsx]+))?:)"
    r"|(?P<group>\((?:\?P<[^>]+>|(?!\?)))"
    r"|(?P<close>\))"
    r"|(?P<or>\|)"
    r"|(?P<repeat>(?P<count>[*+?]|\{(?!\})[0-9]*,?[0-9]*\})(?P<mode>[?+]?))"
    r"|(?P<anchor>[\^$]|\\[AZzbB])"
    r"|(?P<test>\[\^?\]?(?:\\.|[^\]\\])*\]|\\(?:x..|u.{4}|U.{8}|N\{[^}]+\}|[1-3][0-7]{2}|0[0-7]{0,2}|.)|[^(])",
    re.DOTALL,
)
# A backslash keeps the end of a line from ending a comment, as it does in `re`.
_BLANKS = re.compile(r"(?:[ \t\n\r\v\f]|#(?:\\.|[^\\\n])*\n?)*", re.DOTALL)
_COUNTS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


@dataclass
class _Group:
    """A group that is open: how it began, the flags in it, and its branches."""

    token: str
    kind: str
    flags: int
    branches: list[list[Node]] = field(default_factory=lambda: [[]])

    def closed(self) -> Node:
        node = _either(self.branches)
        match self.kind:
            case "look" if "!" in self.token and node == Sequel(()):
                return NEVER
            case "look":
                return Look(node, ahead="<" not in self.token, negative="!" in self.token)
            case "atomic" | "if":
                return Irregular(node, once=self.kind == "atomic")
        return node


def parse(text: str, flags: int) -> Node:
    """Return the tree of a pattern that ``re`` compiles; ``flags`` are those of the compiled pattern.

    Raises:
        NotRegularError: it has a construct that is not known here.
    """
    try:
        return _parse(text, flags)
    except (IndexError, RecursionError) as error:
        raise NotRegularError from error


def _parse(text: str, flags: int) -> Node:  # noqa: C901 - one case per construct
    open_groups, at = [_Group("", "group", flags)], 0
    while True:
        group = open_groups[-1]
        items = group.branches[-1]
        if group.flags & re.VERBOSE and (blanks := _BLANKS.match(text, at)):
            at = blanks.end()
        if at == len(text):
            break
        token = _TOKEN.match(text, at)
        if token is None:
            raise NotRegularError
        at = token.end()
        match token.lastgroup:
            case "text":
                items.extend(Test(char, group.flags) for char in token[0])
            case "test":
                items.append(Test(token[0], group.flags))
            case "anchor":
                items.append(Anchor(token[0], group.flags))
            case "reference":
                items.append(Irregular(Sequel(()), once=True))
            case "or":
                group.branches.append([])
            case "repeat":
                repeated = Repeat(items.pop(), *_count(token["count"]))
                items.append(Irregular(repeated, once=True) if token["mode"] == "+" else repeated)
            case "group" | "look" | "atomic" | "if" | "flags" as kind:
                open_groups.append(_Group(token[0], kind, _combined(group.flags, token["on"], token["off"])))
            case "close":
                open_groups.pop()
                open_groups[-1].branches[-1].append(group.closed())
    (whole,) = open_groups
    return whole.closed()


def _count(text: str) -> tuple[int, int | None]:
    if text in _COUNTS:
        return _COUNTS[text]
    low, comma, high = text[1:-1].partition(",")
    return int(low or 0), int(high) if high else None if comma else int(low)


def _combined(flags: int, on: str | None, off: str | None) -> int:
    letters = {"a": re.ASCII, "i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "u": re.UNICODE, "x": re.VERBOSE}
    for letter in on or "":
        if letter in "au":
            flags &= ~(re.ASCII | re.UNICODE)
        flags |= letters[letter]
    for letter in off or "":
        flags &= ~letters[letter]
    return flags


def _either(branches: list[list[Node]]) -> Node:
    """Return the alternatives, without what all of them begin with: that is found once, and outside of them."""
    if len(branches) == 1:
        return sequel(branches[0])
    shared = 0
    while all(len(branch) > shared for branch in branches) and all(
        branch[shared] == branches[0][shared] for branch in branches
    ):
        shared += 1
    return sequel([*branches[0][:shared], Either(tuple(sequel(branch[shared:]) for branch in branches))])


def sequel(items: Iterable[Node]) -> Node:
    """Return the sequence of ``items``, without sequences in it."""
    flat = tuple(part for item in items for part in (item.items if isinstance(item, Sequel) else (item,)))
    return flat[0] if len(flat) == 1 else Sequel(flat)


def parts(node: Node) -> Sequence[Node]:
    """Return the items of a sequence, or the one node."""
    return node.items if isinstance(node, Sequel) else (node,)
