"""The reference for the audit of privileges: the rules, one at a time, and what a caller can conclude from its answers."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest
from simulator import Faults, World, random_world
from simulator.privileges import (
    ACCOUNT_USERS,
    READ_ONLY,
    READ_WRITE,
    Group,
    Policy,
    RefusedError,
    Securable,
    ServicePrincipal,
    change,
    run_sql,
)
from simulator.reference import access, identities, known_to, worlds_alike
from simulator.server import TOKEN, Api

ADA, BOB, ROBOT = "ada@example.com", "bob@example.com", "5f1a0000-0000-4000-8000-000000000001"
TABLE, SCHEMA, CATALOG = "main.sales.orders", "main.sales", "main"
USE = (f"GRANT USE CATALOG ON CATALOG main TO `{BOB}`", f"GRANT USE SCHEMA ON SCHEMA main.sales TO `{BOB}`")
READ = (*USE, f"GRANT SELECT ON TABLE main.sales.orders TO `{BOB}`")


def world(*statements: str, owners: dict[str, str] | None = None, **fields: object) -> World:
    """Return a small world after some statements; its objects belong to nobody else than ``owners`` says."""
    names = ("", CATALOG, SCHEMA, TABLE, "main.sales.other")
    plain = World(
        securables=tuple(Securable(name, (owners or {}).get(name, "owner@example.com")) for name in names),
        users=(ADA, BOB, "owner@example.com"),
        service_principals=(ServicePrincipal(ROBOT, "dagster-connection"),),
        groups=(Group("engineers", (BOB, "everyone")), Group("everyone", ("engineers",)), Group("others")),
        caller=ADA,
    )
    made = replace(plain, **fields)  # type: ignore[arg-type]
    for statement in statements:
        made = run_sql(made, statement)
    return made


# --- access ---


@pytest.mark.parametrize("granted", list(itertools.product([False, True], repeat=3)))
@pytest.mark.parametrize("use_schema_on", ["SCHEMA main.sales", "CATALOG main"])
@pytest.mark.parametrize("select_on", ["TABLE main.sales.orders", "SCHEMA main.sales", "CATALOG main"])
def test_reading_takes_select_and_both_use_privileges(
    granted: tuple[bool, ...], use_schema_on: str, select_on: str
) -> None:
    grants = ("USE CATALOG ON CATALOG main", f"USE SCHEMA ON {use_schema_on}", f"SELECT ON {select_on}")
    held = [f"GRANT {one} TO `{BOB}`" for one, is_on in zip(grants, granted, strict=True) if is_on]
    assert access(world(*held), BOB, TABLE) == ("readable" if all(granted) else "invisible")


def test_a_catalog_and_a_schema_are_readable_once_they_can_be_used() -> None:
    assert access(world(USE[0]), BOB, CATALOG) == "readable"
    assert access(world(*USE), BOB, SCHEMA) == "readable"
    assert access(world(USE[1]), BOB, SCHEMA) == "browse-only", "it is listed, but its catalog can't be used"


def test_groups_count_through_any_nesting_and_a_cycle_ends() -> None:
    assert identities(world(), BOB) == {BOB, "engineers", "everyone", ACCOUNT_USERS}
    to_group = [one.replace(BOB, "everyone") for one in READ]
    assert access(world(*to_group), BOB, TABLE) == "readable"
    assert access(world(*to_group), ADA, TABLE) == "invisible"
    assert access(world(*(one.replace(BOB, ACCOUNT_USERS) for one in READ)), ROBOT, TABLE) == "readable"


def test_rows_of_the_groups_of_the_workspace_have_no_effect() -> None:
    admins = Group("engineers", (BOB,))
    held = frozenset({"ALL_PRIVILEGES"})
    made = world(groups=(admins,), workspace_admins=frozenset({BOB}))
    assert (
        access(made.changed(replace(made.at(CATALOG), grants={"admins": held, "users": held})), BOB, TABLE)
        == "invisible"
    )


def test_all_privileges_imply_what_applies_below() -> None:
    assert access(world(f"GRANT ALL PRIVILEGES ON CATALOG main TO `{BOB}`"), BOB, TABLE) == "readable"
    on_schema = f"GRANT ALL PRIVILEGES ON SCHEMA main.sales TO `{BOB}`"
    assert access(world(on_schema), BOB, TABLE) == "browse-only", "READ METADATA, but not USE CATALOG"
    assert access(world(USE[0], on_schema), BOB, TABLE) == "readable"
    manages = replace(world(f"GRANT ALL PRIVILEGES ON CATALOG main TO `{ADA}`"), caller=ADA)
    with pytest.raises(RefusedError):
        run_sql(manages, READ[2], as_caller=True)


@pytest.mark.parametrize(
    ("grant", "state"),
    [("MANAGE ON CATALOG main", "invisible"), ("BROWSE ON CATALOG main", "browse-only")],
)
def test_manage_shows_nothing_and_browse_only_metadata(grant: str, state: str) -> None:
    for name in (SCHEMA, TABLE):
        assert access(world(f"GRANT {grant} TO `{BOB}`"), BOB, name) == state


def test_the_metastore_only_passes_on_read_metadata() -> None:
    made = world()
    for privilege, state in (
        ("SELECT", "invisible"),
        ("ALL_PRIVILEGES", "invisible"),
        ("READ_METADATA", "browse-only"),
    ):
        assert access(change(made, "", BOB, {privilege}, ()), BOB, TABLE) == state
    assert access(world(metastore_admin="engineers"), BOB, TABLE) == "browse-only"
    assert access(world(workspace_admins=frozenset({BOB})), BOB, TABLE) == "invisible"


def test_an_owner_still_needs_use_above() -> None:
    owners = {TABLE: "everyone"}
    assert access(world(owners=owners), BOB, TABLE) == "invisible"
    assert access(world(USE[0], owners=owners), BOB, TABLE) == "invisible"
    assert access(world(*USE, owners=owners), BOB, TABLE) == "readable"


def test_the_owner_of_a_container_is_shown_its_tables_but_cannot_read_them() -> None:
    assert access(world(owners={CATALOG: BOB}), BOB, TABLE) == "browse-only"
    assert access(world(owners={SCHEMA: BOB}), BOB, TABLE) == "invisible"
    assert access(world(USE[0], owners={SCHEMA: BOB}), BOB, TABLE) == "browse-only"
    assert access(world(READ[2], owners={CATALOG: BOB, SCHEMA: BOB}), BOB, TABLE) == "readable"


@pytest.mark.parametrize(
    ("isolated", "binding", "state"),
    [
        (False, None, "readable"),
        (True, READ_WRITE, "readable"),
        (True, READ_ONLY, "readable"),
        (True, None, "invisible"),
    ],
)
def test_an_isolated_catalog_is_closed_unless_it_is_bound(isolated: bool, binding: str | None, state: str) -> None:
    made = world(*READ, metastore_admin=BOB)
    made = made.changed(replace(made.at(CATALOG), isolated=isolated, binding=binding))
    for name in (CATALOG, SCHEMA, TABLE):
        assert access(made, BOB, name) == state


def test_without_inheritance_a_privilege_counts_where_it_is_granted() -> None:
    on_catalog = [f"GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG main TO `{BOB}`"]
    assert access(world(*on_catalog), BOB, TABLE) == "readable"
    old = {"privilege_model_version": "0.1"}
    assert access(world(*on_catalog, **old), BOB, TABLE) == "invisible"
    assert access(world(*READ, **old), BOB, TABLE) == "readable"
    assert known_to(world(*READ, **old), BOB, BOB, TABLE) == "unknown"


def test_a_policy_counts_only_if_policies_for_tables_do() -> None:
    made = world(*USE)
    made = made.changed(replace(made.at(CATALOG), policies=(Policy("by tag", ("engineers",)),)))
    assert access(made, BOB, TABLE) == "invisible"
    assert access(replace(made, policies_apply=True), BOB, TABLE) == "readable"
    for other in (Policy("p", (BOB,), for_kind="MODEL"), Policy("p", (BOB,), policy_type="POLICY_TYPE_DENY")):
        without = made.changed(replace(made.at(CATALOG), policies=(other,)))
        assert access(replace(without, policies_apply=True), BOB, TABLE) == "invisible"


def test_a_display_name_or_a_group_of_the_workspace_is_no_principal() -> None:
    for name in ("dagster-connection", "users", "nobody@example.com"):
        with pytest.raises(LookupError, match=name):
            access(world(), name, TABLE)
        with pytest.raises(RefusedError, match=f"Could not find principal with name {name}"):
            run_sql(world(), f"GRANT SELECT ON TABLE main.sales.orders TO `{name}`")


# --- SQL ---


def test_statements_take_names_in_backticks_and_any_case() -> None:
    made = replace(world(), users=("o`dd\nname.x",))
    made = run_sql(made, "grant use  schema, Select on SCHEMA `MAIN`.Sales to `o``dd\nname.x`;")
    assert made.at(SCHEMA).grants == {"o`dd\nname.x": {"USE_SCHEMA", "SELECT"}}
    made = run_sql(made, "REVOKE SELECT ON SCHEMA main.sales FROM `o``dd\nname.x`")
    assert made.at("Main.SALES").grants == {"o`dd\nname.x": {"USE_SCHEMA"}}


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT BROWSE ON SCHEMA main.sales TO engineers",
        "GRANT USE CATALOG ON TABLE main.sales.orders TO engineers",
        "GRANT FLY ON CATALOG main TO engineers",
        "GRANT SELECT ON TABLE main.sales.gone TO engineers",
        "GRANT SELECT ON CATALOG main FROM engineers",
        "DROP TABLE main.sales.orders",
    ],
)
def test_a_statement_that_cannot_be_run_is_refused(statement: str) -> None:
    with pytest.raises(RefusedError):
        run_sql(world(), statement)


def test_revoking_all_privileges_takes_along_what_they_imply() -> None:
    made = world("GRANT ALL PRIVILEGES, SELECT, MANAGE ON CATALOG main TO engineers")
    made = run_sql(made, "REVOKE ALL PRIVILEGES ON CATALOG main FROM engineers")
    assert made.at(CATALOG).grants == {"engineers": {"MANAGE"}}


# --- what a caller can conclude ---


def reader(privilege: str = "READ METADATA") -> str:
    return f"GRANT {privilege} ON CATALOG main TO `{ADA}`"


def test_a_caller_that_only_gets_its_own_rows_knows_nothing_about_others() -> None:
    assert known_to(world(*READ), ADA, BOB, TABLE) == "unknown"
    assert known_to(world(), ADA, BOB, TABLE) == "unknown"


def test_a_caller_always_knows_what_it_can_see_itself() -> None:
    for held in ((), USE, READ, (f"GRANT BROWSE ON CATALOG main TO `{BOB}`",)):
        made = world(*held)
        for name in (CATALOG, SCHEMA, TABLE):
            assert known_to(made, BOB, BOB, name) == access(made, BOB, name)


def test_an_unshown_catalog_may_be_unbound_whatever_the_grants() -> None:
    everything = [one.replace(BOB, ADA) for one in READ]
    bound = world(*everything)
    unbound = bound.changed(replace(bound.at(CATALOG), isolated=True))
    assert known_to(bound, ADA, ADA, TABLE) == "readable"
    assert known_to(unbound, ADA, ADA, TABLE) == "invisible", "it may use the catalog, and isn't shown it"
    managed = world(*READ, reader("MANAGE"), workspace_admins=frozenset({ADA}))
    assert known_to(managed, ADA, BOB, TABLE) == "unknown", "MANAGE shows all grants, but neither catalog nor binding"
    assert known_to(world(*READ, reader(), workspace_admins=frozenset({ADA})), ADA, BOB, TABLE) == "readable"


def test_members_of_groups_matter_only_where_groups_hold_something() -> None:
    made = world(*READ, reader())
    assert known_to(made, ADA, BOB, TABLE) == "readable"
    to_group = [one.replace(BOB, "engineers") for one in READ]
    assert known_to(world(*to_group, reader()), ADA, BOB, TABLE) == "unknown"
    assert known_to(world(*to_group, reader(), workspace_admins=frozenset({ADA})), ADA, BOB, TABLE) == "readable"
    assert known_to(world(*to_group, reader(), group_rows=True), ADA, BOB, TABLE) == "readable"
    assert known_to(world(*to_group, reader(), group_rows=True), ADA, ROBOT, TABLE) == "invisible"
    assert known_to(world(reader()), ADA, BOB, TABLE) == "invisible"


def test_a_policy_for_tables_makes_unknown_what_it_could_add() -> None:
    made = world(*USE, reader(), workspace_admins=frozenset({ADA}))
    assert known_to(made, ADA, BOB, TABLE) == "invisible"
    for policies_apply in (False, True):
        policies = (Policy("by tag", (BOB,)),)
        tagged = replace(made.changed(replace(made.at(TABLE), policies=policies)), policies_apply=policies_apply)
        assert known_to(tagged, ADA, BOB, TABLE) == "unknown"
        assert known_to(tagged, BOB, BOB, TABLE) == access(tagged, BOB, TABLE)


def test_a_catalog_that_everyone_is_shown_is_known_to_a_caller_without_groups() -> None:
    made = world(*(one.replace(BOB, ACCOUNT_USERS) for one in READ))
    assert known_to(made, ADA, BOB, CATALOG) == "readable", "nobody else could have shown it to the caller"
    assert known_to(made, BOB, ADA, CATALOG) == "unknown", "one of its groups could have"


def test_rights_on_a_table_tell_the_grants_above_it_except_browse() -> None:
    statements = (*READ, f"GRANT MANAGE ON TABLE main.sales.other TO `{ADA}`", reader("USE CATALOG, USE SCHEMA"))
    made = world(*statements, workspace_admins=frozenset({ADA}))
    assert known_to(made, ADA, BOB, CATALOG) == "readable"
    assert known_to(made, ADA, BOB, SCHEMA) == "readable"
    assert known_to(made, ADA, BOB, TABLE) == "unknown", "its own grants are told nowhere"
    assert known_to(made, ADA, ROBOT, CATALOG) == "unknown", "BROWSE is only listed on the catalog"


def test_what_everyone_holds_beside_the_caller_is_not_known() -> None:
    browse = f"GRANT BROWSE ON CATALOG main TO `{ACCOUNT_USERS}`"
    made = world(browse)
    assert known_to(made, ADA, ACCOUNT_USERS, CATALOG) == "browse-only"
    made = world(browse, reader("USE CATALOG"))
    assert known_to(made, ADA, ACCOUNT_USERS, CATALOG) == "unknown", "everyone may hold USE CATALOG too"
    made = world(*(one.replace(BOB, ADA) for one in READ), f"GRANT MANAGE ON TABLE main.sales.other TO `{ADA}`")
    assert known_to(made, ADA, ACCOUNT_USERS, CATALOG) == "invisible", "BROWSE would show the caller the other table"
    made = run_sql(made, f"GRANT SELECT ON SCHEMA main.sales TO `{ADA}`")
    assert known_to(made, ADA, ACCOUNT_USERS, CATALOG) == "unknown", "everyone may hold BROWSE"


def test_a_policy_that_is_not_told_may_be_why_the_caller_is_shown_a_table() -> None:
    made = world(*(one.replace(BOB, ACCOUNT_USERS) for one in READ))
    assert known_to(made, ADA, ACCOUNT_USERS, SCHEMA) == "readable"
    assert known_to(made, ADA, ACCOUNT_USERS, TABLE) == "unknown"
    use_in_group = (one.replace(BOB, "engineers") for one in USE)
    made = world(*use_in_group, group_rows=True, policies_apply=True)
    made = made.changed(replace(made.at(TABLE), policies=(Policy("by tag", (BOB,)),)))
    assert known_to(made, BOB, BOB, TABLE) == "readable"
    assert known_to(made, BOB, "engineers", TABLE) == "unknown", "the policy may be for the group"


def test_a_group_that_a_policy_leaves_out_may_have_the_principal_in_it() -> None:
    ada_may = reader("MANAGE, USE CATALOG, USE SCHEMA"), f"GRANT SELECT ON TABLE main.sales.orders TO `{ADA}`"
    made = world(*USE, *ada_may, policies_apply=True)
    made = made.changed(
        replace(made.at(TABLE), policies=(Policy("by tag", (BOB,), except_principals=("others",)),)),
        replace(made.at("main.sales.other"), policies=(Policy("of the caller", (ADA,)),)),  # shows that policies apply
    )
    left_out = replace(made, groups=(Group("others", (BOB,)),))
    for world_of_bob, state in ((made, "readable"), (left_out, "invisible")):
        assert access(world_of_bob, BOB, TABLE) == state
        assert known_to(world_of_bob, ADA, BOB, TABLE) == "unknown"
        assert known_to(replace(world_of_bob, workspace_admins=frozenset({ADA})), ADA, BOB, TABLE) == state


def test_an_owner_that_is_not_told_may_be_anyone() -> None:
    admin = {"workspace_admins": frozenset({ADA})}
    made = world(*USE, reader("MANAGE, USE CATALOG, USE SCHEMA"), **admin)
    assert known_to(made, ADA, BOB, SCHEMA) == "readable"
    assert known_to(made, ADA, BOB, TABLE) == "unknown", "of the table"
    assert known_to(world(READ[0], READ[2], reader("MANAGE"), **admin), ADA, BOB, TABLE) == "unknown", "of the schema"
    assert known_to(world(*READ[1:], reader("MANAGE"), **admin), ADA, BOB, TABLE) == "unknown", "of the catalog"
    to_ada = (one.replace(BOB, ADA) for one in USE)
    assert known_to(world(*to_ada, owners={TABLE: BOB}), BOB, ADA, TABLE) == "unknown", "of the table, by a group"
    assert known_to(world(*to_ada, reader(), **admin), ADA, BOB, TABLE) == "invisible"


def test_rows_of_groups_that_are_told_leave_those_of_others_unknown() -> None:
    made = world("GRANT USE CATALOG ON CATALOG main TO engineers", group_rows=True)
    assert known_to(made, BOB, "engineers", CATALOG) == "readable"
    assert known_to(made, BOB, ADA, CATALOG) == "unknown"


# --- the definition, checked against the answers of the simulator ---

UC, SCIM = "/api/2.1/unity-catalog", "/api/2.0/preview/scim/v2"


def targets(world: World) -> list[str]:
    """Return every request that a caller could send."""
    return list(dict.fromkeys(_targets(world)))


def _targets(world: World) -> Iterator[str]:
    yield from (f"{SCIM}/{what}" for what in ("Me", "Users", "ServicePrincipals", "Groups"))
    yield f"{UC}/metastore_summary"
    yield from (f"{UC}/catalogs?include_browse={browse}&include_unbound=true" for browse in ("true", "false"))
    for securable in world.securables:
        name, kind = securable.full_name, securable.kind.lower()
        for what in ("permissions", "effective-permissions"):
            yield f"{UC}/{what}/{kind}/{name or 'any'}"
            yield from (f"{UC}/{what}/{kind}/{name or 'any'}?principal={quote(one)}" for one in world.principals)
        if not name:
            continue
        yield f"{UC}/policies/{kind}/{name}?include_inherited=true"
        catalog, _, schema = name.partition(".")
        yield f"{UC}/bindings/catalog/{catalog}"
        yield f"{UC}/table-summaries?catalog_name={catalog}"
        for browse in ("true", "false"):
            yield f"{UC}/{kind}s/{name}?include_browse={browse}"
            yield f"{UC}/schemas?catalog_name={catalog}&include_browse={browse}"
            if kind == "schema":
                yield f"{UC}/tables?catalog_name={catalog}&schema_name={schema}&include_browse={browse}"


def answers(world: World, requests: Iterable[str]) -> list[tuple[int, bytes]]:
    api = Api(world.workspace(), Faults(), TOKEN, world)
    made = (api.answer(one, {"authorization": f"Bearer {TOKEN}"}) for one in requests)
    return [(answer.status, answer.body) for answer in made]


@pytest.mark.parametrize("seed", range(60))
def test_what_a_caller_is_shown_is_what_it_has_access_to(seed: int) -> None:
    made = replace(random_world(random.Random(seed)), privilege_model_version="0.1" if seed % 4 == 0 else "1.0")
    named = [one for one in made.securables if one.full_name]
    requests = [f"{UC}/{one.kind.lower()}s/{one.full_name}?include_browse=true" for one in named]
    for securable, (status, _) in zip(named, answers(made, requests), strict=True):
        assert (status == 200) == (access(made, made.caller, securable.full_name) != "invisible")


@pytest.mark.parametrize("seed", range(60))
def test_both_extremes_give_the_caller_the_same_answers(seed: int) -> None:
    rng = random.Random(seed)
    made = random_world(rng)
    requests = targets(made)
    given = answers(made, requests)
    for _ in range(5):
        principal, name = rng.choice(made.principals), rng.choice(made.securables[1:]).full_name
        known = known_to(made, made.caller, principal, name)
        assert known in {"unknown", access(made, principal, name)}
        for other in worlds_alike(made, made.caller, principal, name):
            assert answers(other, requests) == given


def tiny(facts: Iterable[tuple[str, ...]], **fields: object) -> World:
    """Return a world of two tables and two groups in which these facts hold, and nothing else."""
    securables = {name: Securable(name, "z") for name in ("", "c", "c.s", "c.s.t", "c.s.u")}
    members: dict[str, list[str]] = {"g": [], "h": []}
    for what, *of in facts:
        if what == "member":
            members[of[1]].append(of[0])
        elif what == "grant":
            held = securables[of[0]].grants.get(of[1], ())
            securables[of[0]] = securables[of[0]].granting(of[1], {*held, of[2]})
        elif what == "owner":
            securables[of[0]] = replace(securables[of[0]], owner=of[1])
        elif what == "policy":
            securables[of[0]] = replace(securables[of[0]], policies=(Policy("p", (of[1],)),))
        elif what == "unbound":
            securables["c"] = replace(securables["c"], isolated=True)
        elif what == "apply":
            fields["policies_apply"] = True
    groups = tuple(Group(name, tuple(sorted(of))) for name, of in members.items())
    plain = World(tuple(securables.values()), ("a", "b", "z"), groups=groups, caller="a")
    return replace(plain, **fields)  # type: ignore[arg-type]


def possible_facts() -> list[tuple[str, ...]]:
    on_catalog = ("USE_CATALOG", "USE_SCHEMA", "SELECT", "BROWSE", "MANAGE", "ALL_PRIVILEGES")
    privileges = {"": ("READ_METADATA",), "c": on_catalog, "c.s": ("USE_SCHEMA", "SELECT", "MANAGE")}
    privileges |= {"c.s.t": ("SELECT", "MANAGE"), "c.s.u": ("SELECT", "MANAGE")}
    names = ("a", "b", "g", "h", ACCOUNT_USERS)
    found = [("grant", on, to, what) for on, held in privileges.items() for what in held for to in names]
    found += [("member", one, group) for group in "gh" for one in "abgh" if one != group for _ in range(4)]
    found += [("owner", on, to) for on in ("c", "c.s", "c.s.t") for to in ("a", "b", "g")]
    found += [("policy", on, to) for on in ("c", "c.s.t") for to in names]
    return [*found, *[("unbound",), ("apply",)] * 4]


@pytest.mark.parametrize("seed", range(12))
def test_all_tiny_worlds_with_the_same_answers_agree_on_what_is_known(seed: int) -> None:
    rng = random.Random(seed)
    always = set(rng.sample(possible_facts(), rng.randint(0, 12)))
    varied = sorted(set(rng.sample(possible_facts(), 6)) - always)
    fields = {"group_rows": seed % 3 == 0, "workspace_admins": frozenset("a" if seed % 4 == 0 else "")}
    alike: dict[str, list[World]] = {}
    for chosen in itertools.product([False, True], repeat=len(varied)):
        made = tiny({*always, *itertools.compress(varied, chosen)}, **fields)
        alike.setdefault(str(answers(made, targets(made))), []).append(made)
    for worlds in alike.values():
        for principal, name in itertools.product(("a", "b", "g", ACCOUNT_USERS), ("c", "c.s", "c.s.t")):
            states = {access(made, principal, name) for made in worlds}
            concluded = {known_to(made, "a", principal, name) for made in (worlds[0], worlds[-1])}
            assert len(concluded) == 1, "the same answers lead to the same conclusion"
            assert concluded <= ({"unknown"} if len(states) > 1 else {"unknown", *states})
