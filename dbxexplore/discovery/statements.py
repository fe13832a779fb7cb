"""SQL statements: submitted, waited for, and read to the end of their result.

Results are read inline, as JSON in chunks; one that is too large for that is read as Arrow from the storage that the
workspace links to. `Statement` makes requests for the `engine`.

Source: the Statement Execution API
(https://docs.databricks.com/api/workspace/statementexecution).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeGuard
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore import errors
from dbxexplore.connection import Json
from dbxexplore.discovery.answers import text
from dbxexplore.discovery.engine import Failed, Request

_STATEMENTS = "/api/2.0/sql/statements"
_HOLD = "10s"  # how long the server may hold a call until a statement is done
_POLLS = (0.2, 0.5, 1.0, 2.0, 5.0)  # seconds before each next look at a statement
_STATEMENT_PATIENCE = 1800.0  # seconds that a statement may take

_TOO_LARGE = "inline byte limit"  # in what the API says of a result that is too large to be given inline
_MOST_ROWS, _MOST_CHUNKS = 100_000_000, 100_000  # of a result; one that has more counts as endless
_LARGEST = 2**63 - 1
_OTHER_FORM = "the result has another form than was asked for"

Kind: TypeAlias = Literal["text", "number", "time"]
Following: TypeAlias = Iterable[Request | Failed]


def quoted(identifier: str) -> str:
    """Return a name as an identifier of Databricks SQL, whatever it holds."""
    return f"`{identifier.replace('`', '``')}`"


@dataclass(frozen=True)
class Query:
    """A statement, and what its columns are called.

    Each row has a text that is not empty for ``names``, and a whole number for ``numbers``; a result that has not is
    not used. ``times`` are numbers, or null where they are anything else. The other columns are texts or null.
    ``widens`` says that a result may have columns behind these, as those of SHOW statements do from release to release.

    ``parameters`` are the texts that stand for ``:name`` in it, so that no text of a workspace is part of the SQL
    (https://docs.databricks.com/sql/language-manual/sql-ref-parameter-marker).
    """

    text: str
    columns: tuple[str, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    names: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    times: frozenset[str] = frozenset()
    widens: bool = False

    def kind(self, column: str) -> Kind:
        """Return what a column holds."""
        return "number" if column in self.numbers else "time" if column in self.times else "text"


@dataclass
class Statement:
    """One statement and what has been read of its result, as requests that `execute` starts.

    ``done`` returns what follows once the whole result is there, as `table`; ``failed`` takes the reason why it is
    not, ``refused`` the failure of a call, and ``storage_refused`` that of a call to the storage of results.
    ``judged`` takes each part and returns what to do instead of going on, None to go on. Where ``given_up`` is true,
    answers are not looked at any more.
    """

    warehouse_id: str
    query: Query
    scope: str
    done: Callable[[], Following]
    failed: Callable[[str], Following]
    refused: Callable[[errors.WorkspaceError], Following]
    judged: Callable[[pa.Table], Following | None] = lambda _: None
    given_up: Callable[[], bool] = lambda: False
    needed: bool = True
    number: str | None = None  # what the server calls it while it runs
    replaced: bool = False  # whether a result held text that is not valid Unicode, which was replaced
    _linked: bool = False  # whether the result comes through links, because it is too large otherwise
    _since: float = field(default_factory=time.monotonic)
    _polls: int = 0
    _parts: list[pa.Table] = field(default_factory=list)
    _expected: int | None = None  # rows
    _seen: set[int] = field(default_factory=set)  # chunks

    @property
    def rows(self) -> int:
        """How many rows have been read."""
        return sum(len(part) for part in self._parts)

    def table(self) -> pa.Table:
        """Return the rows so far, all as text."""
        empty = pa.schema([(name, pa.string()) for name in self.query.columns]).empty_table()
        return pa.concat_tables([empty, *self._parts])

    def execute(self) -> Request:
        """Return the request that submits the statement."""
        body: Json = {
            "warehouse_id": self.warehouse_id,
            "statement": self.query.text,
            "wait_timeout": _HOLD,
            "on_wait_timeout": "CONTINUE",
            "disposition": "EXTERNAL_LINKS" if self._linked else "INLINE",
            "format": "ARROW_STREAM" if self._linked else "JSON_ARRAY",
        }
        if self.query.parameters:
            body["parameters"] = [
                {"name": name, "value": value, "type": "STRING"} for name, value in self.query.parameters.items()
            ]
        return self._request(_STATEMENTS, self._take, body=body)

    def _request(
        self,
        path: str,
        then: Callable[[Json], Following],
        *,
        body: Json | None = None,
        link: str | None = None,
        delay: float = 0.0,
    ) -> Request:
        def otherwise(error: errors.WorkspaceError) -> Following:
            return self.refused(error) if link is None else self.failed(error.problem)

        return Request(self.scope, path, {}, then, otherwise, needed=self.needed, body=body, link=link, delay=delay)

    def _take(self, answer: Json) -> Following:
        if self.given_up():
            return []
        status, statement = _mapping(answer.get("status")), answer.get("statement_id")
        state = text(status.get("state"))
        self.number = None
        if state in {"PENDING", "RUNNING"} and isinstance(statement, str):
            return self._wait_for(statement)
        if state != "SUCCEEDED" or not isinstance(statement, str):
            said = str(_mapping(status.get("error")).get("message") or f"the statement is {state}")
            return self._through_links(said) if _TOO_LARGE in said.lower() else self.failed(said)
        manifest = _mapping(answer.get("manifest"))
        if manifest.get("truncated", False) is not False:
            return self._through_links("the result was cut short")
        total = manifest.get("total_row_count")
        if "total_row_count" in manifest and not _is_count(total):
            return self.failed(_OTHER_FORM)
        self._expected = total if _is_count(total) else None
        return self._take_chunk(statement, answer.get("result", {}))

    def _wait_for(self, statement: str) -> Following:
        if time.monotonic() - self._since > _STATEMENT_PATIENCE:
            return self.failed(f"a statement runs for more than {_STATEMENT_PATIENCE:.0f} s")
        self.number = statement
        delay = _POLLS[min(self._polls, len(_POLLS) - 1)]
        self._polls += 1
        return [self._request(f"{_STATEMENTS}/{quote(statement, safe='')}", self._take, delay=delay)]

    def cancel(self) -> list[Request]:
        """Return the request that cancels the statement at the server, none if it is not known to run."""
        path = f"{_STATEMENTS}/{quote(self.number, safe='')}/cancel" if self.number else None
        # Whether the server does is not looked at: nobody waits for it any more.
        return [] if path is None else [Request(self.scope, path, {}, _nothing, _nothing, needed=False, body={})]

    def _through_links(self, reason: str) -> Following:
        """Ask again for a result that is too large to be given inline, unless that was done before."""
        if self._linked:
            return self.failed(reason)
        self._linked = True
        self._since, self._polls = time.monotonic(), 0
        return [self.execute()]

    def _take_chunk(self, statement: str, result: object) -> Following:
        if self.given_up():
            return []
        if not isinstance(result, dict):
            return self.failed(_OTHER_FORM)
        if (links := result.get("external_links")) is not None:
            return self._follow(statement, links)
        rows = result.get("data_array", [])
        if rows is None and self._expected is not None:
            rows = []  # some servers write what is absent as null; the count of rows tells whether any were lost
        try:
            part = _as_table(rows, self.query)
        except (pa.ArrowException, TypeError, ValueError):
            return self.failed(_OTHER_FORM)
        return self._keep(statement, part, result.get("next_chunk_index"))

    def _follow(self, statement: str, links: object) -> Following:
        link = _mapping(links[0]) if isinstance(links, list) and len(links) == 1 else {}
        url = link.get("external_link")
        if not isinstance(url, str):
            return self.failed(_OTHER_FORM)

        def then(answer: Json) -> Following:
            if self.given_up():
                return []
            try:
                part, replaced = _from_arrow(answer["content"], self.query)
            except (pa.ArrowException, OSError, TypeError, ValueError):
                return self.failed(_OTHER_FORM)
            self.replaced = self.replaced or replaced
            return self._keep(statement, part, link.get("next_chunk_index"))

        return [self._request("", then, link=url)]

    def _keep(self, statement: str, part: pa.Table, following: object) -> Following:
        """Keep a part of a result, and read the next, if there is one."""
        if (instead := self.judged(part)) is not None:
            return instead
        self._parts.append(part)
        if following is None:
            return self._finish()
        if self.rows > (_MOST_ROWS if self._expected is None else self._expected) or len(self._seen) >= _MOST_CHUNKS:
            return self.failed(f"the result has more than {self.rows:,} rows and does not end")
        # The link to the next chunk is made here and not taken from the answer, which might lead elsewhere.
        if not _is_count(following):
            return self.failed(_OTHER_FORM)
        if following in self._seen:
            return self.failed("the result repeats a chunk")
        self._seen.add(following)
        path = f"{_STATEMENTS}/{quote(statement, safe='')}/result/chunks/{following}"
        # A chunk that is linked to is described like one that is given whole.
        return [self._request(path, lambda answer: self._take_chunk(statement, answer))]

    def _finish(self) -> Following:
        if self._expected not in {None, self.rows}:
            return self.failed(f"the result was to have {self._expected:,} rows and has {self.rows:,}")
        return self.done()


def _is_count(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= _LARGEST


def _as_table(rows: object, query: Query) -> pa.Table:
    """Return rows of JSON as a table of texts; raise TypeError or ValueError if they are not what was asked for."""
    if not isinstance(rows, list) or not all(isinstance(row, list) and _fits(len(row), query) for row in rows):
        raise TypeError
    columns = list(zip(*rows, strict=True)) if rows else [() for _ in query.columns]
    arrays = [_texts(values, query.kind(name)) for name, values in zip(query.columns, columns, strict=False)]
    return _checked(pa.table(arrays, names=list(query.columns)), query)


def _fits(width: int, query: Query) -> bool:
    return width == len(query.columns) or (query.widens and width > len(query.columns))


def _texts(values: Sequence[object], kind: Kind) -> pa.Array:
    # All values come as text, but for servers that leave numbers as they are. To Arrow, nothing else is a text.
    if kind == "text":
        return pa.array(values, pa.string())
    numbers = [str(value) if type(value) is int else value for value in values]
    if kind == "time":
        numbers = [value if isinstance(value, str) else None for value in numbers]
    return pa.array(numbers, pa.string())


def _from_arrow(content: object, query: Query) -> tuple[pa.Table, bool]:
    """Return an Arrow stream as a table of texts, and whether some of it was replaced; raises as `_as_table` does."""
    if not isinstance(content, bytes):
        raise TypeError
    with pa.ipc.open_stream(content) as reader:
        table = reader.read_all()
    if not _fits(table.num_columns, query):
        raise TypeError
    columns = [
        _text_column(column, query.kind(name)) for name, column in zip(query.columns, table.columns, strict=False)
    ]
    replaced = {name for name, (_, was_replaced) in zip(query.columns, columns, strict=True) if was_replaced}
    # A name that was replaced would be that of another object, or belong to no catalog that is listed.
    if not replaced.isdisjoint(query.names):
        raise ValueError(replaced)
    made = pa.table([values for values, _ in columns], names=list(query.columns))
    return _checked(made, query), bool(replaced)


def _text_column(column: pa.ChunkedArray, kind: Kind) -> tuple[pa.ChunkedArray, bool]:
    of = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    is_text = pa.types.is_string(of) or pa.types.is_large_string(of)
    if not (is_text or pa.types.is_null(of) or (kind != "text" and pa.types.is_integer(of))):
        raise TypeError
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        if not is_text or pa.types.is_dictionary(column.type):
            raise
        return _decoded(column), True
    return column.cast(pa.string()), False


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of text with U+FFFD for what is not UTF-8; raise ArrowInvalid if more than that is wrong."""
    raw = pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary()
    chunks = [chunk.view(raw) for chunk in column.chunks]
    for chunk in chunks:
        chunk.validate(full=True)
    values = [None if one is None else one.decode("utf-8", "replace") for chunk in chunks for one in chunk.to_pylist()]
    return pa.chunked_array([pa.array(values, pa.string())])


def _checked(table: pa.Table, query: Query) -> pa.Table:
    """Return ``table`` if each row has the names and numbers that it is asked for, else raise ValueError."""
    for name in query.names:
        if table[name].null_count or pc.any(pc.equal(table[name], ""), min_count=0).as_py():
            raise ValueError(name)
    for name in query.numbers:
        whole = pc.match_substring_regex(table[name], _WHOLE)
        if table[name].null_count or not pc.all(whole, min_count=0).as_py():
            raise ValueError(name)
    return table


_WHOLE = r"^-?[0-9]{1,18}$"


def _nothing(_answer: Json | errors.WorkspaceError) -> Following:
    return []


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}
