"""The undo and redo history of a value, and names for the edits. What is typed without a pause is one step."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dbxexplore.filters import Dialect, Filters
from dbxexplore.filters.patterns import LEVELS, Level, ListName

_T = TypeVar("_T")


@dataclass
class _Step(Generic[_T]):
    before: _T
    after: _T
    key: Hashable | None
    at: float
    open: bool = True  # whether what follows may still be a part of it

    def takes(self, key: Hashable | None, at: float, pause: float) -> bool:
        """Return whether an edit belongs to this step."""
        return self.open and key is not None and key == self.key and at - self.at <= pause


@dataclass
class History(Generic[_T]):
    """The steps that led to ``value``, at most ``limit`` of them; the oldest are dropped.

    Two edits with the same key, at most ``pause`` seconds apart, are one step. An edit after `undo` clears what
    could have been redone.
    """

    value: _T
    limit: int = 200
    pause: float = 1.5
    _done: list[_Step[_T]] = field(default_factory=list, repr=False)
    _undone: list[_Step[_T]] = field(default_factory=list, repr=False)

    def record(self, value: _T, key: Hashable | None, at: float, *, ends: bool = False) -> bool:
        """Record a new value, edited at the second ``at``; return whether it starts a new step.

        ``key`` names what was edited, such as one pattern; None never equals another key. ``ends`` closes the step, so
        that the next edit starts another one.
        """
        if value == self.value:
            return False
        before, self.value = self.value, value
        self._undone.clear()
        last = self._done[-1] if self._done else None
        if last is None or not last.takes(key, at, self.pause):
            self._done.append(_Step(before, value, key, at, open=not ends))
            del self._done[: -self.limit]
            return True
        last.after, last.at, last.open = value, at, not ends
        if last.before == value:  # typed and deleted again: not a step
            self._done.pop()
        return False

    @property
    def last(self) -> tuple[_T, _T] | None:
        """The values before and after the step that `undo` would revert, None if there is none."""
        return (self._done[-1].before, self._done[-1].after) if self._done else None

    @property
    def next(self) -> tuple[_T, _T] | None:
        """The values before and after the step that `redo` would repeat, None if there is none."""
        return (self._undone[-1].before, self._undone[-1].after) if self._undone else None

    def undo(self) -> _T:
        """Go one step back, if there is one, and return the value there."""
        if self._done:
            step = self._done.pop()
            step.open = False
            self._undone.append(step)
            self.value = step.before
            self.close()
        return self.value

    def redo(self) -> _T:
        """Go one step forward, if there is one, and return the value there."""
        if self._undone:
            self._done.append(self._undone.pop())
            self.value = self._done[-1].after
        return self.value

    def close(self) -> None:
        """End the last step: the next edit is another one, however soon it follows."""
        if self._done:
            self._done[-1].open = False


@dataclass(frozen=True)
class Edit:
    """The difference between two filters.

    ``key`` is the place of the one pattern that differs, None if more than one does. ``ends`` says that another pattern has
    that place now.
    """

    key: tuple[Level, ListName, int] | None
    text: str
    ends: bool = False


def edit(before: Filters, after: Filters) -> Edit:
    """Return what was edited, in a few words: ``edit of allow “^prod$” (catalogs)``."""
    lists = [
        (level, name, tuple(getattr(before.level(level), name)), tuple(getattr(after.level(level), name)))
        for level in LEVELS
        if before.level(level) != after.level(level)
        for name in _LISTS
        if getattr(before.level(level), name) != getattr(after.level(level), name)
    ]
    if len(lists) == 1:
        return _edit_of_list(*lists[0])
    if len({level for level, *_ in lists}) == 1 and _is_moved_over(lists):
        level, name, *_ = next(entry for entry in lists if len(entry[3]) > len(entry[2]))
        return Edit(None, f"move to {name} ({level})")
    return Edit(None, f"edit of patterns ({', '.join(dict.fromkeys(level for level, *_ in lists))})")


_LISTS: tuple[ListName, ...] = ("allow", "deny")


def _is_moved_over(lists: list[tuple[Level, ListName, tuple[str, ...], tuple[str, ...]]]) -> bool:
    (_, _, old, new), (_, _, other_old, other_new) = lists
    return len(new) - len(old) == -(len(other_new) - len(other_old)) and abs(len(new) - len(old)) == 1


def _edit_of_list(level: Level, name: ListName, old: tuple[str, ...], new: tuple[str, ...]) -> Edit:
    head = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    tail_old, tail_new = old[head + 1 :], new[head + 1 :]
    key = (level, name, head)
    if len(old) == len(new) and tail_old == tail_new:
        return Edit(key, f"edit of {name} {_quoted(new[head])} ({level})")
    if len(new) == len(old) + 1 and tail_new == old[head:]:
        return Edit(key, f"addition of {name} {_quoted(new[head])} ({level})")
    if len(old) == len(new) + 1 and tail_old == new[head:]:
        # The next pattern moves to the same place; removing it too is a separate step.
        return Edit(key, f"removal of {name} {_quoted(old[head])} ({level})", ends=True)
    if sorted(old) == sorted(new):
        return Edit(None, f"reordering of {name} patterns ({level})")
    return Edit(None, f"edit of {name} patterns ({level})")


def describe(before: tuple[Filters, Dialect], after: tuple[Filters, Dialect]) -> Edit:
    """Return what was edited in the filters and the matching rules."""
    if before[1] == after[1]:
        return edit(before[0], after[0])
    switch = f"switch to {after[1].title}"
    return Edit(None, switch if before[0] == after[0] else f"{switch} and edit of patterns")


def _quoted(pattern: str, limit: int = 40) -> str:
    return f"“{pattern if len(pattern) <= limit else pattern[: limit - 1] + '…'}”"
