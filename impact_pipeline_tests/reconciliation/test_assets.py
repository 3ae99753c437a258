"""The comparison inside Dagster, and what people are shown of it."""

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal

import dagster as dg
import duckdb
import pytest

from impact_pipeline.config.load import RECOMMENDED
from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.reconciliation import report
from impact_pipeline.reconciliation.assets import LOCK_CALENDAR, OPEN_DIFFERENCE, REPORT, STATUS, TOTALS, assets
from impact_pipeline.reconciliation.checks import checks
from impact_pipeline.reconciliation.reconcile import reconcile
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.publish import publish
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource
from impact_pipeline_tests.reconciliation.builders import CAMPAIGN, NOW, SETTINGS, Rows, ago

# Dagster asks pydantic for the fields of a resource without any under their old name.


class StandingClock(ClockResource):
    def now(self) -> datetime:
        return NOW


def bind(rows: Rows) -> None:
    rows.insert(
        "warehouse.binding",
        organization_id="00D000000000001AAA",
        is_sandbox=False,
        account_sid_sha256=hashlib.sha256(b"sid").hexdigest(),
        CampaignId=CAMPAIGN,
        bound_at=ago(days=9),
    )


def run(warehouse: Warehouse, *, full: bool = False) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [*assets, *checks],
            resources={
                "config": ConfigResource(folder=str(RECOMMENDED), account_sid="sid", campaign_id=CAMPAIGN),
                "warehouse": WarehouseResource(path=str(warehouse.path)),
                "clock": StandingClock(),
            },
            run_config={"ops": {"reconcile": {"config": {"full": full}}}},
            instance=instance,
            raise_on_error=False,
        )


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str | None]]:
    return {one.check_name: (one.passed, one.description) for one in result.get_asset_check_evaluations()}


def metadata(result: dg.ExecuteInProcessResult, key: dg.AssetKey) -> dict[str, object]:
    shown = result.asset_materializations_for_node("reconcile")
    return next(dict(one.metadata) for one in shown if one.asset_key == key)


def test_a_run_shows_classes_totals_and_what_is_open(warehouse: Warehouse) -> None:
    with warehouse.transaction() as con:
        rows = Rows(con)
        bind(rows)
        rows.sent("A")
        rows.action("A")
        rows.decision("B", decision="hold", reason="no_attribution_key", amount=Decimal("12.34"))

    result = run(warehouse)

    assert result.success
    assert set(result.job_def.asset_layer.asset_graph.materializable_asset_keys) == {
        STATUS,
        TOTALS,
        REPORT,
        OPEN_DIFFERENCE,
        LOCK_CALENDAR,
    }
    assert "matched" in str(metadata(result, STATUS)["chart"])
    assert "Opportunity_Closed Won credited 1" in str(metadata(result, REPORT)["charts"])
    found = evaluations(result)
    assert (found["totals_balance"], found["nothing_is_lost"]) == ((True, None), (True, None))
    assert found["nothing_is_open"] == (
        False,
        "1 keys are open: 1 held (no_attribution_key). reconciliation.open_difference names each one with its remedy.",
    )


def test_a_lost_conversion_fails_its_check(warehouse: Warehouse) -> None:
    with warehouse.transaction() as con:
        bind(Rows(con))
        Rows(con).decision("A", Id="006A")

    passed, description = evaluations(run(warehouse))["nothing_is_lost"]

    assert not passed
    assert description is not None
    assert "Opportunity 006A (Opportunity_Closed Won)" in description


def test_money_that_impact_shows_otherwise_is_told_by_line(warehouse: Warehouse) -> None:
    with warehouse.transaction() as con:
        rows = Rows(con)
        bind(rows)
        rows.sent("A")
        rows.action("A", Amount=Decimal("99.50"))

    passed, description = evaluations(run(warehouse))["money_agrees"]

    assert not passed
    assert description is not None
    assert "1 lines differ" in description
    assert "by -0.50 USD" in description


@pytest.mark.parametrize(("days", "severity"), [(1, "ERROR"), (5, "WARN"), (9, None)])
def test_what_is_open_and_locks_soon_is_told_and_is_urgent_at_last(
    warehouse: Warehouse, days: int, severity: str | None
) -> None:
    with warehouse.transaction() as con:
        rows = Rows(con)
        bind(rows)
        rows.sent("A")
        rows.action("A", Amount=Decimal("99.50"), LockingDate=NOW + timedelta(days=days))

    found = {one.check_name: one for one in run(warehouse).get_asset_check_evaluations()}["nothing_open_locks_soon"]

    assert found.passed is (severity is None)
    assert severity is None or found.severity.value == severity
    assert severity is None or "1 with 99.50 USD on" in str(found.description)


def test_totals_that_do_not_balance_fail_the_run(warehouse: Warehouse) -> None:
    """Two live conversions of two events under one key: the outbox must never hold them, and the totals tell."""
    with warehouse.transaction() as con:
        rows = Rows(con)
        bind(rows)
        rows.request("A", event_id="first")
        rows.request("A", event_id="second")

    result = run(warehouse)

    assert not result.success
    assert evaluations(result)["totals_balance"][0] is False


def test_the_queries_run_unchanged_on_the_readers_copy(warehouse: Warehouse) -> None:
    with warehouse.transaction() as con:
        rows = Rows(con)
        rows.sent("A")
        rows.action("A", Amount=Decimal(99))
        reconcile(con, SETTINGS, now=NOW)
    published = publish(warehouse, now=NOW)

    with duckdb.connect(str(published.path), read_only=True) as con:
        found = {name: con.execute(sql).fetchall() for name, sql in report.queries().items()}

    assert {name: len(rows) for name, rows in found.items()} == {
        "what_changed_over_time": 1,
        "what_is_not_ours": 0,
        "what_is_open": 1,
        "what_locks_next": 1,
        "where_everything_stands": 1,
    }
    assert found["what_is_open"][0][0] == "amount_differs"


def test_reports_give_names_and_rows(rows: Rows) -> None:
    rows.sent("A", state="refused", reason="400")
    reconcile(rows.con, SETTINGS, now=NOW)

    assert report.totals(rows.con).records()[0]["refused"] == 1
    assert report.open_differences(rows.con).records()[0]["why"] == "400"
    assert report.lock_calendar(rows.con).rows == ()
    assert ("refused", 1, 1) in report.classes(rows.con).rows
    assert report.funnel(rows.con).rows == (("Opportunity_Closed Won", 1, 1, 0, 0, 0),)
    assert report.unbalanced(rows.con).rows == ()


def test_every_table_and_column_says_what_it_is(rows: Rows) -> None:
    silent = rows.con.execute(
        "select table_name, column_name from duckdb_columns() where schema_name = 'reconciliation' and comment is null "
        "union all select table_name, '' from duckdb_tables() where schema_name = 'reconciliation' and comment is null "
        "union all select view_name, '' from duckdb_views() where schema_name = 'reconciliation' and comment is null"
    ).fetchall()

    assert silent == []
