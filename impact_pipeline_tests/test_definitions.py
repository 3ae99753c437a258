"""The public names: renaming one is a breaking change, and this file is where that shows."""

import re
import shutil
from pathlib import Path

import dagster as dg
import pytest

from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED, load_config
from impact_pipeline.definitions import build_definitions, definitions_from, resources_from
from impact_pipeline.reconciliation.report import queries
from impact_pipeline.schedules import skip_reason
from impact_pipeline.warehouse.connection import Warehouse

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8")
ASSETS = {
    "raw/Lead",
    "raw/LeadStatus",
    "raw/Opportunity",
    "raw/OpportunityHistory",
    "raw/OpportunityLineItem",
    "raw/OpportunityStage",
    "raw/Product2",
    "changes/change",
    "conversions/decision",
    "conversions/conversion",
    "conversions/item",
    "conversions/coverage",
    "outbox/request",
    "audit/submission",
    "audit/action",
    "reconciliation/conversion_status",
    "reconciliation/totals",
    "reconciliation/report",
    "reconciliation/open_difference",
    "reconciliation/lock_calendar",
    "warehouse/published",
}
STAGE_OF_SCHEMA = {"raw": "capture", "audit": "outbox"}


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    """Loaded with nothing set: what a run lacks is named when it starts."""
    return definitions_from({}).get_repository_def()


def test_the_assets_are_the_tables(repository):
    assert {"/".join(key.path) for key in repository.asset_graph.get_all_asset_keys()} == ASSETS


def test_the_group_of_an_asset_is_its_stage(repository):
    for key in repository.asset_graph.get_all_asset_keys():
        assert repository.asset_graph.get(key).group_name == STAGE_OF_SCHEMA.get(key.path[0], key.path[0])


def test_every_asset_tells_what_it_is(repository):
    for key in repository.asset_graph.get_all_asset_keys():
        assert repository.asset_graph.get(key).description, key


def test_every_captured_table_leads_on_to_impact(repository):
    """So that the graph shows the whole flow, with what is read only for the mapping too."""
    graph = repository.asset_graph
    upstream = dg.AssetSelection.assets(dg.AssetKey(["outbox", "request"])).upstream().resolve(graph)

    assert [key for key in graph.get_all_asset_keys() if key.path[0] == "raw" and key not in upstream] == []


def test_every_asset_has_owners_and_a_time_after_which_it_is_old(repository):
    for key in repository.asset_graph.get_all_asset_keys():
        about = repository.asset_graph.get(key)
        assert about.owners, key
        assert about.freshness_policy, key


def test_the_runbook_tells_what_to_do_about_every_check(repository):
    names = {key.name for key in repository.asset_graph.asset_check_keys}

    assert {name for name in names if f"`{name}`" not in RUNBOOK} == set()


def test_the_jobs_schedules_and_sensors(repository):
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")}

    assert jobs == {
        "conversion_cycle",
        "submit_conversions",
        "confirm_and_reconcile",
        "check_completeness",
        "preflight",
        "apply_retention",
    }
    assert {(schedule.job_name, schedule.cron_schedule) for schedule in repository.schedule_defs} == {
        ("conversion_cycle", "*/15 * * * *"),
        ("confirm_and_reconcile", "*/10 * * * *"),
        ("conversion_cycle", "0 4 * * 0"),
        ("check_completeness", "30 2 * * *"),
        ("preflight", "0 6 * * *"),
        ("apply_retention", "45 3 * * *"),
    }
    assert {sensor.name for sensor in repository.sensor_defs} == {"outbox_sensor", "alert_sensor"}


def test_an_object_whose_formulas_are_watched_is_read_in_full_on_its_own_schedule(tmp_path):
    folder = tmp_path / "config"
    shutil.copytree(RECOMMENDED, folder)
    lead = folder / "objects/lead.yaml"
    lead.write_text('full_reread: "0 3 * * *"\n' + lead.read_text("utf-8"), "utf-8")

    schedules = definitions_from({env.CONFIG: str(folder)}).get_repository_def().schedule_defs

    (reread,) = [schedule for schedule in schedules if schedule.name == "full_reread_Lead"]
    assert (reread.job_name, reread.cron_schedule) == ("conversion_cycle", "0 3 * * *")
    with dg.build_schedule_context() as context:
        (request,) = reread.evaluate_tick(context).run_requests
    assert request.run_config == {"ops": {"capture": {"config": {"reread": ["Lead"]}}}}


def test_a_cycle_ends_before_anything_is_sent(repository):
    """Sending is a job of its own, started by the sensor; reading what became of it is the third."""
    cycle = {"/".join(key.path) for key in repository.get_job("conversion_cycle").asset_layer.selected_asset_keys}
    confirm = {
        "/".join(key.path) for key in repository.get_job("confirm_and_reconcile").asset_layer.selected_asset_keys
    }

    assert cycle == {name for name in ASSETS if not name.startswith(("audit", "reconciliation"))}
    assert confirm == {name for name in ASSETS if name.startswith(("audit", "reconciliation", "warehouse"))}


def test_a_tick_is_left_out_while_the_run_before_is_under_way():
    """Else a slow first load would be followed by a queue of runs that have nothing left to do."""
    job = "conversion_cycle"
    with dg.DagsterInstance.ephemeral() as instance:
        instance.create_run_for_job(dg.GraphDefinition(job).to_job(), status=dg.DagsterRunStatus.SUCCESS)
        before = skip_reason(instance, job)
        run = instance.create_run_for_job(dg.GraphDefinition(job).to_job(), status=dg.DagsterRunStatus.STARTED)
        during = skip_reason(instance, job)

    assert before is None
    assert during is not None
    assert during.skip_message == f"Run {run.run_id[:8]} of {job} is under way; the next tick looks again."


def test_nothing_starts_by_itself_unless_asked(repository):
    switched_on = definitions_from({env.SCHEDULES: "on"}).get_repository_def()

    assert not any(_starts_by_itself(repository))
    assert all(_starts_by_itself(switched_on))


def _starts_by_itself(repository: dg.RepositoryDefinition) -> list[bool]:
    return [
        definition.default_status.value == "RUNNING"
        for definition in (*repository.schedule_defs, *repository.sensor_defs)
    ]


def test_secrets_are_names_until_a_run_starts():
    """The UI and its API show a resource's configuration: a value would be there in clear."""
    environment = {variable.name: f"value of {variable.name}" for variable in env.VARIABLES}
    environment[env.CONFIG] = str(RECOMMENDED)
    resources = resources_from(environment)

    shown = repr([resource._resolved_config_dict for resource in resources.values()])

    for name in (env.CLIENT_SECRET, env.AUTH_TOKEN, env.READ_AUTH_TOKEN, env.ACCOUNT_SID, env.CLIENT_ID, env.ALERTS):
        assert f"value of {name}" not in shown
        assert name in shown


def test_the_definitions_can_be_loaded():
    dg.Definitions.validate_loadable(build_definitions(resources_from({}), load_config(RECOMMENDED)))


def test_readme_names_every_environment_variable():
    missing = [variable.name for variable in env.VARIABLES if f"`{variable.name}`" not in README]

    assert missing == []


def test_readme_names_every_table_that_a_reader_may_query(tmp_path):
    with Warehouse(path=tmp_path / "file.duckdb").transaction() as con:
        tables = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() union all "
            "select schema_name || '.' || view_name from duckdb_views() where not internal"
        ).fetchall()

    assert [name for (name,) in tables if f"`{name}`" not in README] == []


def test_every_link_inside_the_documentation_leads_somewhere_and_pictures_are_small():
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]
    links = [
        (page, page.parent / link)
        for page in pages
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if "://" not in link
    ]
    dead = [f"{page.name}: {link}" for page, link in links if not link.exists()]

    assert dead == []
    assert [picture for picture in (ROOT / "docs").rglob("*.png") if picture.stat().st_size > 150_000] == []


def test_readme_has_the_queries_to_the_letter():
    blocks = [block.strip() for block in re.findall(r"```sql\n(.*?)```", README, re.DOTALL)]

    assert blocks == [
        _without_comments(queries()[name]) for name in ("where_everything_stands", "what_is_open", "what_locks_next")
    ]


def _without_comments(sql: str) -> str:
    return "\n".join(line for line in sql.strip().splitlines() if not line.startswith("--"))
