"""Answers with one wrong value: which fields there are, and a simulator that sends each of them wrong, one at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import pyarrow as pa

from simulator.server import Answer, Api
from simulator.statements import STATEMENTS, STORAGE

Path = tuple[str | int, ...]

# As JSON text, because some of it is not what Python would write.
WRONG = (
    "null",
    "true",
    "false",
    "0",
    "7",
    "-1",
    "1.5",
    "1" + "0" * 30,
    "NaN",
    '""',
    '"wrong"',
    '"NaN"',
    '"half \\ud83d a pair"',
    '"' + "long " * 50_000 + '"',
    '"\\u0000 \\u001f \\u007f \\n"',
    "[]",
    "[" * 50 + "]" * 50,
    '["x", 7, null, {}]',
    "{}",
    '{"error_code": "INTERNAL_ERROR", "message": "out of order"}',
)


class Field(NamedTuple):
    """A place in an answer: what was asked, and the keys and indexes that lead to it; () is the whole answer."""

    asked: str
    path: Path
    value: object


class Mutation(NamedTuple):
    """A field, and what is sent in its place."""

    field: Field
    wrong: str | bytes

    def __str__(self) -> str:
        where = ".".join(map(str, self.field.path)) or "the whole"
        return f"{self.field.asked[:200]}: {where} = {self.wrong[:60]!r}"


class Mutator:
    """Changes the answers of a simulator; install it as ``simulator.api.alter``.

    While ``current`` is None, answers go out as they are and are kept. Else each answer that holds the field of that
    mutation goes out with the wrong value, every time it is asked for.
    """

    def __init__(self, api: Api) -> None:
        self.current: Mutation | None = None
        self._api = api
        self._answers: dict[str, bytes] = {}

    def __call__(self, target: str, body: bytes, answer: Answer) -> Answer:
        asked = self._asked(target, body)
        if self.current is None:
            self._answers[asked] = answer.body
            return answer
        field, wrong = self.current
        if asked != field.asked:
            return answer
        made = wrong if isinstance(wrong, bytes) else _with(json.loads(answer.body), field.path, wrong).encode()
        return replace(answer, body=made)

    def fields(self, *, every: bool) -> list[Field]:
        """Return the fields of the answers that were kept.

        With ``every``, these are all fields of all answers. Without, a field that is in several rows, pages or answers
        of the same kind is there where it comes first and where it comes last.
        """
        fields = [
            Field(asked, path, value)
            for asked, body in sorted(self._answers.items())
            if not asked.startswith("stored ")
            for path, value in _fields(json.loads(body), ())
        ]
        if every:
            return fields
        first = {_kind(field): field for field in reversed(fields)}
        last = {_kind(field): field for field in fields}
        return [field for field in fields if field in (first[_kind(field)], last[_kind(field)])]

    def mutations(self, fields: Iterable[Field]) -> Iterator[Mutation]:
        """Yield each of the fields with every wrong value, and every stored result as every wrong one."""
        for field in fields:
            for wrong in WRONG:
                if not _same(json.loads(wrong), field.value):
                    yield Mutation(field, wrong)
        for asked, body in sorted(self._answers.items()):
            if asked.startswith("stored "):
                for wrong_body in _wrong_results(body):
                    yield Mutation(Field(asked, (), None), wrong_body)

    def _asked(self, target: str, body: bytes) -> str:
        """Return a name for what was asked that does not depend on the order of the requests."""
        path = target.partition("?")[0]
        if body and path == STATEMENTS:
            sent = json.loads(body)
            return f"statement {sent['disposition']} {sent['statement']} {sent.get('parameters', '')}"
        if path.startswith((f"{STATEMENTS}/", f"{STORAGE}/")):
            number, _, rest = path.removeprefix(f"{STATEMENTS}/").removeprefix(f"{STORAGE}/").partition("/")
            text = self._api.warehouses.text(number)
            return f"{'stored' if path.startswith(STORAGE) else 'result'} {rest} of {text}"
        return target


def _kind(field: Field) -> tuple[str, Path]:
    """Return what kind of answer a field is in, and where, whichever row of a list that is."""
    asked = re.sub(r"[?].*|chunks/[0-9]+", "", field.asked)
    # Of a row of a SQL result, each column is a field of its own.
    is_cell = "data_array" in field.path
    path = tuple(
        "row" if isinstance(step, int) and not (is_cell and at == len(field.path) - 1) else step
        for at, step in enumerate(field.path)
    )
    return asked, path


def _fields(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _fields(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _fields(item, (*path, index))


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


_HOLE = "a hole for the wrong value"


def _with(document: object, path: Path, wrong: str) -> str:
    """Return a document as JSON with something else at one place; unchanged if it has no such place."""
    holder: object = {"": document}
    inside = holder
    whole: Path = ("", *path)
    for step in whole[:-1]:
        inside = _at(inside, step)
    if _at(inside, whole[-1]) is not _MISSING:
        inside[whole[-1]] = _HOLE  # type: ignore[index]
    return json.dumps(holder[""]).replace(f'"{_HOLE}"', wrong, 1)  # type: ignore[index]


_MISSING = object()


def _at(holder: object, step: str | int) -> object:
    if isinstance(holder, dict):
        return holder.get(step, _MISSING)
    if isinstance(holder, list) and isinstance(step, int) and step < len(holder):
        return holder[step]
    return _MISSING


def _wrong_results(body: bytes) -> Iterator[bytes]:
    """Yield what may be stored in place of an Arrow stream of text."""
    yield from (b"", b"not Arrow", body[: len(body) // 2], body[:-9], b"\x00" * 1000)
    with pa.ipc.open_stream(body) as reader:
        table = reader.read_all()
    first = table.column(0)
    # Offsets that lead out of the text: the last one of the last column.
    end = sum(len(one or "") for one in table.column(table.num_columns - 1).to_pylist())
    yield body[::-1].replace(end.to_bytes(4, "little")[::-1], (2**30).to_bytes(4, "little")[::-1], 1)[::-1]
    changes: list[Callable[[pa.Table], pa.Table]] = [
        lambda table: table.slice(0, 0),
        lambda table: table.slice(1),
        lambda table: table.append_column("more", first),
        lambda table: table.remove_column(0),
        lambda table: table.set_column(0, "c", pa.nulls(len(table), pa.string())),
        lambda table: table.set_column(0, "c", pa.array([7] * len(table))),
        lambda table: table.set_column(0, "c", pa.array([True] * len(table))),
        lambda table: table.set_column(0, "c", pa.array([["x"]] * len(table))),
        lambda table: table.set_column(0, "c", pa.array([b"\xff"] * len(table))),
        lambda table: table.set_column(0, "c", _not_utf8(len(table))),
        lambda table: table.set_column(0, "c", pa.array([""] * len(table))),
    ]
    for change in changes:
        sink = pa.BufferOutputStream()
        made = change(table)
        with pa.ipc.new_stream(sink, made.schema) as writer:
            writer.write_table(made)
        yield sink.getvalue().to_pybytes()


def _not_utf8(length: int) -> pa.Array:
    """Return text of half a surrogate pair each, in the bytes that some writers make of it."""
    offsets = pa.py_buffer(b"".join((3 * n).to_bytes(4, "little") for n in range(length + 1)))
    return pa.Array.from_buffers(pa.string(), length, [None, offsets, pa.py_buffer(b"\xed\xa0\xbd" * length)])
