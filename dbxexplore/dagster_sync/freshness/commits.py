"""Whether a table's data have changed or only what describes them, as the commits of its Delta log say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from dbxexplore.dagster_sync.freshness.reported import Reported
from dbxexplore.discovery.changes import Commit

ChangeKind: TypeAlias = Literal["data", "metadata", "unknown"]

# Operations after which a query of the table returns what it did before. All others count as changes of data, those of
# columns too. Source: the operations of a table's history
# (https://docs.databricks.com/delta/history#operation-metrics-keys).
_METADATA = frozenset(
    {
        "SET TBLPROPERTIES",
        "UNSET TBLPROPERTIES",
        "CHANGE COLUMN",
        "ADD CONSTRAINT",
        "DROP CONSTRAINT",
        "UPGRADE PROTOCOL",
        "CLUSTER BY",
        "COMPUTE STATS",
        "OPTIMIZE",
        "VACUUM START",
        "VACUUM END",
    }
)
_CLOSE = 60_000_000  # microseconds within which a look may have come between a commit and the time that tells of it


def kind_of_change(commits: Sequence[Commit] | None, before: Reported, ahead: int) -> ChangeKind:
    """Return what has changed since a table was last reported.

    Args:
        commits: of its history, the latest first; None where they cannot be read.
        before: what was reported of it.
        ahead: microseconds by which the workspace's clock is ahead of Dagster's.
    """
    if not commits:
        return "unknown"
    # A run's own write is in the history too, and was reported by the run.
    written = before.written + ahead if before.written >= 0 else -1
    if before.version is not None:
        new = [commit for commit in commits if commit.version > before.version and commit.at > written]
    elif before.stored + ahead - before.altered_at < _CLOSE:
        return "unknown"
    else:
        new = [commit for commit in commits if commit.at > max(before.altered_at, written)]
    if any(commit.operation not in _METADATA for commit in new):
        return "data"
    if len(new) == len(commits) and commits[-1].version > 0:
        return "unknown"  # the history does not go back far enough
    return "metadata"
