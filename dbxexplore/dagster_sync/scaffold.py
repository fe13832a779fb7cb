"""``dg scaffold defs``: a connection document and the ``defs.yaml`` that names it."""

# Without lazy annotations, because pydantic reads the fields' types.
from contextlib import suppress
from pathlib import Path

import click
import dagster as dg
from dagster.components.component_scaffolding import scaffold_component
from pydantic import BaseModel, Field

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings, TokenAuth
from dbxexplore.export import ConnectionConfig
from dbxexplore.filters import Filters, Patterns
from dbxexplore.filters.patterns import exact_pattern

DOCUMENT = "connection.yaml"
_EXAMPLE_URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"


class ConnectionScaffoldParams(BaseModel):
    """What ``dg scaffold defs`` may be told: a document to copy, or what to write a new one from."""

    document: str | None = Field(default=None, description="An exported connection document, which is copied.")
    name: str | None = Field(default=None, description="Connection name; that of the folder if not given.")
    workspace_url: str = Field(default=_EXAMPLE_URL, description="Workspace URL, as copied from a browser.")
    token_variable: str = Field(
        default=TokenAuth().env_var,
        description="The environment variable that holds the token; never the token itself.",
    )
    warehouse_id: str | None = Field(default=None, description="A SQL warehouse, for lineage, checks and row counts.")
    catalogs: str | None = Field(
        default=None, description="The catalogs to include, separated by commas; all by default."
    )


class ConnectionScaffolder(dg.Scaffolder[ConnectionScaffoldParams]):
    """Writes ``connection.yaml`` and, beside it, the ``defs.yaml`` of the component; overwrites neither."""

    @classmethod
    def get_scaffold_params(cls) -> type[ConnectionScaffoldParams]:
        """Return the class of the parameters."""
        return ConnectionScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[ConnectionScaffoldParams]) -> None:
        """Write the files.

        Raises:
            click.ClickException: the document cannot be read, there is one already, or a parameter makes no sense.
        """
        folder = request.target_path if request.target_path.is_dir() else request.target_path.parent
        try:
            self._scaffold(request, folder)
        except errors.DbxExploreError as error:
            # Dagster has just made the folder, and refuses one that is there when the command is given anew.
            with suppress(OSError):
                folder.rmdir()  # unless it holds something
            raise click.ClickException(str(error)) from None

    def _scaffold(self, request: dg.ScaffoldRequest[ConnectionScaffoldParams], folder: Path) -> None:
        params = request.params
        if params.document:
            config = ConnectionConfig.load(params.document)
        else:
            auth = TokenAuth(params.token_variable)
            settings = ConnectionSettings(params.workspace_url, auth, warehouse_id=params.warehouse_id)
            names = [name.strip() for name in (params.catalogs or "").split(",") if name.strip()]
            catalogs = Patterns([exact_pattern(name) for name in names]) if names else Patterns()
            config = ConnectionConfig(
                name=params.name or folder.name, settings=settings, filters=Filters(catalogs=catalogs)
            )
        target = folder / DOCUMENT
        if target.exists():
            msg = f"{str(target)!r} exists already"
            raise errors.ConfigError(msg, remedy="Give another folder for the definitions, or remove that file")
        config.save(target)
        scaffold_component(request, {"connection_file": DOCUMENT})
