"""A component in a folder of its own: refreshed, and asked for what it defines."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import needs
import pytest

pytest.importorskip("dagster", reason=needs.package("dagster"))

import dagster as dg

from dbxexplore.dagster_sync import DatabricksConnectionComponent

if TYPE_CHECKING:
    from dagster.components.testing.utils import DefsFolderSandbox


def refresh(sandbox: DefsFolderSandbox, path: Path) -> None:
    with sandbox.build_component_tree() as tree:
        component = tree.load_component(path)
        assert isinstance(component, DatabricksConnectionComponent)
        asyncio.run(component.refresh_state(sandbox.project_root))


def specs(sandbox: DefsFolderSandbox, path: Path) -> dict[tuple[str, ...], dg.AssetSpec]:
    with sandbox.load_component_and_build_defs(path) as (_, defs):
        return {tuple(spec.key.path): spec for spec in defs.resolve_all_asset_specs()}
