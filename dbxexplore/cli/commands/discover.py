"""``dbxexplore discover``: list a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dbxexplore.cli.options import ConnectionOptions, Json, one_of
from dbxexplore.cli.output import about, print_json, print_lines, print_table, records, report_gaps, save_to


def _depths() -> list[str]:
    from dbxexplore.catalog.schema import DEPTHS

    return list(DEPTHS)


def _strategies() -> list[str]:
    from dbxexplore.discovery.arguments import STRATEGIES

    return list(STRATEGIES)


def discover(  # noqa: PLR0913 - one parameter per option
    connection: ConnectionOptions,
    *,
    depth: Annotated[
        str,
        typer.Option(
            "--depth",
            **one_of(_depths()),
            help="summary: names and types; details: + owners, comments, timestamps; columns: + columns.",
        ),
    ] = "summary",
    catalog: Annotated[
        list[str] | None, typer.Option("--catalog", help="Catalog to list; repeatable.", show_default="all")
    ] = None,
    no_notebooks: Annotated[bool, typer.Option("--no-notebooks", help="Do not list notebooks.")] = False,
    max_concurrency: Annotated[
        int, typer.Option("--max-concurrency", min=1, max=64, help="Maximum number of calls at once.")
    ] = 16,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Save a snapshot (Parquet) to this file.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="Save progress to this file, so that the same command resumes after an interruption. Deleted when "
            "everything is listed.",
        ),
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Ignore an existing --checkpoint file and start over.")
    ] = False,
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy",
            **one_of(_strategies()),
            help="How to list Unity Catalog.",
            show_default="sql if --warehouse-id is set, else rest",
        ),
    ] = None,
    hive_metastore: Annotated[
        bool,
        typer.Option("--hive-metastore", help="List hive_metastore as well, through the SQL warehouse."),
    ] = False,
    as_json: Json = False,
) -> int:
    """List the catalogs, schemas, tables, views and notebooks that a credential can see."""
    import dbxexplore as dbx
    from dbxexplore.discovery import progress_bar

    settings = connection.settings()
    with progress_bar() as progress:
        result = dbx.discover(
            settings,
            depth=depth,  # type: ignore[arg-type]  # one of the choices
            catalogs=catalog or None,
            notebooks=not no_notebooks,
            max_concurrency=max_concurrency,
            progress=progress,
            checkpoint=checkpoint,
            resume=not restart,
            strategy=strategy,  # type: ignore[arg-type]  # one of the choices
            hive_metastore=hive_metastore,
        )
    if output:
        save_to(output, result.save)
    if as_json:
        print_json({**about(result), "counts": result.counts(), "objects": records(result.objects)})
    else:
        print_lines([str(result.provenance)])
        print_table("kind", ["objects"], {kind: [number] for kind, number in result.counts().items()})
        print_lines(result.provenance.notes)
    return report_gaps(result)
