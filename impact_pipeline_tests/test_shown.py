"""What the Dagster UI shows of each asset after a cycle: read from a real instance, as the UI reads it."""

import base64
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED, load_config
from impact_pipeline.definitions import build_definitions, resources_from, run_job
from impact_pipeline.warehouse.assets import preview
from impact_pipeline_tests.flow import JOBS, Flow, flow_in

SURNAME, COMPANY = "Nobody-Else", "Hatfan Ltd."
COMES_FROM = "lineage"
Shown = Mapping[str, Mapping[str, dg.MetadataValue[Any]]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flow, dg.DagsterInstance, Shown]]:
    """A lead is qualified and a deal is won; the three jobs run on one instance."""
    patch = pytest.MonkeyPatch()
    with flow_in(tmp_path_factory.mktemp("shown")) as flow, dg.DagsterInstance.ephemeral() as instance:
        for name, value in flow.environment.items():
            patch.setenv(name, value)
        lead, deal = flow.a_lead(LastName=SURNAME, Company=COMPANY), flow.a_deal()
        flow.cycle()
        flow.advance(hours=1)
        flow.edit("update", "Lead", lead, Status="Qualified")
        flow.a_won_deal(deal)
        flow.advance(minutes=5)
        definitions = build_definitions(
            resources_from(flow.environment, wait_seconds=5, clock=flow.clock.now),
            load_config(Path(flow.environment[env.CONFIG])),
        )
        for job in JOBS:
            run_job(definitions, job, instance)
        yield (
            flow,
            instance,
            {
                "/".join(key.path): dict(event.asset_materialization.metadata)
                for key in definitions.resolve_asset_graph().get_all_asset_keys()
                if (event := instance.get_latest_materialization_event(key)) and event.asset_materialization
            },
        )
    patch.undo()


def test_every_asset_shows_its_name_and_its_rows(told):
    _, _, shown = told

    assert set(shown) == {"/".join(key.path) for key in _assets()}
    for name, metadata in shown.items():
        assert metadata["dagster/row_count"].value >= 0, name


def test_every_column_is_told_by_its_comment(told):
    _, _, shown = told
    tables = {name: about for name, about in shown.items() if "dagster/table_name" in about}

    assert set(shown) - set(tables) == {"warehouse/published", "reconciliation/report"}
    for name, metadata in tables.items():
        columns = metadata["dagster/column_schema"].value.columns
        assert [column.name for column in columns if not column.description] == [], name


def test_a_parameter_is_traced_back_to_the_fields_of_salesforce(told):
    _, _, shown = told

    assert _sources(shown, "outbox/request", "payload") >= {
        "conversions/conversion.CustomerId",
        "conversions/item.ItemSku",
    }
    assert _sources(shown, "outbox/request", "OrderId") == {"conversions/conversion.OrderId"}
    assert _sources(shown, "conversions/conversion", "OrderId") >= {"raw/Lead.Id", "raw/Opportunity.StageName"}
    assert _sources(shown, "conversions/item", "ItemSku") >= {"raw/Product2.ProductCode"}
    assert _sources(shown, "conversions/decision", "event_at") == {"changes/change.occurred_at"}
    readable = {row.data["column"]: row.data["comes from"] for row in shown["outbox/request"][COMES_FROM].records}
    assert readable["OrderId"] == "conversions.conversion.OrderId"
    assert _sources(shown, "changes/change", "after") >= {"raw/Opportunity.StageName", "raw/Lead.Status"}


def test_lineage_names_only_columns_that_are_there(told):
    flow, _, shown = told
    there = {
        f"{schema}/{table}.{column}"
        for schema, table, column in flow.rows("select schema_name, table_name, column_name from duckdb_columns()")
    }

    for name, metadata in shown.items():
        if "dagster/column_lineage" in metadata:
            for column in metadata["dagster/column_lineage"].value.deps_by_column:
                assert f"{name}.{column}" in there
                assert _sources(shown, name, column) - there == set()


def test_no_value_of_a_record_is_shown(told):
    """The UI has no login: Ids, codes, counts and money only."""
    _, _, shown = told

    everything = str(shown) + "".join(_pictures(shown))

    assert SURNAME not in everything
    assert COMPANY not in everything
    assert "GTX Pro" not in everything


def test_a_private_column_can_not_be_previewed(told):
    flow, _, _ = told

    with (
        flow.warehouse.reading() as con,
        pytest.raises(ValueError, match=r"payload of .* may not be shown"),
    ):
        preview(con, ["outbox", "request"], ["request_id", "payload"])


def test_previews_show_the_newest_rows(told):
    _, _, shown = told

    rows = [record.data for record in shown["outbox/request"]["preview"].records]

    assert [row["state"] for row in rows] == ["ready", "ready"], "the cycle queues, and another job sends"
    assert {row["EventTypeCode"] for row in rows} == {"Lead_Qualified", "Opportunity_Closed Won"}


def test_the_charts_are_pictures_with_their_numbers_as_other_text(told):
    _, _, shown = told
    report = shown["reconciliation/report"]["charts"].value

    for told in ("Opportunity_Closed Won sent 1", "2026-11, USD sent 550.00", "Lead_Qualified sent, half within"):
        assert told in report
    assert len(_pictures(shown)) > 4
    assert "Opportunity product codes 100 % of 1" in shown["conversions/coverage"]["chart"].value
    assert all(picture.startswith("<svg") and picture.endswith("</svg>") for picture in _pictures(shown))


def test_runs_are_found_by_their_cycle_and_tell_what_they_sent(told):
    _, instance, _ = told
    tags = {run.job_name: run.tags for run in instance.get_runs()}

    assert tags["conversion_cycle"]["cycle"].startswith("2026-11-20T11")
    assert len(tags["conversion_cycle"]["config"]) == 8
    assert tags["submit_conversions"]["sent"] == "2"


def _assets() -> set[dg.AssetKey]:
    return set(
        build_definitions(resources_from({}), load_config(RECOMMENDED)).resolve_asset_graph().get_all_asset_keys()
    )


def _sources(shown: Shown, asset: str, column: str) -> set[str]:
    deps = shown[asset]["dagster/column_lineage"].value.deps_by_column[column]
    return {f"{'/'.join(dep.asset_key.path)}.{dep.column_name}" for dep in deps}


def _pictures(shown: Shown) -> list[str]:
    return [
        base64.b64decode(encoded).decode()
        for metadata in shown.values()
        for value in metadata.values()
        if isinstance(value, dg.MarkdownMetadataValue)
        for encoded in re.findall(r"base64,([^)]+)\)", value.value)
    ]
