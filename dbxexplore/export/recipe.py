"""A DataHub ingestion recipe for the same selection.

Source: DataHub's ``unity-catalog`` source. It reads a pattern with ``re.match``, so filters that are meant to
be read another way are rendered with a warning on top.
"""

from __future__ import annotations

import re
from dataclasses import replace

from dbxexplore.connection import OAuthM2MAuth, TokenAuth
from dbxexplore.export import yaml_text
from dbxexplore.export.config import ConnectionConfig, needs_own_credential
from dbxexplore.filters import Dialect
from dbxexplore.filters.patterns import LEVELS

_OTHER_READING = """\
Warning: these filters are meant to be read as {name}, and DataHub reads patterns its own way:
from the start of the qualified name, and a view must pass the table and the view patterns.
It may take in other objects than the preview showed."""


def datahub_recipe(config: ConnectionConfig) -> str:
    """Return a recipe whose source is the workspace and whose sink is the console.

    Raises:
        ExportError: the credential is one that DataHub cannot have.
    """
    needs_own_credential(config, "A DataHub recipe")
    settings, filters = config.settings, config.filters
    source: dict[str, object] = {"workspace_url": settings.workspace_url}
    if isinstance(settings.auth, TokenAuth):
        source["token"] = f"${{{settings.auth.env_var}}}"
    elif isinstance(settings.auth, OAuthM2MAuth):
        source["client_id"] = settings.auth.client_id
        source["client_secret"] = f"${{{settings.auth.client_secret_env_var}}}"
    if settings.warehouse_id:
        source["warehouse_id"] = settings.warehouse_id
    for level in LEVELS:
        patterns = filters.level(level)
        source[f"{level.removesuffix('s')}_pattern"] = {
            "allow": [_unexpanded(text) for text in patterns.allow],
            "deny": [_unexpanded(text) for text in patterns.deny],
            "ignoreCase": config.dialect.ignore_case,
        }
    source["include_notebooks"] = bool(filters.notebooks.allow)
    same_reading = replace(config.dialect, ignore_case=True) == Dialect.DATAHUB
    comment = "" if same_reading else _OTHER_READING.format(name=config.dialect.name)
    recipe = {"source": {"type": "unity-catalog", "config": source}, "sink": {"type": "console", "config": {}}}
    return yaml_text.dump(recipe, comment)


def _unexpanded(pattern: str) -> str:
    """Return an equal pattern in which DataHub finds no variable to expand.

    DataHub replaces ``${NAME}`` anywhere in a recipe, and ``$NAME`` at the start of a value, before a pattern
    is one. So each dollar sign that could start such a thing is written in another way.
    """
    if "${" not in pattern and not pattern.startswith("$"):
        return pattern
    return _DOLLAR.sub(lambda found: _WITHOUT_DOLLAR.get(found[0], found[0].replace("$", r"\x24")), pattern)


# An escaped character, a whole character class, or a dollar sign: in the first two a dollar is a character,
# by itself it is the end of the text.
_DOLLAR = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
_WITHOUT_DOLLAR = {"$": "(?:$)", r"\$": r"\x24"}
