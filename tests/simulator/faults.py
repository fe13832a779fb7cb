"""What goes wrong on a bad day, and a record of what was asked."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field


@dataclass
class Faults:
    """How the simulator behaves; may be changed while it runs.

    Rates are probabilities from 0 to 1. Each is drawn from ``seed``, the request and how often that request
    was made before, so a run can be repeated whatever the order in which its requests arrive. A scope is the
    name of a catalog, ``catalog.schema``, the path of a folder, or a path of the API.
    """

    seed: int = 0
    latency: float = 0.0  # seconds before any answer
    page_length: int = 100  # rows a page of catalogs, schemas and tables
    summaries_page_length: int = 10_000
    ceiling: int | None = None  # calls at once; 429 beyond
    retry_after: int | None = None  # seconds; None sends no Retry-After
    rate_429: float = 0.0
    rate_503: float = 0.0
    rate_500: float = 0.0
    rate_502: float = 0.0
    rate_reset: float = 0.0
    rate_truncated: float = 0.0
    rate_html: float = 0.0
    at_most_in_a_row: int = 3  # drawn faults of one request, so that a bad day does not last for ever
    rate_empty: float = 0.0  # pages that are empty and still name a next one
    html_status: int | None = None  # every answer is a page of HTML with this status
    plain_json: object = None  # every answer is this JSON document
    silent: bool = False  # no answer is ever sent
    ip_blocked: bool = False
    echo: bool = False  # every answer is a refusal that quotes the credential
    summaries: int = 200  # 404, 501, or 4040 for a 404 in HTML where the server has no table summaries
    denied: AbstractSet[str] = frozenset()  # scopes answered with 403
    broken: Mapping[str, int] = field(default_factory=dict)  # scope → status of every answer
    hung: AbstractSet[str] = frozenset()  # scopes that are never answered
    gone: Mapping[str, int] = field(default_factory=dict)  # scope → requests after which it is deleted
    dropped: Mapping[str, int] = field(default_factory=dict)  # full name of a table → likewise
    expired_after: int | None = None  # requests after which the token is not accepted any more
    refused_after: int | None = None  # requests after which all are refused
    refusal: tuple[int, str, str] = (403, "PERMISSION_DENIED", "Invalid access token.")  # status, code and message
    duplicate_rows: bool = False  # a page starts with the last row of the one before
    repeat_token: AbstractSet[str] = frozenset()  # scopes whose pages all name the same next page
    ignore_token: AbstractSet[str] = frozenset()  # scopes whose pages are all the first, each with a new token
    endless_empty: AbstractSet[str] = frozenset()  # scopes whose pages are all empty, each with a new token
    warehouse_polls: int = 1  # looks at a warehouse that was started before it runs
    statement_polls: int = 0  # looks at a statement before it is done
    statement_hangs: AbstractSet[str] = frozenset()  # texts; a statement that holds one is never done
    statement_fails: Mapping[str, str] = field(
        default_factory=dict
    )  # catalog, system, or system table of a statement → message
    unreadable: AbstractSet[str] = frozenset()  # full names of tables whose rows cannot be counted
    statement_truncated: bool = False  # results are said to be cut short
    sql_unlisted: AbstractSet[str] = frozenset()  # catalogs that information_schema does not know
    chunk_length: int = 1000  # rows a chunk of a result
    inline_rows: int | None = None  # rows above which a result is not given inline
    storage_status: int = 200  # what the storage answers that holds the other results
    repeat_chunk: bool = False  # every chunk names the second one as the next
    rows_lost: int = 0  # rows by which a result is shorter than it says

    def draw(self, target: str, nth: int) -> str | None:
        """Return the fault that the ``nth`` request of ``target`` meets, by the name of its rate."""
        rates = {name: getattr(self, f"rate_{name}") for name in RATES}
        if not any(rates.values()) or nth >= self.at_most_in_a_row:
            return None
        drawn = random.Random(f"{self.seed}|{target}|{nth}").random()
        for name, rate in rates.items():
            if drawn < rate:
                return name
            drawn -= rate
        return None

    def starts_empty(self, target: str) -> bool:
        """Whether the page that ``target`` asks for comes empty first."""
        return self.rate_empty > 0 and random.Random(f"{self.seed}|empty|{target}").random() < self.rate_empty

    def to_json(self) -> str:
        """Return these faults as text, for another process."""
        return json.dumps({k: sorted(v) if isinstance(v, AbstractSet) else v for k, v in asdict(self).items()})

    @classmethod
    def from_json(cls, text: str) -> Faults:
        """Return what `to_json` made text of."""
        raw = json.loads(text)
        sets = (
            "denied",
            "hung",
            "repeat_token",
            "ignore_token",
            "endless_empty",
            "sql_unlisted",
            "unreadable",
            "statement_hangs",
        )
        return cls(**{k: frozenset(v) if k in sets else v for k, v in raw.items()})


RATES = ("429", "503", "500", "502", "reset", "truncated", "html")


@dataclass
class Record:
    """What was asked of the simulator."""

    paths: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)  # also "reset", "truncated" and "silent"
    scopes: Counter[str] = field(default_factory=Counter)
    total: int = 0
    active: int = 0
    max_concurrency: int = 0
    run_of_429: int = 0
    longest_run_of_429: int = 0
    wrong_credentials: int = 0
    connections: int = 0
    queries: Counter[str] = field(default_factory=Counter)  # names of query parameters, by path

    def answered(self, status: str) -> None:
        """Count an answer."""
        self.statuses[status] += 1
        self.run_of_429 = self.run_of_429 + 1 if status == "429" else 0
        self.longest_run_of_429 = max(self.longest_run_of_429, self.run_of_429)

    def to_json(self) -> str:
        """Return this record as text, for another process."""
        return json.dumps(vars(self))

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Return what `to_json` made text of."""
        raw = json.loads(text)
        counters = ("paths", "statuses", "scopes", "queries")
        return cls(**{k: Counter(v) if k in counters else v for k, v in raw.items()})
