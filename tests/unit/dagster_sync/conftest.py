from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

# Without Dagster there is nothing to import here, and so nothing to test.
collect_ignore_glob = [] if importlib.util.find_spec("dagster") else ["test_*.py"]


@pytest.fixture(autouse=True)
def _own_dagster_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
