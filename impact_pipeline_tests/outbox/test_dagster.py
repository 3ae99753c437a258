"""The thin skin: assets, the job, the sensor and the checks, against the local impact.com."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from impact_pipeline.config.load import RECOMMENDED
from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.outbox.assets import ACTION, REQUEST, SUBMISSION, assets
from impact_pipeline.outbox.checks import checks
from impact_pipeline.outbox.impact.resource import ImpactResource
from impact_pipeline.outbox.jobs import submit_conversions
from impact_pipeline.outbox.sensors import outbox_sensor
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource
from impact_pipeline_tests.outbox.conftest import SID, TOKEN, Outbox, There

CLOCKS: dict[str, Clock] = {}


class TestClock(ClockResource):
    """The clock of the simulators."""

    __test__ = False
    name: str

    def now(self) -> datetime:
        return CLOCKS[self.name].now()


@pytest.fixture
def warehouse(tmp_path: Path, empty_warehouse: Path) -> Warehouse:
    """Opened anew for each transaction, as others open it too."""
    return Warehouse(path=shutil.copy(empty_warehouse, tmp_path / "impact_pipeline.duckdb"))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def resources(outbox: Outbox, impact: There) -> Iterator[dict[str, Any]]:
    CLOCKS[impact.url] = outbox.clock
    yield {
        "warehouse": WarehouseResource(path=str(outbox.warehouse.path)),
        "config": ConfigResource(folder=str(RECOMMENDED), account_sid=SID, campaign_id="4711"),
        "clock": TestClock(name=impact.url),
        "impact": ImpactResource(base_url=impact.url, account_sid=SID, auth_token=TOKEN),
    }
    del CLOCKS[impact.url]


def tick(resources: dict[str, Any], instance: dg.DagsterInstance) -> Any:
    needed = {name: resources[name] for name in ("warehouse", "config", "clock")}
    return outbox_sensor(dg.build_sensor_context(instance=instance, resources=needed))


def test_the_assets_queue_send_and_confirm(
    outbox: Outbox, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    outbox.wants("Lead_1")

    queued = dg.materialize(assets[:1], resources=resources, instance=instance)
    sent = submit_conversions.execute_in_process(resources=resources, instance=instance)
    outbox.passes(minutes=11)
    confirmed = dg.materialize(assets[1:], resources=resources, instance=instance)

    assert (queued.success, sent.success, confirmed.success) == (True, True, True)
    assert outbox.states() == {"Lead_1": "settled/credited"}
    (shown,) = confirmed.asset_materializations_for_node("confirm")[1:]
    assert (shown.asset_key, shown.metadata["dagster/row_count"].value) == (ACTION, 1)


def test_the_keys_are_the_tables_and_the_group_is_the_folder() -> None:
    keys = {key for one in assets for key in one.keys}

    assert keys == {REQUEST, SUBMISSION, ACTION}
    assert {group for one in assets for group in one.group_names_by_key.values()} == {"outbox"}


def test_two_ticks_on_one_state_give_one_run_key_and_a_failed_run_another(
    outbox: Outbox, impact: There, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()

    first, second = tick(resources, instance), tick(resources, instance)
    failed = submit_conversions.execute_in_process(
        resources=resources | {"impact": ImpactResource(base_url=impact.url, account_sid=SID, auth_token="wrong")},
        instance=instance,
        raise_on_error=False,
    )

    assert first.run_key == second.run_key
    assert not failed.success
    assert "refused the credential (401); check IMPACT_ACCOUNT_SID" in tick(resources, instance).skip_message
    outbox.passes(minutes=6)
    assert tick(resources, instance).run_key != first.run_key


def test_a_tick_with_nothing_due_says_what_is_waited_for(
    outbox: Outbox, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    assert tick(resources, instance).skip_message == "0 requests are due; the outbox is empty."
    outbox.wants("Lead_1")
    outbox.wants("Lead_2")
    outbox.enqueue()
    outbox.submit()

    assert tick(resources, instance).skip_message == (
        "0 requests are due; 1 wait for the first of their event type to settle."
    )


def test_a_tick_while_a_submit_run_is_under_way_starts_no_other(
    outbox: Outbox, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    run = instance.create_run_for_job(submit_conversions, status=dg.DagsterRunStatus.STARTED)

    assert tick(resources, instance).skip_message == f"Run {run.run_id[:8]} of submit_conversions is under way."


def test_a_tick_without_a_warehouse_is_no_failure(
    tmp_path: Path, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    resources["warehouse"] = WarehouseResource(path=str(tmp_path / "none.duckdb"))

    assert "does not exist yet" in tick(resources, instance).skip_message


def test_a_wrong_credential_fails_the_run_with_one_clear_sentence(
    outbox: Outbox, impact: There, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    resources["impact"] = ImpactResource(base_url=impact.url, account_sid=SID, auth_token="wrong")

    with pytest.raises(dg.Failure, match="IMPACT_AUTH_TOKEN"):
        submit_conversions.execute_in_process(resources=resources, instance=instance)

    assert outbox.states() == {"Lead_1": "ready"}


def evaluations(resources: dict[str, Any], instance: dg.DagsterInstance) -> dict[str, bool]:
    selection = dg.AssetSelection.checks_for_assets(REQUEST)
    result = dg.materialize(
        [*assets, *checks], resources=resources, instance=instance, selection=selection, raise_on_error=False
    )
    return {one.check_name: one.passed for one in result.get_asset_check_evaluations()}


def test_the_checks_pass_on_a_healthy_outbox_and_find_what_is_wrong(
    outbox: Outbox, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    outbox.wants("Lead_1")
    outbox.wants("Lead_2")
    outbox.enqueue()
    assert all(evaluations(resources, instance).values())

    with duckdb.connect(str(outbox.warehouse.path)) as con:
        con.execute("update outbox.request set state = 'sent', event_id = 'one', needs_person = true")
    found = evaluations(resources, instance)

    assert sorted(name for name, passed in found.items() if not passed) == [
        "history_agrees",
        "keys_are_unique",
        "nobody_is_needed",
        "states_are_legal",
    ]


def test_what_was_sent_two_days_ago_and_has_no_end_is_told(
    outbox: Outbox, resources: dict[str, Any], instance: dg.DagsterInstance
) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    submit_conversions.execute_in_process(resources=resources, instance=instance)
    on_time = evaluations(resources, instance)["ends_are_known"]

    outbox.passes(hours=49)

    assert on_time
    assert not evaluations(resources, instance)["ends_are_known"]
