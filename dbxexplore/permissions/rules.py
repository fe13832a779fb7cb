"""Unity Catalog's rules of who can read or see what, on what a caller was told; unknown is a value of its own.

Each function answers True, False, or None where the caller was not told enough. Nothing here calls a workspace.

Sources: the permissions model (https://docs.databricks.com/data-governance/unity-catalog/access-control/permissions-concepts),
the privileges (https://docs.databricks.com/data-governance/unity-catalog/access-control/privileges-reference) and
ownership (https://docs.databricks.com/data-governance/unity-catalog/manage-privileges/ownership).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

Access: TypeAlias = Literal["readable", "browse_only", "invisible", "unknown"]
SecurableKind: TypeAlias = Literal["catalog", "schema", "table"]
Answer: TypeAlias = bool | None

EVERYONE = "account users"  # every principal is in this group, and no list of members has it
_ALL = "ALL_PRIVILEGES"
# ALL PRIVILEGES does not imply these, and holders of them may read every grant.
_NOT_IMPLIED = frozenset({"MANAGE", "EXTERNAL_USE_SCHEMA", "EXTERNAL_USE_LOCATION"})
_READS_GRANTS = ("READ_METADATA", "MANAGE")
_NO_GROUP = re.compile(r"[^@]+@[^@]+\.[^@.]+|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.DOTALL)


@dataclass(frozen=True)
class Names:
    """The names under which a principal holds privileges.

    ``certain`` are its own and those of its groups; ``possible`` are other groups that it may be in, None where that
    could be any.
    """

    certain: frozenset[str]
    possible: frozenset[str] | None = frozenset()

    def has(self, name: str) -> Answer:
        """Return whether a name is one of these.

        What has the form of an e-mail address or an application ID is taken for a user or a service principal, which
        is no group.
        """
        if name in self.certain:
            return True
        if self.possible is not None:
            return None if name in self.possible else False
        return False if _NO_GROUP.fullmatch(name) else None

    def are_among(self, names: AbstractSet[str]) -> bool:
        """Return whether all of these are certainly among some names."""
        return self.possible is not None and self.certain | self.possible <= names


class Origin(NamedTuple):
    """Where an effective privilege was granted: a kind of securable and its name."""

    kind: str
    name: str


@dataclass
class Told:
    """What the caller was told of one securable.

    ``rows`` maps principals to their privileges, inherited ones included, and those to where they were granted.
    ``whole`` is whether these are all rows. ``owner`` is None where it is not shown. ``is_browsed`` is whether the
    caller may only browse it, None where it is not shown; ``is_hidden``
    is whether it was asked for and refused. ``policies`` are the policies that may grant
    something on it, None where they may not be read. ``known`` are
    answers about the principal that follow from what the caller is shown. ``problem`` is why something is not known.
    """

    kind: SecurableKind
    full_name: str
    owner: str | None = None
    rows: dict[str, dict[str, Origin]] = field(default_factory=dict)
    whole: bool = False
    is_browsed: bool | None = None
    policies: Sequence[Mapping[str, object]] | None = None
    known: dict[str, bool] = field(default_factory=dict)
    problem: str = ""
    is_hidden: bool = False


def both(answers: Iterable[Answer]) -> Answer:
    """Return whether all are true, as far as that is known."""
    held = list(answers)
    if False in held:
        return False
    return None if None in held else True


def either(answers: Iterable[Answer]) -> Answer:
    """Return whether any is true, as far as that is known."""
    held = list(answers)
    if True in held:
        return True
    return None if None in held else False


def implies(privileges: Iterable[str], wanted: str) -> bool:
    """Return whether some privileges include one; lists never name those that ALL PRIVILEGES implies."""
    held = set(privileges)
    return wanted in held or (_ALL in held and wanted not in _NOT_IMPLIED)


def owns(told: Told, names: Names) -> Answer:
    """Return whether a principal owns a securable, and so has all privileges on itself, not on what it holds."""
    return None if told.owner is None else names.has(told.owner)


def granted(told: Told, privilege: str, names: Names) -> Answer:
    """Return whether a principal was granted a privilege on a securable or on what holds it."""
    found = either(names.has(holder) for holder, held in told.rows.items() if implies(held, privilege))
    return found if found or told.whole else told.known.get(privilege)


def holds(told: Told, privilege: str, names: Names) -> Answer:
    """Return whether a principal has a privilege on a securable: granted, or as its owner."""
    known = None if told.whole else told.known.get(privilege)
    return known if known is not None else either((granted(told, privilege, names), owns(told, names)))


def reads_all_grants(told: Told, mine: AbstractSet[str], above: Iterable[Told] = (), *, is_admin: bool) -> bool:
    """Return whether the caller, by any of its names, is told all grants on a securable.

    Others get their own grants alone, without an error.
    """
    rows = (held for holder, held in told.rows.items() if holder in mine)
    # By name: whether ALL PRIVILEGES shows all grants is documented nowhere.
    may = any(privilege in held for held in rows for privilege in _READS_GRANTS)
    return is_admin or may or any(one.owner in mine for one in (told, *above))


def policy_adds(told: Told, names: Names) -> Answer:
    """Return whether a policy might let a principal read a table; it never returns True.

    That policies grant SELECT on tables is documented nowhere, and neither is that they do not.
    """
    if told.policies is None:
        return None
    for policy in told.policies:
        if policy.get("policy_type") != "POLICY_TYPE_GRANT" or policy.get("for_securable_type") != "TABLE":
            continue
        to, but = (_names(policy.get(key)) for key in ("to_principals", "except_principals"))
        meant = None if to is None else either(names.has(name) for name in to)
        spared = None if but is None else either(names.has(name) for name in but)
        if meant is not False and spared is not True:
            return None
    return False


def _names(value: object) -> list[str] | None:
    if value is None:
        return []
    is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return list(value) if is_list else None  # type: ignore[call-overload]


def use_of(path: Sequence[Told], names: Names) -> Answer:
    """Return whether a principal may use a catalog, or a catalog and a schema in it."""
    catalog, *schema = path
    enters = [holds(catalog, "USE_CATALOG", names)]
    if schema:
        enters.append(either((holds(schema[0], "USE_SCHEMA", names), granted(catalog, "USE_SCHEMA", names) or False)))
    return both(enters)


def can_read(path: Sequence[Told], names: Names) -> Answer:
    """Return whether a principal may use a catalog or schema, or read a table, all of whose parents are in ``path``.

    A table takes SELECT on it, USE SCHEMA on its schema, and USE CATALOG on its catalog; none of them is enough.
    """
    used = use_of(path[:2], names)
    if len(path) < 3 or used is False:  # noqa: PLR2004 - catalog, schema and table
        return used
    catalog, schema, table = path
    inherited = either((granted(schema, "SELECT", names) or False, granted(catalog, "SELECT", names) or False))
    return both((used, either((inherited, holds(table, "SELECT", names), policy_adds(table, names)))))


def is_shown(path: Sequence[Told], names: Names, *, is_admin: Answer) -> Answer:
    """Return whether a principal is shown a securable that it cannot read."""
    catalog, *below = path
    reads = either(
        (granted(path[-1], "READ_METADATA", names), *(granted(one, "READ_METADATA", names) or False for one in path))
    )
    shown = [is_admin, reads, granted(catalog, "BROWSE", names)]
    if below:
        shown.append(owns(catalog, names))
    if len(below) == 1:
        inherited = granted(catalog, "USE_SCHEMA", names) or False
        shown += [owns(below[0], names), either((holds(below[0], "USE_SCHEMA", names), inherited))]
    elif below:
        shown.append(both((owns(below[0], names), use_of(path[:1], names))))
    return either(shown)


def access(path: Sequence[Told], names: Names, *, is_admin: Answer, is_bound: Answer = True) -> Access:
    """Return what a principal can do with the last of ``path``.

    Args:
        path: a catalog, and a schema in it, and a table in that.
        names: those of the principal.
        is_admin: whether it is an admin of the metastore, who is shown everything.
        is_bound: whether the catalog can be used from this workspace; if not, no privilege counts.
    """
    readable = both((is_bound, can_read(path, names)))
    if readable:
        return "readable"
    shown = both((is_bound, is_shown(path, names, is_admin=is_admin)))
    if readable is None:
        return "unknown"
    return {True: "browse_only", False: "invisible", None: "unknown"}[shown]  # type: ignore[return-value]
