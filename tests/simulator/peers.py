"""What other tools ask of a workspace besides its listings: there is none of it here."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.workspace import Json

ANSWERS: Mapping[str, Json] = {
    "/api/2.0/lineage-tracking/table-lineage": {},
    "/api/2.0/sql/history/queries": {},
    "/api/2.1/unity-catalog/connections": {},
    "/api/2.1/unity-catalog/models": {},
}
