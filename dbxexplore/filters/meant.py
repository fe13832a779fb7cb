"""What a person meant who typed something else than a regular expression: globs, SQL, quotes, lists, negation.

Only the text is looked at here. Whether the guess is worth saying depends on what the pattern matches: see
`dbxexplore.filters.lint`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

_MOST_SHOWN = 4  # patterns within a sentence
MeantCode: TypeAlias = Literal["glob-pattern", "sql-pattern", "quoted-pattern", "list-pattern", "negated-pattern"]


_Look: TypeAlias = Callable[[str, str], "Meant | None"]


@dataclass(frozen=True)
class Meant:
    """A guess at what was meant.

    Attributes:
        code: the code of the finding.
        what: what the text looks like, as the beginning of a sentence.
        patterns: what to write instead, one pattern each.
        in_other_list: whether they belong into the other list of the level: an allow pattern is denied.
        although_it_matches: whether the guess is worth saying of a text that matches some names as it stands.
        although_unknown: whether it is worth saying where what was meant matches no name either.
    """

    code: MeantCode
    what: str
    patterns: tuple[str, ...]
    in_other_list: bool = False
    although_it_matches: bool = False
    although_unknown: bool = True


def meant_by(text: str, level: str) -> Meant | None:
    """Return what was probably meant by ``text`` among the patterns of ``level``; None if a regular expression."""
    return _first(_LOOKS, text, level)


def _first(looks: Sequence[_Look], text: str, level: str) -> Meant | None:
    return next((guess for guess in (look(text, level) for look in looks) if guess is not None), None)


def glob_pattern(text: str) -> str:
    """Return the regular expression for a glob, anchored as the glob is. ``**`` is any text, as is ``*``."""
    start, body, end = _anchors(text)
    lead = ""
    if body.startswith(".*"):  # half a glob, half an expression
        lead, body = ".*", body[2:]
    parts = re.split(r"(\*+|\?)", body)
    wild = {"*": ".*", "?": "."}
    return f"{start}{lead}{''.join(wild.get(part[:1], escaped(part)) for part in parts)}{end}"


def is_broken_glob(text: str) -> bool:
    """Whether a text that does not compile may be a glob."""
    _, body, _ = _anchors(text)
    return body.startswith(("*", "?")) or "**" in body


def _anchors(text: str) -> tuple[str, str, str]:
    start, end = "^" if text.startswith("^") else "", "$" if text.endswith("$") and not text.endswith(r"\$") else ""
    return start, text[len(start) : len(text) - len(end)], end


def escaped(name: str) -> str:
    """Return a pattern for a name, with a backslash only where it is needed."""
    # re.escape also escapes what needs none, and a person is to read and type this.
    return re.sub(r"([\\.^$*+?{}\[\]|()])", r"\\\1", name)


def exactly(name: str) -> str:
    """Return a pattern for one name, as a person would write it."""
    return f"^{escaped(name)}$"


def _patterns_for(items: Iterable[str], level: str) -> tuple[str, ...]:
    """Return what to write for each item: its name if it is one, what was meant by it, or the item itself."""
    found: dict[str, None] = {}
    for item in items:
        guess = _first(_LOOKS_WITHIN, item, level)
        if guess is not None:
            found |= dict.fromkeys(guess.patterns)
        else:
            found[exactly(item) if _NAME.fullmatch(item) else item] = None
    return tuple(found)


# --- one look each ---


def _json_list(text: str, level: str) -> Meant | None:
    if not text.lstrip().startswith("["):
        return None
    try:
        items = json.loads(text.replace("'", '"'))
    except (ValueError, RecursionError):
        items = [item.strip() for item in text.strip()[1:-1].split(",")] if _BARE_LIST.fullmatch(text.strip()) else None
    if not isinstance(items, list) or not items or not all(isinstance(item, str) and item for item in items):
        return None
    what = "Looks like a list, but square brackets stand for one character out of those between them"
    return Meant("list-pattern", what, _patterns_for(items, level), although_it_matches=True)


def _quoted(text: str, level: str) -> Meant | None:
    found = _QUOTED.fullmatch(text.strip())
    if found is None or found["quote"] in found["body"]:
        return None
    return Meant("quoted-pattern", "The quotes are part of the pattern", _patterns_for([found["body"]], level))


def _slashed(text: str, level: str) -> Meant | None:
    found = None if level == "notebooks" else _SLASHED.fullmatch(text.strip())
    if found is None:
        return None
    flags = f"(?{found['flags'].replace('g', '')})" if found["flags"].replace("g", "") else ""
    what = "The slashes are part of the pattern: it is written without them"
    return Meant("quoted-pattern", what, (flags + found["body"],))


def _sql_names(text: str, level: str) -> Meant | None:
    """Recognise a name whose parts are quoted one by one, as in SQL."""
    start, body, end = _anchors(text.strip())
    body = body.replace(r"\.", ".")
    if not _SQL_NAME.fullmatch(body) or not any(quote in body for quote in "`\"'"):
        return None
    parts = [part[1:-1] if part[:1] in {"`", '"', "'"} else part for part in _SQL_PART.findall(body)]
    name = ".".join(parts)
    written = glob_pattern(f"{start}{name}{end}") if "*" in name else f"{start or '^'}{escaped(name)}{end or '$'}"
    if "%" in name:
        return Meant("sql-pattern", "Looks like SQL: names are not quoted here", _patterns_for([name], level))
    return Meant("sql-pattern", "Looks like SQL: names are not quoted here", (written,))


def _sql(text: str, level: str) -> Meant | None:
    found = _SQL.fullmatch(text.strip())
    if found is None:
        return None
    if found["list"] is not None:
        items = [item.strip().strip("'\"") for item in found["list"].split(",")]
    else:
        items = [found["value"] or found["bare"]]
    what = "Looks like a condition in SQL"
    return Meant("sql-pattern", what, _patterns_for(items, level), in_other_list=bool(found["not"]))


def _like(text: str, _level: str) -> Meant | None:
    """Recognise the wildcards of LIKE: of ``_``, which names are full of, the name itself is meant."""
    start, body, end = _anchors(text)
    if "%" not in body or not _LIKE.fullmatch(body):
        return None
    pattern = "".join(".*" if part == "%" else escaped(part) for part in re.split(r"(%)", re.sub("%+", "%", body)))
    what = "% is a wildcard in SQL, but here it stands for itself"
    return Meant("sql-pattern", what, (f"{start or '^'}{pattern}{end or '$'}",))


def _listed(text: str, level: str) -> Meant | None:
    items = [item.strip() for item in _SEPARATOR.split(_anchors(text)[1])]
    items = [item for item in items if item]
    if not items or not _SEPARATOR.search(text) or not all(_ITEM.fullmatch(item) for item in items):
        return None
    return Meant("list-pattern", "Looks like several patterns in one", _patterns_for(items, level))


def _braced(text: str, _level: str) -> Meant | None:
    found = _BRACES.search(text)
    if found is None:
        return None
    names = "|".join(escaped(item.strip()) for item in found["items"].split(","))
    what = "Braces do not stand for alternatives"
    return Meant("list-pattern", what, (f"{text[: found.start()]}(?:{names}){text[found.end() :]}",))


def _negated(text: str, level: str) -> Meant | None:
    found = _NEGATED.fullmatch(text.strip()) or _NEGATED_CLASS.fullmatch(text.strip())
    if found is None:
        return None
    is_class = text.lstrip("^ ").startswith("[")
    what = "Looks like a negation" + (", but [^…] stands for one character that is none of these" if is_class else "")
    return Meant(
        "negated-pattern",
        what,
        _patterns_for([found["body"]], level),
        in_other_list=True,
        although_it_matches=is_class,
        although_unknown=False,
    )


def _glob(text: str, _level: str) -> Meant | None:
    if not _GLOB.fullmatch(text):
        return None
    if _STARRED.search(text):
        what, certain = "Looks like a glob, but * repeats the character before it", True
    elif is_broken_glob(text):
        what, certain = "Looks like a glob", True
    elif "?" in text:
        what, certain = "Looks like a glob, but ? makes the character before it optional", False
    else:
        return None
    start, _, end = _anchors(text)
    whole = f"{'' if start else '^'}{glob_pattern(text)}{'' if end else '$'}"
    return Meant("glob-pattern", what, (whole,), although_it_matches=certain, although_unknown=certain)


def advice(patterns: Sequence[str], shown: Callable[[str], str] = str) -> str:
    """Say what to write instead."""
    if len(patterns) == 1:
        return f"write {shown(patterns[0])}"
    few, more = patterns[:_MOST_SHOWN], len(patterns) - _MOST_SHOWN
    rest = f" and {more:,} more" if more > 0 else ""
    return f"write a pattern for each: {'  '.join(map(shown, few))}{rest}"


_LOOKS: Sequence[_Look] = (
    _json_list,
    _sql,
    _sql_names,
    _quoted,
    _slashed,
    _negated,
    _listed,
    _like,
    _braced,
    _glob,
)
# Within quotes, a list or a negation; none of these looks within again for ever.
_LOOKS_WITHIN: Sequence[_Look] = (_sql_names, _quoted, _listed, _like, _braced, _glob)
_NAME = re.compile(r"[\w\-. ]+")
_ITEM = re.compile(r"[^\s,;()\[\]{}|][^,;()\[\]{}|\n]*")  # what a list may hold: names, globs, simple expressions
_SEPARATOR = re.compile(r"(?<!\s)\s*[,;\n]\s*")  # from the first blank on, or a long row of them takes for ever
_BARE_LIST = re.compile(r"\[\s*[A-Za-z_][\w.]+(?:\s*,\s*[A-Za-z_][\w.]+)+\s*\]")
_QUOTED = re.compile(r"[rf]?(?P<quote>['\"`])(?P<body>.+)(?P=quote)", re.DOTALL)
_SLASHED = re.compile(r"/(?P<body>[^/]+)/(?P<flags>[gimsx]*)")
_SQL_PART = re.compile(r"`[^`]+`|\"[^\"]+\"|'[^']+'|[\w\-%*]+")
_SQL_NAME = re.compile(rf"(?:{_SQL_PART.pattern})(?:\.(?:{_SQL_PART.pattern}))+|`[^`]+`")
_SQL = re.compile(
    r"(?:(?!not\b)\w+\s+)?(?P<not>not\s+)?(?:(?:i?like|=)\s*['\"](?P<value>[^'\"]+)['\"]|i?like\s+(?P<bare>[\w%.]+)"
    r"|in\s*\((?P<list>\s*['\"][^'\"]+['\"]\s*(?:,\s*['\"][^'\"]+['\"]\s*)*)\))",
    re.IGNORECASE,
)
_LIKE = re.compile(r"[\w\-.% ]+")
_BRACES = re.compile(r"(?<!\\)\{(?P<items>[A-Za-z_][\w\-. ]*(?:,\s*[A-Za-z_][\w\-. ]*)+)\}")
_NEGATED = re.compile(r"\^?(?:!|~|-|not\s+)\s*(?P<body>[\w].*)", re.IGNORECASE | re.DOTALL)
_NEGATED_CLASS = re.compile(r"\^?\[\^(?P<body>\w{3,})\](?:\.?[*+])?\$?")
# What only has letters, digits and what stands in names, and a star where a glob would have it.
_GLOB = re.compile(r"\^?[\w.*/?\-]+\$?")
_STARRED = re.compile(r"[\w\-/]\*")
