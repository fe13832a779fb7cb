"""The reference that the audit of privileges is compared with: the rules read one at a time, slow and obvious.

`access` is the truth about one principal and one securable, and `known_to` is what a caller can conclude from all the
answers it is given. Neither shares a function with what makes those answers, `simulator.privileges`.

How rules that are open or in conflict are read here:

- Rules 11 and 12: the owner of a catalog or schema is shown what is in it, but cannot read it.
- Rules 3 and 22: READ METADATA passes from the metastore to everything if it is granted by name. It shows all metadata,
  without USE and without asking for what can only be browsed. ALL PRIVILEGES on a catalog, schema or table implies it.
- Rule 4: a grant on a type of securable to which the privilege does not apply has no effect, BROWSE on a schema too.
- Rule 5: effective permissions of schemas and tables don't list BROWSE, and objects that can only be browsed are shown
  without their owner.
- Rule 10: MANAGE alone shows no object. It needs no USE to read grants, only to change them.
- Rule 20: `World.group_rows` is one behavior or the other, which a caller can see.
- Rules 11, 21 and 29: whoever is told all grants of a securable is told its policies, and nobody else; the owner of a
  catalog or schema is told those of what is in it.
- Rule 24: SCIM Me lists all groups of the caller except "account users", nested ones too.
- Rule 25: a catalog that is not bound to the workspace looks like one without privileges; its grants can be read.
- Rule 26: whether policies for tables let anyone read is `World.policies_apply`, which no answer tells directly.
- Rule 32: without inheritance, each privilege counts where it is granted; nothing is concluded about such a metastore.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Literal

from simulator.privileges import ACCOUNT_USERS, Group, Policy, Securable, World

Access = Literal["readable", "browse-only", "invisible"]
_ORDER: Sequence[Access] = ("invisible", "browse-only", "readable")
_APPLIES = {  # rule 4
    "USE_CATALOG": {"CATALOG"},
    "BROWSE": {"CATALOG"},
    "USE_SCHEMA": {"CATALOG", "SCHEMA"},
    "SELECT": {"CATALOG", "SCHEMA", "TABLE"},
    "READ_METADATA": {"METASTORE", "CATALOG", "SCHEMA", "TABLE"},
    "MANAGE": {"METASTORE", "CATALOG", "SCHEMA", "TABLE"},
}
_OUTSIDER = "somebody else"  # owns what may be owned by anyone


def access(world: World, principal: str, securable: str) -> Access:
    """Return what a principal can do with a catalog, schema or table, given by its full name.

    "readable" means that it can use the catalog or schema, or read the table. "browse-only" means that it is shown the
    object's metadata, in whatever way, and no more. A principal is a user name, an application ID or an account group.

    Raises:
        LookupError: there is no such principal or securable.
    """
    if principal not in world.principals:
        raise LookupError(f"{principal!r} is not a principal")
    path = _path(world, securable)
    names = identities(world, principal)
    if not _is_accessible(path):
        return "invisible"
    if _can_use(world, names, path):
        return "readable"
    return "invisible" if _shown(world, names, path) is None else "browse-only"


def identities(world: World, principal: str) -> set[str]:
    """Return a principal and every group whose privileges it has, "account users" included (rule 19)."""
    names = {principal}
    while more := {group.name for group in world.groups if names & set(group.members)} - names:
        names |= more
    return names | {ACCOUNT_USERS}


def _path(world: World, full_name: str) -> list[Securable]:
    """Return the metastore, the catalog and so on down to a securable, whose name is in any case (rule 31)."""
    parts = full_name.split(".") if full_name else []
    return [world.at(".".join(parts[:length])) for length in range(len(parts) + 1)]


def _is_accessible(path: Sequence[Securable]) -> bool:
    # Rule 25: an isolated catalog that isn't bound is closed whatever the grants; a read-only binding lets reads pass.
    return not path[1].isolated or path[1].binding is not None


def _inherits(world: World) -> bool:
    return not world.privilege_model_version.startswith("0.")  # rule 32


def _holds(world: World, names: AbstractSet[str], privilege: str, path: Sequence[Securable]) -> bool:
    for level in path:
        granted = {one for name in names for one in level.grants.get(name, ())}
        if level is not path[-1]:
            if not _inherits(world):  # rule 32
                continue
            if level.kind == "METASTORE":  # rule 3: not inherited, except READ METADATA
                granted &= {"READ_METADATA"}
        if level.kind not in _APPLIES[privilege]:  # rule 4
            continue
        if privilege in granted:  # rule 2
            return True
        if "ALL_PRIVILEGES" in granted and privilege != "MANAGE":  # rule 7
            return True
    return False


def _policy_adds(world: World, names: AbstractSet[str], privilege: str, path: Sequence[Securable]) -> bool:
    # Rule 26: policies add to grants. Rule 27: policies that deny have no effect on SELECT.
    if not world.policies_apply:
        return False
    for level in path:
        for policy in level.policies:
            grants = policy.policy_type == "POLICY_TYPE_GRANT" and policy.for_kind == "TABLE"
            meant = names & set(policy.to_principals) and not names & set(policy.except_principals)
            if grants and meant and privilege in policy.privileges:
                return True
    return False


def _can_use(world: World, names: AbstractSet[str], path: Sequence[Securable]) -> bool:
    # Rule 1, on every level. Rule 11: an owner has the privileges of what it owns; rule 13: it needs USE above it.
    # Rules 10, 16, 17: MANAGE and the admins' roles give no access to data.
    for length, privilege in ((2, "USE_CATALOG"), (3, "USE_SCHEMA"), (4, "SELECT")):
        level = path[:length]
        if len(level) < length:
            break
        by_policy = length == 4 and _policy_adds(world, names, privilege, level)
        if not (level[-1].owner in names or _holds(world, names, privilege, level) or by_policy):
            return False
    return True


def _shown(world: World, names: AbstractSet[str], path: Sequence[Securable], *, listed: bool = False) -> str | None:
    """Return "full" or "browse" if an object is shown by its name, or with ``listed`` in a list, else None."""
    if not _is_accessible(path):  # rule 25
        return None
    owns = [level.owner in names for level in path]
    is_full = (
        world.metastore_admin in names  # rules 15, 16
        or _holds(world, names, "READ_METADATA", path)  # rule 22
        or _can_use(world, names, path)  # rule 15
        or (len(path) == 3 and (owns[1] or owns[2] or _holds(world, names, "USE_SCHEMA", path)))  # rule 15, schemas
    )
    if len(path) == 4 and not listed:  # rules 13 and 15, tables by name
        is_full = is_full or owns[1] or (owns[2] and _can_use(world, names, path[:2]))
    if is_full:
        return "full"
    return "browse" if _holds(world, names, "BROWSE", path[:2]) else None  # rules 5, 6


def known_to(world: World, caller: str, principal: str, securable: str) -> Access | Literal["unknown"]:
    """Return what a caller can conclude about the access of a principal to a catalog, schema or table.

    "unknown" means that of all worlds with the same objects that would give the caller the same answers, two differ in
    this access. An owner may be somebody who has been deleted. Answers are all that it can read: lists and single objects, permissions, policies, bindings, the
    metastore, and the principals that SCIM shows it. It is also "unknown" for a metastore without inheritance (rule 32).
    Raises as `access` does.
    """
    least, most = worlds_alike(world, caller, principal, securable)
    worst, best = access(least, principal, securable), access(most, principal, securable)
    return worst if worst == best and _inherits(world) else "unknown"


def worlds_alike(world: World, caller: str, principal: str, securable: str) -> tuple[World, World]:
    """Return two worlds that look like this one to a caller: with the least and the most access of a principal.

    More grants, more ownership and more bindings never take access away, and neither do more memberships, except in
    groups that a policy leaves out. So it is enough to look for the two extremes among worlds that differ in what
    matters for this access and in how else the caller's own view of the workspace could have come about.
    """
    world = replace(world, caller=caller)
    return tuple(_extreme(world, principal, securable, most=most) for most in (False, True))  # type: ignore[return-value]


def _extreme(world: World, principal: str, securable: str, *, most: bool) -> World:
    first = [one.full_name for one in reversed(_path(world, securable))]
    order = [*first, *(name for name in world.by_name if name not in first)]  # finds most differences at once
    answers = list(_told(world, order))
    found, goal = world, _ORDER[-1 if most else 0]
    regrouped = _regrouped(world, principal, most=most)
    path = _path(world, securable)
    for candidate in (one for groups in regrouped for one in _candidates(world, groups, principal, path, most=most)):
        now = access(found, principal, securable)
        if now == goal:
            break
        other = access(candidate, principal, securable)
        is_further = other != now and (_ORDER.index(other) > _ORDER.index(now)) == most
        if is_further and all(a == b for a, b in zip(answers, _told(candidate, order), strict=True)):
            found = candidate
    return found


def _reads_grants(world: World, names: AbstractSet[str], path: Sequence[Securable]) -> bool:
    if world.metastore_admin in names or any(level.owner in names for level in path[1:]):  # rules 11, 16, 21
        return True
    return _holds(world, names, "READ_METADATA", path) or _holds(world, names, "MANAGE", path)  # rules 21, 22


def _reads_bindings(world: World, names: AbstractSet[str], catalog: Securable) -> bool:
    return world.metastore_admin in names or catalog.owner in names  # rule 25


def _rows(level: Securable, *, passed_on: bool) -> dict[str, set[str]]:
    """Return the grants on a securable as permissions list them, or as they are listed on what is below it."""
    rows = {name: set(privileges) for name, privileges in level.grants.items()}
    for privileges in rows.values():
        if passed_on and level.kind == "METASTORE":
            privileges &= {"READ_METADATA"}  # rule 3
        elif passed_on:
            privileges -= {"BROWSE"}  # rule 5
    return {name: privileges for name, privileges in rows.items() if privileges}


def _told(world: World, order: Iterable[str]) -> Iterator[object]:
    """Yield what the caller is told of each securable, in the order of names that is given."""
    names = identities(world, world.caller)
    own = names if world.group_rows else {world.caller}  # rules 20, 21
    for full_name in order:
        path = _path(world, full_name)
        at = path[-1]
        facts: list[object] = []
        if _reads_grants(world, names, path):  # rules 21, 29
            facts += ["all", *(_rows(level, passed_on=level is not at) for level in path)]
            facts += [level.policies for level in path]
        else:
            facts += ["own", {n: row for n, row in _rows(at, passed_on=False).items() if n in own}]
        if at.kind != "METASTORE":
            facts += [_shown(world, names, path, listed=True), _shown(world, names, path)]
            if "full" in facts:
                facts.append(at.owner)
            if at.kind == "CATALOG" and _reads_bindings(world, names, at):
                facts += [at.owner, at.isolated, at.isolated and at.binding]
            elif at.kind == "CATALOG" and facts[-1] is not None:
                facts.append(at.isolated)
        yield facts


def _candidates(
    world: World, regrouped: World, principal: str, path: Sequence[Securable], *, most: bool
) -> Iterator[World]:
    """Yield worlds in which the caller could be, those with the most or with the least access of a principal first.

    They have the groups of the world ``regrouped``.
    """
    caller, names = world.caller, identities(world, world.caller)
    others = names - (names if world.group_rows else {caller})  # of the caller's names, those whose rows it isn't told
    hidden = _hidden(world)
    mine = identities(regrouped, principal)
    # Which of the caller's names holds what has to be held, so that the caller is shown what it is shown.
    holder = min(others, key=lambda name: (name != principal if most else name in mine, name), default=None)
    bits = _bits(world, path, hidden) if holder is not None else []
    switches = list(itertools.product((True, False) if most else (False, True), repeat=len(bits)))
    owners, policies, bindings = _choices(world, principal, path, hidden, most=most)
    for apply in (most, not most):
        base = _explained(_stripped(replace(regrouped, policies_apply=apply), hidden, others), world, hidden, holder)
        if most and principal not in names:  # its own rows on what is hidden could be any
            base = base.changed(*(_granted_all(level, principal, world, hidden) for level in base.securables))
        for on, policy, binding, owner in itertools.product(switches, policies, bindings, itertools.product(*owners)):
            made = base
            for (name, privilege), is_on in zip(bits, on, strict=True):
                assert holder is not None
                held = set(made.by_name[name].grants.get(holder, ())) - {privilege}
                made = made.changed(made.by_name[name].granting(holder, held | ({privilege} if is_on else set())))
            levels = [
                replace(level, owner=one) for level, one in zip(_path(made, path[-1].full_name)[1:], owner, strict=True)
            ]
            levels[0] = replace(levels[0], isolated=binding[0], binding=binding[1])
            if policy is not None:
                levels[-1] = replace(levels[-1], policies=policy)
            yield made.changed(*levels)


def _choices(
    world: World, principal: str, path: Sequence[Securable], hidden: AbstractSet[str], *, most: bool
) -> tuple[list[list[str]], list[tuple[Policy, ...] | None], list[tuple[bool, str | None]]]:
    """Return the owners of each level, the table's policies, and the catalog's bindings that the caller can't exclude.

    None stands for the policies as they are.
    """
    names = identities(world, world.caller)
    owners: list[list[str]] = []
    for level in path[1:]:
        if _shown(world, names, _path(world, level.full_name)) == "full":
            owners.append([level.owner])
        elif level.kind == "TABLE":  # one of the caller's names may own it, and none be able to enter its schema
            owners.append([principal, _OUTSIDER, *sorted(names)] if most else [_OUTSIDER, world.caller, *sorted(names)])
        else:
            owners.append([principal if most and principal not in names else _OUTSIDER])
    policies: list[tuple[Policy, ...] | None] = [None]
    if len(path) == 4 and path[3].full_name in hidden:
        to: list[tuple[str, ...]] = [(), (world.caller,), (principal, world.caller), (principal,)]
        policies = [(Policy("unseen", one),) if one else () for one in (reversed(to) if most else to[:2])]
    bindings: list[tuple[bool, str | None]] = [(path[1].isolated, path[1].binding)]
    if _shown(world, names, path[:2]) is None and not _reads_bindings(world, names, path[1]):
        bindings = [(False, None), (True, None)] if most else [(True, None), (False, None)]
    return owners, policies, bindings


def _hidden(world: World) -> set[str]:
    """Return the securables whose grants are neither told nor inherited by a securable whose grants are told."""
    names = identities(world, world.caller)
    paths = [_path(world, name) for name in world.by_name]
    return set(world.by_name) - {one.full_name for path in paths if _reads_grants(world, names, path) for one in path}


def _granted_all(level: Securable, principal: str, world: World, hidden: AbstractSet[str]) -> Securable:
    """Return a securable with all privileges for somebody that the caller would not be told of."""
    names = identities(world, world.caller)
    more: set[str] = set()
    if level.full_name in hidden:
        more = {"ALL_PRIVILEGES"}
    elif level.kind == "CATALOG" and not _reads_grants(world, names, _path(world, level.full_name)):
        more = {"BROWSE"}
    return level.granting(principal, {*level.grants.get(principal, ()), *more})


def _bits(world: World, path: Sequence[Securable], hidden: AbstractSet[str]) -> list[tuple[str, str]]:
    """Return what one of the caller's names may hold on the way to a securable without the caller being told."""
    names = identities(world, world.caller)
    use = {"CATALOG": "USE_CATALOG", "SCHEMA": "USE_SCHEMA", "TABLE": "SELECT"}
    bits = [(level.full_name, use[level.kind]) for level in path[1:] if level.full_name in hidden]
    return bits + ([] if _reads_grants(world, names, path[:2]) else [(path[1].full_name, "BROWSE")])


def _stripped(world: World, hidden: AbstractSet[str], others: AbstractSet[str]) -> World:
    """Return a world without the grants and policies that its caller isn't told of."""
    names = identities(world, world.caller)
    told = names - others
    changed = []
    for level in world.securables:
        if level.full_name in hidden:
            kept = {name: held for name, held in level.grants.items() if name in told}
            changed.append(replace(level, grants=kept, policies=()))
        elif level.kind == "CATALOG" and not _reads_grants(world, names, _path(world, level.full_name)):
            rows = _rows(level, passed_on=True)
            changed.append(replace(level, grants=rows | {n: h for n, h in level.grants.items() if n in told}))
    return world.changed(*changed)


def _explained(stripped: World, world: World, hidden: AbstractSet[str], holder: str | None) -> World:
    """Return a stripped world in which the caller has what it needs to be shown what it is shown in the true one.

    That is granted as far down as possible: to one of the caller's names, or by a policy if its grants are all known.
    """
    names = identities(world, world.caller)
    changed = []
    for level in stripped.securables:
        before, after = _path(world, level.full_name), _path(stripped, level.full_name)
        if level.kind == "METASTORE" or not _is_accessible(before):
            continue
        wanted = {"CATALOG": ["USE_CATALOG"], "SCHEMA": ["USE_SCHEMA"], "TABLE": ["SELECT"]}[level.kind]
        wanted = wanted if level.full_name in hidden else []
        if level.kind == "CATALOG":
            wanted = [*wanted, "BROWSE"]
        for privilege in wanted:
            is_held = _holds(world, names, privilege, before) or _policy_adds(world, names, privilege, before)
            is_left = _holds(stripped, names, privilege, after) or _policy_adds(stripped, names, privilege, after)
            if is_held and not is_left and holder is not None:
                level = level.granting(holder, {*level.grants.get(holder, ()), privilege})  # noqa: PLW2901 - grows
            elif is_held and not is_left:
                level = replace(level, policies=(Policy("unseen", (world.caller,)),))  # noqa: PLW2901 - grows
        changed.append(level)
    return stripped.changed(*changed)


def _regrouped(world: World, principal: str, *, most: bool) -> Iterator[World]:
    """Yield worlds whose groups look the same to the caller, with the principal in as many or as few as possible.

    Groups that a policy leaves out (rule 26) are tried both ways.

    Members are known to workspace admins, and one's own groups to everyone (rule 24). If permissions filtered by a
    principal hold the rows of its groups (rule 20), then its membership in a group with a row that is told is known.
    """
    names = identities(world, world.caller)
    if names & world.workspace_admins or principal in {world.caller, ACCOUNT_USERS}:
        yield world
        return
    groups = {group.name for group in world.groups}
    evident: set[str] = set()
    for full_name in world.by_name if world.group_rows else ():
        path = _path(world, full_name)
        if _reads_grants(world, names, path):
            evident |= {name for level in path for name in _rows(level, passed_on=level is not path[-1])}
    of = {name: identities(world, name) & evident & groups - {name} for name in world.principals}
    of[world.caller] = names & groups
    more = {
        name
        for name in groups - evident - {principal}
        if of[name] <= of[principal] | {principal} and (principal not in names or name in names)
    }
    left_out = more & {name for one in world.securables for policy in one.policies for name in policy.except_principals}
    for chosen in itertools.product([False, True], repeat=len(left_out)):
        other_way = set(itertools.compress(sorted(left_out), chosen))
        joined = more - other_way if most else other_way
        all_of = {n: held | joined if n == principal or principal in held else held for n, held in of.items()}
        members = {group: tuple(name for name in world.principals if group in all_of[name]) for group in groups}
        yield replace(world, groups=tuple(Group(group.name, members[group.name]) for group in world.groups))
