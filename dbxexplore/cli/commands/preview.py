"""``dbxexplore preview``: what filters include, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbxexplore.cli.options import ConnectionOptions, FilterOptions, Json, Misuse, Snapshot, one_of
from dbxexplore.cli.output import about, clean, complain, print_json, print_lines, print_table, records, report_gaps
from dbxexplore.text import plural

if TYPE_CHECKING:
    import pandas as pd

    from dbxexplore.catalog import Catalog
    from dbxexplore.filters import Explanation, Preview

_LISTS = ("included", "excluded", "all")
_VERDICT_COLUMNS = ["included", "kind", "full_name", "level", "rule", "pattern"]


def preview(  # noqa: PLR0913 - one parameter per option
    connection: ConnectionOptions,
    filters: FilterOptions,
    *,
    snapshot: Snapshot = None,
    listed: Annotated[
        str | None,
        typer.Option(
            "--list",
            **one_of(_LISTS),
            help="List objects: verdict, kind, name, deciding level, rule and pattern.",
        ),
    ] = None,
    explain: Annotated[
        list[str] | None,
        typer.Option("--explain", metavar="NAME", help="Explain the verdict for one object; repeatable."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Show what the filters include, from a snapshot or the live workspace."""
    result = preview_of(connection, filters, snapshot)
    explanations = [result.explain(name) for name in explain or []]
    if as_json:
        print_json(_document(result, listed, explanations))
    else:
        _print(result, listed, explanations)
    return report_gaps(result.catalog)


def preview_of(connection: ConnectionOptions, filters: FilterOptions, snapshot: Path | None) -> Preview:
    """Return what the filters include of a snapshot, or of the workspace; raises as `catalog_of` does."""
    catalog, document = catalog_of(connection, snapshot), connection.document
    return filters.filters(document).preview(catalog, filters.dialect(document))


def catalog_of(connection: ConnectionOptions, snapshot: Path | None) -> Catalog:
    """Return the catalog of a snapshot; without one, discover it.

    Raises:
        Misuse: there is neither a snapshot nor a workspace.
    """
    import dbxexplore as dbx
    from dbxexplore.discovery import progress_bar

    if snapshot:
        return dbx.Catalog.load(snapshot)
    if not connection.are_given:
        raise Misuse("No snapshot or workspace given. Pass --snapshot, --url, --profile or --config.")
    settings = connection.settings()
    with progress_bar() as progress:
        return dbx.discover(settings, progress=progress)


def _document(result: Preview, listed: str | None, explanations: Sequence[Explanation]) -> dict[str, object]:
    document: dict[str, object] = {
        **about(result.catalog),
        "dialect": {"name": result.dialect.name, **result.dialect.settings()},
        "counts": {
            str(kind): {"included": int(row["included"]), "excluded": int(row["excluded"])}
            for kind, row in result.counts().iterrows()
        },
        "dialect_dependent": int(result.dialect_dependent.sum()),
    }
    if listed:
        document["objects"] = records(_rows(result, listed)[[*_VERDICT_COLUMNS, "catalog", "schema", "name"]])
    if explanations:
        document["explanations"] = [
            {
                **asdict(explanation),
                "included": explanation.included,
                "changes": [asdict(change) for change in explanation.changes],
            }
            for explanation in explanations
        ]
    return document


def _rows(result: Preview, listed: str) -> pd.DataFrame:
    if listed == "all":
        return result.frame
    included = result.included.to_numpy()
    return result.frame.loc[included if listed == "included" else ~included]


def _print(result: Preview, listed: str | None, explanations: Sequence[Explanation]) -> None:
    counts = {str(kind): [int(row["included"]), int(row["excluded"])] for kind, row in result.counts().iterrows()}
    # The list may be redirected to a file or another program, so the counts go to standard error then.
    print_table(result.dialect.name, ["included", "excluded"], counts, stderr=listed is not None)
    dependent = int(result.dialect_dependent.sum())
    if dependent:
        complain(f"{plural(dependent, 'object')} would differ under other matching rules (--dialect).")
    if listed:
        for record in records(_rows(result, listed)[_VERDICT_COLUMNS]):
            verdict = "included" if record["included"] else "excluded"
            cells = [verdict, *("" if record[name] is None else str(record[name]) for name in _VERDICT_COLUMNS[1:])]
            sys.stdout.write("\t".join(map(clean, cells)) + "\n")
    for explanation in explanations:
        print_lines(_explained(explanation))


def _explained(explanation: Explanation) -> Iterator[str]:
    verdict = "included" if explanation.included else "excluded"
    yield f"{explanation.full_name} ({explanation.kind}) is {verdict} ({explanation.dialect.name} rules)"
    yield from (f"  {level}" for level in explanation.levels)
    yield explanation.advice
    yield from (f"  {change}" for change in explanation.changes)
