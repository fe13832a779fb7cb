"""The audit of privileges over real HTTP: against the reference, and what its scripts do."""

from __future__ import annotations

import html
import json
import random
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hcl2
import pandas as pd
import pytest
from simulator import Simulator, World, random_world
from simulator.mutation import Mutator
from simulator.privileges import Group, Securable, ServicePrincipal, run_sql
from simulator.reference import access, known_to
from typer.testing import CliRunner

import dbxexplore as dbx
from dbxexplore import errors, permissions
from dbxexplore.connection import WorkspaceApi
from dbxexplore.widgets import ExplorerState
from dbxexplore.widgets.access.panel import AccessPanel
from dbxexplore.widgets.export.panel import ExportPanel

pytestmark = pytest.mark.integration

VARIABLE = "DBXEXPLORE_TEST_GRANTS_TOKEN"
ADA, BOB, ROBOT = "ada@example.com", "bob@example.com", "5f1a0000-0000-4000-8000-000000000001"
WORLDS = 120  # 2,000 take some two minutes


@contextmanager
def workspace(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Simulator, dbx.ConnectionSettings]]:
    with Simulator(world.workspace(), world=world) as simulator:
        monkeypatch.setenv(VARIABLE, simulator.token)
        yield simulator, dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE))


def preview(world: World, filters: dbx.Filters | None = None) -> dbx.Preview:
    """All objects of a world, as a metastore admin sees them."""
    rows = []
    for one in world.securables:
        if one.full_name:
            parts = one.full_name.split(".")
            catalog, schema = (parts[0] if len(parts) > 1 else None), (parts[1] if len(parts) > 2 else None)
            rows.append((one.kind.lower(), catalog, schema, parts[-1], one.full_name))
    frame = pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"])
    return (filters or dbx.Filters()).preview(dbx.Catalog.from_frame(frame))


def lake(caller: str = ADA, **grants: Mapping[str, set[str]]) -> World:
    """Two schemas of three tables in ``prod``, which Ada owns; the robot is a service principal in the group readers."""
    names = ["", "prod", "prod.gold", "prod.raw"]
    names += [f"{schema}.{table}" for schema in names[2:] for table in ("orders", "customers", "orders_tmp")]
    return World(
        tuple(
            Securable(name, ADA if name else "nobody", grants.get(name.replace(".", "_") or "metastore", {}))
            for name in names
        ),
        users=(ADA, BOB),
        service_principals=(ServicePrincipal(ROBOT, "dagster-connection"),),
        groups=(Group("readers", (ROBOT,)), Group("everyone else", ("readers",))),
        workspace_admins=frozenset({ADA}),
        caller=caller,
    )


# --- against the reference ---


def test_it_never_claims_what_the_caller_cannot_know(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(WORLDS):
        random_numbers = random.Random(seed)
        world = random_world(random_numbers)
        principal = random_numbers.choice(world.principals)
        with workspace(world, monkeypatch) as (_, settings):
            audit = permissions.audit(settings, preview(world), principal)
        is_closed = audit.principal.names.possible == frozenset()
        for name, found in zip(audit.objects["full_name"], audit.objects["access"].astype(str), strict=True):
            known = known_to(world, world.caller, principal, name).replace("-", "_")
            if found == known:
                outcomes["same"] += 1
                outcomes["same, with known groups"] += is_closed
                continue
            what = f"seed {seed}: {principal!r} on {name}, asked by {world.caller!r}"
            # It concludes less than could be concluded, and never more or something else.
            assert found == "unknown", f"{what}: {found}, but {known}; the truth is {access(world, principal, name)}"
            outcomes["could be known"] += 1
            outcomes["could be known, with known groups"] += is_closed
    assert outcomes["same"] > 4 * outcomes["could be known"], outcomes
    assert outcomes["same, with known groups"] > 10 * outcomes["could be known, with known groups"], outcomes


@pytest.mark.parametrize("held", [(), ("USE_CATALOG",), ("USE_CATALOG", "USE_SCHEMA"), ("USE_CATALOG", "SELECT")])
def test_what_is_missing_is_named(held: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    world = lake(prod={"readers": set(held)})
    with workspace(world, monkeypatch) as (_, settings):
        audit = permissions.audit(settings, preview(world), ROBOT)
    assert not audit.ready
    assert audit.counts() == {"invisible": 6, "unknown": 0, "browse_only": 0, "readable": 0}
    lacking = {"USE_CATALOG", "USE_SCHEMA", "SELECT"} - set(held)
    assert set(audit.missing()["privilege"]) == lacking
    reason = audit.objects.set_index("full_name").loc["prod.gold.orders", "reason"]
    on = {"USE_CATALOG": "prod", "USE_SCHEMA": "prod.gold", "SELECT": "prod.gold.orders"}
    named = [f"{privilege.replace('_', ' ')} on {on[privilege]}" for privilege in on if privilege in lacking]
    assert reason == f"Lacks {', '.join([*named[:-2], ' and '.join(named[-2:])])}"


def test_where_a_privilege_comes_from_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lake(prod={"everyone else": {"USE_CATALOG", "SELECT"}}, prod_gold={ROBOT: {"ALL_PRIVILEGES"}})
    with workspace(world, monkeypatch) as (_, settings):
        audit = permissions.audit(settings, preview(world), ROBOT)
    through = {(row.securable, row.privilege): (row.held, row.through) for row in audit.privileges.itertuples()}
    assert through["prod", "USE_CATALOG"] == ("yes", "group everyone else")
    assert through["prod.gold", "USE_SCHEMA"] == ("yes", "direct")
    assert through["prod.raw", "SELECT"] == ("yes", "group everyone else, inherited from catalog prod")
    assert through["prod.raw", "USE_SCHEMA"] == ("no", "")
    assert audit.counts() == {"invisible": 3, "unknown": 0, "browse_only": 0, "readable": 3}


def test_a_caller_who_is_told_its_own_grants_alone_knows_nothing_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lake(caller=BOB, prod={BOB: {"USE_CATALOG", "USE_SCHEMA", "SELECT"}, ROBOT: {"USE_CATALOG"}})
    with workspace(world, monkeypatch) as (_, settings):
        others = permissions.audit(settings, preview(world), ROBOT)
        own = permissions.audit(settings, preview(world))
    assert others.counts()["unknown"] == 6
    assert set(others.privileges["held"]) == {"unknown"}
    assert not others.ready
    assert any("Ask an owner of the catalog" in note for note in others.notes)
    assert any("its groups are not known" in note for note in others.notes)
    assert own.ready
    assert own.principal.name == BOB


@pytest.mark.parametrize(
    ("principal", "message"),
    [
        (
            "dagster-connection",
            f"is the display name of a service principal, and grants name it by its application ID. Expected {ROBOT}",
        ),
        ("nobody@example.com", "There is no user, service principal or group 'nobody@example.com' in this workspace"),
        ("users", "is a group of the workspace, which Unity Catalog does not know"),
    ],
)
def test_a_wrong_principal_is_refused_before_anything_else(
    principal: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = lake()
    with workspace(world, monkeypatch) as (simulator, settings):
        with pytest.raises(errors.SettingsError, match=re.escape(message)):
            permissions.audit(settings, preview(world), principal)
        assert not [path for path in simulator.record.paths if "permissions" in path]


def test_a_secret_in_place_of_a_principal_is_neither_sent_nor_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    world, secret = lake(), "dapi0123456789abcdef0123456789abcdef"
    with workspace(world, monkeypatch) as (simulator, settings):
        with pytest.raises(errors.SettingsError, match="looks like a secret itself") as caught:
            permissions.audit(settings, preview(world), secret)
        assert simulator.record.total == 0
    assert secret not in str(caught.value)


def test_a_metastore_without_inheritance_is_told_and_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    world = replace(lake(prod={ROBOT: {"ALL_PRIVILEGES"}}), privilege_model_version="0.1")
    with workspace(world, monkeypatch) as (_, settings):
        audit = permissions.audit(settings, preview(world), ROBOT)
    assert audit.counts()["unknown"] == 6
    assert "privilege model 0.1, without inheritance" in audit.notes[0]


def test_nothing_is_ready_where_nothing_is_included(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lake()
    with workspace(world, monkeypatch) as (_, settings):
        audit = permissions.audit(settings, preview(world, dbx.Filters(catalogs=dbx.Patterns(["none"]))))
    assert not audit.ready
    assert repr(audit) == "Audit of ada@example.com: no table or view is included"


def test_no_table_is_asked_about_where_its_schema_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lake(
        prod={ROBOT: {"USE_CATALOG", "USE_SCHEMA"}}, prod_gold={ROBOT: {"SELECT"}}, prod_raw={ROBOT: {"SELECT"}}
    )
    with workspace(world, monkeypatch) as (simulator, settings):
        audit = permissions.audit(settings, preview(world), ROBOT)
        asked = [path for path in simulator.record.paths if "/effective-permissions/" in path]
    assert audit.ready
    assert len(asked) == 3


# --- scripts ---

KEPT = dbx.Filters(tables=dbx.Patterns(deny=[".*_tmp$"]))


def statements(script: str) -> list[str]:
    return [line for line in script.splitlines() if not line.startswith("--")]


def grants_of(world: World) -> dict[str, dict[str, set[str]]]:
    return {one.full_name: {name: set(held) for name, held in one.grants.items()} for one in world.securables}


@pytest.mark.parametrize("level", ["schema", "object", "catalog"])
@pytest.mark.parametrize(
    "before", [{}, {"prod": {"readers": {"USE_CATALOG", "BROWSE"}}}, {"prod_gold": {ROBOT: {"USE_SCHEMA", "SELECT"}}}]
)
def test_a_script_makes_it_ready_and_each_statement_is_needed(
    level: permissions.scripts.Level, before: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = lake(**before)
    wanted = preview(world, KEPT)

    def audited(world: World) -> dbx.permissions.Audit:
        with workspace(world, monkeypatch) as (_, settings):
            return permissions.audit(settings, wanted, ROBOT)

    audit = audited(world)
    grants = statements(permissions.grants_sql(wanted, audit=audit, level=level))
    assert not audit.ready
    after = world
    for statement in grants:
        after = run_sql(after, statement)
    assert audited(after).ready
    for left_out in range(len(grants)):
        less = world
        for number, statement in enumerate(grants):
            less = less if number == left_out else run_sql(less, statement)
        assert not audited(less).ready, f"{grants[left_out]} is not needed"
    excluded = {name for name in grants_of(world) if name.endswith("_tmp")}
    opened = {name for name in excluded if access(after, ROBOT, name) == "readable"}
    # SELECT on a schema may have been there before, and count only now that its catalog can be used.
    had = {name for name in excluded if "SELECT" in grants_of(world)[name.rpartition(".")[0]].get(ROBOT, ())}
    assert opened == (had if level == "object" else excluded)
    assert statements(permissions.grants_sql(wanted, audit=audited(after), level=level)) == []
    for statement in statements(permissions.revoke_sql(wanted, audit=audit, level=level)):
        after = run_sql(after, statement)
    assert grants_of(after) == grants_of(world)


def test_a_script_names_who_can_run_it_and_what_else_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lake()
    with workspace(world, monkeypatch) as (_, settings):
        audit = permissions.audit(settings, preview(world, KEPT), ROBOT)
    script = permissions.grants_sql(preview(world, KEPT), audit=audit)
    assert f"-- Lets the service principal {ROBOT} see what the connection includes.\n" in script
    assert (
        "-- Catalog prod: run by its owner ada@example.com, by who holds MANAGE on it, or by a metastore admin.\n"
        in script
    )
    assert "-- SELECT on prod.gold also opens 1 table that the connection excludes: orders_tmp.\n" in script
    assert "excludes" not in permissions.grants_sql(preview(world, KEPT), audit=audit, level="object")


def test_terraform_keeps_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lake(prod={ROBOT: {"BROWSE"}, "readers": {"USE_CATALOG"}}, prod_gold={ROBOT: {"MODIFY", "USE_SCHEMA"}})
    with workspace(world, monkeypatch) as (_, settings):
        audit = permissions.audit(settings, preview(world, KEPT), ROBOT)
    read = hcl2.loads(permissions.grants_terraform(preview(world, KEPT), audit))
    found = [body for resource in read["resource"] for body in next(iter(resource.values())).values()]
    held = {
        one.get("catalog", one.get("schema")).strip('"'): {p.strip('"') for p in one["privileges"]} for one in found
    }
    assert held == {"prod.gold": {"MODIFY", "USE_SCHEMA", "SELECT"}, "prod.raw": {"USE_SCHEMA", "SELECT"}}
    assert {one["principal"].strip('"') for one in found} == {ROBOT}


def test_terraform_warns_of_grants_that_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lake(caller=BOB, prod={BOB: {"USE_CATALOG", "USE_SCHEMA", "SELECT"}})
    with workspace(world, monkeypatch) as (_, settings):
        audit = permissions.audit(settings, preview(world), ROBOT)
    assert "would be removed: prod, prod.gold, prod.raw." in permissions.grants_terraform(preview(world), audit)


def test_a_request_holds_the_script_whatever_names_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lake()
    with workspace(world, monkeypatch) as (_, settings):
        audit = permissions.audit(settings, preview(world, KEPT), ROBOT)
    text = permissions.grants_request(preview(world, KEPT), audit)
    assert text.startswith(f"Please grant the service principal {ROBOT} the privileges below")
    assert "in prod. Running the script again changes nothing." in text
    assert permissions.grants_sql(preview(world, KEPT), audit=audit) in text


@pytest.mark.parametrize(
    ("grants", "lineage"),
    [({"USE_CATALOG", "USE_SCHEMA", "SELECT"}, "yes"), ({"USE_CATALOG"}, "no"), (set(), "no")],
)
def test_what_lineage_takes_is_said_and_does_not_decide(
    grants: set[str], lineage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    world = lake(prod={ROBOT: {"ALL_PRIVILEGES"}})
    system = (Securable("system", ADA, {ROBOT: grants}), Securable("system.access", ADA))
    world = replace(world, securables=(*world.securables, *system))
    wanted = preview(world, dbx.Filters(catalogs=dbx.Patterns(["^prod$"])))
    with workspace(world, monkeypatch) as (_, settings):
        plain = permissions.audit(settings, wanted, ROBOT)
        audit = permissions.audit(replace(settings, warehouse_id="a1"), wanted, ROBOT)
    assert plain.lineage == ""
    assert audit.lineage == lineage
    assert any("Lineage takes USE SCHEMA" in note for note in audit.notes) is (lineage != "yes")
    assert audit.ready
    assert set(audit.privileges["securable"]) == {"prod", "prod.gold", "prod.raw"}


UC = "/api/2.1/unity-catalog"


@pytest.mark.parametrize("refused", ["grants", "groups", "schemas", "tables", "metastore"])
def test_calls_that_are_refused_leave_it_unknown_and_nothing_wrong(
    refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = lake(prod={ROBOT: {"USE_CATALOG", "USE_SCHEMA"}})
    paths = {
        "grants": {
            f"{UC}/effective-permissions/{one.kind.lower()}/{one.full_name}"
            for one in world.securables
            if one.full_name
        },
        "groups": {"/api/2.0/preview/scim/v2/Groups"},
        "schemas": {f"{UC}/schemas"},
        "tables": {f"{UC}/tables"},
        "metastore": {f"{UC}/metastore_summary"},
    }
    with workspace(world, monkeypatch) as (simulator, settings):
        simulator.faults.denied = paths[refused]
        audit = permissions.audit(settings, preview(world), ROBOT)
    assert not audit.ready
    assert audit.counts()["readable"] == 0
    if refused == "grants":
        assert audit.counts()["unknown"] == 6
        assert set(audit.privileges["held"]) == {"unknown"}
    assert ("its groups are not known" in " ".join(audit.notes)) is (refused == "groups")


def test_from_a_first_crawl_that_sees_nothing_to_one_that_sees_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    world = lake(caller=ROBOT, **{name: {ADA: {"SELECT"}} for name in ("prod_gold", "prod_raw")})
    with workspace(world, monkeypatch) as (simulator, settings):
        # Dagster's own credential, before anything is granted: "Success, 0 tables".
        first = dbx.discover(settings, notebooks=False)
        assert len(first) == 0
        blind = permissions.audit(settings, KEPT.preview(first))
        assert not blind.ready
        assert any("discover with one that does" in note for note in blind.notes)
        # The owner of the catalog sees it all, and what the robot lacks.
        simulator.api.world = replace(world, caller=ADA)
        wanted = KEPT.preview(dbx.discover(settings, notebooks=False))
        audit = permissions.audit(settings, wanted, ROBOT)
        assert audit.counts()["invisible"] == 4
        granted = simulator.api.world
        for statement in statements(permissions.grants_sql(wanted, audit=audit)):
            granted = run_sql(granted, statement, as_caller=True)
        simulator.api.world = granted
        assert permissions.audit(settings, wanted, ROBOT).ready
        # And Dagster's credential sees what was to be seen.
        simulator.api.world = replace(granted, caller=ROBOT)
        last = KEPT.preview(dbx.discover(settings, notebooks=False))
        assert permissions.audit(settings, last).ready
    held = [set(one.catalog.objects.loc[one.included.to_numpy(), "full_name"]) for one in (wanted, last)]
    assert held[0] == held[1]
    assert len([name for name in held[1] if name.count(".") == 2]) == 4


@pytest.mark.parametrize("refused", [f"{UC}/schemas", f"{UC}/tables"])
def test_a_list_that_is_refused_hides_nothing(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Held through a group, whose rows are not shown to its members.
    world = lake(caller=ROBOT, prod={"readers": {"USE_CATALOG", "USE_SCHEMA", "SELECT"}})
    with workspace(world, monkeypatch) as (simulator, settings):
        assert permissions.audit(settings, preview(world)).ready
        simulator.faults.denied = {refused}
        audit = permissions.audit(settings, preview(world))
    assert audit.counts()["unknown"] == 6


def test_no_wrong_answer_crashes_an_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lake(prod={ROBOT: {"USE_CATALOG", "USE_SCHEMA"}}, prod_gold={"readers": {"SELECT"}})
    outcomes: Counter[str] = Counter()
    with workspace(world, monkeypatch) as (simulator, settings):
        simulator.api.alter = mutator = Mutator(simulator.api)
        permissions.audit(settings, preview(world), ROBOT)
        for mutation in mutator.mutations(mutator.fields(every=False)):
            if zlib.crc32(str(mutation).encode()) % 7:
                continue
            mutator.current = mutation
            try:
                audit = permissions.audit(settings, preview(world), ROBOT)
            except errors.DbxExploreError:
                outcomes["refused"] += 1
            else:
                outcomes["audited"] += 1
                assert not audit.ready, mutation
    assert outcomes["audited"] > 100, outcomes


# --- the command ---


def test_the_command_prints_the_script_and_exits_by_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from dbxexplore.cli import DONE, FINDINGS, INCOMPLETE, app
    from dbxexplore.cli.commands import COMMANDS

    def run(settings: dbx.ConnectionSettings, *more: str) -> Any:
        words = ["grants", "--url", str(settings.workspace_url), "--token-env-var", VARIABLE, *more]
        return CliRunner().invoke(app(COMMANDS, "grants"), words)

    for grants, caller, code in (
        ({"USE_CATALOG"}, ADA, FINDINGS),
        ({"ALL_PRIVILEGES"}, ADA, DONE),
        ({"USE_CATALOG", "USE_SCHEMA", "SELECT"}, BOB, INCOMPLETE),
    ):
        world = lake(caller=caller, prod={ROBOT: grants, ADA: {"SELECT"}, BOB: {"USE_CATALOG", "USE_SCHEMA", "SELECT"}})
        with workspace(world, monkeypatch) as (_, settings):
            result = run(settings, "--principal", ROBOT)
            assert result.exit_code == code, result.output
            document = json.loads(run(settings, "--principal", ROBOT, "--json").stdout)
        assert document["ready"] is (code == DONE)
        assert document["script"] == result.stdout


# --- the page of the Explorer ---


def shown(panel: AccessPanel) -> str:
    texts = (panel._outcome, panel._missing, panel._lost, panel._text, panel._message)
    return html.unescape(re.sub("<[^>]*>", " ", " ".join(area.value for area in texts)))


def checked(panel: AccessPanel, principal: str) -> str:
    panel._principal.value = principal
    panel._check.click()
    assert panel.task.wait(60)
    assert not panel._check.disabled
    return " ".join(shown(panel).split())


def test_the_page_shows_what_is_missing_and_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    world = lake(prod={ROBOT: {"USE_CATALOG"}}, prod_gold={ROBOT: {"USE_SCHEMA", "SELECT"}})
    with workspace(world, monkeypatch) as (_, settings):
        state = ExplorerState(settings=settings, filters=KEPT, catalog=preview(world).catalog)
        panel = AccessPanel(state)
        text = checked(panel, ROBOT)
        assert f"{ROBOT} (dagster-connection): 2 invisible , 2 readable" in text
        assert "prod.raw USE SCHEMA no 2 prod.raw SELECT no 2" in text
        assert "GRANT USE SCHEMA ON SCHEMA `prod`.`raw` TO" in text
        assert "2 tables and views that can't be read" in text
        panel._script.value, panel._level.value = "revoke", "object"
        assert "REVOKE SELECT ON TABLE `prod`.`raw`.`orders` FROM" in shown(panel)
        panel._script.value = "terraform"
        assert 'resource "databricks_grant"' in shown(panel)
        state.filters = dbx.Filters()
        assert "have changed since. Check again." in shown(panel)
        state.filters = KEPT.with_level("schemas", dbx.Patterns([r"^prod\.gold$"]))
        assert f"✓ {ROBOT} (dagster-connection) can read all that the filters include." in checked(panel, ROBOT)
        assert "# Nothing is missing." in shown(panel)
        assert "is the display name of a service principal" in checked(panel, "dagster-connection")


def test_a_connection_that_would_miss_objects_is_saved_on_a_second_click(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = lake(prod={ROBOT: {"USE_CATALOG"}})
    with workspace(world, monkeypatch) as (_, settings):
        state = ExplorerState(settings=settings, filters=KEPT, catalog=preview(world).catalog)
        checked(AccessPanel(state), ROBOT)
    assert state.audit is not None
    panel = ExportPanel(state)
    panel._path.value = str(tmp_path / "lake.yaml")
    panel._save.click()
    assert panel._save.description == "Save all the same"
    assert "can't read 4 of the included tables and views (see Access)" in html.unescape(panel._outcome.value)
    assert not (tmp_path / "lake.yaml").exists()
    panel._save.click()
    assert (tmp_path / "lake.yaml").exists()
    state.filters = dbx.Filters()
    assert state.audit is None


def test_the_page_says_what_it_needs() -> None:
    panel = AccessPanel(ExplorerState())
    panel._check.click()
    assert "There is nothing to check yet. Expected a connection, and a catalog" in shown(panel)


# --- the emulator ---


def test_the_emulator_grants_through_its_api_and_the_audit_changes() -> None:
    pytest.importorskip("minilake")
    from dbxexplore.demo import workspace as demo_workspace

    with demo_workspace() as demo:
        settings = dbx.ConnectionSettings(demo.url, dbx.TokenAuth("DATABRICKS_CONNECTION_TOKEN"))
        wanted = dbx.Filters(catalogs=dbx.Patterns(["^prod$"]), schemas=dbx.Patterns([r"^prod\.gold$"])).preview(
            dbx.discover(settings, notebooks=False)
        )
        before = permissions.audit(settings, wanted)
        api = WorkspaceApi(settings, timeout=10, connections=1)
        try:
            for kind, name, privileges in (
                ("catalog", "prod", ["USE_CATALOG"]),
                ("schema", "prod.gold", ["USE_SCHEMA", "SELECT"]),
            ):
                changes = {"changes": [{"principal": before.caller, "add": privileges}]}
                api._web.json(
                    "PATCH",
                    f"/api/2.1/unity-catalog/permissions/{kind}/{name}",
                    api._credential.headers(),
                    None,
                    changes,
                )
        finally:
            api.close()
        after = permissions.audit(settings, wanted)
    assert set(after.privileges["held"]) >= {"yes"}
    assert (after.privileges["held"] == "yes").sum() > (before.privileges["held"] == "yes").sum()
    assert after.ready
