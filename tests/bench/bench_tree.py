# ruff: noqa: T201 - a bench prints
"""What an interaction in the catalog tree costs the kernel, and what it sends to the page, at a million objects.

Run ``python tests/bench/bench_tree.py [objects]``. It does in the Explorer what a person does in a page (open, scroll,
search, tick, sort, select, edit a pattern), traces every message to the page, prints one line a budget, and exits with
1 if one is not kept. A time is that of the kernel, from the message of the page until its answers are sent.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import ClassVar

import comm
from bench_filters import ALLOW, DENY, universe
from comm.base_comm import BaseComm

import dbxexplore as dbx
from dbxexplore.filters import Filters, Patterns

MOST_BYTES = 256_000
MOST_SECONDS = 0.05
REPEATS = 9


class Traced(BaseComm):
    """A comm that keeps the size of each message, as the JSON that it would be."""

    sizes: ClassVar[list[tuple[int, str]]] = []

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys) -> None:  # noqa: ANN001, ANN003 - as in its base
        what = ", ".join(sorted((data or {}).get("state", data or {})))
        assert not buffers, f"{msg_type} of {what} carries binary"
        text = json.dumps({"data": data, "metadata": metadata, "content": keys}, default=str)
        self.sizes.append((len(text), f"{msg_type} ({what[:80]})"))


comm.create_comm = Traced


class Page:
    """Sends what the page's code would, and times the answer."""

    def __init__(self, explorer: dbx.widgets.Explorer) -> None:
        self.tree = explorer.catalog_pane.tree
        self._seq = itertools.count(1)

    def do(self, kind: str, **values: object) -> float:
        intent = {"seq": next(self._seq), "type": kind, **values}
        state = {"request": {"session": "bench", "intents": [intent]}}
        start = time.perf_counter()
        self.tree.set_state(state)
        return time.perf_counter() - start

    def id_of(self, place: int) -> str:
        return str(self.tree.reply["rows"][place]["id"])


def interactions(page: Page) -> Iterator[tuple[str, Callable[[int], float]]]:
    """Yield what is done, with a function that does it for the nth time."""
    yield "first window", lambda _: page.do("hello")
    yield "open a catalog", lambda n: page.do("expand", id=page.id_of(3), open=n % 2 == 0)
    yield "open everything", lambda n: page.do("expand_all", open=n % 2 == 0)
    yield "scroll", lambda n: page.do("window", start=n * 111_111 % page.tree.reply["total"], count=75)
    yield "type ahead", lambda n: page.do("find", text="fact_"[: n % 5 + 1], **{"from": n * 1000})
    yield "select", lambda n: page.do("select", id=page.id_of(n))
    yield "tick a container", lambda n: page.do("tick", id=page.id_of(0), on=n % 2 == 0)
    yield "tick an object", lambda n: page.do("tick", id=page.id_of(-1 - n), on=n % 2 == 0)
    yield "sort", lambda n: page.do("sort", by=("type", "verdict", "name_desc", "updated", "name")[n % 5])
    yield "show a part", lambda n: page.do("show", which=("included", "excluded", "ticked", "all")[n % 4])
    yield "search, first letters", lambda n: page.do("search", text="orders"[: n % 5 + 1])
    yield "search", lambda n: page.do("search", text=("orders_5", "sales_1", "prod.gold", "x", "tmp")[n % 5])
    yield "tick what is found", lambda n: page.do("tick_shown", on=n % 2 == 0)


def main() -> int:
    """Run the bench; return the exit code."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    catalog = dbx.Catalog.from_frame(universe(size))
    start = time.perf_counter()
    explorer = dbx.explore(catalog, filters=Filters(tables=Patterns(ALLOW, DENY)))
    print(f"{size:,} objects; Explorer made in {time.perf_counter() - start:.2f} s")
    page = Page(explorer)
    medians = []
    for name, act in interactions(page):
        times = [act(number) for number in range(REPEATS)]
        medians.append(statistics.median(times))
        longest, what = max(Traced.sizes, default=(0, ""))
        print(
            f"  {name:24} median {1000 * medians[-1]:6.1f} ms, longest {1000 * max(times):6.1f} ms; largest message so far {longest:,} bytes"
        )
    longest, what = max(Traced.sizes)
    kept = longest <= MOST_BYTES and max(medians) <= MOST_SECONDS
    verdict = "kept" if longest <= MOST_BYTES else "NOT KEPT"
    print(f"{verdict}: largest of {len(Traced.sizes):,} messages {longest:,} bytes (budget {MOST_BYTES:,}): {what}")
    verdict = "kept" if max(medians) <= MOST_SECONDS else "NOT KEPT"
    print(
        f"{verdict}: slowest interaction {1000 * max(medians):.1f} ms at the median (budget {1000 * MOST_SECONDS:.0f} ms)"
    )
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
