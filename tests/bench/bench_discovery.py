# ruff: noqa: T201 - a bench prints
"""How fast discovery is, beside plain crawls with the Databricks SDK of the same simulated workspace.

::

    python tests/bench/bench_discovery.py [--full] [--only NAME] [--soak RUNS]

Prints one line a measurement and one a budget; ends with 1 if a budget is missed. Server and clients are
processes of their own; what a client imports is imported before the clock starts. The plain crawl takes about
a minute, so a fifth of its schemas are crawled and the rest reckoned, unless ``--full``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from simulator import Faults, SimulatorProcess, generated, truth_of
from simulator.server import TOKEN

LATENCY = 0.05
CONCURRENCY = 16
VARIABLE = "SIMULATOR_TOKEN"
SIZES = {"catalogs": 20, "schemas": 50, "tables": 100}
SCHEMAS = SIZES["catalogs"] * SIZES["schemas"]
TABLES = SCHEMAS * SIZES["tables"]
CALLS = 1 + SIZES["catalogs"] + SCHEMAS  # catalogs, schemas of each, tables of each
FOLDERS = 2000
SLICE = 5  # one schema in so many is crawled for the plain crawl
BAD_DAY = {
    "rate_429": 0.05,
    "rate_503": 0.05,
    "rate_reset": 0.02,
    "rate_truncated": 0.01,
    "rate_empty": 1.0,
    "ceiling": 20,
}


# --- the clients: each runs in a process of its own and prints what it measured ---


def _client() -> Any:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.core import Config

    return WorkspaceClient(config=Config(host=os.environ["URL"], token=TOKEN))


def plain(share: int) -> Callable[[], int]:
    client = _client()

    def crawl() -> int:
        count = 0
        for catalog in client.catalogs.list(include_browse=True):
            for number, schema in enumerate(client.schemas.list(catalog.name)):
                if number % share == 0:
                    count += sum(1 for _ in client.tables.list(catalog.name, schema.name))
        return count

    return crawl


def threads() -> Callable[[], int]:
    # A client for each thread, because over plain http the SDK keeps 10 connections open at most.
    clients: SimpleQueue[Any] = SimpleQueue()
    for _ in range(CONCURRENCY):
        clients.put(_client())
    own = threading.local()

    def take() -> None:
        own.client = clients.get()

    def schemas_of(catalog: str) -> list[tuple[str, str]]:
        return [(catalog, schema.name) for schema in own.client.schemas.list(catalog)]

    def count(pair: tuple[str, str]) -> int:
        return sum(1 for _ in own.client.tables.list(*pair))

    first = _client()

    def crawl() -> int:
        with ThreadPoolExecutor(CONCURRENCY, initializer=take) as pool:
            catalogs = [catalog.name for catalog in first.catalogs.list(include_browse=True)]
            pairs = [pair for found in pool.map(schemas_of, catalogs) for pair in found]
            return sum(pool.map(count, pairs))

    return crawl


def ours(depth: str, *, notebooks: bool = False) -> Callable[[], int]:
    import databricks.sdk  # noqa: F401 - imported before the clock starts, as the other crawls do

    import dbxexplore as dbx

    os.environ[VARIABLE] = TOKEN
    settings = dbx.ConnectionSettings(os.environ["URL"], dbx.TokenAuth(VARIABLE))
    dbx.discover  # noqa: B018 - likewise

    def crawl() -> int:
        catalog = dbx.discover(settings, depth=depth, notebooks=notebooks, max_concurrency=CONCURRENCY)
        assert catalog.complete, catalog.failures
        counts = catalog.counts()
        return counts["table"] + counts["view"] + counts["notebook"]

    return crawl


CLIENTS: dict[str, Callable[[], Callable[[], int]]] = {
    "plain": lambda: plain(1),
    "plain slice": lambda: plain(SLICE),
    "16 threads": threads,
    "summary": lambda: ours("summary"),
    "details": lambda: ours("details"),
    "columns": lambda: ours("columns"),
    "notebooks": lambda: ours("summary", notebooks=True),
}


def client(name: str) -> None:
    crawl = CLIENTS[name]()
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    count = crawl()
    seconds = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_SELF)
    result = {
        "seconds": seconds,
        "count": count,
        "processor": usage.ru_utime + usage.ru_stime - before.ru_utime - before.ru_stime,
        "megabytes": usage.ru_maxrss / 1024,
        "megabytes_before": before.ru_maxrss / 1024,
    }
    print(json.dumps(result))


# --- measuring ---


def measured(name: str, url: str, runs: int = 1) -> dict[str, float]:
    results = []
    for _ in range(runs):
        done = subprocess.run(
            [sys.executable, __file__, "--client", name],
            env={**os.environ, "URL": url},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        results.append(json.loads(done.stdout))
    result = {key: median(one[key] for one in results) for key in results[0]}
    print(
        f"  {name:<12} {result['seconds']:7.2f} s   {result['processor']:6.2f} s of processor"
        f"   {result['count']:>9,.0f} objects   peak {result['megabytes']:5.0f} MB ({result['megabytes_before']:.0f} before)",
        flush=True,
    )
    return result


class Budgets:
    """Prints each budget with what was measured, and remembers whether all were kept."""

    def __init__(self) -> None:
        self.kept = True

    def at_least(self, what: str, value: float, least: float, unit: str) -> None:
        self._line(what, f"{value:.2f} {unit} (budget: at least {least:g})", kept=value >= least)

    def at_most(self, what: str, value: float, most: float, unit: str) -> None:
        self._line(what, f"{value:.2f} {unit} (budget: at most {most:g})", kept=value <= most)

    def _line(self, what: str, text: str, *, kept: bool) -> None:
        self.kept = self.kept and kept
        print(f"  {'kept  ' if kept else 'MISSED'}  {what}: {text}", flush=True)


def unity(budgets: Budgets, *, full: bool) -> None:
    print(f"{TABLES:,} tables in {SCHEMAS:,} schemas and {SIZES['catalogs']} catalogs, {LATENCY * 1000:g} ms a call")
    with SimulatorProcess(Faults(latency=LATENCY), columns=8, **SIZES) as server:
        if full:
            plain_seconds = measured("plain", server.url)["seconds"]
        else:
            calls = 1 + SIZES["catalogs"] + SCHEMAS // SLICE
            plain_seconds = measured("plain slice", server.url)["seconds"] * CALLS / calls
            print(f"  plain, reckoned from {calls} of its {CALLS:,} calls: {plain_seconds:.1f} s")
        threaded = measured("16 threads", server.url)["seconds"]
        summary = measured("summary", server.url, runs=3)
        details = measured("details", server.url, runs=3)
        columns = measured("columns", server.url)
        assert summary["count"] == details["count"] == columns["count"] == TABLES
        print(f"  most calls at once: {server.record().max_concurrency}")
    limit = CALLS * LATENCY / CONCURRENCY
    print(f"  latency limit of {CALLS:,} calls at {CONCURRENCY} at once: {limit:.2f} s")
    print(
        f"  summary is {threaded / summary['seconds']:.1f} ×, details {threaded / details['seconds']:.2f} × the 16 threads"
    )
    budgets.at_least("summary", plain_seconds / summary["seconds"], 80, "× the plain crawl")
    budgets.at_most("details", details["seconds"] / limit, 1.25, "× the latency limit")
    budgets.at_least("details", plain_seconds / details["seconds"], 15, "× the plain crawl")


def notebooks(budgets: Budgets, **_: object) -> None:
    print(f"{FOLDERS:,} folders, {LATENCY * 1000:g} ms a call")
    sizes = {"catalogs": 0, "folders": FOLDERS - 1, "notebooks_per_folder": 5}
    with SimulatorProcess(Faults(latency=LATENCY), **sizes) as server:
        result = measured("notebooks", server.url)
        assert result["count"] == (FOLDERS - 1) * 5
    limit = FOLDERS * LATENCY / CONCURRENCY
    budgets.at_most("notebooks", result["seconds"] / limit, 1.5, "× the latency limit")


def million(budgets: Budgets, **_: object) -> None:
    print(f"1,000,000 tables in 20 catalogs, {LATENCY * 1000:g} ms a call")
    sizes = {"catalogs": 20, "schemas": 50, "tables": 1000, "columns": 0}
    with SimulatorProcess(Faults(latency=LATENCY, page_length=5000), **sizes) as server:
        result = measured("summary", server.url)
        assert result["count"] == 1_000_000
    budgets.at_most("1,000,000 tables", result["seconds"], 10, "s")
    budgets.at_most("1,000,000 tables", result["megabytes"] / 1024, 1, "GB at the peak")


def soak(runs: int) -> bool:
    """Crawl on so many bad days; return whether each found exactly what was served."""
    import dbxexplore as dbx

    os.environ[VARIABLE] = TOKEN
    sizes = {"catalogs": 5, "schemas": 40, "tables": 100, "columns": 0}
    truth = generated(**sizes).truth()
    print(f"{runs} bad days over 20,000 tables: {BAD_DAY}")
    good = 0
    for seed in range(runs):
        with SimulatorProcess(Faults(seed=seed, page_length=50, **BAD_DAY), **sizes) as server:
            start = time.perf_counter()
            catalog = dbx.discover(
                dbx.ConnectionSettings(server.url, dbx.TokenAuth(VARIABLE)), depth="details", notebooks=False
            )
            record = server.record()
        right = truth_of(catalog) == truth and catalog.complete and record.longest_run_of_429 <= BAD_DAY["ceiling"]
        good += right
        print(
            f"  {seed:>2}  {'right' if right else 'WRONG'}  {time.perf_counter() - start:5.1f} s  {len(catalog):,} objects  "
            f"{dict(record.statuses)}  longest run of 429: {record.longest_run_of_429}",
            flush=True,
        )
    print(f"  {good} of {runs} found exactly what was served")
    return good == runs


PARTS = {"unity": unity, "notebooks": notebooks, "million": million}


def _chosen(only: str | None) -> Iterator[Callable[..., None]]:
    yield from (part for name, part in PARTS.items() if only in {None, name})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--client", choices=CLIENTS, help=argparse.SUPPRESS)
    parser.add_argument("--full", action="store_true", help="make the plain crawl whole")
    parser.add_argument("--only", choices=PARTS, help="run one part")
    parser.add_argument("--soak", type=int, metavar="RUNS", help="crawl on so many bad days instead")
    arguments = parser.parse_args()
    if arguments.client:
        client(arguments.client)
        return 0
    if arguments.soak:
        return 0 if soak(arguments.soak) else 1
    budgets = Budgets()
    for part in _chosen(arguments.only):
        part(budgets, full=arguments.full)
    print("all budgets kept" if budgets.kept else "a budget was missed")
    return 0 if budgets.kept else 1


if __name__ == "__main__":
    sys.exit(main())
