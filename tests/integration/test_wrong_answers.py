"""Every field of every answer sent wrong, one at a time: nothing crashes, and nothing that is lost is called complete.

The number of mutations and what came of them is printed at the end of the test run. There are too many for every run,
so one of five is made, always the same, of fields in the first and in the last row or page where they come. With the
variable DBXEXPLORE_WRONG_ANSWERS set to 1, all of them are made, in each row; with another number, one of so many.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from simulator import Catalog, Faults, Lineage, Notebook, Schema, Simulator, Table, Workspace
from simulator.mutation import WRONG, Mutation, Mutator
from simulator.server import CATALOGS, TOKEN

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.discovery import engine, retry, statements
from dbxexplore.discovery.changes import TableName, count_rows, read_changes, read_columns
from dbxexplore.discovery.lineage import read_lineage
from dbxexplore.discovery.tags import read_tags
from dbxexplore.discovery.warehouse import SqlWarehouse

pytestmark = pytest.mark.integration

VARIABLE = "SIMULATOR_TOKEN"
LONGEST = 5.0  # seconds of processor time that one wrong answer may cost
SHARE = int(os.environ.get("DBXEXPLORE_WRONG_ANSWERS", "5"))
PATIENCE = 120.0  # seconds after which a discovery counts as hanging


@pytest.fixture(autouse=True)
def _setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, TOKEN)
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.001)
    monkeypatch.setattr(engine, "_TICK", 0.02)
    monkeypatch.setattr(statements, "_POLLS", (0.0,))


RAW, GOLD = ("main", "sales", "orders"), ("main", "sales", "recent")


def workspace() -> Workspace:
    columns = (("id", "bigint"), ("amount", "decimal(10,2)"))
    tables = [
        Table("orders", comment="All orders", columns=columns, rows=7, tags={"team": "sales", "pii": ""}),
        Table("recent", "VIEW", definition="SELECT 1", rows=1),
        Table("third"),
    ]
    return Workspace(
        [
            Catalog("main", [Schema("sales", tables), Schema("a.b", [Table("c.d")])]),
            Catalog("closed", [Schema("s", [Table("hidden")])], browse_only=True),
            Catalog("half", [Schema("open"), Schema("shut", [Table("unread", "VIEW")], browse_only=True)]),
        ],
        folders={
            "/": ["/Shared", Notebook("/first")],
            "/Shared": [Notebook("/Shared/second", "SQL"), "/Shared/more"],
            "/Shared/more": [],
        },
        warehouses={"running01": "RUNNING"},
        lineage=[Lineage(RAW, GOLD, (("id", "id"),))],
        hive=[Schema("default", [Table("old"), Table("old view", "VIEW")])],
    )


class Found(NamedTuple):
    """What a reading found: names of things, and whether it says that these are all."""

    names: frozenset[tuple[object, ...]]
    complete: bool
    notes: str = ""


Reading = Callable[[dbx.ConnectionSettings], Found]


def discovery(**options: Any) -> Reading:
    def read(settings: dbx.ConnectionSettings) -> Found:
        # Two at once are enough for any order of answers, and cheaper than sixteen.
        catalog = dbx.discover(settings, max_concurrency=2, deadline=PATIENCE, **options)
        assert "cancelled" not in set(catalog.failures["reason"]), "it hangs"
        keys = ["kind", "catalog", "schema", "name", "full_name"]
        columns = [[one if isinstance(one, str) else None for one in catalog.objects[key]] for key in keys]
        names = list(zip(*columns, strict=True))
        assert len(set(names)) == len(names)
        return Found(frozenset(names), catalog.complete, " ".join(catalog.provenance.notes))

    return read


def lineage(settings: dbx.ConnectionSettings) -> Found:
    found = read_lineage(settings)
    rows = [tuple(row.values()) for table in (found.tables, found.columns) if table for row in table.to_pylist()]
    return Found(frozenset(rows), complete=not found.problems)


def tags(settings: dbx.ConnectionSettings) -> Found:
    found = read_tags(settings)
    rows = found.table.to_pylist() if found.table else []
    return Found(frozenset(tuple(row.values()) for row in rows), complete=not found.problem)


def changes(settings: dbx.ConnectionSettings) -> Found:
    with SqlWarehouse(settings) as warehouse:
        return Found(frozenset(tuple(one.table) for one in read_changes(warehouse, 0).changes), complete=True)


def columns(settings: dbx.ConnectionSettings) -> Found:
    with SqlWarehouse(settings) as warehouse:
        found = read_columns(warehouse, [TableName(*RAW), TableName(*GOLD)])
    return Found(frozenset((*table, column["name"]) for table, held in found.items() for column in held), complete=True)


def counts(settings: dbx.ConnectionSettings) -> Found:
    with SqlWarehouse(settings) as warehouse:
        found = count_rows(warehouse, [TableName(*RAW), TableName(*GOLD)])
    assert all(count >= 0 for count in found.values())
    return Found(frozenset(tuple(table) for table in found), complete=len(found) == 2)


@dataclass
class Case:
    """A way to read the workspace, and how the server behaves meanwhile."""

    read: Reading
    faults: Mapping[str, Any] = field(default_factory=dict)
    warehouse: str | None = None


SQL = "running01"
CASES = {
    "summary over REST": Case(discovery(depth="summary")),
    "details over REST": Case(discovery(depth="details")),
    "columns over REST": Case(discovery(depth="columns")),
    "summary over SQL": Case(discovery(depth="summary", hive_metastore=True), warehouse=SQL),
    "details over SQL": Case(discovery(depth="details"), {"statement_polls": 1}, SQL),
    "columns over SQL": Case(discovery(depth="columns", notebooks=False), warehouse=SQL),
    "columns over SQL, stored": Case(discovery(depth="columns", notebooks=False), {"inline_rows": 0}, SQL),
    "lineage": Case(lineage, warehouse=SQL),
    "tags": Case(tags, warehouse=SQL),
    "changes": Case(changes, {"chunk_length": 3}, SQL),
    "columns of changes": Case(columns, warehouse=SQL),
    "counts": Case(counts, warehouse=SQL),
}


@pytest.mark.parametrize("name", CASES)
def test_no_wrong_value_crashes_or_is_called_complete(name: str, tell_mutations: Callable[[str], None]) -> None:
    case = CASES[name]
    outcomes: Counter[str] = Counter()
    slowest, longest = 0.0, 0.0
    with Simulator(
        workspace(), Faults(**{"page_length": 2, "summaries_page_length": 2, "chunk_length": 4} | case.faults)
    ) as simulator:
        settings = dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE), warehouse_id=case.warehouse)
        simulator.api.alter = mutator = Mutator(simulator.api)
        truth = case.read(settings)
        assert truth.complete
        fields = mutator.fields(every=SHARE == 1)
        mutations = [one for one in mutator.mutations(fields) if zlib.crc32(f"{name} {one}".encode()) % SHARE == 0]
        for mutation in mutations:
            mutator.current = mutation
            began, spent = time.monotonic(), time.process_time()
            outcomes[judge(mutation, truth, case.read, settings)] += 1
            slowest, longest = max(slowest, time.process_time() - spent), max(longest, time.monotonic() - began)
            assert slowest < LONGEST, f"{mutation} took {slowest:.1f} s"
    said = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(outcomes.items()))
    tell_mutations(
        f"{name}: {len(fields):,} fields × {len(WRONG)} wrong values, {len(mutations):,} mutations made: {said}; "
        f"the longest took {longest:.2f} s"
    )
    assert outcomes.total() == len(mutations) > 15 * len(fields) / SHARE * 0.8


def judge(mutation: Mutation, truth: Found, read: Reading, settings: dbx.ConnectionSettings) -> str:
    """Read with one wrong value and return what came of it."""
    try:
        found = read(settings)
    except errors.DbxExploreError:
        # One wrong row is no reason to lose the rest; only without a list of catalogs nothing can be listed.
        assert read in STRICT or mutation.field.asked.startswith(CATALOGS), mutation
        assert read in STRICT or len(mutation.field.path) < 2, mutation
        return "refused"
    except Exception as error:
        msg = f"{mutation}: {type(error).__name__}: {error}"
        raise AssertionError(msg) from error
    if r"\ud83d" in str(mutation.wrong) and read not in STRICT:
        assert "was not valid Unicode" in found.notes, mutation
    if not found.complete:
        return "incomplete"
    lost = truth.names - found.names
    if not lost:
        return "nothing lost"
    assert means_so(mutation, lost), f"{mutation}: complete, and lost {sorted(map(str, lost))}"
    return "said so by a valid value"


STRICT = (lineage, tags, changes, columns, counts)  # these have no rows without the answer


def means_so(mutation: Mutation, lost: frozenset[tuple[object, ...]]) -> bool:  # noqa: PLR0911 - one line per meaning
    """Return whether a value is as documented, and means that what is lost is not there, or is called otherwise."""
    (asked, path, before), wrong = mutation
    if isinstance(wrong, bytes):
        return False
    value = json.loads(wrong)
    key = next((step for step in reversed(path) if isinstance(step, str)), None)
    is_text = isinstance(value, str) and value != ""
    if path == () or (path == (key,) and key in {"catalogs", "schemas", "tables", "objects"}):
        return value in ({}, []) and not asked.startswith("statement")  # an empty list, and one that is left out
    if key == "next_page_token":
        return value in (None, "")
    if key in {"name", "full_name", "path"}:
        # It is called otherwise now, and so is what it holds.
        return is_text and all(any(before == part or f"{before}" in f"{part}" for part in one) for one in lost)
    if key in {"table_type", "object_type"}:
        return is_text and len(lost) <= 1 + ("/workspace/list" in asked)
    if key == "browse_only":
        return value is False
    if key == "data_array" and len(path) > 2:
        # What is called otherwise is a name of an object, or of a column, which may be empty.
        return (is_text or ((value == "" and "AS column" in asked) or "AS relation" in asked)) and all(
            before in one or before in {"VIEW", "MANAGED"} for one in lost
        )
    return False
