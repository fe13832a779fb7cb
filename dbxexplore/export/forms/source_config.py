"""The source configuration that Dagster+ stores for a connection.

Its keys are not published for Databricks. The rendered document follows the fields of the connection form
(https://docs.dagster.io/guides/labs/connections/databricks) and the filter keys of DataHub, and says that it is
provisional, until it is checked against the schema of a Dagster+ organization.
"""

from __future__ import annotations

from dbxexplore.export import yaml_text
from dbxexplore.export.config import ConnectionConfig
from dbxexplore.export.forms.base import Form, check_portable, left_out
from dbxexplore.filters.patterns import LEVELS

_PROVISIONAL = """\
Provisional: Dagster does not publish the keys of this document for Databricks.
Validate it against your organization before you rely on it."""


def source_config_yaml(config: ConnectionConfig) -> str:
    """Return the source configuration as YAML.

    Raises:
        ExportError: Dagster+ cannot use the credential.
    """
    check_portable(config, "Dagster+")
    return yaml_text.dump(_document(config), "\n".join([_PROVISIONAL, *left_out(config, "This document")]))


def _document(config: ConnectionConfig) -> dict[str, object]:
    settings = config.settings
    credential = settings.auth.exported(lambda variable: {"env": variable})
    document: dict[str, object] = {"workspace_url": settings.workspace_url, **credential}
    if settings.warehouse_id:
        document["warehouse_id"] = settings.warehouse_id
    # Every level is written, because what Dagster+ does without one is not published.
    for level in LEVELS:
        patterns = config.filters.level(level)
        document[f"{level.removesuffix('s')}_pattern"] = {"allow": list(patterns.allow), "deny": list(patterns.deny)}
    return document


FORM = Form("source-config", "Dagster+ source config", "-source.yaml", source_config_yaml, provisional=True)
