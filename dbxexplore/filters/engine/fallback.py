"""Python's own engine, held to a time limit.

Python's ``re`` tries one way after another, and for an unlucky pattern there are more ways than anyone can
wait for; while it tries, nothing else in the process runs. So a pattern is run here only if a bound on the
number of its ways says that it is quick. Any other runs in a helper process, which can be stopped: that
is the same engine of the same Python, so the verdicts are the same.
"""

from __future__ import annotations

import marshal
import math
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from dbxexplore.filters.engine.syntax import Anchor, Chars, Either, Irregular, Look, Node, Repeat, Sequel, Test, parts

Method: TypeAlias = Literal["match", "search", "fullmatch"]
METHODS: Mapping[str, Method] = {"prefix": "match", "search": "search", "full": "fullmatch"}

_SECONDS_A_STEP = 2e-8  # of `re` on a slow machine
_FAR_TOO_MANY = 1e18
_LOG_OF_TOO_MANY = math.log(_FAR_TOO_MANY)
# The helper counts the processor's time by itself, so that a busy machine does not make a pattern slow. This
# factor on the time by the clock is for machines so busy that it gets none, and for Windows, which has no such timer.
_PATIENCE = 1.25

# Plain `marshal`, because it is built in, quick and keeps any text; what is read is what this process wrote.
_HELPER = """
import marshal, re, signal, sys, warnings
warnings.simplefilter("ignore")
seconds, text, flags, method, names = marshal.load(sys.stdin.buffer)
if hasattr(signal, "setitimer"):
    signal.setitimer(signal.ITIMER_PROF, seconds)
judge = getattr(re.compile(text, flags), method)
sys.stdout.buffer.write(bytes(judge(name) is not None for name in names))
"""


class TooSlowError(Exception):
    """The time ran out before every name was judged."""


class NoHelperError(Exception):
    """The pattern needs a helper process, and none could be started."""


def judge(
    compiled: re.Pattern[str],
    method: Method,
    tree: Node | None,
    names: Sequence[str],
    seconds: float,
) -> npt.NDArray[np.bool_]:
    """Return whether each of ``names`` matches, in ``seconds`` at most.

    ``tree`` is the tree of the pattern, or None where it is not known.

    Raises:
        TooSlowError: it would take longer.
        NoHelperError: it might take longer, and no process that could be stopped can be started here.
    """
    longest = max(map(len, names), default=0)
    starts = longest + 1 if method == "search" else 1
    if steps(tree, longest) * starts * len(names) * _SECONDS_A_STEP <= seconds:
        judged = getattr(compiled, method)
        return np.fromiter((judged(name) is not None for name in names), dtype=np.bool_, count=len(names))
    return _judge_apart(compiled, method, names, seconds)


def _judge_apart(
    compiled: re.Pattern[str], method: Method, names: Sequence[str], seconds: float
) -> npt.NDArray[np.bool_]:
    work = marshal.dumps((seconds, compiled.pattern, compiled.flags, method, list(names)))
    try:
        # Files and not pipes: a million names go through at once, and nothing has to be fed while it waits.
        with tempfile.TemporaryFile() as task, tempfile.TemporaryFile() as answer:
            task.write(work)
            task.seek(0)
            command = [sys.executable, "-I", "-S", "-c", _HELPER]
            with subprocess.Popen(  # noqa: S603 - this very Python, and a program that stands above
                command, stdin=task, stdout=answer, stderr=subprocess.DEVNULL
            ) as helper:
                try:
                    ended = helper.wait(_PATIENCE * seconds + 0.25)
                except subprocess.TimeoutExpired:
                    raise TooSlowError from None
                finally:
                    helper.kill()
            answer.seek(0)
            verdicts = answer.read()
    except (OSError, ValueError) as error:
        raise NoHelperError from error
    if ended == -getattr(signal, "SIGPROF", 0):
        raise TooSlowError
    if ended or len(verdicts) != len(names):
        raise NoHelperError
    return np.frombuffer(verdicts, dtype=np.bool_)


def trap(compiled: re.Pattern[str], method: Method, tree: Node | None, names: Sequence[str]) -> str | None:
    """Return a text on which Python's ``re`` takes longer than any pattern should, or None if none was found.

    Tried are ``names`` and long runs of the characters that the pattern is about. A pattern that may be decided
    quickly by another engine is still a trap for whatever reads it with ``re``.
    """
    if steps(tree, _PROBE) * (_PROBE + 1) * _SECONDS_A_STEP <= _TRAPPED:
        return None
    texts = [*names, *_probes(compiled.pattern, tree)]
    if not _is_trap(compiled, method, texts):
        return None
    return next((text for text in texts if _is_trap(compiled, method, [text])), None)


_PROBE = 40  # characters, far fewer than a name may have
_TRAPPED = 0.2  # seconds for a few names


def _is_trap(compiled: re.Pattern[str], method: Method, texts: Sequence[str]) -> bool:
    try:
        _judge_apart(compiled, method, texts, _TRAPPED)
    except TooSlowError:
        return True
    except NoHelperError:
        return False
    return False


def _probes(pattern: str, tree: Node | None) -> list[str]:
    start = "" if tree is None else "".join(_literal_start(tree))
    about = dict.fromkeys([*[char for char in pattern if char.isalnum()][:3], "a", "0"])
    # A run that is too short for the pattern, and one that is long enough but ends in what it cannot match.
    return [start + probe for char in about for probe in (char * (_PROBE * 2 // 3), char * _PROBE + "\0")]


def _literal_start(tree: Node) -> Iterable[str]:
    for item in parts(tree):
        if isinstance(item, Test) and item.char is not None:
            yield item.char
        elif not isinstance(item, Anchor):
            return


def steps(tree: Node | None, length: int) -> float:
    """Return a bound on the steps that ``re`` takes from one position of a name of ``length`` characters.

    It is a bound, not an estimate: ``(a+)+`` counts as hopeless even where it is not. Unknown trees do too.
    """
    if tree is None:
        return _FAR_TOO_MANY
    try:
        return _ways(tree, length)[1]
    except RecursionError:
        return _FAR_TOO_MANY


def _ways(node: Node, length: int) -> tuple[float, float]:  # noqa: PLR0911 - one return per construct
    """Return the number of ways through a node, and of steps to try them all."""
    match node:
        case Sequel(items):
            ways, cost = 1.0, 1.0
            for item in items:
                more, each = _ways(item, length)
                cost = min(_FAR_TOO_MANY, cost + ways * each)
                ways = min(_FAR_TOO_MANY, ways * more)
            return ways, cost
        case Either(items) if _are_distinct(items):
            return 1.0, float(len(items))
        case Either(items):
            all_ways, costs = zip(*(_ways(item, length) for item in items), strict=True)
            return min(_FAR_TOO_MANY, sum(all_ways)), min(_FAR_TOO_MANY, sum(costs))
        case Repeat(item, low, high):
            most = length if high is None else high
            return _repeat(float(min(most, max(low, length) + 1)), *_ways(item, length))
        case Look(item):
            return 1.0, _ways(item, length)[1]
        case Irregular(item, once):
            ways, cost = _ways(item, length)
            return 1.0 if once else ways, min(_FAR_TOO_MANY, 1.0 + length + cost)
        case Test() | Chars() | Anchor():
            return 1.0, 1.0


def _are_distinct(items: Sequence[Node]) -> bool:
    """Whether at most one of several alternatives can match a character, because each is another letter."""
    chars = [item.char.casefold() if isinstance(item, Test) and item.char else "" for item in items]
    return "" not in chars and len(set(chars)) == len(chars)


def _repeat(times: float, ways: float, cost: float) -> tuple[float, float]:
    if ways == 1:
        return times + 1, (times + 1) * cost
    # Each repetition multiplies the ways of those before it.
    if times * math.log(max(ways, 1.0)) > _LOG_OF_TOO_MANY:
        return _FAR_TOO_MANY, _FAR_TOO_MANY
    many = (times + 1) * ways**times
    return min(_FAR_TOO_MANY, many), min(_FAR_TOO_MANY, many * cost * (times + 1))
