"""How the local impact.com lists and shows actions, their items and their change log, and what it does by itself."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from impact_pipeline.simulator.impact import create_unsubmitted, lock_now, reattribute, reverse_by_person
from impact_pipeline_tests.simulator.impact_world import CAMPAIGN, START, ImpactWorld, a_conversion, a_sale, serve


@pytest.fixture
def impact() -> Iterator[ImpactWorld]:
    with serve(actions_page_size_minimum=2, actions_page_size=5) as world:
        yield world


def at(**ago: float) -> str:
    return (START - timedelta(**ago)).isoformat().replace("+00:00", "Z")


def make_leads(impact: ImpactWorld, count: int) -> None:
    for number in range(count):
        impact.post(OrderId=f"Lead_{number}")
    impact.wait(minutes=10)


def test_the_newest_creation_comes_first_and_every_value_is_a_string(impact):
    make_leads(impact, 3)

    page = impact.get("Actions", CampaignId=CAMPAIGN)

    assert [action["Oid"] for action in page["Actions"]] == ["Lead_2", "Lead_1", "Lead_0"]
    assert {name: value for name, value in page.items() if "uri" not in name and name != "Actions"} == {
        "@page": "1",
        "@numpages": "1",
        "@pagesize": "5",
        "@total": "3",
        "@start": "0",
        "@end": "2",
    }


def test_following_the_next_page_gives_each_row_once(impact):
    make_leads(impact, 5)
    uri, seen = f"/Advertisers/IRtestSID/Actions?CampaignId={CAMPAIGN}&PageSize=2", []
    while uri:
        page = impact.session.get(impact.root + uri).json()
        seen += [action["Oid"] for action in page["Actions"]]
        uri = page["@nextpageuri"]

    assert seen == ["Lead_4", "Lead_3", "Lead_2", "Lead_1", "Lead_0"]
    assert (page["@page"], page["@numpages"], page["@start"], page["@end"]) == ("3", "3", "4", "4")
    assert impact.get("Actions", CampaignId=CAMPAIGN, PageSize=2, Page=9)["Actions"] == []


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"CampaignId": "x"},
        {"CampaignId": CAMPAIGN, "StartDate": at(days=1)},
        {"CampaignId": CAMPAIGN, "EndDate": at()},
        {"CampaignId": CAMPAIGN, "StartDate": "2026-11-19", "EndDate": "2026-11-20"},
        {"CampaignId": CAMPAIGN, "StartDate": at(), "EndDate": at(days=1)},
        {"CampaignId": CAMPAIGN, "StartDate": at(days=45, seconds=1), "EndDate": at()},
        {"CampaignId": CAMPAIGN, "ActionDateStart": at(days=50), "ActionDateEnd": at()},
        {"CampaignId": CAMPAIGN, "StartDate": at(days=1096), "EndDate": at(days=1095)},
        {"CampaignId": CAMPAIGN, "PageSize": 1},
        {"CampaignId": CAMPAIGN, "Page": 0},
    ],
    ids=str,
)
def test_a_wrong_window_or_page_is_refused(impact, query):
    assert impact.session.get(f"{impact.url}/Actions", params=query).status_code == 400


def test_an_unknown_program_is_not_found(impact):
    assert impact.session.get(f"{impact.url}/Actions", params={"CampaignId": 1}).status_code == 404


def test_a_list_of_more_than_ten_pages_is_refused(impact):
    make_leads(impact, 20)
    assert len(impact.actions(PageSize=2)) == 2
    impact.credited(OrderId="one_more")

    assert (
        impact.session.get(f"{impact.url}/Actions", params={"CampaignId": CAMPAIGN, "PageSize": 2}).status_code == 400
    )


def test_the_real_page_sizes_are_20000_and_at_least_2000():
    with serve() as impact:
        assert impact.get("Actions", CampaignId=CAMPAIGN)["@pagesize"] == "20000"
        too_small = impact.session.get(f"{impact.url}/Actions", params={"CampaignId": CAMPAIGN, "PageSize": 1999})

    assert too_small.status_code == 400


def test_without_a_window_the_last_seven_days_are_shown(impact):
    impact.credited()
    impact.wait(days=7)
    assert len(impact.actions()) == 1
    impact.wait(seconds=1)

    assert impact.actions() == []


def test_start_and_end_date_choose_by_the_last_update_and_not_by_the_event(impact):
    action = impact.credited(EventDate="2026-11-10T00:00:00Z")
    impact.wait(days=3)
    impact.outcome(impact.put(ActionId=action["Id"], Amount="5.00", Reason="ORDER_UPDATE"))

    changed = impact.actions(StartDate="2026-11-23T00:00:00Z", EndDate="2026-11-24T00:00:00Z")
    assert [one["Amount"] for one in changed] == ["5.00"]
    assert impact.actions(StartDate="2026-11-09T00:00:00Z", EndDate="2026-11-21T00:00:00Z") == []
    assert len(impact.actions(ActionDateStart="2026-11-09T00:00:00Z", ActionDateEnd="2026-11-11T00:00:00Z")) == 1
    locking = {"LockingDateStart": "2026-12-06T00:00:00Z"}
    assert impact.actions(**locking, LockingDateEnd="2026-12-06T07:59:59Z") == []
    assert len(impact.actions(**locking, LockingDateEnd="2026-12-06T08:00:00Z")) == 1


def test_an_action_is_approved_at_its_locking_date_without_counting_as_updated(impact):
    action = impact.credited()
    impact.clock.move_to(START.replace(month=12, day=17, hour=7, minute=59))
    assert impact.get(f"Actions/{action['Id']}")["State"] == "PENDING"
    impact.wait(minutes=1)

    assert impact.get(f"Actions/{action['Id']}")["State"] == "APPROVED"
    assert impact.actions(StartDate="2026-12-16T00:00:00Z", EndDate="2026-12-18T00:00:00Z") == []
    locked = {"LockingDateStart": "2026-12-16T00:00:00Z", "LockingDateEnd": "2026-12-18T00:00:00Z"}
    assert len(impact.actions(State="APPROVED", **locked)) == 1
    assert impact.actions(State="PENDING", **locked) == []


def test_one_action_one_item_and_one_update_can_be_read_alone(impact):
    action = impact.credited(**a_sale(ItemSku1="A/B 1"))

    item = impact.get(f"Actions/{action['Id']}/Items/A%2FB%201")
    update = impact.get(f"ActionUpdates/{action['Id']}.1")

    assert impact.get(f"Actions/{action['Id']}") == action
    assert item["SaleAmount"] == "1000.00"
    assert item["AdjustmentDate"] == ""
    assert item["Uri"].endswith("/Items/A%2FB%201")
    assert (update["Disposition"], update["DeltaAmount"], update["State"]) == ("IR_BLANK", "1000.00", "PENDING")


@pytest.mark.parametrize(
    "path",
    [
        "Actions/1.2.3",
        "Actions/1.2.3/Items",
        "ActionUpdates/1.2.3.1",
        "APISubmissions/A-1",
        "FTPFileSubmissions/F-1",
        "Nothing",
    ],
)
def test_what_does_not_exist_is_not_found(impact, path):
    assert impact.session.get(f"{impact.url}/{path}").status_code == 404


def test_an_item_and_an_update_that_do_not_exist_are_not_found(impact):
    action = impact.credited()

    assert impact.session.get(f"{impact.url}/Actions/{action['Id']}/Items/none").status_code == 404
    assert impact.session.get(f"{impact.url}/ActionUpdates/{action['Id']}.9").status_code == 404


def test_the_change_log_lists_each_change_newest_first(impact):
    action = impact.credited(**a_sale())
    impact.outcome(impact.put(ActionId=action["Id"], Amount="800.00", Reason="ORDER_UPDATE"))
    impact.outcome(impact.delete(ActionId=action["Id"], DispositionCode="ORDER_ERROR"))

    updates = impact.get("ActionUpdates", CampaignId=CAMPAIGN)["ActionUpdates"]

    assert [(one["Disposition"], one["DeltaAmount"], one["DeltaPayout"], one["State"]) for one in updates] == [
        ("ORDER_ERROR", "-800.00", "-80.00", "REVERSED"),
        ("ORDER_UPDATE", "-200.00", "-20.00", "PENDING"),
        ("IR_BLANK", "1000.00", "100.00", "PENDING"),
    ]
    assert [one["Id"] for one in updates] == [f"{action['Id']}.{number}" for number in (3, 2, 1)]


def test_a_person_may_reverse_an_action(impact):
    action = impact.credited()

    reverse_by_person(impact.program, action["Id"])

    assert impact.actions()[0]["State"] == "REVERSED"


def test_a_reattribution_reverses_the_action_and_adds_a_pending_one_with_the_same_order_id(impact):
    old = impact.credited(**a_sale())

    reattribute(impact.program, old["Id"], 20001)

    assert [(one["Oid"], one["MediaPartnerId"], one["State"], one["Amount"]) for one in impact.actions()] == [
        ("Won_1", "20001", "PENDING", "1000.00"),
        ("Won_1", "20000", "REVERSED", "0.00"),
    ]


def test_an_inquiry_or_the_tag_creates_an_action_that_nobody_submitted(impact):
    create_unsubmitted(impact.program, a_conversion(OrderId="asked"), "INQUIRY")
    create_unsubmitted(impact.program, a_conversion(OrderId="tagged"), "CLICK_COOKIE")

    assert [(one["Oid"], one["ReferringType"]) for one in impact.actions()] == [
        ("tagged", "CLICK_COOKIE"),
        ("asked", "INQUIRY"),
    ]
    assert impact.get("APISubmissions")["@total"] == "0"
    assert impact.reason(impact.post(OrderId="tagged")) == "CONV_DUPLICATE"


def test_an_action_can_be_locked_at_once_and_then_nobody_can_reverse_it(impact):
    action = impact.credited()

    lock_now(impact.program, action["Id"])

    assert impact.actions()[0]["State"] == "APPROVED"
    with pytest.raises(ValueError, match="locked"):
        reverse_by_person(impact.program, action["Id"])


def test_programs_contracts_partners_clicks_and_the_company_can_be_read(impact):
    click = "A1b2" * 9 + "Zz"
    impact.program.contract_problems[20001, None] = "CONTRACT_NOT_FOUND"

    contracts = impact.get(f"Campaigns/{CAMPAIGN}/Contracts")["Contracts"]

    assert impact.get("Campaigns", PageSize=1)["Campaigns"][0]["Id"] == str(CAMPAIGN)
    assert impact.get(f"Campaigns/{CAMPAIGN}")["State"] == "ACTIVE"
    assert [len(one["TemplateTerms"]["EventPayouts"]) for one in contracts] == [3, 0]
    assert contracts[0]["TemplateTerms"]["EventPayouts"][1]["DefaultPayoutRate"] == "10"
    assert [one["Name"] for one in impact.get("MediaPartners")["Partners"]] == ["First", "Second"]
    assert impact.get(f"Campaigns/{CAMPAIGN}/Clicks/{click}")["MediaId"] == "20000"
    assert impact.session.get(f"{impact.url}/Campaigns/{CAMPAIGN}/Clicks/none").status_code == 404
    assert impact.session.get(f"{impact.url}/Campaigns/1").status_code == 404
    company = impact.get("CompanyInformation")
    assert (company["Currency"], company["Timezone"]) == ("USD", "America/Los_Angeles")
