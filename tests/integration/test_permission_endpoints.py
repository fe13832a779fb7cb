"""The simulator's endpoints for privileges and principals, asked over HTTP by the SDK and by plain calls."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, DatabricksError, InvalidParameterValue, NotFound, PermissionDenied
from databricks.sdk.service.catalog import PermissionsChange, Privilege, SecurableType
from databricks.sdk.service.sql import StatementState
from simulator import Faults, Simulator, SimulatorProcess, World, random_world
from simulator.privileges import (
    ACCOUNT_USERS,
    READ_ONLY,
    WORKSPACE_ID,
    Group,
    Policy,
    Securable,
    ServicePrincipal,
    run_sql,
)
from simulator.reference import access

import dbxexplore as dbx

pytestmark = pytest.mark.integration

ADA, BOB, ROBOT = "ada@example.com", 'bob "b"@example.com', "5f1a0000-0000-4000-8000-000000000001"
ORDERS = "main.sales.orders"
UC, SCIM = "/api/2.1/unity-catalog", "/api/2.0/preview/scim/v2"
SECURABLES = (
    Securable("", grants={ADA: {"CREATE_CATALOG"}, "auditors": {"READ_METADATA"}}),
    Securable("main", "owners", {"engineers": {"USE_CATALOG", "BROWSE"}, ROBOT: {"USE_CATALOG"}}),
    Securable("main.sales", "owners", {"engineers": {"ALL_PRIVILEGES"}}),
    Securable(ORDERS, "owners", {BOB: {"SELECT", "FLY"}}, (Policy("by tag", (BOB,)),)),
    Securable("main.sales.other", ADA),
    Securable("closed", "owners", isolated=True),
)


def small(caller: str, *statements: str, **fields: Any) -> World:
    world = World(
        SECURABLES,
        users=(ADA, BOB, "cleo@example.com"),
        service_principals=(ServicePrincipal(ROBOT, "dagster-connection"),),
        groups=(
            Group("engineers", (BOB, "nested")),
            Group("nested", (ROBOT, "engineers")),
            Group("owners", ("cleo@example.com",)),
            Group("auditors"),
        ),
        workspace_admins=frozenset({ADA}),
        caller=caller,
        **fields,
    )
    for statement in statements:
        world = run_sql(world, statement)
    return world


@pytest.fixture
def connect() -> Iterator[Callable[..., tuple[WorkspaceClient, Simulator]]]:
    """Serve a world, and connect to it with the token of its caller."""
    running: list[Simulator] = []

    def start(world: World, **faults: Any) -> tuple[WorkspaceClient, Simulator]:
        workspace = world.workspace()
        workspace.warehouses = {"w1": "RUNNING"}
        simulator = Simulator(workspace, Faults(**faults), world=world).__enter__()
        running.append(simulator)
        return WorkspaceClient(host=simulator.url, token=simulator.token), simulator

    yield start
    for simulator in running:
        simulator.__exit__(None, None, None)


def rows(client: WorkspaceClient, path: str, **query: object) -> dict[str, list[Any]]:
    """Return the privileges of each principal, as sent."""
    answer = client.api_client.do("GET", f"{UC}/{path}", query=query)
    assert isinstance(answer, dict)
    return {one["principal"]: one["privileges"] for one in answer.get("privilege_assignments", [])}


# --- principals ---


def test_everyone_reads_its_own_groups_and_only_admins_those_of_others(connect: Callable[..., Any]) -> None:
    client, simulator = connect(small(ROBOT))
    me = client.current_user.me()
    assert me.user_name == ROBOT, "of a service principal, the application ID"
    assert {group.display for group in me.groups} == {"nested", "engineers", "users"}
    assert all(group.ref == f"Groups/{group.value}" for group in me.groups)
    assert client.get_workspace_id() == WORKSPACE_ID
    for call in (client.users_v2.list, client.groups_v2.list, client.service_principals_v2.list):
        with pytest.raises(PermissionDenied, match="workspace admins"):
            list(call())
    simulator.api.world = small(ADA)
    assert {user.user_name for user in client.users_v2.list()} == {ADA, BOB, "cleo@example.com"}
    assert {one.application_id for one in client.service_principals_v2.list()} == {ROBOT}


def test_principals_are_found_by_filter_and_by_id(connect: Callable[..., Any]) -> None:
    client, _ = connect(small(ADA), page_length=2)
    quoted = BOB.replace('"', '\\"')
    assert [user.user_name for user in client.users_v2.list(filter=f'userName eq "{quoted}"')] == [BOB]
    assert [one.display_name for one in client.service_principals_v2.list(filter=f'applicationId eq "{ROBOT}"')] == [
        "dagster-connection"
    ]
    assert not list(client.groups_v2.list(filter='displayName eq "gone"'))
    (found,) = client.groups_v2.list(filter='displayName eq "nested"')
    members = client.groups_v2.get(found.id).members
    assert [(one.display, one.ref.partition("/")[0]) for one in members] == [
        ("dagster-connection", "ServicePrincipals"),
        ("engineers", "Groups"),
    ]
    assert client.service_principals_v2.get(members[0].value).application_id == ROBOT
    names = [group.display_name for group in client.groups_v2.list()]
    assert sorted(names) == ["admins", "auditors", "engineers", "nested", "owners", "users"], "in pages of two"
    with pytest.raises(NotFound):
        client.users_v2.get("99")


# --- permissions ---


def test_a_caller_without_rights_gets_its_own_rows_and_no_error(connect: Callable[..., Any]) -> None:
    client, simulator = connect(small(ROBOT))
    assert rows(client, "permissions/catalog/main") == {ROBOT: ["USE_CATALOG"]}
    assert rows(client, "permissions/metastore/any") == {}
    assert rows(client, "permissions/catalog/main", principal="engineers") == {}
    simulator.api.world = small(ROBOT, group_rows=True)
    assert rows(client, "permissions/catalog/main") == {ROBOT: ["USE_CATALOG"], "engineers": ["BROWSE", "USE_CATALOG"]}


@pytest.mark.parametrize(
    "world",
    [
        small("cleo@example.com"),
        small(ADA, metastore_admin=ADA),
        small(ADA, f"GRANT MANAGE ON CATALOG main TO `{ADA}`"),
        small(ADA, f"GRANT READ METADATA ON SCHEMA main.sales TO `{ADA}`"),
    ],
    ids=["owner of the container", "metastore admin", "MANAGE", "READ METADATA"],
)
def test_who_may_read_them_gets_all_rows_as_they_were_granted(connect: Callable[..., Any], world: World) -> None:
    client, _ = connect(world)
    assert rows(client, f"permissions/table/{ORDERS.upper()}") == {BOB: ["FLY", "SELECT"]}
    effective = rows(client, f"effective-permissions/table/{ORDERS}")
    assert effective[BOB] == [{"privilege": "FLY"}, {"privilege": "SELECT"}]
    inherited = {"inherited_from_type": "SCHEMA", "inherited_from_name": "main.sales"}
    assert effective["engineers"] == [
        {"privilege": "ALL_PRIVILEGES", **inherited},
        {"privilege": "USE_CATALOG", "inherited_from_type": "CATALOG", "inherited_from_name": "main"},
    ], "BROWSE is listed on the catalog only"
    assert [one["inherited_from_type"] for one in effective["auditors"]] == ["METASTORE"]
    assert "owners" not in effective, "ownership isn't listed"
    parsed = client.grants.get_effective(SecurableType.TABLE.value, ORDERS)
    (bob,) = (one for one in parsed.privilege_assignments if one.principal == BOB)
    assert {one.privilege for one in bob.privileges} == {Privilege.SELECT, None}


def test_rows_of_groups_come_with_a_principal_if_the_server_adds_them(connect: Callable[..., Any]) -> None:
    client, simulator = connect(small("cleo@example.com"))
    path = f"effective-permissions/table/{ORDERS}"
    assert set(rows(client, path, principal=BOB)) == {BOB}
    simulator.api.world = small("cleo@example.com", group_rows=True)
    assert set(rows(client, path, principal=BOB)) == {BOB, "engineers"}


def test_permissions_come_in_pages_of_whole_rows(connect: Callable[..., Any]) -> None:
    grants = {f"user{n}@example.com": frozenset({"SELECT", "MODIFY"}) for n in range(400)}
    world = replace(small(ADA, metastore_admin=ADA), users=(ADA, *grants))
    client, _ = connect(world.changed(replace(world.at(ORDERS), grants=grants)), page_length=170)
    assert len(rows(client, f"permissions/table/{ORDERS}")) == 400, "all, if no length is given"
    for what in ("permissions", "effective-permissions"):
        for asked, length in ((0, 170), (150, 150), (1000, 170)):
            found, token = [], None
            while found == [] or token:
                query = {"max_results": asked, **({"page_token": token} if token else {})}
                page = client.api_client.do("GET", f"{UC}/{what}/table/{ORDERS}", query=query)
                assert sum(len(one["privileges"]) for one in page["privilege_assignments"]) in range(1, length + 1)
                found += [one["principal"] for one in page["privilege_assignments"] if len(one["privileges"]) == 2]
                token = page.get("next_page_token")
            assert len(found) == len(set(found))
            assert set(found) >= set(grants)
        for wrong in (-1, 149):
            with pytest.raises(InvalidParameterValue):
                client.api_client.do("GET", f"{UC}/{what}/table/{ORDERS}", query={"max_results": wrong})


def test_a_page_may_be_empty_and_still_have_a_next_one(connect: Callable[..., Any]) -> None:
    client, _ = connect(small(ADA, metastore_admin=ADA), rate_empty=1.0)
    page = client.api_client.do("GET", f"{UC}/permissions/table/{ORDERS}", query={"max_results": 0})
    assert set(page) == {"next_page_token"}
    assert set(rows(client, f"permissions/table/{ORDERS}", max_results=0, page_token=page["next_page_token"])) == {BOB}


def test_a_securable_that_is_not_there_is_not_found(connect: Callable[..., Any]) -> None:
    client, _ = connect(small(ADA))
    for kind, name in (("table", "main.sales.gone"), ("schema", ORDERS), ("catalog", "gone")):
        with pytest.raises(NotFound):
            client.grants.get(kind, name)


# --- changes ---


def test_changes_add_to_what_is_there(connect: Callable[..., Any]) -> None:
    client, simulator = connect(small("cleo@example.com"))
    changes = [
        PermissionsChange(add=[Privilege.SELECT], principal=ROBOT),
        PermissionsChange(add=[Privilege.MODIFY], remove=[Privilege.SELECT], principal=BOB),
    ]
    answer = client.grants.update("table", ORDERS, changes=changes)
    assert {one.principal for one in answer.privilege_assignments} == {ROBOT, BOB}
    assert simulator.api.world.at(ORDERS).grants == {ROBOT: {"SELECT"}, BOB: {"MODIFY", "FLY"}}
    quiet = client.grants.update("table", ORDERS, changes=changes, omit_permissions_in_response=True)
    assert not quiet.privilege_assignments


def test_wrong_changes_are_refused_and_change_nothing(connect: Callable[..., Any]) -> None:
    client, simulator = connect(small("cleo@example.com"))
    good = PermissionsChange(add=[Privilege.SELECT], principal=ROBOT)
    display_name = PermissionsChange(add=[Privilege.SELECT], principal="dagster-connection")
    with pytest.raises(NotFound, match="Could not find principal with name dagster-connection"):
        client.grants.update("table", ORDERS, changes=[good, display_name])
    browse = PermissionsChange(add=[Privilege.BROWSE], principal=ROBOT)
    with pytest.raises(BadRequest, match="Privilege BROWSE is not applicable"):
        client.grants.update("schema", "main.sales", changes=[good, browse])
    assert simulator.api.world == small("cleo@example.com")


@pytest.mark.parametrize(
    ("caller", "statements", "is_allowed"),
    [
        (BOB, (), False),
        (BOB, (f"GRANT MANAGE ON TABLE main.sales.orders TO `{BOB}`",), True),  # uses both through its group
        (ADA, (f"GRANT MANAGE ON TABLE main.sales.orders TO `{ADA}`",), False),
        (ADA, (f"GRANT READ METADATA ON CATALOG main TO `{ADA}`",), False),
        ("cleo@example.com", (), True),
    ],
)
def test_changes_take_ownership_or_manage_with_use(
    connect: Callable[..., Any], caller: str, statements: tuple[str, ...], is_allowed: bool
) -> None:
    client, simulator = connect(small(caller, *statements))
    text = f"GRANT SELECT ON TABLE main.sales.orders TO `{ROBOT}`"
    try:
        client.grants.update("table", ORDERS, changes=[PermissionsChange(add=[Privilege.SELECT], principal=ROBOT)])
    except PermissionDenied:
        assert not is_allowed
    assert (ROBOT in simulator.api.world.at(ORDERS).grants) == is_allowed
    done = client.statement_execution.execute_statement(text, "w1")
    assert done.status.state == (StatementState.SUCCEEDED if is_allowed else StatementState.FAILED)


def test_statements_grant_and_revoke(connect: Callable[..., Any]) -> None:
    client, simulator = connect(small("cleo@example.com"))
    for text, privileges in (("GRANT SELECT, MODIFY ON", {"SELECT", "MODIFY"}), ("REVOKE SELECT ON", {"MODIFY"})):
        preposition = "TO" if text.startswith("GRANT") else "FROM"
        done = client.statement_execution.execute_statement(f"{text} TABLE {ORDERS} {preposition} `nested`", "w1")
        assert done.status.state == StatementState.SUCCEEDED
        assert simulator.api.world.at(ORDERS).grants["nested"] == privileges
    failed = client.statement_execution.execute_statement(f"GRANT SELECT ON TABLE {ORDERS} TO `dagster`", "w1")
    assert "Could not find principal" in failed.status.error.message


# --- bindings, policies, the metastore ---


def test_bindings_are_told_to_owners_and_the_metastore_admin(connect: Callable[..., Any]) -> None:
    client, simulator = connect(small("cleo@example.com"))
    bound = {one.workspace_id for one in client.workspace_bindings.get_bindings("catalog", "closed")}
    assert WORKSPACE_ID not in bound
    assert bound, "it is bound to another workspace"
    world = simulator.api.world
    simulator.api.world = world.changed(replace(world.at("closed"), binding=READ_ONLY))
    kinds = {b.workspace_id: b.binding_type.value for b in client.workspace_bindings.get_bindings("catalog", "closed")}
    assert kinds[WORKSPACE_ID] == READ_ONLY
    assert not list(client.workspace_bindings.get_bindings("catalog", "main"))
    simulator.api.world = small(BOB)
    with pytest.raises(PermissionDenied):
        list(client.workspace_bindings.get_bindings("catalog", "closed"))


def test_policies_are_told_to_who_reads_grants(connect: Callable[..., Any]) -> None:
    client, simulator = connect(small("cleo@example.com"))
    (policy,) = client.policies.list_policies("TABLE", ORDERS, include_inherited=True)
    assert (policy.to_principals, policy.grant.privileges, policy.on_securable_fullname) == ([BOB], ["SELECT"], ORDERS)
    assert not list(client.policies.list_policies("CATALOG", "main"))
    simulator.api.world = small(BOB)
    with pytest.raises(PermissionDenied):
        list(client.policies.list_policies("CATALOG", "closed"))


def test_the_metastore_names_its_admin_and_its_privilege_model(connect: Callable[..., Any]) -> None:
    client, simulator = connect(small(BOB, metastore_admin="auditors"))
    summary = client.metastores.summary()
    assert (summary.owner, summary.privilege_model_version) == ("auditors", "1.0")
    simulator.api.world = small(BOB, privilege_model_version="0.1")
    summary = client.metastores.summary()
    assert (summary.owner, summary.privilege_model_version) == ("System user", "0.1")


# --- lists ---


def listed(client: WorkspaceClient, browse: bool = False) -> set[str]:
    catalogs = [one.name for one in client.catalogs.list(include_browse=browse)]
    schemas = [one.full_name for one in client.schemas.list("main", include_browse=browse)]
    tables = [one.full_name for one in client.tables.list("main", "sales", include_browse=browse)]
    return {*catalogs, *schemas, *tables}


EVERYTHING = {"main", "main.sales", ORDERS, "main.sales.other"}


def test_lists_show_what_the_caller_may_use(connect: Callable[..., Any]) -> None:
    client, simulator = connect(small(BOB))
    assert listed(client) == EVERYTHING
    simulator.api.world = small(ADA)
    assert listed(client) == set(), "an owner that can't use the schema isn't shown its table"
    simulator.api.world = small("cleo@example.com")
    assert listed(client) == {"main", "main.sales", ORDERS}, "other tables of its schema only by name"
    assert client.tables.get("main.sales.other").owner == ADA
    assert client.tables.get(ORDERS).owner == "owners"
    assert {one.full_name for one in client.tables.list_summaries("main")} == {ORDERS}
    simulator.api.world = small(ADA, metastore_admin=ADA)
    assert listed(client) == EVERYTHING


def test_what_can_only_be_browsed_is_listed_on_demand(connect: Callable[..., Any]) -> None:
    client, _ = connect(small(ADA, f"GRANT BROWSE ON CATALOG main TO `{ADA}`"))
    assert listed(client) == set()
    assert listed(client, browse=True) == EVERYTHING
    assert not list(client.tables.list_summaries("main"))
    table = client.tables.get(ORDERS, include_browse=True)
    assert (table.browse_only, table.owner) == (True, None)
    assert client.tables.exists(ORDERS).table_exists
    for call, name in ((client.catalogs.get, "main"), (client.schemas.get, "main.sales"), (client.tables.get, ORDERS)):
        assert call(name, include_browse=True).browse_only
        with pytest.raises(PermissionDenied):
            call(name)
        with pytest.raises(NotFound):
            call(f"{name}x")


def test_an_unbound_catalog_is_shown_on_demand_to_who_may_bind_it(connect: Callable[..., Any]) -> None:
    client, simulator = connect(small("cleo@example.com"))
    assert {one.name for one in client.catalogs.list()} == {"main"}
    found = {one.name: one.isolation_mode.value for one in client.catalogs.list(include_unbound=True)}
    assert found == {"main": "OPEN", "closed": "ISOLATED"}
    simulator.api.world = small(BOB)
    assert {one.name for one in client.catalogs.list(include_unbound=True)} == {"main"}


def test_information_schema_has_what_the_caller_can_use(connect: Callable[..., Any]) -> None:
    browse = f"GRANT BROWSE ON CATALOG main TO `{ACCOUNT_USERS}`"
    client, simulator = connect(small("cleo@example.com", browse))
    text = "SELECT table_name AS name FROM `main`.information_schema.tables"
    assert client.statement_execution.execute_statement(text, "w1").result.data_array == [["orders"]]
    simulator.api.world = small(ADA, browse)
    assert not client.statement_execution.execute_statement(text, "w1").result.data_array


def test_a_process_of_its_own_serves_a_world() -> None:
    with SimulatorProcess(Faults(), small(ROBOT)) as process:
        client = WorkspaceClient(host=process.url, token=process.token)
        assert client.current_user.me().user_name == ROBOT
        assert rows(client, "permissions/catalog/main") == {ROBOT: ["USE_CATALOG"]}
        assert process.record().total == 2


@pytest.mark.parametrize("seed", range(8))
def test_a_discovery_finds_what_the_caller_has_access_to(
    monkeypatch: pytest.MonkeyPatch, connect: Callable[..., Any], seed: int
) -> None:
    world = random_world(random.Random(seed))
    _, simulator = connect(world)
    monkeypatch.setenv("SIMULATOR_TOKEN", simulator.token)
    found = dbx.discover(dbx.ConnectionSettings(simulator.url, dbx.TokenAuth("SIMULATOR_TOKEN"))).objects
    readable = {
        one.full_name
        for one in world.securables
        if one.kind == "TABLE" and access(world, world.caller, one.full_name) == "readable"
    }
    assert readable <= set(found["full_name"])
    assert set(found["full_name"]) <= {
        one.full_name for one in world.securables[1:] if access(world, world.caller, one.full_name) != "invisible"
    }


def test_without_a_world_there_are_no_such_endpoints() -> None:
    with Simulator(small(ADA).workspace()) as simulator:
        client = WorkspaceClient(host=simulator.url, token=simulator.token)
        for path in (f"{UC}/permissions/catalog/main", f"{SCIM}/Users", f"{UC}/bindings/catalog/main"):
            with pytest.raises(DatabricksError, match="No API found"):
                client.api_client.do("GET", path)
        assert json.dumps(client.api_client.do("GET", f"{SCIM}/Me")) == '{"userName": "ada@example.com", "id": "42"}'
        assert ACCOUNT_USERS not in {group.display for group in client.current_user.me().groups or ()}
