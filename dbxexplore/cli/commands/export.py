"""``dbxexplore export``: write a connection in one of its formats."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbxexplore import errors
from dbxexplore.cli.options import ConnectionOptions, FilterOptions, Json, Misuse, Snapshot, one_of
from dbxexplore.cli.output import DONE, as_json_text, complain, print_json, report_gaps, save_to
from dbxexplore.files import atomic_write

if TYPE_CHECKING:
    from dbxexplore.catalog import Catalog
    from dbxexplore.export import ConnectionConfig

_ASSET_KEYS = "asset-keys"  # not a form of the connection: the keys of a snapshot's objects
_COMPONENT = "component"


def _formats() -> list[str]:
    from dbxexplore.export import FORMS

    return [*FORMS, _ASSET_KEYS]


def export(  # noqa: PLR0913 - one parameter per option
    connection: ConnectionOptions,
    filters: FilterOptions,
    *,
    form: Annotated[
        str,
        typer.Option("--format", **one_of(_formats()), help="Output format; asset-keys are JSON and need --snapshot."),
    ] = "yaml",
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            help="Connection name; required without --config, except for asset-keys (databricks_unity_catalog).",
        ),
    ] = None,
    description: Annotated[str | None, typer.Option("--description", help="What the connection is for.")] = None,
    cron: Annotated[str | None, typer.Option("--cron", help="When to sync, such as '0 6 * * *'.")] = None,
    timezone: Annotated[str | None, typer.Option("--timezone", help="Time zone of --cron.", show_default="UTC")] = None,
    snapshot: Snapshot = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write to this file instead of standard output.")
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(
            "--project",
            metavar="FOLDER",
            help="With --format component: create a whole Dagster project here; existing files are never overwritten.",
        ),
    ] = None,
    as_json: Json = False,
) -> int:
    """Write a connection in one of its formats, or the asset keys of its objects."""
    from dbxexplore.catalog import Catalog
    from dbxexplore.export import FORMS, asset_keys
    from dbxexplore.export.config import DEFAULT_NAME

    if form == _ASSET_KEYS and snapshot is None:
        raise Misuse("--format asset-keys needs --snapshot, which holds the objects.")
    if project and (output or form != _COMPONENT):
        raise Misuse("--project requires --format component, without --output.")
    schedule = _schedule(cron, timezone)
    if snapshot and form == _ASSET_KEYS and not connection.are_given:
        # Keys depend on the name, the filters and the objects alone.
        objects, name = Catalog.load(snapshot), name or DEFAULT_NAME
        listed = asset_keys(name, filters.filters(None).preview(objects, filters.dialect(None)))
        return _finish(name, form, {"asset_keys": listed}, as_json_text(listed), objects, output, as_json=as_json)
    config = _config(connection, filters, name, description, schedule)
    if project:
        return _write_project(config, project, as_json=as_json)
    catalog = Catalog.load(snapshot) if snapshot else None
    keys = config.asset_keys(config.preview(catalog)) if catalog and form == _ASSET_KEYS else None
    text = as_json_text(keys) if keys is not None else FORMS[form].render(config)
    content: dict[str, object] = {"text": text} if keys is None else {"asset_keys": keys}
    return _finish(config.name, form, content, text, catalog, output, as_json=as_json)


def _finish(  # noqa: PLR0913, PLR0917 - each is a value of its own
    name: str,
    form: str,
    content: Mapping[str, object],
    text: str,
    catalog: Catalog | None,
    output: Path | None,
    *,
    as_json: bool,
) -> int:
    """Write the text, or with ``as_json`` the content, and return the exit code."""
    if as_json:
        complete = catalog.complete if catalog else None
        text = as_json_text({"name": name, "format": form, "complete": complete, **content})
    if output:
        save_to(output, lambda path: _write(path, text))
    else:
        sys.stdout.write(text)
    return report_gaps(catalog) if catalog else DONE


def _schedule(cron: str | None, timezone: str | None) -> dict[str, str] | None:
    if cron is None:
        if timezone is not None:
            raise Misuse("--timezone requires --cron.")
        return None
    return {"cron": cron, **({} if timezone is None else {"timezone": timezone})}


def _config(
    connection: ConnectionOptions,
    filters: FilterOptions,
    name: str | None,
    description: str | None,
    schedule: Mapping[str, str] | None,
) -> ConnectionConfig:
    from dbxexplore.export import ConnectionConfig

    document = connection.document
    if document is None and name is None:
        raise Misuse("The connection has no name. Pass --name or --config.")
    options = {"name": name, "description": description, "schedule": schedule}
    stored = {field: getattr(document, field) for field in options} if document else {}
    return ConnectionConfig(
        **{**stored, **{field: value for field, value in options.items() if value is not None}},
        settings=connection.settings(),
        filters=filters.filters(document),
        dialect=filters.dialect(document),
    )


def _write_project(config: ConnectionConfig, folder: Path, *, as_json: bool) -> int:
    from dbxexplore.export import write_project

    files = write_project(config, folder)
    for path in files:
        complain(f"Wrote {path}")
    if as_json:
        print_json({"name": config.name, "format": _COMPONENT, "files": [str(path) for path in files]})
    return DONE


def _write(path: Path, text: str) -> None:
    with atomic_write(path, errors.ExportError) as partial:
        partial.write_text(text, encoding="utf-8")
