"""The capture step inside Dagster."""

import dagster as dg
import pytest

from impact_pipeline.capture.assets import capture_assets
from impact_pipeline.capture.checks import capture_checks
from impact_pipeline.capture.salesforce.resource import SalesforceResource
from impact_pipeline.config.load import RECOMMENDED, load_config
from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource
from impact_pipeline_tests.capture.world import CREDENTIALS, World

# Dagster asks pydantic for the fields of a resource without any under their old name.
CONFIG = load_config(RECOMMENDED)


def run(salesforce: World, **settings: str) -> dg.ExecuteInProcessResult:
    resources = {
        "config": ConfigResource(folder=str(RECOMMENDED), account_sid="sid", campaign_id="4711"),
        "warehouse": WarehouseResource(path=str(salesforce.warehouse.path)),
        "clock": ClockResource(),
        "salesforce": SalesforceResource(
            domain_url=salesforce.url,
            client_id=CREDENTIALS.client_id,
            **{"client_secret": CREDENTIALS.client_secret, **settings},
        ),
    }
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [capture_assets(CONFIG), capture_checks(CONFIG)],
            resources=resources,
            instance=instance,
            raise_on_error=False,
        )


def test_the_assets_are_the_tables_of_raw() -> None:
    keys = {key.to_user_string() for key in capture_assets(CONFIG).keys}

    assert keys == {
        "raw/Lead",
        "raw/LeadStatus",
        "raw/Opportunity",
        "raw/OpportunityHistory",
        "raw/OpportunityLineItem",
        "raw/OpportunityStage",
        "raw/Product2",
    }


def test_each_object_tells_what_was_read_and_no_values(salesforce: World) -> None:
    salesforce.an_opportunity(Name="Nobody's business")
    salesforce.org.hide("Lead.Country")
    salesforce.advance(minutes=5)

    result = run(salesforce)

    assert result.success
    shown = {
        event.asset_key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    assert shown["raw/Opportunity"]["dagster/row_count"].value == 1
    assert shown["raw/Opportunity"]["first load"].value is True
    assert "Nobody" not in str(shown)
    checks = {
        (check.asset_key.to_user_string(), check.check_name): check.passed
        for check in result.get_asset_check_evaluations()
    }
    assert checks[("raw/Opportunity", "cursor_is_honest")]
    assert not checks[("raw/Lead", "fields_there")], "Country is mapped and hidden"
    assert checks[("raw/Opportunity", "fields_there")], "the pack can do without Customer_Id__c"


def test_a_refusal_fails_the_step_with_its_remedy_and_no_secret(salesforce: World) -> None:
    result = run(salesforce, client_secret="not this one")

    assert not result.success
    text = str([event.event_specific_data for event in result.all_events if event.is_failure])
    assert "SALESFORCE_CLIENT_SECRET" in text
    assert "not this one" not in text


@pytest.mark.parametrize(
    "settings", [{}, {"username": "somebody"}, {"username": "somebody", "private_key_file": "/no"}]
)
def test_credentials_that_are_left_out_are_named(settings: dict[str, str]) -> None:
    resource = SalesforceResource(domain_url="https://acme.my.salesforce.com", client_id="id", **settings)

    with pytest.raises(Exception, match="SALESFORCE_PRIVATE_KEY_FILE"):
        resource.client()
