"""A path that the configuration marks with ? may be missing in the org without anybody being told."""

from impact_pipeline.capture.cycle import capture_objects
from impact_pipeline_tests.capture.world import World


def test_only_what_nobody_can_do_without_is_reported_missing(salesforce: World) -> None:
    salesforce.advance(minutes=30)

    report = capture_objects(
        salesforce.warehouse,
        salesforce.client(),
        {"Lead": ("Status", "Impact_Click_Id__c", "Tier__c")},
        dispensable={"Lead": {"Impact_Click_Id__c"}},
        run_id="run",
        staging=salesforce.staging,
        clock=salesforce.clock.now,
        account_sid="sid",
        campaign_id="4711",
    )

    assert {captured.fields_missing for captured in report.of("Lead")} == {("Tier__c",)}
