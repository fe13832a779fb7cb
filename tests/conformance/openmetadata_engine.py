"""Runs with OpenMetadata's interpreter: what its own filter functions make of patterns.

Reads one JSON request a line, and answers each with a line of JSON.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

from metadata.generated.schema.type.filterPattern import FilterPattern
from metadata.utils.filters import filter_by_database, filter_by_schema, filter_by_table


def judge(request: dict) -> list[bool]:
    """Return the engine's verdict on each object, all containers included."""
    patterns = {
        level: FilterPattern(includes=lists["allow"], excludes=lists["deny"])
        for level, lists in request["filters"].items()
    }
    return [_allowed(patterns, thing) for thing in request["objects"]]


def _allowed(patterns: dict, thing: dict) -> bool:
    if filter_by_database(patterns["catalogs"], thing["catalog"]):
        return False
    if thing["schema"] and filter_by_schema(patterns["schemas"], thing["schema"]):
        return False
    return thing["kind"] not in {"table", "view"} or not filter_by_table(patterns["tables"], thing["name"])


def main() -> None:
    actions = {"judge": judge, "version": lambda _: f"openmetadata {version('openmetadata-ingestion')}"}
    for line in sys.stdin:
        request = json.loads(line)
        sys.stdout.write(json.dumps(actions[request["action"]](request)) + "\n")
        sys.stdout.flush()


main()
