"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dbxexplore import errors
from dbxexplore.files import atomic_write


def test_two_that_write_at_the_same_time_do_not_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with atomic_write(path, errors.CatalogError) as first, atomic_write(path, errors.CatalogError) as second:
        first.write_text("one")
        second.write_text("two")
        assert first.read_text() == "one"
    assert path.read_text() == "one", "the last one to end wins"
    assert list(tmp_path.iterdir()) == [path]


def test_processes_that_write_at_the_same_time_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    program = (
        "import sys; from pathlib import Path; from dbxexplore import errors; from dbxexplore.files import atomic_write\n"
        "for _ in range(50):\n"
        "    with atomic_write(Path(sys.argv[1]), errors.CatalogError) as partial:\n"
        "        partial.write_text(sys.argv[2] * 200_000)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(path), letter]) for letter in "ab"]
    torn = 0
    while any(one.poll() is None for one in running):
        if path.exists():
            torn += path.read_text() not in {"a" * 200_000, "b" * 200_000}
    assert [one.wait() for one in running] == [0, 0]
    assert torn == 0
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_file_may_be_read_by_whoever_may_read_other_new_files(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        with atomic_write(tmp_path / "c.yaml", errors.ConfigError) as partial:
            partial.write_text("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "c.yaml").stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("name", ["n" * 255, "表" * 85, "é" * 127])
def test_names_as_long_as_file_systems_take_them(tmp_path: Path, name: str) -> None:
    with atomic_write(tmp_path / name, errors.ConfigError) as partial:
        partial.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, ValueError])
def test_an_interrupt_leaves_the_older_file_and_nothing_beside_it(tmp_path: Path, stop: type[BaseException]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("old")

    def interrupted() -> None:
        with atomic_write(path, errors.ConfigError) as partial:
            partial.write_text("half")
            raise stop

    with pytest.raises(stop):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
