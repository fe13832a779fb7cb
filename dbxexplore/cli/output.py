"""What the commands print: text that cannot control a terminal, tables, JSON, and the exit codes.

Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from dbxexplore import errors

if TYPE_CHECKING:
    import pandas as pd

    from dbxexplore.catalog import Catalog

DONE, FAILED, MISUSED, INCOMPLETE, FINDINGS, INTERRUPTED = 0, 1, 2, 3, 4, 130
EXIT_CODES = (
    "Exit codes: 0 done; 1 error (see stderr); 2 usage error; 3 incomplete: something could not be listed; "
    "4 findings: of lint, or privileges that are missing; 130 interrupted."
)
_MOST_FAILURES = 20  # printed one by one


# --- JSON ---


def as_json_text(document: object) -> str:
    """Return a document as JSON in ASCII, because JSON leaves some control characters beyond it unescaped."""
    return json.dumps(document, indent=2, ensure_ascii=True, default=str) + "\n"


def print_json(document: object) -> None:
    """Print a document as JSON."""
    sys.stdout.write(as_json_text(document))


def about(catalog: Catalog) -> dict[str, object]:
    """Return where a catalog comes from and what is missing from it, as plain values."""
    provenance = asdict(catalog.provenance)
    taken_at = catalog.provenance.taken_at
    return {
        "provenance": {**provenance, "taken_at": taken_at.isoformat() if taken_at else None},
        "complete": catalog.complete,
        "failures": records(catalog.failures),
    }


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Return rows as plain values: None for what is missing, text for a time."""
    import pandas as pd
    import pyarrow as pa

    def plain(value: str | bool | pd.Timestamp | None) -> object:
        if pd.isna(value):
            return None
        return value.isoformat() if isinstance(value, pd.Timestamp) else value

    columns = {
        name: pa.array(frame[name].array).to_pylist()
        if name == "columns"
        else [plain(value) for value in frame[name].tolist()]
        for name in frame.columns
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


# --- text ---


def clean(text: str) -> str:
    """Return text that cannot control a terminal: control, escape and direction characters are replaced.

    The joiner (U+200D) inside emoji is kept.
    """
    return "".join(c if c.isprintable() or c == "\u200d" else "\N{REPLACEMENT CHARACTER}" for c in text)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines."""
    for line in lines:
        sys.stdout.write(f"{clean(line)}\n")


def complain(line: str) -> None:
    """Print a line on standard error."""
    sys.stderr.write(f"{clean(line)}\n")
    sys.stderr.flush()


def print_table(
    corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[int]], *, stderr: bool = False
) -> None:
    """Print a table of numbers with a row for their sums; ``rows`` maps each label to one number per column."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(corner, box=box.SIMPLE_HEAD, show_footer=True)
    table.columns[0].footer = "all"
    for at, name in enumerate(columns):
        total = sum(numbers[at] for numbers in rows.values())
        table.add_column(name, justify="right", footer=f"{total:,}")
    for label, numbers in rows.items():
        table.add_row(clean(label), *(f"{number:,}" for number in numbers))
    # No markup and no emoji codes: labels come from elsewhere.
    Console(stderr=stderr, markup=False, emoji=False, highlight=False).print(table)


# --- results ---


def report_gaps(catalog: Catalog) -> int:
    """Print what could not be listed, and return the exit code that says whether anything is missing."""
    if catalog.complete:
        return DONE
    number = len(catalog.failures)
    complain(f"Incomplete: {catalog.not_listed}; contents unknown.")
    for record in records(catalog.failures.head(_MOST_FAILURES)):
        complain(f"  {record['scope']}: {record['reason']}: {record['message']}")
    if number > _MOST_FAILURES:
        complain(f"  and {number - _MOST_FAILURES:,} more")
    return INCOMPLETE


def save_to(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file and say so.

    Raises:
        DbxExploreError: the file cannot be written.
    """
    try:
        write(path)
    except OSError as error:
        msg = f"{str(path)!r} cannot be written: {error.strerror or error}"
        raise errors.DbxExploreError(msg, remedy="Pass another file with --output") from None
    complain(f"Wrote {path}")
