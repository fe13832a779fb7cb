"""The code itself: lint, format and types, so that one command tells all."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "command",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]],
    ids=["lint", "format", "types"],
)
def test_the_code_is_clean(command: list[str]) -> None:
    result = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_private_name_of_the_databricks_sdk_is_imported() -> None:
    private = []
    for path in [*(ROOT / "dbxexplore").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("databricks"):
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                private += [f"{path.name}: {name}" for name in names if name.startswith("_")]
    assert not private


def test_the_search_for_private_names_finds_them() -> None:
    tree = ast.parse("from databricks.sdk._base_client import _BaseClient")
    node = tree.body[0]
    assert isinstance(node, ast.ImportFrom)
    assert [part for part in (node.module or "").split(".") if part.startswith("_")] == ["_base_client"]
