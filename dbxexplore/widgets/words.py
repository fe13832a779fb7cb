"""What objects and verdicts are called where a person reads them, and how their names are made visible there."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from dbxexplore.catalog import Catalog
from dbxexplore.filters import Dialect
from dbxexplore.filters.subjects import Subjects
from dbxexplore.widgets._base import one_line, plural

Flags: TypeAlias = npt.NDArray[np.bool_]

_READINGS = {
    "datahub": "DataHub",
    "datahub-1.5": "DataHub before 1.6.0.12",
    "openmetadata": "OpenMetadata",
    "strict": "Strict",
}

DISCOVERING = "<span class='dbxe-muted'>The workspace is being discovered…</span>"
"""What stands, while a discovery is under way, where there is nothing to show yet."""


def type_text(kind: str, object_type: object) -> str:
    """Return what an object is, in words: ``managed table``, ``materialized view``, ``python notebook``."""
    if not isinstance(object_type, str):
        return kind
    words = object_type.lower().replace("_", " ")
    return words if words.endswith(kind) or (kind == "table" and "table" in words) else f"{words} {kind}"


def reason(verdict: pd.Series | Mapping[str, object]) -> str:
    """Say in words who decided a row of ``Preview.frame``."""
    level = f"{verdict['level']} "
    if verdict["rule"] == "deny":
        return f"{level}deny {one_line(str(verdict['pattern']), 60)}"
    if verdict["rule"] == "allow":
        return f"{level}allow {one_line(str(verdict['pattern']), 60)}"
    return f"no {level}pattern allows it" if verdict["rule"] == "no_allow" else f"{level}list is empty"


def reading_name(dialect: Dialect) -> str:
    """Return what a way of reading patterns is called where it is chosen: ``DataHub``."""
    named = next((name for name, known in Dialect.named().items() if known == dialect), None)
    return _READINGS[named] if named is not None else dialect.name


# --- numbers of objects ---


@dataclass(frozen=True, eq=False)
class _Leaves:
    """Which rows of a catalog are tables, views and notebooks."""

    flags: Flags

    @classmethod
    def of(cls, catalog: Catalog) -> _Leaves:
        flags = np.zeros(len(catalog), dtype=np.bool_)
        rows = Subjects.of(catalog).rows
        for kind in ("table", "view", "notebook"):
            flags[rows[kind]] = True
        return cls(flags)


def leaves(catalog: Catalog) -> Flags:
    """Return which rows of ``catalog.objects`` are objects to a person who counts them: tables, views and notebooks.

    Containers are not: one that moves takes along what it holds, which is counted already.
    """
    return catalog.derived(_Leaves, lambda: _Leaves.of(catalog)).flags


def containers_text(catalog: Catalog, flags: Flags) -> str:
    """Return how many containers are among some rows, ``5 catalogs and 10 schemas``; empty when there is none."""
    rows = Subjects.of(catalog).rows
    numbers = ((kind, int(np.count_nonzero(flags[rows[kind]]))) for kind in ("catalog", "schema"))
    return " and ".join(plural(number, kind) for kind, number in numbers if number)


def objects_text(catalog: Catalog, flags: Flags) -> str:
    """Return how many objects some rows are, and apart from them the containers: ``24 objects and 1 schema``."""
    number = int(np.count_nonzero(flags & leaves(catalog)))
    containers = containers_text(catalog, flags)
    if not containers:
        return plural(number, "object")
    if not number:
        return containers
    return f"{plural(number, 'object')}{',' if ' and ' in containers else ' and'} {containers}"


# --- text that somebody else wrote ---

# Spaces that look like another, marks that turn the direction, and characters that show nothing at all: those of the tree.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    "\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff\ud800-\udfff]"
)


def visible_html(text: str) -> str:
    """Return text as markup in which a character that nobody could see, or that turns the direction, is marked.

    It stands there as a symbol or its code point, such as U+202E. Line breaks and tabs are left as they are.
    """
    parts, done = list[str](), 0
    for found in _UNSEEN.finditer(text):
        at, symbol = found.start(), _symbol(found[0])
        if symbol:
            parts += [html.escape(text[done:at]), f"<span class='dbxe-unseen'>{symbol}</span>"]
            done = at + 1
    return "".join([*parts, html.escape(text[done:])])


def visible_text(text: str) -> str:
    """Return text with the same symbols, unmarked, for where there is no markup: an attribute, a label."""
    return _UNSEEN.sub(lambda found: _symbol(found[0]) or found[0], text)


def line_html(text: str, limit: int = 255) -> str:
    """Return text as markup of one line, at most ``limit`` characters of it, in which everything can be seen."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return visible_html(cut).replace("\n", "␤").replace("\t", "␉")


def _symbol(character: str) -> str:
    code = ord(character)
    if character in "\n\t":
        return ""
    if code < ord(" "):
        return chr(0x2400 + code)
    if code == 0x7F:  # noqa: PLR2004 - delete
        return "␡"
    return "�" if "\ud800" <= character <= "\udfff" else f"U+{code:04X}"
