"""Who may see what in a simulated workspace: grants, owners and principals, and the endpoints that report them.

A `World` given to the `Simulator` makes its lists follow the privileges of ``World.caller``, and adds the endpoints for
permissions, policies, bindings and principals. Numbers of rules refer to the notes on Unity Catalog privileges that
the audit is built on. `simulator.reference` says what the answers should be; it shares the data below, but no function
that evaluates a privilege.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property

from simulator.workspace import Catalog, Json, Schema, Table, Workspace

ACCOUNT_USERS = "account users"  # every principal is in it, and SCIM doesn't list it
LOCAL_GROUPS = ("admins", "users")  # groups of the workspace, which Unity Catalog doesn't know (rule 19)
WORKSPACE_ID, OTHER_WORKSPACE_ID = 7001, 7002
KINDS = ("METASTORE", "CATALOG", "SCHEMA", "TABLE")
READ_WRITE, READ_ONLY = "BINDING_TYPE_READ_WRITE", "BINDING_TYPE_READ_ONLY"
NO_OWNER = "System user"  # owns a metastore without an admin


@dataclass(frozen=True)
class Policy:
    """An ABAC policy, whose condition on tags is always met; only GRANT policies for tables could let anyone read."""

    name: str
    to_principals: tuple[str, ...]
    privileges: tuple[str, ...] = ("SELECT",)
    except_principals: tuple[str, ...] = ()
    for_kind: str = "TABLE"
    policy_type: str = "POLICY_TYPE_GRANT"


@dataclass(frozen=True)
class Securable:
    """A catalog, schema or table by its full name, which is kept in lower case (rule 31); "" names the metastore.

    ``grants`` maps a principal to privileges as the API spells them, including ones that nobody knows.
    An isolated catalog has a ``binding`` if it can be used from this workspace.
    """

    full_name: str = ""
    owner: str = NO_OWNER
    grants: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()
    isolated: bool = False
    binding: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "full_name", self.full_name.lower())

    @property
    def kind(self) -> str:
        """Return the type as the API names it."""
        return KINDS[self.full_name.count(".") + 1 if self.full_name else 0]

    def granting(self, principal: str, privileges: Iterable[str]) -> Securable:
        """Return this securable with exactly these privileges for a principal."""
        rest = {name: held for name, held in self.grants.items() if name != principal}
        exact = frozenset(privileges)
        return replace(self, grants={**rest, principal: exact} if exact else rest)


@dataclass(frozen=True)
class ServicePrincipal:
    """A service principal, which Unity Catalog only knows by its application ID (rule 18)."""

    application_id: str
    display_name: str


@dataclass(frozen=True)
class Group:
    """An account group; its members are user names, application IDs and names of groups."""

    name: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True)
class World:
    """The principals and privileges of a workspace, as seen with the token of ``caller``.

    ``securables`` includes the metastore. Two facts that no source settles are switches: ``group_rows`` adds the
    rows of a principal's groups where permissions are filtered by it (rule 20), and ``policies_apply`` lets GRANT
    policies for tables take effect (rule 26).
    """

    securables: tuple[Securable, ...]
    users: tuple[str, ...] = ()
    service_principals: tuple[ServicePrincipal, ...] = ()
    groups: tuple[Group, ...] = ()
    metastore_admin: str | None = None
    workspace_admins: frozenset[str] = frozenset()
    caller: str = ""
    group_rows: bool = False
    policies_apply: bool = False
    privilege_model_version: str = "1.0"

    @cached_property
    def by_name(self) -> dict[str, Securable]:
        """The securables by full name in lower case."""
        return {securable.full_name: securable for securable in self.securables}

    @cached_property
    def principals(self) -> tuple[str, ...]:
        """Every name that Unity Catalog accepts as a principal (rule 18)."""
        applications = (one.application_id for one in self.service_principals)
        return (*self.users, *applications, *(group.name for group in self.groups), ACCOUNT_USERS)

    def at(self, full_name: str) -> Securable:
        """Return a securable by its full name in any case; raises KeyError if there is none."""
        return self.by_name[full_name.lower()]

    def changed(self, *securables: Securable) -> World:
        """Return this world with securables in place of those of the same names."""
        changed = {one.full_name: one for one in securables}
        return replace(self, securables=tuple(changed.get(one.full_name, one) for one in self.securables))

    def workspace(self) -> Workspace:
        """Return a workspace with the catalogs, schemas and tables of this world."""

        def below(parent: str, kind: str) -> list[str]:
            at = f"{parent}." if parent else ""
            return [one.full_name for one in self.securables if one.kind == kind and one.full_name.startswith(at)]

        def last(name: str) -> str:
            return name.rpartition(".")[2]

        return Workspace(
            [
                Catalog(c, [Schema(last(s), [Table(last(t)) for t in below(s, "TABLE")]) for s in below(c, "SCHEMA")])
                for c in below("", "CATALOG")
            ]
        )


# --- what the caller may do ---

_TABLE = {"SELECT", "MODIFY", "APPLY_TAG", "MANAGE", "ALL_PRIVILEGES", "READ_METADATA", "REFRESH"}
_SCHEMA = _TABLE | {
    *("USE_SCHEMA", "CREATE_TABLE", "CREATE_VOLUME", "CREATE_FUNCTION", "CREATE_MODEL", "CREATE_MATERIALIZED_VIEW"),
    *("EXECUTE", "READ_VOLUME", "WRITE_VOLUME", "EXTERNAL_USE_SCHEMA"),
}
APPLICABLE: Mapping[str, AbstractSet[str]] = {  # rule 4
    "METASTORE": {"CREATE_CATALOG", "CREATE_CONNECTION", "READ_METADATA", "MANAGE", "ALL_PRIVILEGES", "SELECT"},
    "CATALOG": _SCHEMA | {"USE_CATALOG", "BROWSE", "CREATE_SCHEMA"},
    "SCHEMA": _SCHEMA,
    "TABLE": _TABLE,
}
_NOT_IMPLIED = {"MANAGE", "EXTERNAL_USE_SCHEMA", "EXTERNAL_USE_LOCATION"}  # by ALL PRIVILEGES (rule 7)


class Caller:
    """What the caller of a world may do and see."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.groups = _groups(world, world.caller)
        self.names = {world.caller, ACCOUNT_USERS, *self.groups}
        self.is_metastore_admin = world.metastore_admin in self.names
        self.is_workspace_admin = not self.names.isdisjoint(world.workspace_admins)
        self._inherits = _inherits(world)

    def has(self, privilege: str, full_name: str) -> bool:
        """Whether a privilege is held on a securable: granted there or above, implied, or given by a policy."""
        above = _upwards(full_name)
        for name in above if self._inherits else above[:1]:
            securable = self.world.by_name[name]
            if privilege not in APPLICABLE[securable.kind] or (not name and full_name):
                continue
            held = set().union(*(securable.grants.get(one, ()) for one in self.names))
            if privilege in held or ("ALL_PRIVILEGES" in held and privilege not in _NOT_IMPLIED):
                return True
        if privilege == "READ_METADATA" and self._inherits:  # the one that the metastore passes on (rule 3)
            rows = self.world.by_name[""].grants
            return any(privilege in rows.get(one, ()) for one in self.names)
        return self.world.policies_apply and len(above) == len(KINDS) and self._by_policy(privilege, above)

    def _by_policy(self, privilege: str, names: Iterable[str]) -> bool:
        return any(
            policy.policy_type == "POLICY_TYPE_GRANT"
            and policy.for_kind == "TABLE"
            and privilege in policy.privileges
            and not self.names.isdisjoint(policy.to_principals)
            and self.names.isdisjoint(policy.except_principals)
            for name in names
            for policy in self.world.by_name[name].policies
        )

    def owns(self, full_name: str) -> bool:
        """Whether the caller or one of its groups owns a securable; the metastore belongs to its admin."""
        return self.world.by_name[full_name].owner in self.names if full_name else self.is_metastore_admin

    def owns_any(self, full_name: str) -> bool:
        """Whether the caller owns a securable or what contains it."""
        return any(self.owns(name) for name in _upwards(full_name) if name or not full_name)

    def enters(self, full_name: str) -> bool:
        """Whether the caller may use a catalog or schema and what contains it (rule 13)."""
        needs = {"CATALOG": "USE_CATALOG", "SCHEMA": "USE_SCHEMA"}
        path = [self.world.by_name[name] for name in _upwards(full_name)]
        return all(self.owns(s.full_name) or self.has(needs[s.kind], s.full_name) for s in path if s.kind in needs)

    def reads_grants(self, full_name: str) -> bool:
        """Whether the caller is told all grants and policies of a securable (rules 21, 22, 29)."""
        may = self.is_metastore_admin or self.owns_any(full_name)
        return may or self.has("READ_METADATA", full_name) or self.has("MANAGE", full_name)

    def manages(self, full_name: str) -> bool:
        """Whether the caller may change the grants of a securable (rules 10, 11, 16)."""
        may = self.is_metastore_admin or self.owns_any(full_name)
        return may or (self.has("MANAGE", full_name) and self.enters(full_name))

    def sees(self, full_name: str, *, lists: bool = False, browse: bool = True, unbound: bool = False) -> str | None:
        """Return "full" or "browse" if a securable is shown to the caller, else None (rules 5, 6, 15, 16, 25).

        A listing shows fewer tables than asking for one by name. ``browse`` and ``unbound`` are the caller's wishes.
        """
        path = _upwards(full_name)
        catalog = path[-2]
        held = self.world.by_name[catalog]
        changes_bindings = self.is_metastore_admin or self.owns(catalog)
        if held.isolated and held.binding is None and not (unbound and changes_bindings and full_name == catalog):
            return None
        if self.is_metastore_admin or self.has("READ_METADATA", full_name) or self._is_shown(path, lists=lists):
            return "full"
        return "browse" if browse and self.has("BROWSE", catalog) else None

    def _is_shown(self, path: Sequence[str], *, lists: bool) -> bool:
        if len(path) == 2:
            return self.enters(path[0])
        if len(path) == 3:
            return self.owns_any(path[0]) or self.has("USE_SCHEMA", path[0])
        if self.enters(path[1]) and (self.owns(path[0]) or self.has("SELECT", path[0])):
            return True
        return not lists and (self.owns(path[2]) or (self.owns(path[1]) and self.enters(path[2])))


def _groups(world: World, principal: str) -> set[str]:
    """Return the groups that a principal is in, nested ones too (rule 19)."""
    found: set[str] = set()
    todo = [principal]
    while todo:
        one = todo.pop()
        new = {group.name for group in world.groups if one in group.members} - found
        found |= new
        todo += new
    return found


def _upwards(full_name: str) -> list[str]:
    """Return the name of a securable and of all that contains it, up to the metastore."""
    parts = full_name.split(".") if full_name else []
    return [".".join(parts[:length]) for length in range(len(parts), -1, -1)]


def _inherits(world: World) -> bool:
    return int(world.privilege_model_version.partition(".")[0]) >= 1  # rule 32


# --- changes ---


class RefusedError(Exception):
    """A request that is refused; its arguments are the status, the code and the message of the answer."""


def change(world: World, full_name: str, principal: str, add: Iterable[str], remove: Iterable[str]) -> World:
    """Return a world with privileges of a principal added and removed, others kept (rule 36).

    Raises RefusedError if there is no such principal (rule 18) or securable, or a privilege does not apply (rule 4).
    """
    securable = _existing(world, full_name)
    if _upwards(securable.full_name)[-2:-1] == ["samples"]:
        raise RefusedError(400, "INVALID_PARAMETER_VALUE", "Grants on catalog 'samples' cannot be changed.")  # rule 34
    if principal not in world.principals:
        raise RefusedError(404, "PRINCIPAL_DOES_NOT_EXIST", f"Could not find principal with name {principal}")
    add, remove = set(add), set(remove)
    for privilege in sorted(add | remove):
        if privilege not in APPLICABLE[securable.kind] and privilege not in securable.grants.get(principal, ()):
            entity = f"[{securable.full_name}:{securable.kind}]"
            message = f"Privilege {privilege} is not applicable to this entity {entity}."
            raise RefusedError(400, "INVALID_PARAMETER_VALUE", message)
    held = set(securable.grants.get(principal, ()))
    if "ALL_PRIVILEGES" in remove:  # takes what it implies along, as the newest documentation says (rule 9)
        remove |= held - _NOT_IMPLIED
    return world.changed(securable.granting(principal, (held - remove) | add))


_NAME = r"`(?:[^`]|``)+`|\w+"
_STATEMENT = re.compile(
    rf"(GRANT|REVOKE)\s+([\w ,]+?)\s+ON\s+(CATALOG|SCHEMA|TABLE)\s+((?:{_NAME})(?:\.(?:{_NAME}))*)"
    rf"\s+(TO|FROM)\s+({_NAME})\s*;?\s*",
    re.IGNORECASE,
)


def run_sql(world: World, text: str, *, as_caller: bool = False) -> World:
    """Return a world after ``GRANT p, … ON CATALOG|SCHEMA|TABLE name TO principal``, or ``REVOKE … FROM …``.

    Names may stand in backticks, which are doubled inside. Raises RefusedError as `change` does, for any other
    statement, and with ``as_caller`` where the caller may not change grants.
    """
    match = _STATEMENT.fullmatch(text.strip())
    if match is None or (match[1].upper() == "GRANT") != (match[5].upper() == "TO"):
        raise RefusedError(400, "BAD_REQUEST", f"[PARSE_SYNTAX_ERROR] {text}")
    privileges = {"_".join(one.upper().split()) for one in match[2].split(",")}
    full_name = ".".join(_plain(one) for one in re.findall(_NAME, match[4]))
    if _existing(world, full_name).kind != match[3].upper():
        raise RefusedError(400, "BAD_REQUEST", f"{full_name} is not a {match[3].lower()}.")
    if as_caller and not Caller(world).manages(full_name.lower()):
        raise RefusedError(403, "PERMISSION_DENIED", f"User does not have MANAGE on '{full_name}'.")
    add, remove = (privileges, set[str]()) if match[1].upper() == "GRANT" else (set[str](), privileges)
    return change(world, full_name, _plain(match[6]), add, remove)


def _plain(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def _existing(world: World, full_name: str) -> Securable:
    try:
        return world.at(full_name)
    except KeyError:
        kind = KINDS[min(full_name.count(".") + 1, 3)]
        raise RefusedError(404, f"{kind}_DOES_NOT_EXIST", f"{kind.title()} '{full_name}' does not exist.") from None


# --- endpoints ---

_UC, _SCIM = "/api/2.1/unity-catalog", "/api/2.0/preview/scim/v2"
_FILTER = re.compile(r'(\w+) eq "((?:[^"\\]|\\.)*)"', re.DOTALL)
_SMALLEST_PAGE = 150  # privileges, of those that a client may ask for
METASTORE_ID = "11111111"


def answer(
    world: World, path: str, query: Mapping[str, str], body: Json | None, length: int
) -> tuple[Json, World] | None:
    """Return the answer to a request and the world after it, or None for a path that is answered elsewhere.

    A ``body`` makes it a PATCH; ``length`` is the server's length of a page. Raises RefusedError.
    """
    caller = Caller(world)
    if path.startswith(f"{_SCIM}/"):
        return _scim(caller, path.removeprefix(f"{_SCIM}/"), query, length), world
    what, _, rest = path.removeprefix(f"{_UC}/").partition("/")
    if what == "metastore_summary":
        about: Json = {"name": "main-metastore", "metastore_id": METASTORE_ID, "region": "eu-central-1"}
        owner = world.metastore_admin or NO_OWNER
        return {**about, "owner": owner, "privilege_model_version": world.privilege_model_version}, world
    kind, _, full_name = rest.partition("/")
    if what not in {*_READS, "permissions"}:
        return None
    securable = _securable(world, kind, full_name)
    if what == "permissions" and body is not None:
        return _patch(caller, securable, body)
    if what == "permissions":
        rows = _assignments(caller, securable, query.get("principal"), lambda privilege, _: privilege)
        return _paged("privilege_assignments", rows, query, length, smallest=_SMALLEST_PAGE), world
    return _READS[what](caller, securable, query, length), world


def _securable(world: World, kind: str, full_name: str) -> Securable:
    if kind.upper() == "METASTORE":
        return world.at("")
    securable = _existing(world, full_name)
    if securable.kind != kind.upper():
        raise RefusedError(404, f"{kind.upper()}_DOES_NOT_EXIST", f"{kind.title()} '{full_name}' does not exist.")
    return securable


def _assignments(
    caller: Caller, securable: Securable, principal: str | None, shape: Callable[[str, Securable], object], *above: str
) -> list[Json]:
    """Return one row per principal, of grants on a securable and those it inherits (rules 8, 14, 20, 21)."""
    world = caller.world
    wanted = None if principal is None else _row_holders(world, principal)
    own = _row_holders(world, world.caller) if principal in {None, world.caller} else {world.caller}
    allowed = None if caller.reads_grants(securable.full_name) else own
    rows: dict[str, list[object]] = {}
    for level in (securable, *(world.by_name[name] for name in above)):
        for holder, privileges in level.grants.items():
            if (wanted is None or holder in wanted) and (allowed is None or holder in allowed):
                passed = [p for p in sorted(privileges) if level is securable or _is_passed_on(p, level)]
                rows.setdefault(holder, []).extend(shape(p, level) for p in passed)
    return [{"principal": holder, "privileges": rows[holder]} for holder in sorted(rows) if rows[holder]]


def _row_holders(world: World, principal: str) -> set[str]:
    return {principal} | ({*_groups(world, principal), ACCOUNT_USERS} if world.group_rows else set())


def _is_passed_on(privilege: str, level: Securable) -> bool:
    """Whether effective permissions of children list a privilege; BROWSE is only read at the catalog (rule 5)."""
    return privilege == "READ_METADATA" if level.kind == "METASTORE" else privilege != "BROWSE"


def _effective(caller: Caller, securable: Securable, query: Mapping[str, str], length: int) -> Json:
    def shape(privilege: str, level: Securable) -> Json:
        if level is securable:
            return {"privilege": privilege}
        name = level.full_name or METASTORE_ID
        return {"privilege": privilege, "inherited_from_type": level.kind, "inherited_from_name": name}

    above = _upwards(securable.full_name)[1:] if _inherits(caller.world) else []
    rows = _assignments(caller, securable, query.get("principal"), shape, *above)
    return _paged("privilege_assignments", rows, query, length, smallest=_SMALLEST_PAGE)


def _policies(caller: Caller, securable: Securable, query: Mapping[str, str], length: int) -> Json:
    if not caller.reads_grants(securable.full_name):
        raise RefusedError(403, "PERMISSION_DENIED", f"User does not have MANAGE on '{securable.full_name}'.")
    names = _upwards(securable.full_name) if query.get("include_inherited") == "true" else [securable.full_name]
    rows: list[Json] = [
        {
            "name": policy.name,
            "policy_type": policy.policy_type,
            "for_securable_type": policy.for_kind,
            "on_securable_type": caller.world.by_name[name].kind,
            "on_securable_fullname": name,
            "to_principals": list(policy.to_principals),
            "except_principals": list(policy.except_principals),
            "grant": {"privileges": list(policy.privileges)},
        }
        for name in names
        for policy in caller.world.by_name[name].policies
    ]
    return _paged("policies", rows, {"max_results": "0", **query}, length)  # paged by default


def _bindings(caller: Caller, catalog: Securable, query: Mapping[str, str], length: int) -> Json:
    if not (caller.is_metastore_admin or caller.owns(catalog.full_name)):
        raise RefusedError(403, "PERMISSION_DENIED", f"User is not an owner of Catalog '{catalog.full_name}'.")
    bound: list[tuple[int, str]] = [(OTHER_WORKSPACE_ID, READ_WRITE)] if catalog.isolated else []
    if catalog.isolated and catalog.binding is not None:
        bound.append((WORKSPACE_ID, catalog.binding))
    return _paged("bindings", [{"workspace_id": n, "binding_type": how} for n, how in bound], query, length)


_READS: Mapping[str, Callable[[Caller, Securable, Mapping[str, str], int], Json]] = {
    "effective-permissions": _effective,
    "policies": _policies,
    "bindings": _bindings,
}


def _patch(caller: Caller, securable: Securable, body: Json) -> tuple[Json, World]:
    if not caller.manages(securable.full_name):
        raise RefusedError(403, "PERMISSION_DENIED", f"User does not have MANAGE on '{securable.full_name}'.")
    world = caller.world
    for one in body.get("changes") or ():  # type: ignore[attr-defined]
        world = change(world, securable.full_name, one["principal"], one.get("add") or (), one.get("remove") or ())
    if body.get("omit_permissions_in_response"):
        return {}, world
    rows = _assignments(Caller(world), world.at(securable.full_name), None, lambda privilege, _: privilege)
    return {"privilege_assignments": rows}, world


def _paged(key: str, rows: Sequence[Json], query: Mapping[str, str], length: int, smallest: int = 1) -> Json:
    """Return a page of whole rows; of rows with privileges, the length is a number of privileges."""
    asked = int(query["max_results"]) if "max_results" in query else None
    if asked is not None and (asked < 0 or 0 < asked < smallest):
        raise RefusedError(400, "INVALID_PARAMETER_VALUE", f"max_results is invalid: {asked}")
    start = int((query.get("page_token") or "0").removeprefix("e"))
    room = len(rows) * 1000 if asked is None and not start else min(asked or length, length)
    end = start
    while end < len(rows) and (end == start or room > 0):
        weight = rows[end].get("privileges")
        room -= len(weight) if isinstance(weight, list) else 1
        end += room >= 0 or end == start
    page: Json = {key: list(rows[start:end])} if start < end else {}
    return page | ({"next_page_token": str(end)} if end < len(rows) else {})


def _scim(caller: Caller, rest: str, query: Mapping[str, str], length: int) -> Json:
    resources = _resources(caller.world)
    if rest == "Me":
        found = (one for kind in ("Users", "ServicePrincipals") for one in resources[kind])
        me = next(one for one in found if caller.world.caller in {one.get("userName"), one.get("applicationId")})
        member = {*caller.groups, "users", *(["admins"] if caller.is_workspace_admin else [])}
        groups = [_reference("Groups", one) for one in resources["Groups"] if one["displayName"] in member]
        return {"id": me["id"], "userName": caller.world.caller, "displayName": me["displayName"], "groups": groups}
    kind, _, number = rest.partition("/")
    if not caller.is_workspace_admin:
        raise RefusedError(403, "PERMISSION_DENIED", "Only workspace admins can read users and groups.")  # rule 24
    rows = resources.get(kind, [])
    if number:
        found_by_id = [one for one in rows if one["id"] == number]
        if not found_by_id:
            raise RefusedError(404, "RESOURCE_DOES_NOT_EXIST", f"{kind} with ID {number} not found.")
        return found_by_id[0]
    if "filter" in query:
        wanted = _FILTER.fullmatch(query["filter"])
        if wanted is None:
            raise RefusedError(400, "INVALID_PARAMETER_VALUE", f"Filter {query['filter']} is not understood.")
        rows = [one for one in rows if one.get(wanted[1]) == re.sub(r"\\(.)", r"\1", wanted[2], flags=re.DOTALL)]
    start = int(query.get("startIndex", 1))
    page = rows[start - 1 : start - 1 + min(int(query.get("count", length)), length)]
    about: Json = {"totalResults": len(rows), "startIndex": start, "itemsPerPage": len(page)}
    return about | ({"Resources": page} if page else {})


def _reference(kind: str, resource: Json) -> Json:
    return {"display": resource["displayName"], "value": resource["id"], "$ref": f"{kind}/{resource['id']}"}


def _resources(world: World) -> dict[str, list[Json]]:
    """Return every user, service principal and group as SCIM shows them."""
    users: list[Json] = [{"id": f"1{n}", "userName": name, "displayName": name} for n, name in enumerate(world.users)]
    services: list[Json] = [
        {"id": f"2{n}", "applicationId": one.application_id, "displayName": one.display_name}
        for n, one in enumerate(world.service_principals)
    ]
    everyone = (*world.users, *(one.application_id for one in world.service_principals))
    local = (Group("admins", tuple(sorted(world.workspace_admins))), Group("users", everyone))
    named = [(f"3{n}", group, "Group") for n, group in enumerate(world.groups)]
    named += [(f"4{n}", group, "WorkspaceGroup") for n, group in enumerate(local)]
    groups: list[Json] = [
        {"id": number, "displayName": group.name, "meta": {"resourceType": kind}} for number, group, kind in named
    ]
    references = {str(one["userName"]): _reference("Users", one) for one in users}
    references |= {str(one["applicationId"]): _reference("ServicePrincipals", one) for one in services}
    references |= {str(one["displayName"]): _reference("Groups", one) for one in groups}
    for resource, (_, group, _) in zip(groups, named, strict=True):
        resource["members"] = [references[name] for name in group.members if name in references]
    return {"Users": users, "ServicePrincipals": services, "Groups": groups}


def shown(world: World, item: Json, query: Mapping[str, str], *, lists: bool) -> Json | None:
    """Return a catalog, schema or table as the caller is shown it, or None if it isn't."""
    full_name = str(item["full_name"]).lower()
    wishes = {"browse": query.get("include_browse") == "true", "unbound": query.get("include_unbound") == "true"}
    seen = Caller(world).sees(full_name, lists=lists, **wishes)
    if seen is None:
        return None
    securable = world.by_name[full_name]
    kept = {key: value for key, value in item.items() if key not in {"owner", "created_by", "updated_by"}}
    if securable.kind == "CATALOG":
        kept["isolation_mode"] = "ISOLATED" if securable.isolated else "OPEN"
    return kept | ({"browse_only": True} if seen == "browse" else {"owner": securable.owner})


# --- random worlds ---

_ODD = ("O'Hara", 'The "A" team', "back`tick", "dotted.name", "two\nlines", "MiXed Case", "ünïcode", "plain")
_TEXTS = ("SELECT", "USE_CATALOG", "USE_SCHEMA", "BROWSE", "MANAGE", "READ_METADATA", "ALL_PRIVILEGES", "MODIFY")


def random_world(rng: random.Random, size: int = 2) -> World:
    """Return a world with up to ``size`` catalogs, schemas per catalog and tables per schema, and odd names."""
    users = tuple(f"{odd}@example.com" for odd in rng.sample(_ODD, min(size + 1, len(_ODD))))
    services = tuple(
        ServicePrincipal(f"{n:08d}-0000-4000-8000-000000000000", rng.choice(_ODD)) for n in range(rng.randint(0, size))
    )
    people = [*users, *(one.application_id for one in services)]
    names = [f"{odd} group" for odd in rng.sample(_ODD, min(size + 1, len(_ODD)))]
    groups = tuple(Group(name, tuple(sorted(_some(rng, [*people, *names], 0.25)))) for name in names)
    principals = [*people, *names, ACCOUNT_USERS]
    calm = rng.random()  # worlds with few grants, and with many

    def grants() -> dict[str, frozenset[str]]:
        texts = [*_TEXTS, "FLY", "USE_WAREHOUSE"]
        rows = {name: frozenset(rng.sample(texts, rng.randint(1, 3))) for name in _some(rng, principals, calm / 2)}
        return {name: rows[name] for name in sorted(rows)}

    def policies() -> tuple[Policy, ...]:
        to = (rng.choice(principals),)
        without = tuple(_some(rng, principals, 0.1))
        policy = Policy("by tag", to, except_principals=without, for_kind=rng.choice(["TABLE", "MODEL"]))
        return (policy,) if rng.random() < calm / 6 else ()

    def securables() -> Iterator[Securable]:
        yield Securable("", grants=grants() if rng.random() < calm / 2 else {})
        for c in range(rng.randint(1, size)):
            isolated = rng.random() < 0.2
            binding = rng.choice([None, READ_ONLY, READ_WRITE]) if isolated else None
            owner = rng.choice(principals)
            yield Securable(f"Cat{c}", owner, grants(), policies(), isolated=isolated, binding=binding)
            for s in range(rng.randint(0, size)):
                yield Securable(f"Cat{c}.sCHEMA{s}", rng.choice(principals), grants(), policies())
                for t in range(rng.randint(0, size)):
                    yield Securable(f"Cat{c}.Schema{s}.Table{t}", rng.choice(principals), grants(), policies())

    return World(
        securables=tuple(securables()),
        users=users,
        service_principals=services,
        groups=groups,
        metastore_admin=rng.choice([None, *principals]) if rng.random() < 0.5 else None,
        workspace_admins=frozenset(_some(rng, people, 0.3)),
        caller=rng.choice(people),
        group_rows=rng.random() < 0.5,
        policies_apply=rng.random() < 0.5,
    )


def _some(rng: random.Random, names: Sequence[str], share: float) -> list[str]:
    return [name for name in names if rng.random() < share]
