"""`audit`: what a principal can see of what a preview includes, and which privileges it lacks."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings, WorkspaceApi, looks_like_secret
from dbxexplore.discovery import Progress
from dbxexplore.discovery.arguments import CALL_TIMEOUT, check_source
from dbxexplore.discovery.engine import Crawler
from dbxexplore.permissions.principals import DirectoryReader, Principal
from dbxexplore.permissions.rules import Access, Answer, Told, access, both, either, granted, holds, implies, use_of
from dbxexplore.permissions.told import CatalogTold, Metastore, Reader
from dbxexplore.text import line_html, one_line

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient

    from dbxexplore.filters import Preview

ACCESSES: tuple[Access, ...] = ("invisible", "unknown", "browse_only", "readable")  # the worst first
_HELD = {True: "yes", False: "no", None: "unknown"}
_AT_ONCE = 16
_MOST_SHOWN = 200  # rows of a display
_MOST_NAMED = 5  # catalogs that a note names
_PRIVILEGES = ("securable_type", "securable", "privilege", "held", "through")

# What has no privileges of Unity Catalog, and what nobody can change.
HIVE, SYSTEM, SAMPLES = "hive_metastore", "system", "samples"
_LINEAGE = "access"  # the schema of the lineage system tables
_NOTHING = "Nothing in it is included"


class Selection(NamedTuple):
    """What a preview includes of Unity Catalog: tables and views by catalog and schema."""

    tables: Mapping[str, Mapping[str, Sequence[str]]]

    @classmethod
    def of(cls, preview: Preview) -> Selection:
        """Return the catalogs and schemas that hold something included, or have nothing in them yet."""
        objects = preview.catalog.objects
        held = objects[preview.included.to_numpy()]
        found: dict[str, dict[str, list[str]]] = {}
        is_relation = held["kind"].isin(["table", "view"]).to_numpy()
        for catalog, schema, name in held.loc[is_relation, ["catalog", "schema", "name"]].itertuples(
            index=False, name=None
        ):
            found.setdefault(str(catalog), {}).setdefault(str(schema), []).append(str(name))
        any_relation = objects["kind"].isin(["table", "view"]).to_numpy()
        filled = set(zip(objects.loc[any_relation, "catalog"], objects.loc[any_relation, "schema"], strict=True))
        is_schema = (held["kind"] == "schema").to_numpy()
        for catalog, schema in held.loc[is_schema, ["catalog", "name"]].itertuples(index=False, name=None):
            if (catalog, schema) not in filled:
                found.setdefault(str(catalog), {}).setdefault(str(schema), [])
        names = held.loc[(held["kind"] == "catalog").to_numpy(), "name"]
        for catalog in set(names) - set(objects.loc[(objects["kind"] == "schema").to_numpy(), "catalog"]):
            found.setdefault(str(catalog), {})
        found.pop(HIVE, None)
        return cls(found)


@dataclass(frozen=True)
class Audit:
    """What a principal can see of what a preview includes.

    ``objects`` has the preview's included rows with two more columns: ``access``, one of ``readable``, ``browse_only``,
    ``invisible`` and ``unknown``, and ``reason`` (text). ``privileges`` has a row for each privilege that a selected
    catalog or schema takes: ``securable_type``, ``securable``, ``privilege``, ``held`` (``yes``, ``no`` or
    ``unknown``) and ``through``, where it comes from (all text). ``notes`` say what could not be found out, and whom to ask.
    ``owners`` are those of catalogs, schemas and tables that are shown, by full name. ``direct`` has the privileges
    that the principal was granted on a securable itself, for those whose grants are all shown. ``lineage`` is whether it
    can read the lineage system tables, ``yes``, ``no`` or ``unknown``; empty where the connection names no SQL warehouse to
    read them with. ``calls`` is how many calls were made.
    """

    principal: Principal
    caller: str
    objects: pd.DataFrame
    privileges: pd.DataFrame
    owners: Mapping[str, str]
    direct: Mapping[str, Sequence[str]]
    lineage: str = ""
    notes: Sequence[str] = ()
    calls: int = 0

    def counts(self) -> dict[str, int]:
        """Return how many tables and views have each kind of access, the worst first."""
        found = self._tables["access"].value_counts()
        return {name: int(found.get(name, 0)) for name in ACCESSES}

    @property
    def ready(self) -> bool:
        """Whether all that the preview includes can be read: its tables and views, and the schemas to come in."""
        lacking = self.missing()
        return bool(len(self.privileges)) and not len(lacking) and bool((self._tables["access"] == "readable").all())

    @cached_property
    def _tables(self) -> pd.DataFrame:
        return self.objects[self.objects["kind"].isin(["table", "view"])]

    def __repr__(self) -> str:
        return f"Audit of {one_line(self.principal.name)}: {self._said()}"

    def _said(self) -> str:
        counts = self.counts()
        words = {
            "browse_only": "may only be browsed",
            "invisible": "invisible",
            "unknown": "unknown",
            "readable": "readable",
        }
        return (
            ", ".join(f"{counts[name]:,} {words[name]}" for name in ACCESSES if counts[name])
            or "no table or view is included"
        )

    def _lacking(self) -> Iterator[tuple[str, str, str]]:
        """Yield the securable, the privilege as SQL has it, and whether it is held, of those that are missing."""
        rows = self.missing()[["securable", "privilege", "held"]].astype(str).to_numpy().tolist()
        yield from ((securable, privilege.replace("_", " "), held) for securable, privilege, held in rows)

    def missing(self) -> pd.DataFrame:
        """Return the privileges that are needed and not held, or may not be, the worst first."""
        order = {"no": 0, "unknown": 1}
        # BROWSE is not needed by who can read, and SELECT on a schema not where all of its tables can be read.
        readable = self._tables["access"] == "readable"
        whole = readable.groupby([self._tables["catalog"].astype(object), self._tables["schema"].astype(object)]).all()
        read = [".".join(map(str, names)) for names in whole[whole].index]
        is_needless = (self.privileges["privilege"] == "BROWSE") | (
            (self.privileges["privilege"] == "SELECT") & self.privileges["securable"].isin(read)
        )
        lacking = self.privileges[(self.privileges["held"] != "yes") & ~is_needless]
        return lacking.sort_values("held", key=lambda held: held.map(order), kind="stable").reset_index(drop=True)

    def to_markdown(self) -> str:
        """Return the audit as Markdown, for a pull request or a request to whoever can grant."""
        lines = [f"**{markdown_text(self.principal.name)}**: {self._said()}", ""]
        missing = list(self._lacking())
        if missing:
            lines += ["| Securable | Privilege | Held |", "|---|---|---|"]
            lines += [
                f"| {markdown_text(name)} | {privilege} | {held} |" for name, privilege, held in missing[:_MOST_SHOWN]
            ]
            if len(missing) > _MOST_SHOWN:
                lines.append(f"| … {len(missing) - _MOST_SHOWN:,} more | | |")
            lines.append("")
        lines += [f"- {markdown_text(note)}" for note in self.notes]
        return "\n".join(lines).rstrip() + "\n"

    def to_json(self) -> str:
        """Return the audit as a JSON document."""
        document = {
            "principal": {"name": self.principal.name, "kind": self.principal.kind},
            "caller": self.caller,
            "ready": self.ready,
            "counts": self.counts(),
            "privileges": self.privileges.to_dict("records"),
            "objects": self.objects[["kind", "full_name", "access", "reason"]].to_dict("records"),
            "notes": list(self.notes),
        }
        return json.dumps(document, ensure_ascii=False, indent=2)

    def _repr_html_(self) -> str:
        kind = f" ({html.escape(self.principal.kind)})" if self.principal.kind != "unknown" else ""
        text = f"<p><b>{line_html(self.principal.name)}</b>{kind}: {html.escape(self._said())}</p>"
        missing = list(self._lacking())
        if missing:
            rows = "".join(
                f"<tr><td><code>{line_html(name)}</code></td><td>{html.escape(privilege)}</td><td>{held}</td></tr>"
                for name, privilege, held in missing[:_MOST_SHOWN]
            )
            text += (
                "<table><thead><tr><th>Securable</th><th>Privilege</th><th>Held</th></tr></thead>"
                f"<tbody>{rows}</tbody></table>"
            )
            if len(missing) > _MOST_SHOWN:
                text += f"<p>{len(missing) - _MOST_SHOWN:,} more</p>"
        return text + "".join(f"<p>{line_html(note, 1000)}</p>" for note in self.notes)


def markdown_text(text: str) -> str:
    """Return text as one line of Markdown in which nothing is a mark, a link or a tag."""
    return re.sub(r"([\\|`*_\[\]])", r"\\\1", one_line(text, 1000)).replace("<", "&lt;")


def audit(
    source: ConnectionSettings | WorkspaceClient,
    preview: Preview,
    principal: str | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> Audit:
    """Find out what a principal can see of what a preview includes, without changing anything.

    The answer is *unknown* where the caller is not told enough: Databricks answers those who may not read all grants
    of an object with their own grants alone, and without an error.

    Args:
        source: connection settings, or a Databricks SDK client, whose credential asks.
        preview: what is to be synced.
        principal: the application ID of a service principal, an e-mail address, or the name of a group; None is the
            caller.
        progress: called about ten times a second with a `Progress`.

    Raises:
        SettingsError: there is no such principal, or it is named by something else than what grants use.
        WorkspaceError: the workspace cannot be reached or refuses the credential.
    """
    if principal is not None and looks_like_secret(principal):
        msg = "The principal looks like a secret itself (not shown)"
        expected = "an application ID, an e-mail address or the name of a group"
        raise errors.SettingsError(msg, expected=expected, remedy="Revoke the secret")
    selection = Selection.of(preview)
    api = WorkspaceApi(check_source(source), timeout=CALL_TIMEOUT, connections=_AT_ONCE)
    calls = 0

    def count(state: Progress) -> None:
        nonlocal calls
        if state.finished:
            calls += state.done
        if progress:
            progress(state)

    try:
        metastore, people = Metastore(), DirectoryReader()
        crawler = Crawler(api, max_concurrency=_AT_ONCE, progress=count)
        directory = people.run(crawler, [metastore.start()])
        who = directory.principal(principal)
        has_warehouse = isinstance(source, ConnectionSettings) and source.warehouse_id is not None
        extra: Mapping[str, Mapping[str, Sequence[str]]] = {SYSTEM: {_LINEAGE: []}} if has_warehouse else {}
        reader = Reader({**extra, **selection.tables}, directory, who, metastore)
        crawler = Crawler(api, max_concurrency=_AT_ONCE, progress=count)
        crawler.run(reader.start())
        reader.settle(crawler.failures)
    finally:
        api.close()
    notes = list(_notes(metastore, who, [reader.found[name] for name in selection.tables]))
    if not selection.tables:
        notes.append(
            "The catalog holds nothing of Unity Catalog that the filters include. If that is because this credential sees "
            "nothing, discover with one that does, such as a catalog owner's, and name the principal to check."
        )
    if reader.unasked:
        notes.append(
            f"{reader.unasked:,} tables cannot be read because their catalog or schema cannot be used. Whether their names "
            "may be seen all the same, by a privilege on a single table, was not looked up."
        )
    if not metastore.inherits:
        notes.insert(
            0,
            f"This metastore has the privilege model {metastore.version}, without inheritance, so nothing is concluded. "
            "An account admin can upgrade it.",
        )
    every = _Judged(reader.found, who, metastore)
    lineage = every.lineage() if has_warehouse else ""
    if lineage in {"no", "unknown"}:
        notes.append(
            f"Lineage takes USE SCHEMA and SELECT on system.{_LINEAGE} and USE CATALOG on system, "
            f"{'which it lacks' if lineage == 'no' else 'which is not known'}. An account admin enables that schema and grants "
            "it. Without it, assets have no lineage."
        )
    judged = _Judged({name: reader.found[name] for name in selection.tables}, who, metastore)
    owners = {told.full_name: told.owner for told in judged.all_told() if told.owner}
    direct = {told.full_name: _direct(told, who) for told in judged.all_told() if told.whole}
    return Audit(
        who, directory.caller, judged.objects(preview), judged.privileges(), owners, direct, lineage, notes, calls
    )


def _direct(told: Told, who: Principal) -> list[str]:
    row = told.rows.get(who.name, {})
    return sorted(name for name, origin in row.items() if origin == (told.kind, told.full_name))


def _notes(metastore: Metastore, who: Principal, found: Iterable[CatalogTold]) -> Iterator[str]:
    if who.note:
        yield who.note
    hidden = [one.catalog.full_name for one in found if not one.catalog.whole]
    if hidden:
        more = f" and {len(hidden) - _MOST_NAMED:,} more" if len(hidden) > _MOST_NAMED else ""
        names = ", ".join(one_line(name) for name in hidden[:_MOST_NAMED]) + more
        admin = (
            f", or {one_line(metastore.admin)}, the metastore admin," if metastore.admin else " or a metastore admin"
        )
        yield (
            f"Not all grants on {names} are shown to this credential. Ask an owner of the catalog{admin} to run the audit, "
            "or to grant READ METADATA on it."
        )


class _Judged:
    """The verdicts on what a reader has found."""

    def __init__(
        self,
        found: Mapping[str, CatalogTold],
        who: Principal,
        metastore: Metastore,
    ) -> None:
        self._found = found
        self._who = who
        self._names = who.names
        self._inherits = metastore.inherits
        self._of_schemas: dict[str, Access] = {}  # of tables that were not asked about, by schema
        # Nobody else is asked: the admin of the metastore is shown everything, and reads nothing by that.
        self._is_admin: Answer = None if metastore.admin is None else who.names.has(metastore.admin)

    def all_told(self) -> Iterator[Told]:
        """Yield what was told of every securable."""
        for one in self._found.values():
            yield one.catalog
            yield from one.schemas.values()
            for tables in one.tables.values():
                yield from tables.values()

    # --- objects ---

    def objects(self, preview: Preview) -> pd.DataFrame:
        """Return the included rows of a preview with access and reason."""
        rows = preview.catalog.objects[preview.included.to_numpy()].copy()
        verdicts = [
            self._verdict(kind, catalog, schema, name)
            for kind, catalog, schema, name in rows[["kind", "catalog", "schema", "name"]].itertuples(
                index=False, name=None
            )
        ]
        rows["access"] = pd.Categorical([verdict for verdict, _ in verdicts], categories=list(ACCESSES))
        rows["reason"] = np.array([reason for _, reason in verdicts], dtype=object)
        return rows

    def _verdict(self, kind: str, catalog: object, schema: object, name: str) -> tuple[Access, str]:
        of = name if kind == "catalog" else str(catalog)
        here = self._found.get(of)
        why = self._unjudged(kind, of)
        if why or here is None:
            return "unknown", why or _NOTHING
        path = [here.catalog]
        if kind != "catalog":
            told = here.schemas.get(name if kind == "schema" else str(schema))
            if told is None:
                return "unknown", _NOTHING
            path.append(told)
        if kind in {"table", "view"}:
            table = here.tables.get(str(schema), {}).get(name)
            if table is None and self._of_schema(path, here) == "readable":
                return "readable", ""
            path.append(table or Told("table", f"{path[-1].full_name}.{name}"))
        found = access(path, self._names, is_admin=self._is_admin, is_bound=here.is_bound)
        return found, self._reason(path, found)

    def _unjudged(self, kind: str, catalog: str) -> str:
        """Return why nothing is concluded about an object, empty if something is."""
        if kind == "notebook":
            return "Notebooks have permissions of their own, which are not checked"
        if catalog == HIVE:
            return "The Hive metastore has no privileges of Unity Catalog"
        return "" if self._inherits else "The privilege model of this metastore has no inheritance"

    def _of_schema(self, path: Sequence[Told], here: CatalogTold) -> Access:
        """Return the access to each table of a schema that decides."""
        name = path[-1].full_name
        if name not in self._of_schemas:
            any_table = Told("table", name)
            self._of_schemas[name] = access(
                (*path, any_table), self._names, is_admin=self._is_admin, is_bound=here.is_bound
            )
        return self._of_schemas[name]

    def _reason(self, path: Sequence[Told], found: Access) -> str:
        if found == "readable":
            return ""
        uses = ["USE_CATALOG", "USE_SCHEMA", "SELECT"]
        answers = [holds(told, privilege, self._names) for told, privilege in zip(path, uses, strict=False)]
        named = list(zip(uses, path, answers, strict=False))
        lacking = [
            f"{privilege.replace('_', ' ')} on {told.full_name}" for privilege, told, answer in named if answer is False
        ]
        if lacking:
            return f"Lacks {', '.join([*lacking[:-2], ' and '.join(lacking[-2:])])}"
        problems = [told.problem for told in path if told.problem]
        return problems[0] if problems else "Not all grants are shown to this credential"

    # --- privileges ---

    def lineage(self) -> str:
        """Return whether the lineage system tables can be read."""
        here = self._found[SYSTEM]
        schema = here.schemas.get(_LINEAGE) or Told("schema", f"{SYSTEM}.{_LINEAGE}")
        selects = either(
            (granted(schema, "SELECT", self._names), granted(here.catalog, "SELECT", self._names) or False)
        )
        return _HELD[both((use_of((here.catalog, schema), self._names), selects)) if self._inherits else None]

    def privileges(self) -> pd.DataFrame:
        """Return which privileges are held on the catalogs and schemas, and through what."""
        rows = [row for one in self._found.values() for row in self._privileges_of(one)]
        return pd.DataFrame(rows, columns=list(_PRIVILEGES)).astype(object)

    def _privileges_of(self, one: CatalogTold) -> Iterator[tuple[str, str, str, str, str]]:
        for privilege in ("USE_CATALOG", "BROWSE"):
            yield self._row((one.catalog,), privilege)
        for schema in one.schemas.values():
            for privilege in ("USE_SCHEMA", "SELECT"):
                yield self._row((schema, one.catalog), privilege)

    def _row(self, path: Sequence[Told], privilege: str) -> tuple[str, str, str, str, str]:
        told, *above = path
        held = holds(told, privilege, self._names) if privilege != "SELECT" else granted(told, privilege, self._names)
        held = True if any(granted(one, privilege, self._names) for one in above) else held
        held = held if self._inherits else None
        return told.kind, told.full_name, privilege, _HELD[held], self._through(path, privilege) if held else ""

    def _through(self, path: Sequence[Told], privilege: str) -> str:
        told = path[0]
        for one in path:
            for holder, row in one.rows.items():
                if self._names.has(holder) and implies(row, privilege):
                    origin = row.get(privilege) or row["ALL_PRIVILEGES"]
                    parts = [] if holder == self._who.name else [f"group {holder}"]
                    inherited = origin.name != told.full_name or one is not told
                    parts += [f"inherited from {origin.kind} {origin.name}"] if inherited else []
                    return ", ".join(parts) or "direct"
        return "owner"
