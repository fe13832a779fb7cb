"""A discovery that was interrupted, cancelled, killed or refused goes on from where it was; a snapshot is refreshed."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from simulator import Catalog, Faults, Schema, Simulator, SimulatorProcess, Table, Workspace, described, generated
from simulator import truth_of as truth_of_catalog
from simulator.server import TOKEN, Answer

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.discovery import checkpoint, refresh
from dbxexplore.discovery.checkpoint import Checkpoint

pytestmark = pytest.mark.integration

VARIABLE = "SIMULATOR_TOKEN"
FOLDERS = "/api/2.0/workspace/list"


@pytest.fixture(autouse=True)
def _credential(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_CONFIG_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(VARIABLE, TOKEN)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "crawl.checkpoint"


def settings(url: str) -> dbx.ConnectionSettings:
    return dbx.ConnectionSettings(url, dbx.TokenAuth(VARIABLE))


def discover(simulator: Simulator, **options: Any) -> dbx.Catalog:
    return dbx.discover(settings(simulator.url), **options)


def interrupted(simulator: Simulator, requests: int, **options: Any) -> dbx.Catalog:
    """Discover until the simulator has had so many requests."""
    cancel = threading.Event()
    goal = simulator.record.total + requests

    def stop() -> None:
        simulator.wait_until(lambda record: record.total >= goal)
        cancel.set()

    thread = threading.Thread(target=stop)
    thread.start()
    catalog = discover(simulator, cancel=cancel, **options)
    thread.join()
    return catalog


def test_a_discovery_that_ends_of_itself_leaves_no_file(path: Path) -> None:
    with Simulator(described()) as simulator:
        catalog = discover(simulator, checkpoint=path, depth="columns")
        other = discover(simulator, depth="columns")
    pd.testing.assert_frame_equal(catalog.objects, other.objects)
    assert catalog.provenance.notes == other.provenance.notes
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize("depth", ["summary", "details", "columns"])
@pytest.mark.parametrize("summaries", [200, 501])
def test_a_cancelled_discovery_goes_on(path: Path, depth: str, summaries: int) -> None:
    workspace = described()
    with Simulator(workspace, Faults(latency=0.005, summaries=summaries, page_length=3)) as simulator:
        whole = discover(simulator, depth=depth)
        undisturbed = simulator.record.total
        partial = interrupted(simulator, undisturbed // 2, depth=depth, checkpoint=path, max_concurrency=2)
        assert not partial.complete
        assert path.exists()
        resumed = discover(simulator, depth=depth, checkpoint=path)
        calls = simulator.record.total - undisturbed
    assert resumed.complete
    pd.testing.assert_frame_equal(resumed.objects, whole.objects)
    assert not path.exists()
    # Asked twice: what was under way, whom it is of, and the earlier pages of lists that were not read to the end.
    assert calls <= undisturbed * 1.05 + 2 + 2 * 5
    assert resumed.provenance.notes[-1].startswith("Resumed: ")


def test_it_may_be_interrupted_again_and_again(path: Path) -> None:
    workspace = generated(catalogs=3, schemas=30, tables=7, folders=20)
    with Simulator(workspace, Faults(latency=0.005, page_length=5)) as simulator:
        for _ in range(4):
            assert not interrupted(simulator, 50, depth="details", checkpoint=path, max_concurrency=4).complete
        resumed = discover(simulator, depth="details", checkpoint=path)
    assert truth_of_catalog(resumed) == workspace.truth()
    assert resumed.complete


def test_an_error_keeps_the_file(path: Path) -> None:
    workspace = generated(catalogs=2, schemas=100, tables=2)
    with Simulator(workspace, Faults(expired_after=60, page_length=200)) as simulator:
        partial = discover(simulator, depth="details", checkpoint=path, notebooks=False)
        assert set(partial.failures["reason"]) == {"denied"}
        with pytest.raises(errors.UnauthorizedError):
            discover(simulator, depth="details", checkpoint=path, notebooks=False)
        simulator.faults.expired_after = None
        before = simulator.record.total
        resumed = discover(simulator, depth="details", checkpoint=path, notebooks=False)
        assert simulator.record.total - before < 170
    assert truth_of_catalog(resumed) == workspace.truth()
    assert resumed.complete


def test_what_failed_is_asked_again(path: Path) -> None:
    workspace = generated(catalogs=2, schemas=50, tables=2)
    scope = "catalog_000.schema_0000"
    with Simulator(workspace, Faults(latency=0.01, denied={scope}, page_length=100)) as simulator:
        interrupted(simulator, 60, depth="details", checkpoint=path, max_concurrency=2)
        simulator.faults.denied = frozenset()
        resumed = discover(simulator, depth="details", checkpoint=path)
    assert resumed.complete
    assert truth_of_catalog(resumed) == workspace.truth()


def test_missing_summaries_are_not_asked_for_again(path: Path) -> None:
    workspace = generated(catalogs=20, schemas=1, tables=1)
    with Simulator(workspace, Faults(latency=0.005, summaries=404)) as simulator:
        interrupted(simulator, 50, checkpoint=path, max_concurrency=1, notebooks=False)
        before = simulator.record.paths["/api/2.1/unity-catalog/table-summaries"]
        discover(simulator, checkpoint=path, max_concurrency=1, notebooks=False)
        after = simulator.record.paths["/api/2.1/unity-catalog/table-summaries"]
    assert before >= 15
    assert after - before <= 20 - before + 1


def test_a_list_that_was_not_read_to_its_end_is_read_anew(path: Path) -> None:
    workspace = Workspace([Catalog("c", [Schema("s", [Table(f"t{n:02d}") for n in range(40)])])])
    with Simulator(workspace, Faults(latency=0.02, page_length=4)) as simulator:
        interrupted(simulator, 8, depth="details", checkpoint=path, notebooks=False)
        workspace.catalogs[0].schemas[0].tables.pop(0)
        simulator.api._pages.clear()
        resumed = discover(simulator, depth="details", checkpoint=path, notebooks=False)
    assert truth_of_catalog(resumed) == workspace.truth()


_CRAWL = """
import sys
import dbxexplore as dbx
url, depth, checkpoint, output = sys.argv[1:]
settings = dbx.ConnectionSettings(url, dbx.TokenAuth("SIMULATOR_TOKEN"))
dbx.discover(settings, depth=depth, checkpoint=checkpoint).save(output)
"""


def crawl(url: str, checkpoint: Path, output: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _CRAWL, url, "details", str(checkpoint), str(output)])


def test_a_killed_discovery_goes_on(path: Path, tmp_path: Path) -> None:
    sizes = {"catalogs": 4, "schemas": 100, "tables": 5, "folders": 20}
    with SimulatorProcess(Faults(latency=0.01), **sizes) as server:
        whole = dbx.discover(settings(server.url), depth="details")
        undisturbed = server.record().total
        process = crawl(server.url, path, tmp_path / "never")
        deadline = time.monotonic() + 30
        while server.record().total < undisturbed + undisturbed // 2:
            assert time.monotonic() < deadline, "the discovery did not come to its half"
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
        assert path.exists()
        resumed = dbx.discover(settings(server.url), depth="details", checkpoint=path)
        calls = server.record().total - undisturbed
    assert resumed.complete
    pd.testing.assert_frame_equal(resumed.objects, whole.objects)
    assert not path.exists()
    assert calls <= 1.05 * undisturbed, f"{calls} calls instead of {undisturbed}"


def test_the_file_holds_no_secret_and_is_not_for_others(path: Path) -> None:
    with Simulator(described(), Faults(latency=0.01)) as simulator:
        interrupted(simulator, 30, depth="columns", checkpoint=path, max_concurrency=2)
    assert TOKEN.encode() not in path.read_bytes()
    assert VARIABLE.encode() not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0


# --- what is refused ---


@pytest.fixture(scope="module")
def halfway(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A simulator, and what the file of a discovery of it holds at its half."""
    path = tmp_path_factory.mktemp("halfway") / "checkpoint"
    with Simulator(generated(catalogs=2, schemas=20, tables=2), Faults(latency=0.005)) as simulator:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(VARIABLE, TOKEN)
            interrupted(simulator, 20, depth="details", checkpoint=path, max_concurrency=2)
        simulator.faults.latency = 0.0
        yield simulator, path.read_bytes()


@pytest.fixture
def begun(halfway: tuple[Simulator, bytes], path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    simulator, content = halfway
    monkeypatch.setattr(simulator.workspace, "identity", "ada@example.com")
    path.write_bytes(content)
    return simulator


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"depth": "columns"}, "depth is 'details' there and 'columns' here"),
        ({"catalogs": ["catalog_000"]}, r"catalogs is None there and \['catalog_000'\] here"),
        ({"notebooks": False}, "notebooks is True there and False here"),
        ({"roots": ["/Shared"]}, "roots"),
        ({"exclude_folders": ["/Repos"]}, "exclude_folders"),
        ({"strategy": "sql", "warehouse_id": "running01"}, "strategy is 'rest' there and 'sql' here"),
    ],
)
def test_another_discovery_is_refused(begun: Simulator, path: Path, options: Any, said: str) -> None:
    before, content = begun.record.total, path.read_bytes()
    with pytest.raises(errors.CatalogError, match=said) as caught:
        discover(begun, **{"depth": "details", "checkpoint": path, **options})
    assert "resume=False" in str(caught.value)
    assert begun.record.total == before
    assert path.read_bytes() == content


def test_another_workspace_is_refused(begun: Simulator, path: Path) -> None:
    with Simulator(described()) as other, pytest.raises(errors.CatalogError, match="workspace_url"):
        discover(other, depth="details", checkpoint=path)
    assert other.record.total == 0
    assert begun.url.encode() in path.read_bytes()


def test_another_version_is_refused(begun: Simulator, path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"version": "', b'"version": "0.0.0+', 1))
    with pytest.raises(errors.CatalogError, match=r"version is '0\.0\.0\+"):
        discover(begun, depth="details", checkpoint=path)


def test_another_identity_is_refused(begun: Simulator, path: Path) -> None:
    begun.workspace.identity = "bob@example.com"
    size = path.stat().st_size
    before = begun.record.total
    with pytest.raises(
        errors.CatalogError, match=r"what ada@example\.com saw, and this credential is bob@example\.com"
    ):
        discover(begun, depth="details", checkpoint=path)
    assert begun.record.total == before + 1
    assert path.stat().st_size == size


def test_to_start_anew(begun: Simulator, path: Path) -> None:
    catalog = discover(begun, depth="columns", checkpoint=path, resume=False)
    assert catalog.complete
    assert not any(note.startswith("Resumed") for note in catalog.provenance.notes)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"PAR1\x00\x00", b"{}\n", b"x" * 3_000_000, b'{"what": "something else"}\n'])
@pytest.mark.parametrize("resume", [True, False])
def test_a_file_of_ones_own_is_left_alone(path: Path, content: bytes, resume: bool) -> None:
    path.write_bytes(content)
    with Simulator(described()) as simulator:
        with pytest.raises(errors.CatalogError, match="is not a checkpoint"):
            discover(simulator, checkpoint=path, resume=resume)
        assert simulator.record.total == 0
    assert path.read_bytes() == content


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with Simulator(described()) as simulator, pytest.raises(errors.CatalogError, match="cannot be used"):
        discover(simulator, checkpoint=tmp_path)


@pytest.mark.parametrize("checkpoint", [3, "", True])
def test_no_path(checkpoint: Any) -> None:
    with pytest.raises(errors.SettingsError, match="path of a file"):
        dbx.discover(settings("http://127.0.0.1:1"), checkpoint=checkpoint)


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_a_torn_end_is_cut_off(begun: Simulator, path: Path, cut: int) -> None:
    path.write_bytes(path.read_bytes()[:-cut])
    catalog = discover(begun, depth="details", checkpoint=path)
    assert truth_of_catalog(catalog) == begun.workspace.truth()
    assert catalog.complete


def test_a_damaged_answer_and_all_behind_it_are_asked_again(begun: Simulator, path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    catalog = discover(begun, depth="details", checkpoint=path)
    assert truth_of_catalog(catalog) == begun.workspace.truth()


def spoiled(content: bytes, spoil: Callable[[bytes, bytes], tuple[bytes, bytes]]) -> bytes:
    """Return a file whose records are changed and whose checksums fit."""
    file = io.BytesIO(content)
    made = file.readline()
    while (record := checkpoint._read_record(file)) is not None:
        name, body = record
        if not name.startswith(b"identity"):
            name, body = spoil(name, body)
        made += checkpoint._HEAD.pack(len(name), len(body), zlib.crc32(name + body)) + name + body
    return made


def packed(value: str) -> Callable[[bytes, bytes], tuple[bytes, bytes]]:
    return lambda name, _body: (name, zlib.compress(value.encode()))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda name, _body: (name, b"not compressed"),
        packed("not JSON"),
        packed("[]"),
        packed("null"),
        packed("7"),
        packed('"text"'),
        packed("[" * 100_000),
        lambda _name, body: (b"not a key\n", body),
        lambda _name, body: (b"[1]\n", body),
        lambda _name, body: (b'{"a": 1}\n', body),
        lambda _name, body: (b"\xff\xfe\n", body),
        lambda name, body: (name.partition(b"\n")[0] + b"\n\xff", body),
    ],
)
def test_an_answer_that_was_kept_and_cannot_be_read_is_asked_again(
    begun: Simulator, path: Path, spoil: Callable[[bytes, bytes], tuple[bytes, bytes]]
) -> None:
    path.write_bytes(spoiled(path.read_bytes(), spoil))
    catalog = discover(begun, depth="details", checkpoint=path)
    assert truth_of_catalog(catalog) == begun.workspace.truth()
    assert catalog.complete


@pytest.mark.parametrize("value", ['{"tables": null, "schemas": null}', '{"tables": [1], "schemas": [null]}'])
def test_an_answer_that_was_kept_in_a_wrong_shape_is_never_complete(begun: Simulator, path: Path, value: str) -> None:
    def spoil(name: bytes, body: bytes) -> tuple[bytes, bytes]:
        return (name, body) if b"/catalogs" in name else packed(value)(name, body)

    path.write_bytes(spoiled(path.read_bytes(), spoil))
    assert not discover(begun, depth="details", checkpoint=path).complete


def test_what_was_misread_is_asked_again(path: Path) -> None:
    workspace = generated(catalogs=2, schemas=50, tables=2)

    def alter(target: str, _body: bytes, answer: Answer) -> Answer:
        odd = "schema_name=schema_0000" in target
        return replace(answer, body=answer.body.replace(b'"name":"orders', b'"name":7,"x":"orders')) if odd else answer

    with Simulator(workspace, Faults(latency=0.01, page_length=100)) as simulator:
        simulator.api.alter = alter
        interrupted(simulator, 60, depth="details", checkpoint=path, max_concurrency=2)
        simulator.api.alter = None
        resumed = discover(simulator, depth="details", checkpoint=path)
    assert resumed.complete
    assert truth_of_catalog(resumed) == workspace.truth()


def test_a_full_disk_costs_the_checkpoint_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, _data: object) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(Checkpoint, "_create", lambda self, _request: (self.path.touch(), Full(self.path, "r+b"))[1])
    with Simulator(described()) as simulator:
        catalog = discover(simulator, checkpoint=path)
    assert catalog.complete
    assert "No space left on device" in catalog.provenance.notes[-1]


# --- refresh ---


def changed() -> tuple[Workspace, list[Any]]:
    tables = [Table("kept"), Table("dropped")]
    workspace = Workspace(
        [
            Catalog("main", [Schema("s", tables), Schema("closed", [Table("t")])]),
            Catalog("main.x", [Schema("s", [Table("t")])]),
        ]
    )
    return workspace, tables


def failures(catalog: dbx.Catalog) -> set[tuple[str, str]]:
    return set(catalog.failures[["scope", "reason"]].astype(object).itertuples(index=False, name=None))


def test_refreshing_a_catalog() -> None:
    workspace, tables = changed()
    with Simulator(workspace, Faults(denied={"main.closed", "main.x.s"})) as simulator:
        old = discover(simulator, depth="details")
        assert failures(old) == {("main.closed", "denied"), ("main.x.s", "denied")}
        tables[1:] = [Table("new")]
        simulator.api._pages.clear()
        simulator.faults.denied = frozenset({"main.x.s"})
        before = simulator.record.total
        fresh = refresh(settings(simulator.url), old, catalogs=["main"])
        assert simulator.record.scopes["main.x.s"] == 1
        assert simulator.record.total - before == 1 + 2 + 1 + 2  # catalogs, whom and what, schemas, two schemas
    assert set(fresh.objects["full_name"]) == {
        "main", "main.s", "main.closed", "main.s.kept", "main.s.new", "main.closed.t", "main.x", "main.x.s",
    }  # fmt: skip
    # "main.x.s" might be of the catalog main, whose failures are settled; it stays, because it might not.
    assert failures(fresh) == {("main.x.s", "denied")}
    assert fresh.provenance.taken_at == old.provenance.taken_at
    assert fresh.provenance.notes[-1].startswith("Listed again ")
    assert fresh.provenance.notes[-1].endswith("UTC: main.")
    assert fresh.objects.loc[fresh.objects["name"] == "new", "owner"].notna().all()
    assert set(old.objects["full_name"]) == {"main", "main.s", "main.closed", "main.s.kept", "main.s.dropped", "main.x", "main.x.s"}  # fmt: skip


def test_refreshing_what_is_denied_or_gone_now() -> None:
    workspace = generated(catalogs=4, schemas=2, tables=2, folders=3)
    with Simulator(workspace) as simulator:
        old = discover(simulator)
        simulator.faults.denied = frozenset({"catalog_001"})
        workspace.catalogs.pop(2)
        simulator.api._pages.clear()
        fresh = refresh(settings(simulator.url), old, catalogs=["catalog_001", "catalog_002"])
    assert failures(fresh) == {("catalog_001", "denied"), ("catalog_002", "error")}
    assert truth_of_catalog(fresh) == workspace.truth(without=["catalog_001"])
    assert fresh.counts()["notebook"] == old.counts()["notebook"]


def test_a_refreshed_snapshot_equals_a_new_discovery(tmp_path: Path) -> None:
    with Simulator(described()) as simulator:
        discover(simulator, depth="columns").save(tmp_path / "old.parquet")
        old = dbx.Catalog.load(tmp_path / "old.parquet")
        names = old.objects.loc[old.objects["kind"] == "catalog", "name"].tolist()
        fresh = refresh(settings(simulator.url), old, catalogs=names)
    pd.testing.assert_frame_equal(fresh.objects, old.objects)
    assert fresh.complete


def test_what_cannot_be_refreshed(small: dbx.Catalog) -> None:
    with Simulator(described()) as simulator, Simulator(described()) as other:
        catalog = discover(simulator)
        before = simulator.record.total
        with pytest.raises(errors.SettingsError, match=r"The catalog is of .* and the connection is to"):
            refresh(settings(other.url), catalog, catalogs=["main"])
        with pytest.raises(errors.CatalogError, match="not discovered"):
            refresh(settings(simulator.url), small, catalogs=["main"])
        for names in ([], "main", None):
            with pytest.raises(errors.SettingsError, match="catalogs is"):
                refresh(settings(simulator.url), catalog, catalogs=names)
        assert simulator.record.total == before
        assert other.record.total == 0


@pytest.fixture
def small() -> dbx.Catalog:
    row = {"kind": ["catalog"], "catalog": [None], "schema": [None], "name": ["main"], "full_name": ["main"]}
    return dbx.Catalog.from_frame(pd.DataFrame(row))


def test_the_command_line_resumes(begun: Simulator, path: Path, run: Callable[..., tuple[int, str]]) -> None:
    arguments = ["discover", "--url", begun.url, "--token-env-var", VARIABLE, "--checkpoint", str(path)]
    code, said = run(*arguments)
    assert code == 1
    assert "depth is 'details' there and 'summary' here" in said
    code, said = run(*arguments, "--depth", "details")
    assert code == 0
    assert "Resumed: " in said
    assert not path.exists()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    from dbxexplore.cli import main

    def call(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as exited:
            main(arguments)
        said = capsys.readouterr()
        return int(exited.value.code or 0), said.out + said.err

    return call
