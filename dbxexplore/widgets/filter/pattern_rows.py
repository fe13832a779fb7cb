"""The rows of a pattern list while it is edited: some disabled, some half typed. No widgets here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dbxexplore import errors
from dbxexplore.filters.patterns import compile_pattern
from dbxexplore.text import line_html, visible_html

_HALF_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(eq=False)
class Row:
    """One pattern of a list.

    ``text`` is the content of its field; ``pattern`` is what applies while the row is ``on``: the text when it was last
    finished as a valid regular expression, None if there was none.
    """

    text: str = ""
    pattern: str | None = None
    on: bool = True
    error: errors.PatternError | None = field(default=None, repr=False)

    @classmethod
    def of(cls, pattern: str) -> Row:
        """Return the row of a pattern of filters."""
        row = cls()
        row.assign(pattern)
        return row

    @classmethod
    def typed(cls, text: str) -> Row:
        """Return the row of a text that is being typed."""
        row = cls()
        row.type(text)
        return row

    def assign(self, pattern: str) -> None:
        """Set a pattern of filters, which is active whether or not it is valid."""
        self.text, self.pattern, self.error = as_line(pattern), pattern, problem(pattern)

    def type(self, text: str) -> None:
        """Set a text that is being typed."""
        self.text = text
        self.error = problem(text) if text.strip() else None

    def finish(self) -> None:
        """Apply the text, unless it is not a valid regular expression."""
        self.pattern = self.draft

    @property
    def draft(self) -> str | None:
        """The pattern that the row would have if the text were finished now, None where it would have none."""
        if self.error is not None:
            return self.pattern
        if not self.text.strip():
            return None
        return self.pattern if self.pattern is not None and self.text == as_line(self.pattern) else self.text

    @property
    def active(self) -> str | None:
        """The pattern that this row adds to the filters, None where it adds none."""
        return self.pattern if self.on else None

    @property
    def is_unfinished(self) -> bool:
        """Whether the text is not what applies: it is being typed, or is not valid."""
        return self.on and (self.error is not None or self.draft != self.pattern)


def active_patterns(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return the patterns that rows add to the filters, in their order."""
    return tuple(row.pattern for row in rows if row.on and row.pattern is not None)


def draft_patterns(rows: Iterable[Row]) -> tuple[str, ...]:
    """Return the patterns that rows would add to the filters if all texts were finished now, in their order."""
    return tuple(draft for row in rows if row.on and (draft := row.draft) is not None)


def aligned(rows: Sequence[Row], wanted: Sequence[str], *, typed: bool = False) -> list[Row]:
    """Return rows whose patterns are ``wanted``, in that order; rows that fit already stay as they are.

    Disabled, blank and half-typed rows stay where they are, unless their own pattern is replaced.

    Args:
        rows: the rows of a list.
        wanted: the patterns that are to apply; or, if ``typed``, the texts that are being typed.
        typed: whether the rows are compared and set as drafts, which apply once they are finished.
    """
    known = {row: row.draft if typed else row.pattern for row in rows}
    if [known[row] for row in rows if row.on and known[row] is not None] == list(wanted):
        return list(rows)
    if _switch_on(rows, known, wanted):
        return list(rows)
    places = [place for place, row in enumerate(rows) if row.on and known[row] is not None]
    now = [str(known[rows[place]]) for place in places]
    head = _common(now, wanted)
    tail = _common(now[head:][::-1], wanted[head:][::-1])
    old, new = places[head : len(now) - tail], wanted[head : len(wanted) - tail]
    for place, pattern in zip(old, new, strict=False):
        rows[place].type(pattern) if typed else rows[place].assign(pattern)
    dropped, added = set(old[len(new) :]), [Row.typed(text) if typed else Row.of(text) for text in new[len(old) :]]
    before = (places[:head] + old)[: head + min(len(old), len(new))]
    at = before[-1] + 1 if before else places[len(now) - tail] if tail else len(rows)
    return [*_kept(rows, range(at), dropped), *added, *_kept(rows, range(at, len(rows)), dropped)]


def _kept(rows: Sequence[Row], places: Iterable[int], dropped: set[int]) -> list[Row]:
    return [rows[place] for place in places if place not in dropped]


def _switch_on(rows: Sequence[Row], known: Mapping[Row, str | None], wanted: Sequence[str]) -> bool:
    """Enable rows if that alone makes ``wanted``, as when disabling one is undone."""
    taken, switched = 0, list[Row]()
    for row in rows:
        pattern = known[row]
        fits = pattern is not None and taken < len(wanted) and wanted[taken] == pattern
        if row.on and pattern is not None and not fits:
            return False
        if fits:
            taken += 1
            switched.append(row)
    if taken != len(wanted):
        return False
    for row in switched:
        row.on = True
    return True


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how many texts two lists begin with alike."""
    pairs = zip(first, second, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))


# --- text ---


def lines(value: str) -> list[tuple[int, str]]:
    """Return the patterns of a text, one per line, with their line numbers from 1; blank lines are skipped."""
    return [(number, line) for number, line in enumerate(value.split("\n"), start=1) if line.strip()]


def as_line(pattern: str) -> str:
    """Return a pattern as one line that means the same: an empty one, or one with a line break, has to be rewritten."""
    line = pattern.replace("\n", "\\n").replace("\r", "\\r")
    line = _HALF_PAIR.sub(lambda half: f"\\u{ord(half[0]):04x}", line)  # no message to a browser can hold one
    return line if line.strip() else f"(?:{line})"


def problem(text: str) -> errors.PatternError | None:
    """Return why a text is not a valid regular expression, None if it is one."""
    try:
        compile_pattern(text, ignore_case=False)
    except errors.PatternError as error:
        return error
    return None


def problem_html(error: errors.PatternError) -> str:
    """Return as markup a pattern with the place of its error marked, the problem and the remedy."""
    text, at = error.pattern, error.position
    if at is None:
        marked = line_html(text)
    else:
        from_, to = max(0, at - 60), at + 40  # the rest of a long pattern does not help to find it
        before = ("…" if from_ else "") + line_html(text[from_:at])
        after = line_html(text[at + 1 : to]) + ("…" if len(text) > to else "")
        marked = f"{before}<mark>{line_html(text[at : at + 1]) or ' '}</mark>{after}"
    why = error.problem.rpartition("is not a regular expression: ")[2]
    return f"<code>{marked}</code> {visible_html(why)}. <span class='dbxe-muted'>{visible_html(error.remedy)}.</span>"
