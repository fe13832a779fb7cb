"""``dbxexplore grants``: what a principal can see of what the filters include, and the script of what it lacks."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dbxexplore.cli.commands.preview import preview_of
from dbxexplore.cli.options import ConnectionOptions, FilterOptions, Json, Snapshot, one_of
from dbxexplore.cli.output import FINDINGS, INCOMPLETE, about, clean, complain, print_json, report_gaps

if TYPE_CHECKING:
    from dbxexplore.permissions import Audit

_LEVELS = ("schema", "object", "catalog", "browse")


def grants(  # noqa: PLR0913 - one parameter per option
    connection: ConnectionOptions,
    filters: FilterOptions,
    *,
    snapshot: Snapshot = None,
    principal: Annotated[
        str | None,
        typer.Option(
            "--principal",
            help="Application ID of a service principal, e-mail address of a user, or name of a group; "
            "the identity of the credential if omitted.",
        ),
    ] = None,
    level: Annotated[
        str,
        typer.Option(
            "--level",
            **one_of(_LEVELS),
            help="What to grant SELECT on: each schema, each included table, or each catalog; or BROWSE alone.",
        ),
    ] = "schema",
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Print the script that takes back what the script of grants adds.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Show what a principal can see of what the filters include, and print the GRANT statements that it lacks."""
    from dbxexplore import permissions

    preview = preview_of(connection, filters, snapshot)
    audit = permissions.audit(connection.settings(), preview, principal)
    write = permissions.revoke_sql if revoke else permissions.grants_sql
    script = write(preview, audit=audit, level=level)  # type: ignore[arg-type]  # one of the choices
    if as_json:
        print_json({**about(preview.catalog), **json.loads(audit.to_json()), "script": script})
    else:
        # A file gets every name as it is; a terminal none that could control it.
        lines = script.split("\n")
        sys.stdout.write("\n".join(map(clean, lines) if sys.stdout.isatty() else lines))
        complain(repr(audit))
        for note in audit.notes:
            complain(note)
    return _exit_code(audit, report_gaps(preview.catalog))


def _exit_code(audit: Audit, incomplete: int) -> int:
    if audit.ready:
        return incomplete
    counts = audit.counts()
    is_lacking = counts["invisible"] or counts["browse_only"] or (audit.missing()["held"] == "no").any()
    return FINDINGS if is_lacking else INCOMPLETE
