"""The steps that create the connection in Dagster+, as a checklist.

Source: https://docs.dagster.io/guides/labs/connections/databricks. What Dagster+ calls its pages is not repeated here,
and how it matches patterns is not published.
"""

from __future__ import annotations

from dbxexplore.export.config import ConnectionConfig
from dbxexplore.export.forms.base import Form, check_portable
from dbxexplore.filters import Patterns
from dbxexplore.filters.patterns import LEVELS


def next_steps(config: ConnectionConfig) -> str:
    """Return the steps as Markdown: the grants, the secret, the fields of the form, and what to check afterwards.

    Raises:
        ExportError: Dagster+ cannot use the credential.
    """
    check_portable(config, "Dagster+")
    settings, variable = config.settings, config.settings.auth.secret_variable
    fields = {"Connection name": config.name, "Workspace URL": settings.workspace_url or ""}
    fields |= {name.replace("_", " "): str(value) for name, value in settings.auth.exported(_named).items()}
    if settings.warehouse_id:
        fields["Warehouse ID (lineage and freshness)"] = settings.warehouse_id
    lines = ["# Next steps in Dagster+", ""]
    lines += [
        "1. In Databricks, grant the credential `USE CATALOG` on each catalog, and `USE SCHEMA` and `SELECT` on each schema.",
        f"2. In Dagster+, store the secret as an environment variable named {_code(variable or '')}.",
        "3. In Dagster+, create a Databricks connection with these fields:",
        *(f"    - {name}: {_code(value)}" for name, value in fields.items() if value),
        *_filters(config),
        *_schedule(config),
        "4. After the first sync, compare its assets with the keys shown here: how Dagster+ matches patterns is not published.",
    ]
    return "\n".join(lines) + "\n"


def _named(variable: str) -> str:
    return f"{variable} (the variable's name, not the secret)"


def _filters(config: ConnectionConfig) -> list[str]:
    lines = []
    for level in LEVELS:
        patterns = config.filters.level(level)
        if patterns == Patterns():
            continue
        for name in ("allow", "deny"):
            texts = getattr(patterns, name)
            if texts or name == "allow":
                shown = ", ".join(map(_code, texts)) or "nothing"
                lines.append(f"    - Filter on {level}, {name}: {shown}")
    return lines or ["    - Filters: none, everything is included"]


def _schedule(config: ConnectionConfig) -> list[str]:
    schedule = config.schedule
    return [f"    - Schedule: {_code(schedule.cron)}, time zone {schedule.timezone}"] if schedule else []


def _code(text: str) -> str:
    """Return a text as code in Markdown, between more backticks than it has in a row."""
    longest = max((len(run) for run in "".join(c if c == "`" else " " for c in text).split()), default=0)
    fence, blank = "`" * (longest + 1), " " if "`" in text else ""
    return f"{fence}{blank}{text}{blank}{fence}"


FORM = Form("steps", "Next steps in Dagster+", "-steps.md", next_steps)
