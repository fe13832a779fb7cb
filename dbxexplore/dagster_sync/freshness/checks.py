"""The check of an asset's columns: made by the sensor when it reports a change, and Dagster's own to run by hand."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import dagster as dg

from dbxexplore.dagster_sync.refresh import identifier

CHECK = "column_schema_change"  # what Dagster calls its check
# Assets whose checks are one step: what Dagster needs to load a code location grows with their square (6.5 s for one
# step of 1,200), and each step of a run takes a while to start.
_CHECKED_TOGETHER = 50


def schema_checks(connection: str, keys: Sequence[dg.AssetKey]) -> list[dg.AssetsDefinition]:
    """Return Dagster's check of the columns of each asset, which compares the latest two materializations.

    The sensor evaluates it without a run (`compare_columns`); these show it in the asset graph, and run it by hand.
    """
    # The check is made of keys that stand in for the real ones: Dagster makes Python names of them, and cannot of a
    # key with a space, nor tell `a-b` from `a_b`.
    stand_ins = [(dg.AssetKey([identifier(connection), f"t{at}"]), key) for at, key in enumerate(keys)]
    with warnings.catch_warnings():
        # Whoever reads that this function of Dagster is in beta can do nothing about it.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return [
            checks.with_attributes(asset_key_replacements=part)
            for at in range(0, len(stand_ins), _CHECKED_TOGETHER)
            for part in [dict(stand_ins[at : at + _CHECKED_TOGETHER])]
            for checks in dg.build_column_schema_change_checks(assets=list(part))
        ]


def compare_columns(key: dg.AssetKey, before: dg.TableSchema, after: dg.TableSchema) -> dg.AssetCheckEvaluation:
    """Return the check of an asset's columns: it fails where one was added, removed or has another type."""
    old, new = ({column.name: column.type for column in one.columns} for one in (before, after))
    retyped = [f"{name}: {old[name]} -> {new[name]}" for name in new if old.get(name, new[name]) != new[name]]
    found = {
        "Added columns": [name for name in new if name not in old],
        "Removed columns": [name for name in old if name not in new],
        "Column type changes": retyped,
    }
    changes = [f"{what}: {', '.join(names)}" for what, names in found.items() if names]
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=CHECK,
        passed=not changes,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(changes) or "The columns are those of the materialization before.",
    )
