"""Words for objects, verdicts and numbers, as the panels show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from dbxexplore.catalog import Catalog
from dbxexplore.filters.subjects import Subjects
from dbxexplore.text import one_line, plural

Flags: TypeAlias = npt.NDArray[np.bool_]

DISCOVERING = "<span class='dbxe-muted'>Discovering the workspace…</span>"
"""Shown while a discovery is running and there is nothing else to show yet."""


def type_text(kind: str, object_type: object) -> str:
    """Return what an object is, in words: ``managed table``, ``materialized view``, ``python notebook``."""
    if not isinstance(object_type, str):
        return kind
    words = object_type.lower().replace("_", " ")
    return words if words.endswith(kind) or (kind == "table" and "table" in words) else f"{words} {kind}"


def reason(verdict: pd.Series | Mapping[str, object]) -> str:
    """Return what decided a row of ``Preview.frame``, in words."""
    level = f"{verdict['level']} "
    if verdict["rule"] == "deny":
        return f"{level}deny {one_line(str(verdict['pattern']), 60)}"
    if verdict["rule"] == "allow":
        return f"{level}allow {one_line(str(verdict['pattern']), 60)}"
    return f"no {level}pattern allows it" if verdict["rule"] == "no_allow" else f"{level}list is empty"


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

    Containers are not counted: their contents already are.
    """
    return catalog.derived(_Leaves, lambda: _Leaves.of(catalog)).flags


def containers_text(catalog: Catalog, flags: Flags) -> str:
    """Return how many containers are among some rows, ``5 catalogs and 10 schemas``; empty when there is none."""
    rows = Subjects.of(catalog).rows
    numbers = ((kind, int(np.count_nonzero(flags[rows[kind]]))) for kind in ("catalog", "schema"))
    return " and ".join(plural(number, kind) for kind, number in numbers if number)


def objects_text(catalog: Catalog, flags: Flags) -> str:
    """Return how many objects and containers some rows are: ``24 objects and 1 schema``."""
    number = int(np.count_nonzero(flags & leaves(catalog)))
    containers = containers_text(catalog, flags)
    if not containers:
        return plural(number, "object")
    if not number:
        return containers
    return f"{plural(number, 'object')}{',' if ' and ' in containers else ' and'} {containers}"
