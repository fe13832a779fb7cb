"""The connection in open-source Dagster: the ``defs.yaml`` of `dagster_sync.DatabricksConnectionComponent`."""

from __future__ import annotations

from dbxexplore.export import yaml_text
from dbxexplore.export.config import ConnectionConfig
from dbxexplore.export.forms.base import Form, check_portable

COMPONENT = "dbxexplore.dagster_sync.DatabricksConnectionComponent"

_COMMENT = """\
A Databricks connection in open-source Dagster. It needs: pip install "dbxexplore[dagster]"
The secret is not here, only the name of its variable."""


def component_yaml(config: ConnectionConfig, connection_file: str | None = None) -> str:
    """Return the ``defs.yaml`` whose assets are the objects that the connection includes.

    Args:
        config: the connection.
        connection_file: the path of the document, relative to the ``defs.yaml``; None puts the document into it.

    Raises:
        ExportError: Dagster cannot use the credential.
    """
    if config.settings.auth.needs_notebook:
        check_portable(config, "Dagster")
    attributes: dict[str, object]
    if connection_file is None:
        attributes = {"connection": yaml_text.load(config.to_yaml())}
    else:
        attributes = {"connection_file": connection_file}
    variable = config.settings.auth.secret_variable
    document: dict[str, object] = {"type": COMPONENT, "attributes": attributes}
    if variable:
        # With this, `dg` reports a missing variable before anything is called.
        document["requirements"] = {"env": [variable]}
    return yaml_text.dump(document, _COMMENT)


FORM = Form("component", "Dagster component (defs.yaml)", "/defs.yaml", component_yaml)
