"""Scripts that grant what a principal lacks, and take back exactly that.

Statements are SQL of Unity Catalog
(https://docs.databricks.com/sql/language-manual/security-grant). Names and principals are quoted, whatever they hold, and
only visible text of one line goes into comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from dbxexplore import errors
from dbxexplore.discovery.statements import quoted
from dbxexplore.export.forms.terraform import hcl_string
from dbxexplore.permissions.report import SAMPLES, SYSTEM, Audit, Selection, markdown_text
from dbxexplore.text import one_line, plural

if TYPE_CHECKING:
    from dbxexplore.filters import Preview

Level: TypeAlias = Literal["schema", "object", "catalog", "browse"]
LEVELS: tuple[Level, ...] = get_args(Level)
_NEVER = {SAMPLES: "nobody can change its grants", SYSTEM: "an account admin enables and grants its schemas one by one"}
_MOST_NAMED = 10  # tables that a comment names


@dataclass(frozen=True)
class Grant:
    """A privilege on a securable; ``parts`` are those of its name, which may hold dots."""

    privilege: str
    kind: Literal["CATALOG", "SCHEMA", "TABLE"]
    parts: tuple[str, ...]

    def grant(self, principal: str) -> str:
        """Return the statement that grants it."""
        return f"GRANT {self._what} TO {quoted(principal)};"

    def revoke(self, principal: str) -> str:
        """Return the statement that takes it back."""
        return f"REVOKE {self._what} FROM {quoted(principal)};"

    def is_in(self, held: set[tuple[str, str]]) -> bool:
        """Return whether it is among some that are held, by the full name of the securable and the privilege."""
        return (".".join(self.parts), self.privilege) in held

    @property
    def _what(self) -> str:
        return f"{self.privilege.replace('_', ' ')} ON {self.kind} {'.'.join(map(quoted, self.parts))}"


def needed_grants(preview: Preview, audit: Audit | None = None, level: Level = "schema") -> list[Grant]:
    """Return the grants that let a principal see what a preview includes, in the order in which they depend on each other.

    Args:
        preview: what is to be synced.
        audit: what the principal has already; without one, all that it takes is returned.
        level: ``schema`` is what Dagster documents: SELECT on each schema, which opens its other tables too. ``object``
            grants SELECT on the included tables and views alone, ``catalog`` everything on the catalog, and ``browse``
            BROWSE on it: names and descriptions without data.

    Raises:
        SettingsError: there is no such level.
    """
    if level not in LEVELS:
        msg = f"level is {level!r}"
        raise errors.SettingsError(msg, expected=f"one of {', '.join(LEVELS)}")
    held = _held(audit)
    grants = _grants(Selection.of(preview), level, held)
    return [one for one in grants if one.parts[0] not in _NEVER]


def grants_sql(
    preview: Preview, principal: str | None = None, audit: Audit | None = None, level: Level = "schema"
) -> str:
    """Return a script of GRANT statements, only for what is missing; running it again changes nothing.

    Args:
        preview: what is to be synced.
        principal: who is granted: an application ID, an e-mail address or the name of a group; None is that of the audit.
        audit: what the principal has already; without one, all that it takes is granted.
        level: as in `needed_grants`.

    Raises:
        SettingsError: there is no principal, or no such level.
    """
    name = _principal(principal, audit)
    grants = needed_grants(preview, audit, level)
    lines = list(_head(preview, name, grants, audit, level))
    lines += [one.grant(name) for one in grants] or ["-- Nothing is missing."]
    return "\n".join(lines) + "\n"


def revoke_sql(
    preview: Preview, principal: str | None = None, audit: Audit | None = None, level: Level = "schema"
) -> str:
    """Return a script that takes back exactly what `grants_sql` grants with the same arguments.

    It never names ALL PRIVILEGES, because taking that back may take other grants along.

    Raises:
        SettingsError: there is no principal, or no such level.
    """
    name = _principal(principal, audit)
    grants = needed_grants(preview, audit, level)
    lines = [f"-- Takes back from {_said(name)} what the script of grants has added."]
    lines += [one.revoke(name) for one in reversed(grants)] or ["-- Nothing was added."]
    return "\n".join(lines) + "\n"


def grants_request(preview: Preview, audit: Audit, level: Level = "schema") -> str:
    """Return a request for the missing grants as Markdown, for a person who can grant them.

    Args:
        preview: what is to be synced.
        audit: what the principal has already.
        level: as in `needed_grants`.

    Raises:
        SettingsError: there is no such level.
    """
    grants = needed_grants(preview, audit, level)
    if not grants:
        return "Nothing is missing.\n"
    script = grants_sql(preview, audit=audit, level=level)
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", script)), default=0))
    kind = "" if audit.principal.kind == "unknown" else f"{audit.principal.kind} "
    catalogs = ", ".join(sorted({markdown_text(one.parts[0]) for one in grants}))
    return (
        f"Please grant the {kind}{markdown_text(audit.principal.name)} the privileges below, so that Dagster can sync the metadata of "
        f"tables in {catalogs}. Running the script again changes nothing.\n\n{fence}sql\n{script}{fence}\n"
    )


def grants_terraform(preview: Preview, audit: Audit, level: Level = "schema") -> str:
    """Return the grants as resources of the ``databricks/databricks`` Terraform provider, one for each securable.

    A ``databricks_grant`` replaces all privileges of this principal on its securable, so each names what the principal
    holds there directly as well. The plural ``databricks_grants`` is not used: it removes the grants of everyone else.
    Source: https://registry.terraform.io/providers/databricks/databricks/latest/docs/resources/grant.

    Args:
        preview: what is to be synced.
        audit: what the principal has already.
        level: as in `needed_grants`.

    Raises:
        SettingsError: there is no such level.
    """
    by_securable: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for one in needed_grants(preview, audit, level):
        by_securable.setdefault((one.kind.lower(), one.parts), []).append(one.privilege)
    if not by_securable:
        return "# Nothing is missing.\n"
    text = "# Each resource sets all privileges of this principal on its securable: those that it has there already, and new ones.\n"
    text += (
        "# Do not add databricks_grants for the same securables: that resource removes the grants of everyone else.\n"
    )
    unseen = [".".join(parts) for (_, parts) in by_securable if ".".join(parts) not in audit.direct]
    if unseen:
        text += (
            "# Not all grants on these are shown to this credential, so privileges that the principal has there already may "
            f"be missing below, and would be removed: {', '.join(map(_said, unseen[:_MOST_NAMED]))}"
            + (f" and {len(unseen) - _MOST_NAMED:,} more.\n" if len(unseen) > _MOST_NAMED else ".\n")
        )
    for number, ((kind, parts), privileges) in enumerate(by_securable.items(), 1):
        full_name = ".".join(parts)
        every = sorted({*privileges, *audit.direct.get(full_name, ())})
        text += (
            f'\nresource "databricks_grant" "dbxexplore_{number}" {{\n'
            f"  {kind:<10} = {hcl_string(full_name)}\n"
            f"  principal  = {hcl_string(audit.principal.name)}\n"
            f"  privileges = [{', '.join(map(hcl_string, every))}]\n}}\n"
        )
    return text


def _principal(principal: str | None, audit: Audit | None) -> str:
    name = principal if principal is not None else audit.principal.name if audit else ""
    if not name.strip():
        msg = "No principal is given"
        expected = "the application ID of a service principal, an e-mail address or the name of a group"
        raise errors.SettingsError(msg, expected=expected)
    return name


def _held(audit: Audit | None) -> set[tuple[str, str]]:
    """Return the privileges that are held, each with the full name of what it is held on."""
    if audit is None:
        return set()
    rows = audit.privileges.loc[audit.privileges["held"] == "yes", ["securable", "privilege"]]
    return set(rows.itertuples(index=False, name=None)) | {
        (name, "SELECT")
        for kind, name, access in audit.objects[["kind", "full_name", "access"]].itertuples(index=False, name=None)
        if kind in {"table", "view"} and access == "readable"
    }


def _grants(selection: Selection, level: Level, held: set[tuple[str, str]]) -> Iterator[Grant]:
    for catalog, schemas in selection.tables.items():
        wanted = [Grant("BROWSE" if level == "browse" else "USE_CATALOG", "CATALOG", (catalog,))]
        if level == "catalog":
            lacks = [Grant(one, "SCHEMA", (catalog, schema)) for schema in schemas for one in ("USE_SCHEMA", "SELECT")]
            privileges = dict.fromkeys(one.privilege for one in lacks if not one.is_in(held))
            wanted += [Grant(privilege, "CATALOG", (catalog,)) for privilege in privileges]
        elif level != "browse":
            wanted += [
                one for schema, names in schemas.items() for one in _of_schema(catalog, schema, names, level, held)
            ]
        yield from (one for one in wanted if not one.is_in(held))


def _of_schema(
    catalog: str, schema: str, names: Sequence[str], level: Level, held: set[tuple[str, str]]
) -> Iterator[Grant]:
    yield Grant("USE_SCHEMA", "SCHEMA", (catalog, schema))
    select, tables = (
        Grant("SELECT", "SCHEMA", (catalog, schema)),
        [Grant("SELECT", "TABLE", (catalog, schema, name)) for name in names],
    )
    if select.is_in(held):
        return
    lacking = [one for one in tables if not one.is_in(held)]
    if level == "object":
        yield from lacking
    elif lacking or not tables:
        yield select


# --- comments ---


def _head(
    preview: Preview, principal: str, grants: Sequence[Grant], audit: Audit | None, level: Level
) -> Iterator[str]:
    kind = f"the {audit.principal.kind} " if audit and audit.principal.kind != "unknown" else ""
    yield f"-- Lets {kind}{_said(principal)} see what the connection includes."
    catalogs = sorted({one.parts[0] for one in grants})
    owners = audit.owners if audit else {}
    for catalog in catalogs:
        owner = f"its owner {_said(owners[catalog])}" if catalog in owners else "its owner"
        yield f"-- Catalog {_said(catalog)}: run by {owner}, by who holds MANAGE on it, or by a metastore admin."
    for catalog in sorted(set(Selection.of(preview).tables) & set(_NEVER)):
        yield f"-- Nothing is granted on {_said(catalog)}: {_NEVER[catalog]}."
    if audit and (audit.privileges["held"] == "unknown").any():
        yield "-- Some of these may be held already, which this credential is not shown. Granting them again changes nothing."
    if level == "browse":
        yield "-- Browsing shows names and descriptions. That an engine can sync with no more is inferred, not documented."
    if level == "schema":
        yield from _opened(preview, grants)


def _opened(preview: Preview, grants: Sequence[Grant]) -> Iterator[str]:
    """Yield which tables a script opens beside those that are included."""
    objects = preview.catalog.objects
    is_other = ~preview.included.to_numpy() & objects["kind"].isin(["table", "view"]).to_numpy()
    others = objects[is_other]
    for one in grants:
        if one.privilege != "SELECT":
            continue
        catalog, schema = one.parts
        names = others.loc[((others["catalog"] == catalog) & (others["schema"] == schema)).to_numpy(), "name"].tolist()
        if names:
            more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
            listed = ", ".join(_said(name) for name in names[:_MOST_NAMED])
            yield f"-- SELECT on {_said(catalog)}.{_said(schema)} also opens {plural(len(names), 'table')} that the connection excludes: {listed}{more}."


def _said(text: str) -> str:
    return one_line(text)
