"""A DataHub ingestion recipe for the same selection.

Source: DataHub's ``unity-catalog`` source, acryl-datahub 1.7.0 (``unity/config.py`` and ``unity/source.py``). What a
recipe selects must be what the preview shows, so each setting that selects objects is either part of
`Dialect.DATAHUB` or off:

- ``schema_pattern`` is always written, so DataHub always denies ``information_schema``; so does the dialect.
- Catalogs and schemas are matched with blanks turned into underscores; so they are by the dialect.
- ``include_hive_metastore`` is written as false if there is a warehouse; without one, DataHub turns it off itself.
  If the Unity Catalog API lists ``hive_metastore`` nevertheless, a deny pattern excludes it; `discover` does not list
  it either, unless requested.
- ``include_metastore`` and ``include_metric_views`` are off unless written, and are not written: names do not begin
  with the metastore's, and a metric view is judged by the table patterns, like any other table.
- ``include_tables`` and ``include_views`` are on unless written, and are not written.
- ``view_pattern`` has an effect from 1.6.0.12 on; a recipe with view patterns says so. For `Dialect.DATAHUB_1_5` it
  allows everything, so that every version selects the same.

Filters with other matching rules are rendered with a warning at the top.
"""

from __future__ import annotations

import re
from dataclasses import replace

from dbxexplore.export import yaml_text
from dbxexplore.export.config import ConnectionConfig
from dbxexplore.export.forms.base import Form, check_portable, left_out
from dbxexplore.filters import Dialect, Patterns
from dbxexplore.filters.patterns import LEVELS

_OTHER_RULES = """\
Warning: these filters use the matching rules {name}, and DataHub uses its own:
prefix match of the qualified name, and a view must pass the table and the view patterns.
It may include other objects than the preview showed."""
# catalog_pattern denies hive_metastore, and schema_pattern denies information_schema only where it is written.
_ALWAYS_WRITTEN = ("catalogs", "schemas")
_HIVE = "^hive_metastore$"
_VIEW_PATTERNS = "view_pattern needs DataHub 1.6.0.12 or later: earlier versions ignore it."


def datahub_recipe(config: ConnectionConfig) -> str:
    """Return a recipe whose source is the workspace and whose sink is the console.

    It always excludes ``hive_metastore``, even if discovery lists it.

    Raises:
        ExportError: DataHub cannot use the credential.
    """
    check_portable(config, "A DataHub recipe")
    settings, filters = config.settings, config.filters
    rules = replace(config.dialect, ignore_case=True)
    if rules == Dialect.DATAHUB_1_5:
        filters = filters.with_level("views", Patterns())
    credential = settings.auth.exported(lambda variable: f"${{{variable}}}")
    source: dict[str, object] = {"workspace_url": settings.workspace_url, **credential}
    if settings.warehouse_id:
        source["warehouse_id"] = settings.warehouse_id
        source["include_hive_metastore"] = False
    for level in LEVELS:
        patterns = filters.level(level)
        if level not in _ALWAYS_WRITTEN and patterns == Patterns():
            continue  # DataHub's default too: AllowDenyPattern.allow_all()
        source[f"{level.removesuffix('s')}_pattern"] = {
            "allow": [_unexpanded(text) for text in patterns.allow],
            "deny": [_unexpanded(text) for text in patterns.deny] + ([_HIVE] if level == "catalogs" else []),
            "ignoreCase": config.dialect.ignore_case,
        }
    source["include_notebooks"] = bool(filters.notebooks.allow)
    comments = []
    if rules not in {Dialect.DATAHUB, Dialect.DATAHUB_1_5}:
        comments.append(_OTHER_RULES.format(name=config.dialect.name))
    if filters.views != Patterns():
        comments.append(_VIEW_PATTERNS)
    comments += left_out(config, "A recipe")
    recipe = {"source": {"type": "unity-catalog", "config": source}, "sink": {"type": "console", "config": {}}}
    return yaml_text.dump(recipe, "\n".join(comments))


def _unexpanded(pattern: str) -> str:
    """Return an equal pattern in which DataHub finds no variable to expand.

    DataHub replaces ``${NAME}`` anywhere in a recipe, and ``$NAME`` at the start of a value, before a pattern
    is one. So each dollar sign that could start such a thing is written in another way.
    """
    if "${" not in pattern and not pattern.startswith("$"):
        return pattern
    verbose = [False]  # of each open group, the pattern itself being the first
    parts, at = [], 0
    while at < len(pattern):
        match = _TOKEN.match(pattern, at)
        if match is None or (match["line"] and not verbose[-1]):
            parts.append(pattern[at])
            at += 1
            continue
        at = match.end()
        parts.append(_without_dollar(match))
        if match["end"]:
            inner = (verbose[-1] or "x" in (match["on"] or "")) and "x" not in (match["off"] or "")
            if match["end"] == ")":  # flags without a group of their own hold for all of this one
                verbose.pop()
            verbose.append(inner)
        elif match[0] == "(":
            verbose.append(verbose[-1])
        elif match[0] == ")":
            verbose.pop()
    return "".join(parts)


def _without_dollar(match: re.Match[str]) -> str:
    if match["class"]:
        return _ESCAPED_OR_DOLLAR.sub(lambda part: r"\x24" if "$" in part[0] else part[0], match[0])
    if match["comment"] or match["line"]:
        return match[0].replace("$", "_")
    return {"$": "(?:$)", r"\$": r"\x24"}.get(match[0], match[0])


# What a dollar sign can be part of: an escape, a character class or a comment; by itself it is the end of the
# text. Groups are followed because verbose mode, in which # starts a comment, may hold for one group only.
_TOKEN = re.compile(
    r"""
    \\. | \$ | \)
    | (?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])
    | (?P<comment>\(\?\#(?:\\.|[^)\\])*\))
    | (?P<line>\#(?:\\.|[^\n\\])*)
    | \(\?(?P<on>[a-zA-Z]*)(?:-(?P<off>[a-zA-Z]+))?(?P<end>[:)])
    | \(
    """,
    re.DOTALL | re.VERBOSE,
)
_ESCAPED_OR_DOLLAR = re.compile(r"\\.|\$", re.DOTALL)


FORM = Form("datahub", "DataHub recipe", "-recipe.yaml", datahub_recipe)
