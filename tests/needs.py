"""What some tests need and a machine may lack: they are skipped with the command that enables them."""

from __future__ import annotations

import os

import pytest

# Why a test is skipped that needs a package which is missing or too old; pytest says which.
PACKAGES = "needs another package; to run it: pip install -e '.[dev]'"


def absent(message: str, command: str) -> None:
    """Skip the test that is running, or fail it in CI, where everything has to be there."""
    reason = f"{message}; to run it: {command}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
