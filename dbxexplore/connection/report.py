"""The test of a connection: who the credential is, what it can do, and each problem with its remedy."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dbxexplore import errors
from dbxexplore.connection.api import WorkspaceApi
from dbxexplore.connection.secrets import mask
from dbxexplore.connection.url import Cloud, cloud_of
from dbxexplore.connection.web import Json

if TYPE_CHECKING:
    from dbxexplore.connection.settings import ConnectionSettings


@dataclass(frozen=True)
class Problem:
    """One problem with a connection: what it is, how severe (``error`` or ``warning``) and what to do."""

    code: str
    severity: Literal["error", "warning"]
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.message}. {self.remedy}".strip().replace("..", ".")


@dataclass(frozen=True)
class Capability:
    """One thing that the credential can do (True), cannot do (False), or may be able to do (None)."""

    name: str
    available: bool | None
    detail: str = ""

    @property
    def label(self) -> str:
        """What a reader calls it, such as ``Fast listing`` for ``table_summaries``."""
        labels = {"table_summaries": "Fast listing", "warehouse": "SQL warehouse"}
        return labels.get(self.name, self.name.replace("_", " ").capitalize())

    def __str__(self) -> str:
        answer = {True: "yes", False: "no", None: "unknown"}[self.available]
        return f"{answer}: {self.detail}" if self.detail else answer


@dataclass(frozen=True)
class ConnectionReport:
    """The result of `ConnectionSettings.check`.

    ``identity`` and ``metastore`` are texts for a reader, None where they are not known. ``capabilities``
    maps a short name (``catalogs``, ``table_summaries``, ``notebooks``, ``warehouse``) to a `Capability`.
    ``ok`` is True when discovery can start: the credential was accepted and catalogs can be listed.
    """

    workspace_url: str
    cloud: Cloud
    identity: str | None
    metastore: str | None
    capabilities: Mapping[str, Capability]
    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """True when discovery can start."""
        catalogs = self.capabilities.get("catalogs")
        can_list = catalogs is not None and catalogs.available is True
        return can_list and not any(p.severity == "error" for p in self.problems)

    @property
    def connected(self) -> bool:
        """True when the workspace accepted the credential; False leaves nothing to report but the problem."""
        return any(capability.detail != _NOT_TRIED for capability in self.capabilities.values())

    def __str__(self) -> str:
        rows = self._rows() if self.connected else self._rows()[:1]
        width = max(len(name) for name, _ in rows)
        lines = [f"{name.lower():<{width}}  {value}" for name, value in rows]
        lines += [f"{p.severity}: {p}" for p in self.problems]
        return "\n".join(lines)

    def _rows(self) -> list[tuple[str, str]]:
        known = {"Workspace": self.workspace_url, "Identity": self.identity, "Metastore": self.metastore}
        rows = [(name, value or "unknown") for name, value in known.items()]
        return rows + [(capability.label, str(capability)) for capability in self.capabilities.values()]

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row' style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self._rows()
        )
        problems = "".join(
            f"<p><strong>{html.escape(p.severity)}</strong>: {html.escape(str(p))}</p>" for p in self.problems
        )
        verdict = "Ready to discover" if self.ok else "Not ready" if self.connected else "Can't connect"
        table = f"<table>{rows}</table>" if self.connected else ""
        return f"<p><strong>{verdict}</strong></p>{problems}{table}"


def check_connection(settings: ConnectionSettings, *, timeout: float) -> ConnectionReport:
    """Call the workspace of ``settings`` and report; see `ConnectionSettings.check`."""
    return _Check(settings).run(timeout)


_NOT_TRIED = "not tried"


class _Check:
    """Collects, call by call, what goes into a report."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self.settings = settings
        self.identity: str | None = None
        self.metastore: str | None = None
        self.capabilities: dict[str, Capability] = {}
        self.problems: list[Problem] = []

    def run(self, timeout: float) -> ConnectionReport:
        host = self.settings.workspace_url or ""
        try:
            calls = WorkspaceApi(self.settings, timeout=timeout, connections=2)
            host = calls.host or host
            self._who_am_i(calls)
        except errors.DbxExploreError as error:
            # Without an accepted credential, nothing is known of what it could do.
            self._problem("error", error)
        else:
            self._metastore(calls)
            self._catalogs(calls)
            self._notebooks(calls)
            if self.settings.warehouse_id:
                self._warehouse(calls, self.settings.warehouse_id)
        for name in ("catalogs", "table_summaries", "notebooks"):
            self.capabilities.setdefault(name, Capability(name, None, _NOT_TRIED))
        return ConnectionReport(
            workspace_url=host,
            cloud=cloud_of(host) if host else "unknown",
            identity=self.identity,
            metastore=self.metastore,
            capabilities=self.capabilities,
            problems=tuple(self.problems),
        )

    def _problem(self, severity: Literal["error", "warning"], error: errors.DbxExploreError) -> None:
        code = re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__.removesuffix("Error")).lower()
        remedy = " ".join(part for part in (error.expected and f"Expected {error.expected}.", error.remedy) if part)
        self.problems.append(Problem(code, severity, error.problem, remedy))

    def _can(self, name: str, *, available: bool | None, detail: str = "") -> None:
        self.capabilities[name] = Capability(name, available, detail)

    def _who_am_i(self, calls: WorkspaceApi) -> None:
        try:
            me = calls.get("/api/2.0/preview/scim/v2/Me")
        except errors.NotFoundError:
            msg = f"{calls.host} responded, but it is not a Databricks workspace"
            raise errors.NotDatabricksError(msg, remedy="Check the workspace URL") from None
        except errors.MissingScopesError:
            # A credential that is limited to Unity Catalog may not ask who it is, but can still list catalogs.
            self.identity = self.settings.auth.identity
            return
        names = [mask(str(me[key])) for key in ("userName", "displayName", "id") if me.get(key)]
        if not names:
            msg = f"{calls.host} responded, but did not report who the credential belongs to"
            raise errors.NotDatabricksError(msg, remedy="Check the workspace URL")
        self.identity = names[0] if len(names) < 2 or names[0] == names[1] else f"{names[0]} ({names[1]})"  # noqa: PLR2004

    def _metastore(self, calls: WorkspaceApi) -> None:
        try:
            summary = calls.get("/api/2.1/unity-catalog/metastore_summary")
        except errors.DbxExploreError as error:
            self._problem("warning", error)
            return
        name, region = summary.get("name"), summary.get("region")
        self.metastore = mask(f"{name or summary.get('metastore_id')}" + (f" ({region})" if region else ""))

    def _catalogs(self, calls: WorkspaceApi) -> None:
        try:
            catalogs = _first_page_with(calls, "/api/2.1/unity-catalog/catalogs", "catalogs")
        except errors.DbxExploreError as error:
            self._can("catalogs", available=False, detail="cannot be listed")
            self._problem("error", error)
            return
        if not catalogs:
            self._can("catalogs", available=True, detail="can be listed, but none is visible")
            self.problems.append(
                Problem(
                    "no_catalogs",
                    "warning",
                    "This credential can't see any catalogs",
                    "Grant it USE CATALOG on the catalogs that the connection should sync.",
                )
            )
            return
        self._can("catalogs", available=True, detail="can be listed")
        name = str(catalogs[0].get("name"))
        try:
            calls.get("/api/2.1/unity-catalog/table-summaries", {"catalog_name": name, "max_results": 1})
        except errors.NotFoundError:
            self._can("table_summaries", available=False, detail="unavailable; will list schema by schema")
        except errors.DbxExploreError as error:
            self._can("table_summaries", available=None, detail=f"unknown: {error.problem}")
        else:
            self._can("table_summaries", available=True, detail="a whole catalog per call")

    def _notebooks(self, calls: WorkspaceApi) -> None:
        try:
            calls.get("/api/2.0/workspace/list", {"path": "/"})
        except errors.DbxExploreError as error:
            self._can("notebooks", available=False, detail="cannot be listed")
            self._problem("warning", error)
        else:
            self._can("notebooks", available=True, detail="can be listed")

    def _warehouse(self, calls: WorkspaceApi, warehouse_id: str) -> None:
        try:
            state = str(calls.get(f"/api/2.0/sql/warehouses/{warehouse_id}").get("state") or "in an unknown state")
            if state != "RUNNING":
                # Starting it costs money, which a test should not spend.
                self._can("warehouse", available=None, detail=f"exists, is {state.lower()}; not started")
                return
            statement = {"warehouse_id": warehouse_id, "statement": "SELECT 1", "wait_timeout": "10s"}
            status = calls.post("/api/2.0/sql/statements", statement).get("status")
        except errors.NotFoundError:
            self._can("warehouse", available=False, detail="does not exist or is not visible")
            message = f"SQL warehouse {warehouse_id!r} not found, or not visible to this credential"
            self.problems.append(
                Problem("warehouse", "warning", message, "Copy the ID from the warehouse's overview page.")
            )
        except errors.DbxExploreError as error:
            self._can("warehouse", available=False, detail="cannot be used")
            self._problem("warning", error)
        else:
            answered = str(status.get("state")) if isinstance(status, dict) else "no state"
            self._can("warehouse", available=answered == "SUCCEEDED", detail=f"answered a query: {answered.lower()}")


def _first_page_with(calls: WorkspaceApi, path: str, key: str) -> list[Json]:
    """Return the items of the first page that has any: a page may be empty and still name a next one."""
    query: dict[str, object] = {"max_results": 1}
    for _ in range(100):
        page = calls.get(path, query)
        items = page.get(key)
        if isinstance(items, list) and items:
            return [item for item in items if isinstance(item, dict)]
        if not page.get("next_page_token"):
            return []
        query["page_token"] = page["next_page_token"]
    return []
