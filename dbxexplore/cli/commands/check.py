"""``dbxexplore check``: test a connection."""

from __future__ import annotations

from dataclasses import asdict

from dbxexplore.cli.options import ConnectionOptions, Json
from dbxexplore.cli.output import DONE, FAILED, print_json, print_lines


def check(connection: ConnectionOptions, *, as_json: Json = False) -> int:
    """Test a connection and report the identity, what it can access, and a fix for each problem."""
    report = connection.settings().check()
    if as_json:
        print_json({**asdict(report), "ok": report.ok})
    else:
        print_lines(str(report).splitlines())
    return DONE if report.ok else FAILED
