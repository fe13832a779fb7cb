"""Retries: how long to wait before a failed call is made again, and when it has failed for good."""

from __future__ import annotations

import random

from dbxexplore import errors

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 30.0  # seconds before a first retry, and at most before any
_PATIENCE = 300.0  # seconds after which a call that keeps failing is not retried
_ATTEMPTS_WHEN_BROKEN = 5  # for failures other than throttling, which is bounded by patience alone


def wait_before_retry(error: errors.WorkspaceError, *, attempt: int, waited: float) -> float | None:
    """Return the seconds to wait before the same call is tried again, None if it has failed for good.

    ``attempt`` counts the retries so far; ``waited`` is how many seconds ago the call was first due.
    """
    throttled = isinstance(error, errors.ThrottledError)
    if not throttled and (not error.transient or attempt + 1 >= _ATTEMPTS_WHEN_BROKEN):
        return None
    longest: float = min(_LONGEST_WAIT, _FIRST_WAIT * 2**attempt)
    wait = longest * (0.5 + random.random() / 2)  # noqa: S311 - spreads retries, hides nothing
    least = _least_wait(error)
    if least:
        wait = max(wait, least + random.random() * _FIRST_WAIT)  # noqa: S311 - spreads retries, hides nothing
    return wait if waited + wait <= _PATIENCE else None


def _least_wait(error: errors.WorkspaceError) -> float:
    """Return the seconds that the server asks to wait; the SDK makes it one second where the server names none."""
    return (error.retry_after or 0.0) if isinstance(error, errors.ThrottledError) else 0.0
