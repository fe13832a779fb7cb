"""The demo workspace and the demo command, for real: processes, ports and all."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import psutil
import pytest

import dbxexplore as dbx
from dbxexplore.demo import DemoWorkspace, _process, emulator, sample, serve, workspace

pytestmark = pytest.mark.integration

TOKEN_VARIABLE = "DATABRICKS_CONNECTION_TOKEN"
HOPELESS = 240  # seconds; not a budget, but what would hang


def until(condition: Callable[[], object], what: str, timeout: float = HOPELESS) -> Any:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    pytest.fail(f"{what} did not come true within {timeout} seconds")


def is_listening(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((parts.hostname, parts.port)) == 0


def own_children() -> set[psutil.Process]:
    return set(psutil.Process().children(recursive=True))


def folders(tmp: Path) -> list[str]:
    return [path.name for path in tmp.iterdir() if path.name.startswith("dbxexplore-")]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own for temporary files, so that what is left there is known."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr("tempfile.tempdir", None)
    return place


# --- the sample, and that discovery finds it ---


def test_the_sample_is_large_and_troublesome_enough() -> None:
    names = sample.full_names()
    assert len(names["catalog"]) >= 4
    assert len(names["schema"]) >= 20
    assert len(names["table"] | names["view"]) >= 250
    assert len(names["notebook"]) >= 30
    assert {"prod", "prod_mumbai"} <= names["catalog"]
    assert {"prod.tmp", "prod._tmp", "prod.tmp_backfill"} <= names["schema"]
    assert any("<script>" in relation.comment for relation in sample.RELATIONS)
    assert any(name != name.lower() for name in names["catalog"])
    assert any(not path.isascii() and " " in path for path in names["notebook"])
    assert len({relation.full_name.lower() for relation in sample.RELATIONS}) == len(sample.RELATIONS)


def listed_by_the_sdk(demo: DemoWorkspace) -> Counter[tuple[str, str]]:
    client = demo.client()
    found: Counter[tuple[str, str]] = Counter()
    for catalog in client.catalogs.list():
        found["catalog", catalog.name] += 1
        for schema in client.schemas.list(catalog.name):
            found["schema", f"{catalog.name}.{schema.name}"] += 1
            for table in client.tables.list(catalog.name, schema.name):
                kind = (
                    "view" if table.table_type and table.table_type.value in {"VIEW", "MATERIALIZED_VIEW"} else "table"
                )
                found[kind, f"{catalog.name}.{schema.name}.{table.name}"] += 1
    for item in client.workspace.list("/", recursive=True):
        if item.object_type and item.object_type.value == "NOTEBOOK":
            found["notebook", item.path] += 1
    return found


@pytest.fixture(scope="module")
def listed(demo_workspace: DemoWorkspace) -> Counter[tuple[str, str]]:
    return listed_by_the_sdk(demo_workspace)


def test_the_workspace_holds_the_sample(listed: Counter[tuple[str, str]]) -> None:
    assert listed == Counter((kind, name) for kind, names in sample.full_names().items() for name in names)


@pytest.mark.parametrize("depth", ["summary", "details", "columns"])
@pytest.mark.parametrize("source", ["settings", "client"])
def test_discovery_returns_all_that_the_api_lists_none_twice_and_nothing_else(
    demo_workspace: DemoWorkspace, listed: Counter[tuple[str, str]], depth: Any, source: str
) -> None:
    catalog = dbx.discover(
        demo_workspace.settings if source == "settings" else demo_workspace.client(), depth=depth, max_concurrency=8
    )
    assert catalog.complete
    assert Counter(zip(catalog.objects["kind"], catalog.objects["full_name"], strict=True)) == listed


def test_discovery_returns_what_the_sample_says(demo_workspace: DemoWorkspace) -> None:
    found = dbx.discover(demo_workspace.settings, depth="columns", notebooks=False).objects
    objects = found.set_index("full_name").astype({"comment": object}).replace({"comment": {pd.NA: None}})
    for relation in sample.RELATIONS:
        row = objects.loc[relation.full_name]
        assert (row["catalog"], row["schema"], row["name"]) == (relation.catalog, relation.schema, relation.name)
        assert row["object_type"] == relation.object_type
        assert row["comment"] == (relation.comment or None)
        assert not relation.owner or row["owner"] == relation.owner
        columns = [(column["name"], column["type"], column["comment"] or "") for column in row["columns"]]
        assert columns == [(column.name, column.type, column.comment) for column in relation.columns]


# --- the context manager ---


def test_two_at_once_and_nothing_left(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "before")
    monkeypatch.delenv("OTHER_TOKEN", raising=False)
    monkeypatch.setattr(emulator, "_seed", lambda _: None)
    before = own_children()
    with workspace() as one, workspace(token_env_var="OTHER_TOKEN") as other:
        assert one.url != other.url
        assert os.environ[TOKEN_VARIABLE] == one.token != other.token == os.environ["OTHER_TOKEN"]
        assert one.token not in repr(one)
        assert one.settings.check().ok
        assert other.settings.check().ok
        assert len(own_children() - before) == 2
        assert len(folders(temporary)) == 2
    assert os.environ[TOKEN_VARIABLE] == "before"
    assert "OTHER_TOKEN" not in os.environ
    assert not is_listening(one.url)
    assert not is_listening(other.url)
    assert not folders(temporary)
    assert own_children() == before


def test_an_exception_inside_leaves_nothing_and_the_variable_may_stay_unset(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    monkeypatch.setattr(emulator, "_seed", lambda _: None)
    before = own_children()
    with pytest.raises(KeyboardInterrupt), workspace(set_variable=False) as demo:
        interrupted(demo)
    assert not is_listening(demo.url)
    assert not folders(temporary)
    assert own_children() == before


def interrupted(demo: DemoWorkspace) -> None:
    assert TOKEN_VARIABLE not in os.environ
    assert is_listening(demo.url)
    raise KeyboardInterrupt


def test_an_emulator_that_dies_is_an_error_with_its_last_output(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken" / "minilake"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise RuntimeError('broken on purpose')")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    with pytest.raises(dbx.errors.DemoError, match="broken on purpose") as raised, workspace():
        pass
    assert "ended with status 1 while it was starting" in raised.value.problem
    assert not folders(temporary)


def test_a_missing_emulator_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(dbx.errors.DemoError, match=r'pip install "dbxexplore\[demo\]"'), workspace():
        pass


def test_the_emulator_ends_with_a_process_that_was_killed(temporary: Path) -> None:
    program = (
        "import sys, time\nfrom dbxexplore.demo import emulator\nemulator._seed = lambda client: None\n"
        "with emulator.workspace() as demo:\n    print(demo.url, flush=True)\n    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        url = starter.stdout.readline().strip()
        assert is_listening(url)
        children = psutil.Process(starter.pid).children(recursive=True)
        starter.kill()
    until(lambda: not is_listening(url), "the port closed")
    until(lambda: not [child for child in children if child.is_running()], "the emulator ended")
    assert not list(temporary.glob("dbxexplore-demo-*/data"))


# --- the tutorials' folder ---


def test_tutorials_are_never_overwritten(tmp_path: Path) -> None:
    sources, folder = tmp_path / "sources", tmp_path / "deep" / "folder"
    sources.mkdir()
    for name in ("01_a.ipynb", "02_b.ipynb", "03_c.ipynb"):
        (sources / name).write_text(name)
    notebooks = sorted(sources.iterdir())
    assert serve.write_tutorials(folder, notebooks) == ()
    assert sorted(path.read_text() for path in folder.iterdir()) == ["01_a.ipynb", "02_b.ipynb", "03_c.ipynb"]
    (folder / "01_a.ipynb").write_text("mine")
    (folder / "02_b.ipynb").unlink()
    assert serve.write_tutorials(folder, notebooks) == (folder / "01_a.ipynb",)
    assert (folder / "01_a.ipynb").read_text() == "mine"
    assert (folder / "02_b.ipynb").read_text() == "02_b.ipynb"


def test_the_pictures_of_the_tutorials_come_along(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    serve.write_tutorials(folder, serve.tutorials())
    shown = {
        name for path in folder.glob("*.ipynb") for name in re.findall(r"\(images/([\w-]+\.png)\)", path.read_text())
    }
    assert shown
    assert shown <= {path.name for path in (folder / "images").iterdir()}


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(dbx.errors.DemoError, match="Choose another folder with --dir"):
        serve.write_tutorials(tmp_path / "file" / "x", [])


# --- the command ---


@contextmanager
def demo_command(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "dbxexplore", "demo", "--no-browser", "--json", *arguments]
    environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def call(url: str, method: str, path: str) -> Any:
    parts = urlsplit(url)
    token = parse_qs(parts.query)["token"][0]
    request = urllib.request.Request(
        f"http://{parts.netloc}{path}", method=method, headers={"Authorization": f"token {token}"}
    )
    with urllib.request.urlopen(request, timeout=HOPELESS) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def test_the_command_serves_until_ctrl_c_and_leaves_nothing(tmp_path: Path, temporary: Path) -> None:
    mine = tmp_path / "demo" / serve.QUICKSTART
    mine.parent.mkdir()
    mine.write_text("mine")
    with demo_command("--dir", str(tmp_path / "demo")) as process:
        # One document, and the server stays up after it; so read up to where it ends.
        lines = itertools.takewhile(lambda line: line not in {"", "}\n"}, iter(process.stdout.readline, None))
        running = json.loads("".join([*lines, "}"]))
        parts = urlsplit(running["jupyter_url"])
        assert running["directory"] == str((tmp_path / "demo").resolve())
        tutorials = {path.name for path in serve.tutorials()} | {serve.QUICKSTART}
        assert {path.name for path in mine.parent.glob("*.ipynb")} == tutorials
        assert mine.read_text() == "mine"
        assert parts.path == f"/lab/tree/{serve.QUICKSTART}"

        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"http://{parts.netloc}/api/contents", timeout=HOPELESS)
        assert call(running["jupyter_url"], "GET", "/api/status")["kernels"] == 0
        with urllib.request.urlopen(running["jupyter_url"], timeout=HOPELESS) as page:
            assert b'"@jupyterlab/apputils-extension:announcements"' in page.read()
        call(running["jupyter_url"], "POST", "/api/kernels")

        family = psutil.Process(process.pid).children(recursive=True)
        kernels = [child for child in family if "ipykernel_launcher" in " ".join(child.cmdline())]
        assert kernels
        environment = kernels[0].environ()
        assert environment[running["token_env_var"]].startswith("dapi")
        assert environment["DBXEXPLORE_DEMO_URL"] == running["workspace_url"]

        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=HOPELESS)
    assert (process.returncode, complaints) == (0, "")
    assert not is_listening(running["workspace_url"])
    assert not is_listening(running["jupyter_url"])
    until(lambda: not [child for child in family if child.is_running()], "all processes ended")
    assert not folders(temporary)


def test_a_signal_while_starting_leaves_nothing(tmp_path: Path, temporary: Path) -> None:
    with demo_command("--dir", str(tmp_path / "demo")) as process:
        started = psutil.Process(process.pid)
        family = until(lambda: started.children(recursive=True), "a child started")
        process.send_signal(signal.SIGTERM)
        out, complaints = process.communicate(timeout=HOPELESS)
    assert (process.returncode, out, complaints) == (0, "", "")
    assert not [child for child in family if child.is_running()]
    assert not folders(temporary)


def test_a_signal_while_a_process_is_made_does_not_lose_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            made.append(self)
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    started = _process.child("any", arguments=["jupyterlab"], folder=tmp_path, log=tmp_path / "log", environment={})
    with pytest.raises(KeyboardInterrupt), serve._signals_as_interrupt(), started:
        pytest.fail("the signal was lost")
    assert made[0].returncode is not None


def test_a_jupyterlab_that_ends_ends_the_workspace(tmp_path: Path, temporary: Path) -> None:
    with demo_command("--dir", str(tmp_path / "demo")) as process:
        running = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        call(running["jupyter_url"], "POST", "/api/shutdown")
        _, complaints = process.communicate(timeout=HOPELESS)
    assert (process.returncode, complaints) == (0, "")
    assert not is_listening(running["workspace_url"])
    assert not folders(temporary)


@pytest.mark.parametrize("ends_by_itself", [True, False])
def test_what_a_server_leaves_behind_is_ended(*, ends_by_itself: bool) -> None:
    leaves = (
        "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'input()'], stdin=0).pid, flush=True)"
    )
    waits = "" if ends_by_itself else "; input()"
    process = subprocess.Popen(
        [sys.executable, "-c", leaves + waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    left = psutil.Process(int(process.stdout.readline()))
    if ends_by_itself:
        process.wait(30)
    _process._stop(process)
    process.stdout.close()
    until(lambda: not left.is_running() or left.status() == psutil.STATUS_ZOMBIE, "it ended")


def test_a_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with demo_command("--dir", str(tmp_path / "demo"), "--port", port) as process:
            out, complaints = process.communicate(timeout=HOPELESS)
    assert process.returncode == 1
    assert out == ""
    assert f"JupyterLab cannot listen on port {port}" in complaints
    assert "Traceback" not in complaints
