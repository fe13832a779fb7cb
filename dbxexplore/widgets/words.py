"""What objects and verdicts are called where a person reads them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from dbxexplore.widgets._base import one_line


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
