"""Answers read without trust: what is not as documented is unknown or an error, and never empty."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from dbxexplore import errors
from dbxexplore.discovery.answers import LATEST, flag, objects_in, text
from dbxexplore.discovery.rest import columns_in
from dbxexplore.discovery.rows import timestamps
from dbxexplore.discovery.statements import Query, _as_table, _from_arrow


@pytest.mark.parametrize(
    "value", [None, -1, 10**30, LATEST + 1, 2**63, 1.5, float("nan"), "1700000000000", "", True, False, [], {}]
)
def test_what_is_not_a_time_is_null(value: Any) -> None:
    assert timestamps([value]).to_pylist() == [None]


@pytest.mark.parametrize("value", [0, 1_700_000_000_000, LATEST])
def test_a_time_keeps_its_millisecond(value: int) -> None:
    assert timestamps([value]).cast(pa.int64()).to_pylist() == [value * 1_000_000]


@pytest.mark.parametrize("value", [None, 1, 0, "true", "", [], {}])
def test_a_flag_that_cannot_be_read_is_unknown(value: Any) -> None:
    assert flag(value) is None


@pytest.mark.parametrize("value", [None, 1, True, "", [], {}, ["x"]])
def test_what_is_not_a_text_is_none(value: Any) -> None:
    assert text(value) is None


@pytest.mark.parametrize("value", [None, 3, 0, "x", "", {"a": 1}, {}, True, False])
def test_something_in_place_of_a_list_is_an_error(value: Any) -> None:
    with pytest.raises(errors.NotDatabricksError, match="The answer for main holds no list of objects under 'tables'"):
        objects_in({"tables": value}, "tables", "main")


def test_an_absent_list_is_empty_and_odd_rows_are_counted() -> None:
    assert objects_in({}, "tables", "main") == ([], 0)
    assert objects_in({"tables": [{"a": 1}, None, 7, []]}, "tables", "main") == ([{"a": 1}], 3)


def test_columns_that_cannot_be_read_are_unknown() -> None:
    good: dict[str, object] = {"name": "id", "type_text": "bigint", "nullable": "no", "comment": 7}
    assert columns_in([good]) == [{"name": "id", "type": "bigint", "nullable": None, "comment": None}]
    for odd in (None, {}, "x", [good, None], [good, {"type_text": "x"}], [good, {"name": 7}]):
        assert columns_in(odd) is None


# --- results of SQL ---

QUERY = Query(
    "SELECT", ("name", "number", "time", "note"), {}, frozenset({"name"}), frozenset({"number"}), frozenset({"time"})
)


def arrow(*columns: pa.Array) -> bytes:
    table = pa.table(list(columns), names=[str(at) for at in range(len(columns))])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


@pytest.mark.parametrize("row", [["a", "1", "2", None], ["a", 1, 2, ""]])
def test_rows_as_asked_for(row: Any) -> None:
    assert _as_table([row], QUERY).to_pylist() == [{"name": "a", "number": "1", "time": "2", "note": row[3]}]


@pytest.mark.parametrize("time", [True, 1.5, [], {}])
def test_a_time_that_is_not_a_number_is_null(time: Any) -> None:
    assert _as_table([["a", "1", time, None]], QUERY)["time"].to_pylist() == [None]


@pytest.mark.parametrize(
    "rows",
    [
        None,
        {},
        "x",
        [None],
        ["a1"],
        [{}],
        [["a", "1", "2"]],
        [["a", "1", "2", "x", "y"]],
        [[None, "1", "2", "x"]],
        [["", "1", "2", "x"]],
        [[7, "1", "2", "x"]],
        [[["a"], "1", "2", "x"]],
        [["a", None, "2", "x"]],
        [["a", "x", "2", "x"]],
        [["a", "1" * 30, "2", "x"]],
        [["a", True, "2", "x"]],
        [["a", "1", "2", 7]],
        [["a", "1", "2", {}]],
    ],
)
def test_rows_of_another_form_are_an_error(rows: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        _as_table(rows, QUERY)


def test_a_result_that_may_widen() -> None:
    query = Query("SHOW", ("name",), names=frozenset({"name"}), widens=True)
    assert _as_table([["a", "more"]], query).to_pylist() == [{"name": "a"}]


def test_arrow_as_asked_for() -> None:
    content = arrow(pa.array(["a"]), pa.array([1]), pa.array(["2"]), pa.nulls(1))
    found, replaced = _from_arrow(content, QUERY)
    assert found.to_pylist() == [{"name": "a", "number": "1", "time": "2", "note": None}]
    assert not replaced
    large = arrow(pa.array(["a"], pa.large_string()), pa.array([1]), pa.array([2]), pa.array(["x"]).dictionary_encode())
    assert _from_arrow(large, QUERY)[0].num_rows == 1


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_arrow_text_that_is_not_utf_8_is_replaced(kind: pa.DataType) -> None:
    odd = pa.array([b"a\xed\xa0\xbd"], pa.large_binary() if kind == pa.large_string() else pa.binary()).view(kind)
    result, replaced = _from_arrow(arrow(pa.array(["a"]), pa.array([1]), pa.array([2]), odd), QUERY)
    assert replaced
    assert result["note"][0].as_py().startswith("a\ufffd")
    with pytest.raises(ValueError, match="name"):  # a name that was replaced would be that of another object
        _from_arrow(arrow(odd, pa.array([1]), pa.array([2]), pa.array(["x"])), QUERY)


@pytest.mark.parametrize(
    "name",
    [
        pa.array([1]),
        pa.array([True]),
        pa.array([["a"]]),
        pa.array([b"\xff"]),
        pa.array([None], pa.string()),
        pa.array([""]),
    ],
)
def test_arrow_of_another_form_is_an_error(name: pa.Array) -> None:
    with pytest.raises((TypeError, ValueError)):
        _from_arrow(arrow(name, pa.array([1]), pa.array([2]), pa.array(["x"])), QUERY)
