"""The connection as a resource of the ``dagster-io/dagsterplus`` Terraform provider.

Source: the resource ``dagsterplus_external_asset_connection``.
"""

from __future__ import annotations

import json
import re

from dbxexplore.export.config import ConnectionConfig
from dbxexplore.export.source_config import source_config_yaml

_HEADER = """\
# The secret is not here: create the environment variable in Dagster+ under the same name.
# The source configuration is provisional; see the comment in it.
"""


def terraform(config: ConnectionConfig) -> str:
    """Return the resource as HCL.

    Raises:
        ExportError: the credential is one that Dagster+ cannot have.
    """
    attributes = {
        "name": config.name,
        "connection_type": "DATABRICKS",
        "description": config.description,
        "cron_string": config.schedule.cron if config.schedule else "",
        "timezone": config.schedule.timezone if config.schedule else "",
        "source_config_yaml": source_config_yaml(config),
    }
    given = {name: value for name, value in attributes.items() if value}
    width = max(map(len, given))
    lines = "".join(f"  {name:<{width}} = {hcl_string(value)}\n" for name, value in given.items())
    label = re.sub(r"[^A-Za-z0-9_-]", "_", config.name)
    if not re.match(r"[A-Za-z_]", label):
        label = f"_{label}"
    return f'{_HEADER}resource "dagsterplus_external_asset_connection" "{label}" {{\n{lines}}}\n'


def hcl_string(text: str) -> str:
    """Return ``text`` as a quoted HCL string in which nothing is interpolated.

    HCL knows JSON's escapes but for two, and takes ``${`` and ``%{`` for the start of a template.
    """
    quoted = json.dumps(text, ensure_ascii=False).replace("\\b", "\\u0008").replace("\\f", "\\u000c")
    return quoted.replace("${", "$${").replace("%{", "%%{")
