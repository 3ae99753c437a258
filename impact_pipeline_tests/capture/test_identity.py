"""What becomes of records that are merged or converted, and what field history tells where an org keeps it."""

from pathlib import Path

from impact_pipeline.simulator.salesforce import OrgFeatures
from impact_pipeline_tests.capture.world import World, world

LEADS = {"Lead": ("Status", "Company")}
HISTORY = {**LEADS, "LeadHistory": ()}


def a_lead(salesforce: World, company: str = "Hatfan") -> str:
    return salesforce.edit("create", "Lead", LastName="Alexander", Company=company, Status="Open - Not Contacted")


def test_the_loser_of_a_merge_names_its_winner(salesforce: World) -> None:
    winner, loser = a_lead(salesforce, "Hatfan"), a_lead(salesforce, "Hatfan Ltd")
    salesforce.capture(LEADS)

    salesforce.edit("merge", "Lead", winner, loser_ids=(loser,), Company="Hatfan Group")
    salesforce.capture(LEADS)

    rows = salesforce.query(
        'select "Id", "_is_deleted", "MasterRecordId", "Company" from raw."Lead" order by "_is_deleted"'
    )
    assert rows == [(winner, False, None, "Hatfan Group"), (loser, True, winner, "Hatfan Ltd")]


def test_a_lead_says_what_it_was_converted_into(salesforce: World) -> None:
    """The links are read though nothing is mapped from them: customers are followed along them."""
    lead = a_lead(salesforce)
    salesforce.capture(LEADS)
    links = {
        "ConvertedAccountId": salesforce.edit("create", "Account", Name="Hatfan"),
        "ConvertedContactId": salesforce.edit("create", "Contact", LastName="Alexander"),
        "ConvertedOpportunityId": salesforce.an_opportunity(),
    }

    salesforce.edit("update", "Lead", lead, IsConverted=True, Status="Closed - Converted", **links)
    salesforce.capture(LEADS)

    named = ", ".join(f'"{name}"' for name in links)
    assert salesforce.query(f'select "IsConverted", {named} from raw."Lead"') == [(True, *links.values())]


def test_each_status_between_two_cycles_is_told_where_the_org_tracks_it(tmp_path: Path) -> None:
    with world(tmp_path, OrgFeatures(tracked_fields={"Lead": ("Status",)})) as salesforce:
        lead = a_lead(salesforce)
        salesforce.capture(HISTORY, optional=("LeadHistory",))
        for status in ("Working - Contacted", "Closed - Not Converted"):
            salesforce.advance(minutes=1)
            salesforce.edit("update", "Lead", lead, Status=status)

        salesforce.capture(HISTORY, optional=("LeadHistory",))

        assert salesforce.query(
            'select "LeadId", "Field", "OldValue", "NewValue" from raw."LeadHistory" order by "CreatedDate"'
        ) == [
            (lead, "created", None, None),
            (lead, "Status", "Open - Not Contacted", "Working - Contacted"),
            (lead, "Status", "Working - Contacted", "Closed - Not Converted"),
        ]


def test_an_org_without_field_history_stops_nothing_and_what_shows_later_is_read_in_full(tmp_path: Path) -> None:
    with world(tmp_path, OrgFeatures(tracked_fields={"Lead": ("Status",)})) as salesforce:
        salesforce.org.hide("LeadHistory")
        lead = a_lead(salesforce)
        assert salesforce.capture(HISTORY, optional=("LeadHistory",)).absent == ("LeadHistory",)
        salesforce.edit("update", "Lead", lead, Status="Working - Contacted")

        salesforce.org.show("LeadHistory")
        report = salesforce.capture(HISTORY, optional=("LeadHistory",))

        assert report.absent == ()
        assert salesforce.query('select "Field", "NewValue" from raw."LeadHistory" order by "Id"') == [
            ("created", None),
            ("Status", "Working - Contacted"),
        ]
