"""What some tests need and a machine may lack: they are skipped, and the end of the run lists what would enable them.

In CI, which has everything, the run fails instead.
"""

from __future__ import annotations

import os
from importlib import metadata

import pytest
from packaging.version import Version

_TO_RUN_IT = "; to run it: "
_INSTALL = "pip install -e '.[dev]'"


def absent(what: str, command: str) -> None:
    """Skip the running test, or the module that is being imported, for want of something that ``command`` provides."""
    pytest.skip(f"{what}{_TO_RUN_IT}{command}", allow_module_level=True)


def package(name: str) -> str:
    """Return the reason for `pytest.importorskip` to give; that call, unlike one of ours, may precede imports."""
    return f"{name} is not installed{_TO_RUN_IT}{_INSTALL}"


def at_least(name: str, version: str) -> None:
    """Skip as `absent` does unless the package ``name`` is installed in this version or a newer one."""
    try:
        installed = Version(metadata.version(name))
    except metadata.PackageNotFoundError:
        absent(f"{name} is not installed", _INSTALL)
    else:
        if installed < Version(version):
            absent(f"{name} is older than {version}", f"pip install '{name}>={version}'")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was missing, each thing once, with the command that provides it."""
    missing = _missing(terminalreporter)
    if missing:
        terminalreporter.section("not run, because something is missing")
    for reason, count in sorted(missing.items()):
        what, command = reason.split(_TO_RUN_IT, maxsplit=1)
        terminalreporter.write_line(f"{what} ({count} skipped)")
        terminalreporter.write_line(f"    {command}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run in CI if anything was missing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and _missing(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _missing(reporter: pytest.TerminalReporter) -> dict[str, int]:
    """Return the reasons of skipped tests and modules that name a command, with the number of times."""
    counts: dict[str, int] = {}
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if _TO_RUN_IT in reason:
            counts[reason] = counts.get(reason, 0) + 1
    return counts
