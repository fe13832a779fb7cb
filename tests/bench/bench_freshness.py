# ruff: noqa: T201 - a bench prints
"""What Dagster's daemon reports when 10,000 tables change and it is killed again and again.

Run ``python tests/bench/bench_freshness.py``, with ``--tables`` and ``--kills`` for other numbers than 10,000 and 20.
It makes a project for a simulated workspace, runs Dagster's daemon on it, changes all tables twice, and kills the
daemon at random moments while it reports the second time. It prints how long each took and what was lost or doubled,
and exits with 1 if anything was, or if the first took longer than the default interval of 15 minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

sys.path.insert(0, str(Path(__file__).parents[1]))

from simulator import Catalog, Schema, Simulator, Table, Workspace

import dbxexplore as dbx

INTERVAL = 900  # seconds, the default
VARIABLE = "DBXEXPLORE_BENCH_TOKEN"
SCHEMAS = 100
RUN = "from dagster_dg_cli.cli import main; main()"


class Bench:
    """An instance, a project, and the daemon."""

    def __init__(self, folder: Path, tables: int) -> None:
        self.home, self.project = folder / "home", folder / "project"
        self.tables = tables
        self.log = folder / "daemon.log"
        self.home.mkdir()
        (self.home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        os.environ |= {
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "PYTHONPATH": os.pathsep.join([str(self.project / "src"), os.environ.get("PYTHONPATH", "")]),
        }

    def prepare(self, simulator: Simulator) -> None:
        """Write the project, store its state, and switch the sensor on."""
        settings = dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE), "running01")
        filters = dbx.Filters(notebooks=dbx.Patterns([]))
        dbx.export.write_project(dbx.ConnectionConfig(name="lake", settings=settings, filters=filters), self.project)
        defs = self.project / "src" / "lake" / "defs" / "lake" / "defs.yaml"
        more = f"connection.yaml\n  freshness_interval: {self.interval}\n  schema_checks: false\n  lineage: false"
        defs.write_text(defs.read_text().replace("connection.yaml", more, 1))
        self._run([sys.executable, "-c", RUN, "utils", "refresh-defs-state"])
        self._run(["dagster", "sensor", "start", "lake_freshness", "-m", "lake.definitions", "-d", "src"])

    interval = 60  # seconds, so that nobody waits for the next look

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(command, cwd=self.project, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)

    @contextlib.contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the daemon until it is left, then kill it with all its children, in the middle of whatever it does."""
        command = ["dagster-daemon", "run", "-m", "lake.definitions", "-d", "src"]
        with self.log.open("ab") as out:
            running = subprocess.Popen(command, cwd=self.project, stdout=out, stderr=out, start_new_session=True)
        try:
            yield running
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()

    def counts(self, instance: dg.DagsterInstance, kind: dg.DagsterEventType) -> Counter[dg.AssetKey]:
        """Return how many events of a kind each asset has."""
        found: Counter[dg.AssetKey] = Counter()
        fetch = (
            instance.fetch_observations
            if kind == dg.DagsterEventType.ASSET_OBSERVATION
            else instance.fetch_materializations
        )
        for key in instance.get_asset_keys():
            found[key] = len(fetch(key, limit=100).records)
        return found

    def wait(self, kind: dg.DagsterEventType, each: int, seconds: float, daemon: subprocess.Popen[bytes]) -> float:
        """Wait until each table has so many events, and return how long that took."""
        started = time.monotonic()
        while time.monotonic() - started < seconds:
            if daemon.poll() is not None:
                sys.exit(f"the daemon ended: {self.log.read_text()[-2000:]}")
            with dg.DagsterInstance.get() as instance:
                if sum(count >= each for count in self.counts(instance, kind).values()) >= self.tables:
                    return time.monotonic() - started
            time.sleep(2)
        sys.exit(f"not all were reported within {seconds:.0f} s: {self.log.read_text()[-2000:]}")


def change_all(simulator: Simulator) -> None:
    """Change all tables at this moment."""
    now = time.time_ns() // 1000
    for schema in simulator.workspace.catalogs[0].schemas:
        for table in list(schema.tables):
            simulator.workspace.change("prod", schema.name, table.name, altered_at=now)


def main() -> int:
    """Measure, print and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    per = given.tables // SCHEMAS or 1
    schemas = [Schema(f"s{at:03}", [Table(f"t{n:04}") for n in range(per)]) for at in range(given.tables // per)]
    workspace = Workspace([Catalog("prod", schemas)], warehouses={"running01": "RUNNING"})
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as folder, Simulator(workspace) as simulator:
        os.environ[VARIABLE] = simulator.token
        bench = Bench(Path(folder), per * len(schemas))
        bench.prepare(simulator)
        observed, materialized = dg.DagsterEventType.ASSET_OBSERVATION, dg.DagsterEventType.ASSET_MATERIALIZATION
        with bench.daemon() as daemon:
            took = bench.wait(observed, 1, INTERVAL, daemon)
            with dg.DagsterInstance.get() as instance:
                runs, made = instance.get_runs_count(), sum(bench.counts(instance, materialized).values())
            print(
                f"first look: {bench.tables:,} observed in {took:.0f} s, {made} materializations, {runs} runs",
                flush=True,
            )
            change_all(simulator)
            took = bench.wait(materialized, 1, 2 * INTERVAL, daemon)
            print(f"{bench.tables:,} changes reported in {took:.0f} s, of an interval of {INTERVAL} s", flush=True)
            change_all(simulator)
        killed = 0
        while killed < given.kills:
            with bench.daemon():
                time.sleep(rng.uniform(4, 24))
            killed += 1
            with dg.DagsterInstance.get() as instance:
                there = sum(bench.counts(instance, materialized).values()) - bench.tables
            print(f"  killed for the {killed}. time: {there:,} reported", flush=True)
        with bench.daemon() as daemon:
            bench.wait(materialized, 2, 2 * INTERVAL, daemon)
            time.sleep(2 * bench.interval)  # what could still be doubled would be by then
        with dg.DagsterInstance.get() as instance:
            counts = bench.counts(instance, materialized)
        lost, doubled = (
            sum(2 - count for count in counts.values() if count < 2),
            sum(count - 2 for count in counts.values() if count > 2),
        )
        print(f"{bench.tables:,} changes over {killed} kills: {lost} lost, {doubled} doubled")
    return 0 if took <= INTERVAL and not lost and not doubled else 1


if __name__ == "__main__":
    sys.exit(main())
