"""The values of an Explorer that a session holds."""

from __future__ import annotations

from dataclasses import fields

from dbxexplore.export.session import Session
from dbxexplore.widgets.state import ExplorerState, Mask

VALUES = tuple(one.name for one in fields(Session))
"""Their names in the state."""


def session_of(state: ExplorerState) -> Session:
    """Return the session of a state."""
    values = {name: getattr(state, name) for name in VALUES}
    return Session(**{**values, "ticked": None if state.ticked is None else state.ticked.flags})


def values_of(session: Session) -> dict[str, object]:
    """Return the values of a session as the state holds them."""
    values = {name: getattr(session, name) for name in VALUES}
    return {**values, "ticked": None if session.ticked is None else Mask(session.ticked)}
