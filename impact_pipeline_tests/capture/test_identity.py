"""What becomes of records that are merged or converted, and what field history tells where an org keeps it."""

from pathlib import Path

import pytest

from impact_pipeline.capture.salesforce.errors import NoPermission
from impact_pipeline.simulator.salesforce import OrgFeatures
from impact_pipeline_tests.capture.world import World, world

LEADS = {"Lead": ("Status", "Company")}
DEALS = {"Opportunity": ("Account.Name",)}
HISTORY = {**LEADS, "LeadHistory": ()}


def a_lead(salesforce: World, company: str = "Hatfan") -> str:
    return salesforce.edit("create", "Lead", LastName="Alexander", Company=company, Status="Open - Not Contacted")


def settled(salesforce: World) -> None:
    """All is captured, and no later window reaches back to it."""
    for _ in range(2):
        salesforce.capture(DEALS)
        salesforce.advance(hours=1)


def test_the_loser_of_a_merge_names_its_winner(salesforce: World) -> None:
    winner, loser = a_lead(salesforce, "Hatfan"), a_lead(salesforce, "Hatfan Ltd")
    salesforce.capture(LEADS)

    salesforce.edit("merge", "Lead", winner, loser_ids=(loser,), Company="Hatfan Group")
    salesforce.capture(LEADS)

    rows = salesforce.query(
        'select "Id", "_is_deleted", "MasterRecordId", "Company" from raw."Lead" order by "_is_deleted"'
    )
    assert rows == [(winner, False, None, "Hatfan Group"), (loser, True, winner, "Hatfan Ltd")]


@pytest.mark.parametrize("stamps_children", [True, False])
def test_what_referred_to_the_loser_refers_to_the_winner(tmp_path: Path, stamps_children: bool) -> None:
    """Whether Salesforce moves the stamps of such records, it doesn't say."""
    with world(tmp_path, OrgFeatures(merge_stamps_children=stamps_children)) as salesforce:
        winner, loser = (salesforce.edit("create", "Account", Name=name) for name in ("Hatfan", "Hatfan Ltd"))
        deal = salesforce.an_opportunity(AccountId=loser)
        settled(salesforce)

        salesforce.edit("merge", "Account", winner, loser_ids=(loser,))
        salesforce.capture(DEALS)

        assert salesforce.query('select "Id", "AccountId" from raw."Opportunity"') == [(deal, winner)]
        assert salesforce.value("select count(*) from raw._line_set") == 0


def test_a_run_that_is_killed_before_it_has_followed_a_merge_leaves_that_to_the_next(tmp_path: Path) -> None:
    with world(tmp_path, OrgFeatures(merge_stamps_children=False)) as salesforce:
        winner, loser = (salesforce.edit("create", "Account", Name=name) for name in ("Hatfan", "Hatfan Ltd"))
        salesforce.an_opportunity(AccountId=loser)
        settled(salesforce)
        salesforce.edit("merge", "Account", winner, loser_ids=(loser,))
        salesforce.faults.add("forbidden", match="^query_all .*Id IN ")
        with pytest.raises(NoPermission):
            salesforce.capture(DEALS)
        assert salesforce.value('select "AccountId" from raw."Opportunity"') == loser
        salesforce.faults.clear()

        salesforce.capture(DEALS)

        assert salesforce.value('select "AccountId" from raw."Opportunity"') == winner


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
