"""``dbxexplore lint``: what is probably wrong with filters, and an exit code that a pipeline can stop at."""

from __future__ import annotations

from typing import Annotated

import typer

from dbxexplore.cli.commands.preview import catalog_of
from dbxexplore.cli.options import ConnectionOptions, FilterOptions, Json, Snapshot, one_of
from dbxexplore.cli.output import FINDINGS, about, print_json, print_lines, report_gaps
from dbxexplore.text import plural

_SEVERITIES = ("error", "warning", "info")  # the gravest first
_NEVER = "never"


def lint(
    connection: ConnectionOptions,
    filters: FilterOptions,
    *,
    snapshot: Snapshot = None,
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on",
            **one_of((*_SEVERITIES, _NEVER)),
            help=f"Exit with {FINDINGS} if there is a finding of this severity or a graver one.",
        ),
    ] = "warning",
    as_json: Json = False,
) -> int:
    """List what is probably wrong with the filters: invalid, dead, shadowed, unanchored or glob-like patterns."""
    catalog = catalog_of(connection, snapshot)
    document = connection.document
    findings = filters.filters(document).lint(catalog, filters.dialect(document))
    counts = {str(severity): number for severity, number in findings.counts().items()}
    if as_json:
        listed = [
            {key: list(value) if isinstance(value, tuple) else value for key, value in vars(f).items()}
            for f in findings
        ]
        print_json({**about(catalog), "counts": counts, "findings": listed})
    else:
        print_lines(str(findings).splitlines() if findings else [])
        print_lines(
            [", ".join(plural(number, severity) for severity, number in counts.items() if number) or "No findings"]
        )
    incomplete = report_gaps(catalog)
    grave = () if fail_on == _NEVER else _SEVERITIES[: _SEVERITIES.index(fail_on) + 1]
    return FINDINGS if any(counts[severity] for severity in grave) else incomplete
