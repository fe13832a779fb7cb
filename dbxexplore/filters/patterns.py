"""The patterns of one level, and the check that a text is a regular expression.

Entry points: `Patterns` holds the allow and deny lists of one level; `compile_pattern` compiles a text or raises a
`PatternError` that says where it is wrong and what was probably meant; `exact_pattern` writes one for a single name.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from dbxexplore import errors
from dbxexplore.catalog.schema import Kind
from dbxexplore.filters import meant
from dbxexplore.filters.engine.spelt import spelt_names
from dbxexplore.text import shorten

Level: TypeAlias = Literal["catalogs", "schemas", "tables", "views", "notebooks"]
LEVELS: tuple[Level, ...] = get_args(Level)
LEVEL_OF_KIND: Mapping[Kind, Level] = {
    "catalog": "catalogs",
    "schema": "schemas",
    "table": "tables",
    "view": "views",
    "notebook": "notebooks",
}
ListName: TypeAlias = Literal["allow", "deny"]


@dataclass(frozen=True)
class Patterns:
    """What one level includes: regular expressions to allow and to deny. Deny wins.

    Any sequence of texts is taken; kept are tuples, so that filters can be compared and hashed. A text need
    not be a valid expression yet: `problems` reports it, and a preview raises.
    """

    allow: Sequence[str] = (".*",)
    deny: Sequence[str] = ()

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - pydantic reads it from the class

    def __post_init__(self) -> None:
        for name in get_args(ListName):
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, Iterable):
                msg = f"{name} is {value!r}"
                raise errors.FilterError(msg, expected=f'a list of patterns, such as {name}=["^prod$"]')
            texts = tuple(value)
            wrong = [text for text in texts if not isinstance(text, str)]
            if wrong:
                msg = f"{name} contains {wrong[0]!r}"
                raise errors.FilterError(msg, expected="patterns as text")
            object.__setattr__(self, name, texts)

    def problems(self) -> list[tuple[ListName, int, errors.PatternError]]:
        """Return the patterns that are not regular expressions: list, index and what is wrong."""
        problems: list[tuple[ListName, int, errors.PatternError]] = []
        for name in get_args(ListName):
            for index, text in enumerate(getattr(self, name)):
                if spelt_names(text) is not None:
                    continue  # a list of thousands of names takes seconds to compile
                try:
                    compile_pattern(text, ignore_case=False)
                except errors.PatternError as error:
                    problems.append((name, index, error))
        return problems


def compile_pattern(text: str, *, ignore_case: bool) -> re.Pattern[str]:
    """Compile one pattern with Python's ``re``.

    Raises:
        PatternError: it is not a regular expression; says where and, for a glob, what was meant.
    """
    half = next((index for index, character in enumerate(text) if "\ud800" <= character <= "\udfff"), None)
    if half is not None:
        msg = f"The pattern {_shown(text)} contains an unpaired surrogate at character {half + 1}"
        raise errors.PatternError(msg, pattern=text, position=half, expected="whole characters")
    try:
        with warnings.catch_warnings():
            # Python warns of constructs that may change meaning some day; half-typed text is full of them.
            warnings.simplefilter("ignore")
            return re.compile(text, re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as error:
        position = getattr(error, "pos", None)
        reason = getattr(error, "msg", None) or str(error) or "it nests too deeply"
        where = f" at character {position + 1}" if position is not None else ""
        msg = f"The pattern {_shown(text)} is not a regular expression: {_REASONS.get(reason, reason)}{where}"
        raise errors.PatternError(msg, pattern=text, position=position, remedy=_remedy(text, reason)) from None


# What Python says of the slips that are made most often while typing, in fewer words.
_REASONS = {
    "missing ), unterminated subpattern": "unclosed (",
    "unterminated character set": "unclosed [",
    "unbalanced parenthesis": "unmatched )",
    "bad escape (end of pattern)": "nothing follows the \\",
}


def _shown(text: str) -> str:
    return _quoted(shorten(text, 200))


def _quoted(text: str) -> str:
    # Not repr, which doubles backslashes: what is shown can be copied into a form as it is.
    return "'" + "".join(c if c.isprintable() else repr(c)[1:-1] for c in text) + "'"


def _remedy(text: str, reason: str) -> str:
    if meant.is_broken_glob(text):
        body = meant.glob_pattern(text).removeprefix("^").removesuffix("$")
        return f"If {_quoted(text[:60])} is meant as a glob, write {_quoted((body if body == '.*' else anchored(body))[:80])}"
    guess = meant.meant_by(text, "tables")
    if guess is not None and not guess.in_other_list:
        return f"{guess.what}: {meant.advice(guess.patterns, lambda pattern: _quoted(pattern[:80]))}"
    if "unterminated" in reason:
        return "Close it, or put a backslash before it to match it literally"
    return "Put a backslash before a character to match it literally"


def exact_pattern(subject: str) -> str:
    """Return the pattern that matches ``subject`` alone, under prefix, search and full match alike."""
    return f"^{re.escape(subject)}$"


def anchored(body: str) -> str:
    """Return the pattern for the whole of what ``body`` matches, under prefix, search and full match alike.

    Only alternatives need a group: ``prod`` becomes ``^prod$``, and ``dev|prod`` becomes ``^(?:dev|prod)$``.
    """
    return f"^(?:{body})$" if _has_alternatives(body) else f"^{body}$"


def body_of(pattern: str) -> str:
    """Return what `anchored` made a pattern of."""
    inner = pattern.removeprefix("^").removesuffix("$")
    grouped = inner.removeprefix("(?:").removesuffix(")")
    return grouped if anchored(grouped) == pattern else inner


_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()|]", re.DOTALL)


def _has_alternatives(body: str) -> bool:
    """Whether there is a ``|`` outside of all groups, escapes and sets of characters."""
    return "|" in body and len(alternatives(body)) > 1


def alternatives(body: str) -> list[str]:
    """Split a pattern at each ``|`` outside of all groups, escapes and sets of characters."""
    found, depth, begin = [], 0, 0
    for part in _PART.finditer(body):
        if part[0] == "|" and not depth:
            found.append(body[begin : part.start()])
            begin = part.end()
        depth += {"(": 1, ")": -1}.get(part[0], 0)
    return [*found, body[begin:]]
