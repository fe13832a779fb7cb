"""The last session: saved on its own, and offered by a kernel that has not done anything yet."""

from __future__ import annotations

import os
from pathlib import Path

import ipywidgets
import pytest
from widget_markup import shown

import dbxexplore as dbx
from dbxexplore.export.session import load_session
from dbxexplore.filters import Filters, Patterns
from dbxexplore.widgets import ExplorerState
from dbxexplore.widgets.files import last
from dbxexplore.widgets.files.last import Autosave, LastSessionLine, last_session
from dbxexplore.widgets.state import Mask

PROD = Filters(catalogs=Patterns(["^prod$"]))


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DBXEXPLORE_NO_AUTOSAVE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(last, "_DELAY", 0.0)
    found = last_session()
    assert found is not None
    return found


def test_it_is_kept_in_the_folder_for_state(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert path == tmp_path / "dbxexplore" / "last.dbxsession.json"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert last_session() == Path.home() / ".local" / "state" / "dbxexplore" / "last.dbxsession.json"
    monkeypatch.setenv("DBXEXPLORE_NO_AUTOSAVE", "1")
    assert last_session() is None


def test_what_is_done_is_saved(path: Path, catalog: dbx.Catalog) -> None:
    state = ExplorerState(catalog=catalog)
    autosave = Autosave(state)
    assert not path.exists()
    state.filters = PROD
    assert autosave.wait(30)
    saved = load_session(path)
    assert saved.filters == PROD
    assert saved.catalog is not None
    assert saved.catalog.objects.equals(catalog.objects)
    assert saved.ticked is None
    snapshot = path.with_name("last.parquet")
    before = snapshot.stat().st_mtime_ns
    state.connection_name = "lakehouse"
    assert autosave.wait(30)
    assert load_session(path).connection_name == "lakehouse"
    state.ticked = Mask((catalog.objects["full_name"] == "prod.gold.t01").to_numpy(dtype=bool))
    assert autosave.wait(30)
    ticked = load_session(path).ticked
    assert set(catalog.objects["full_name"][ticked]) == {"prod", "prod.gold", "prod.gold.t01"}
    assert snapshot.stat().st_mtime_ns == before  # the same catalog is not written again


def test_nothing_is_saved_where_it_is_turned_off_or_read_only(
    path: Path, catalog: dbx.Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = ExplorerState(catalog=catalog, read_only=True)
    autosave = Autosave(state)
    state.filters = PROD
    state.read_only = False
    monkeypatch.setenv("DBXEXPLORE_NO_AUTOSAVE", "1")
    state.filters = Filters()
    assert autosave.wait(30)
    assert not path.exists()


def test_a_place_that_cannot_be_written_costs_nothing_but_the_session(
    path: Path, catalog: dbx.Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.parent.joinpath("dbxexplore").write_text("a file where the folder would be")
    state = ExplorerState(catalog=catalog)
    autosave = Autosave(state)
    state.filters = PROD
    assert autosave.wait(30)
    assert "could not be saved" in caplog.text


def saved(path: Path, catalog: dbx.Catalog, *, of_another_kernel: bool = True) -> None:
    autosave = Autosave(state := ExplorerState(catalog=catalog))
    state.filters = PROD
    assert autosave.wait(30)
    if of_another_kernel:
        os.utime(path, (last._STARTED - 60, last._STARTED - 60))


def buttons(line: LastSessionLine) -> list[ipywidgets.Button]:
    box = line.children[0]
    return [] if box.layout.display == "none" else [c for c in box.children if isinstance(c, ipywidgets.Button)]


def test_the_session_of_another_kernel_is_offered_and_opened(path: Path, catalog: dbx.Catalog) -> None:
    saved(path, catalog)
    line = LastSessionLine()
    line.offer()
    assert "A session was saved on" in shown(line)
    buttons(line)[0].click()
    assert line.state.filters == PROD
    assert line.state.catalog.objects.equals(catalog.objects)
    assert not buttons(line)


def test_it_is_not_offered_over_work_nor_by_the_kernel_that_saved_it(path: Path, catalog: dbx.Catalog) -> None:
    line = LastSessionLine()
    line.offer()
    assert not buttons(line)  # there is none
    saved(path, catalog, of_another_kernel=False)
    line.offer()
    assert not buttons(line)
    saved(path, catalog)
    for state in (ExplorerState(catalog=catalog), ExplorerState(filters=PROD)):
        line = LastSessionLine(state)
        line.offer()
        assert not buttons(line)
    line = LastSessionLine()
    line.offer()
    line.state.catalog = catalog
    assert not buttons(line)


def test_a_session_that_cannot_be_read_is_told(path: Path, catalog: dbx.Catalog) -> None:
    saved(path, catalog)
    path.write_text('{"dbxexplore_session": 99}')
    os.utime(path, (last._STARTED - 60, last._STARTED - 60))
    line = LastSessionLine()
    line.offer()
    buttons(line)[0].click()
    assert "version 99" in shown(line)
    assert line.state.filters == Filters()
