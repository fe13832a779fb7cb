"""Describe the contents of a container in words. One that could not be listed is never shown as empty."""

from __future__ import annotations

from typing import NamedTuple

from dbxexplore.catalog.schema import KINDS
from dbxexplore.catalog.snapshot import counted
from dbxexplore.text import plural
from dbxexplore.widgets.browse.index import NodeRef, TreeIndex


class Contents(NamedTuple):
    """The contents of a container: in words, shortened for a narrow column, and a warning if they are incomplete."""

    text: str
    short: str
    warning: str


def contents(tree: TreeIndex, place: NodeRef) -> Contents:
    """Return the contents of a catalog or a schema, as far as they could be listed."""
    counts = {kind: number for kind in ("folder", *KINDS) if (number := tree.counts_in(place).get(kind))}
    why, warning = tree.unlisted.get(place, ""), ""
    if why:
        listed = f"not {'fully ' if counts else ''}listed"
        warning = f"{listed} yet" if why == "pending" else f"{listed}: {why}"
    elif number := tree.unlisted_in(place):
        warning = f"{plural(number, _inner(tree, place))} not fully listed"
    if not counts:
        text = warning or "empty"
        return Contents(text, text, warning)
    text, short = counted(counts), _short(counts)
    return Contents(f"at least {text}", f"≥ {short}", warning) if warning else Contents(text, short, "")


def _inner(tree: TreeIndex, place: NodeRef) -> str:
    return "folder" if place[0] == "catalog" and tree.is_notebooks(place[1]) else "schema"


def _short(counts: dict[str, int]) -> str:
    """Return ``13 in 4 schemas`` for containers of containers; there is no room for the kinds of the objects."""
    inner = {kind: number for kind, number in counts.items() if kind not in KINDS[2:]}
    objects = sum(counts.values()) - sum(inner.values())
    if not inner:
        return counted(counts)
    return f"{objects:,} in {counted(inner)}" if objects else counted(inner)
