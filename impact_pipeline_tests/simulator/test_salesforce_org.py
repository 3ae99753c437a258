"""What the simulated org does when records are written."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.salesforce import EditError, Org, OrgFeatures, parse_field
from impact_pipeline.simulator.salesforce.values import full_id
from impact_pipeline.simulator.timeline import Timeline
from impact_pipeline_tests.simulator.orgs import (
    BOOK,
    DEAL,
    ENTRY,
    LEAD,
    LINE,
    START,
    USER,
    a_deal,
    a_lead,
    a_line,
    a_price_list,
    an_org,
    create,
    delete,
    later,
    update,
)


def row(org, sobject, record_id):
    return org.table(sobject).rows[record_id]


def history(org, deal=DEAL):
    rows = org.table("OpportunityHistory").with_values("OpportunityId", [deal])
    return [(str(item["StageName"]), item["Amount"]) for item in rows]


@pytest.fixture
def org():
    return an_org()


@pytest.fixture
def deal(org):
    a_price_list(org)
    a_deal(org)
    return org


@pytest.mark.parametrize(
    ("short", "full"),
    [("005R0000000UyrW", "005R0000000UyrWIAS"), ("00Dam0000000001", "00Dam0000000001EAA")],
)
def test_an_id_of_15_characters_gets_its_checksum(short, full):
    assert full_id(short) == full


def test_creating_sets_the_audit_fields_and_the_derived_name(org):
    a_lead(org, FirstName="Adam")

    lead = row(org, "Lead", LEAD)
    assert lead["Name"] == "Adam Alexander"
    assert lead["IsDeleted"] is False
    assert lead["IsConverted"] is False
    assert lead["CreatedById"] == lead["OwnerId"] == USER
    assert {lead["CreatedDate"], lead["LastModifiedDate"], lead["SystemModstamp"]} == {"2026-11-20T10:00:00.000"}


def test_an_update_moves_both_stamps_and_cuts_parts_of_a_second(org):
    a_lead(org)
    later(org, seconds=90.75)

    update(org, "Lead", LEAD, Status="Working - Contacted")

    lead = row(org, "Lead", LEAD)
    assert lead["LastModifiedDate"] == lead["SystemModstamp"] == "2026-11-20T10:01:30.000"
    assert lead["CreatedDate"] == "2026-11-20T10:00:00.000"


def test_a_backend_job_moves_the_system_stamp_alone(org):
    a_lead(org)
    later(org, hours=1)

    update(org, "Lead", LEAD, system_only=True)

    assert row(org, "Lead", LEAD)["SystemModstamp"] == "2026-11-20T11:00:00.000"
    assert row(org, "Lead", LEAD)["LastModifiedDate"] == "2026-11-20T10:00:00.000"


def test_a_stored_record_is_never_changed_in_place(org):
    """A query whose pages are still being read keeps what it saw."""
    a_lead(org)
    before = row(org, "Lead", LEAD)

    update(org, "Lead", LEAD, Company="Other")

    assert before["Company"] == "Hatfan"


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        ({"op": "drop", "sobject": "Lead", "id": LEAD}, "op='drop'"),
        ({"op": "update", "sobject": "Leed", "id": LEAD}, "'Leed' is not supported"),
        ({"op": "update", "sobject": "Lead"}, "an id is needed"),
        ({"op": "update", "sobject": "Lead", "id": "00Q"}, "15 or 18"),
        ({"op": "update", "sobject": "Lead", "id": LEAD}, "no such record"),
        ({"op": "create", "sobject": "Lead", "fields": {"Colour": "red"}}, "No such column 'Colour'"),
        ({"op": "create", "sobject": "Lead", "fields": {"SystemModstamp": "2026-11-20T10:00:00Z"}}, "SystemModstamp"),
        ({"op": "create", "sobject": "Lead", "fields": {"AnnualRevenue": "much"}}, "expected a number"),
        ({"op": "update", "sobject": "Lead", "id": LEAD, "at": "2026-11-20T10:00:01Z"}, "lies after the clock's"),
        ({"op": "create", "sobject": "Lead", "colour": "red"}, "no key 'colour'"),
        ({"op": "create", "sobject": "Lead", "at": "2026-11-20T10:00:00"}, "has no zone"),
    ],
)
def test_an_edit_that_cannot_be_names_what_is_wrong(org, edit, text):
    with pytest.raises(EditError, match=text):
        org.apply(edit)


def test_a_new_opportunity_follows_its_stage_and_leaves_a_history_row(deal):
    made = row(deal, "Opportunity", DEAL)

    assert (made["Probability"], made["IsClosed"], made["ForecastCategory"]) == (Decimal(10), False, "Pipeline")
    assert made["ExpectedRevenue"] == Decimal("10.00")
    assert made["LastStageChangeDate"] == "2026-11-20T10:00:00.000"
    assert (made["FiscalYear"], made["FiscalQuarter"]) == (2026, 4)
    assert history(deal) == [("Prospecting", Decimal(100))]


def test_winning_closes_the_opportunity_and_dates_the_stage_change(deal):
    later(deal, days=1)

    update(deal, "Opportunity", DEAL, StageName="Closed Won")

    won = row(deal, "Opportunity", DEAL)
    assert (won["IsClosed"], won["IsWon"], won["Probability"]) == (True, True, Decimal(100))
    assert won["ForecastCategoryName"] == "Closed"
    assert won["LastStageChangeDate"] == "2026-11-21T10:00:00.000"
    assert history(deal) == [("Prospecting", Decimal(100)), ("Closed Won", Decimal(100))]


def test_an_edit_may_say_what_the_stage_would_decide(deal):
    update(deal, "Opportunity", DEAL, StageName="Negotiation/Review", Probability=42)

    assert row(deal, "Opportunity", DEAL)["Probability"] == Decimal(42)


def test_an_edit_of_the_description_leaves_no_history_row(deal):
    update(deal, "Opportunity", DEAL, Description="call again")

    assert len(history(deal)) == 1


def test_line_items_decide_amount_stamps_and_history(deal):
    later(deal, minutes=1)

    a_line(deal, Quantity=2)
    a_line(deal, None, UnitPrice="99.995")

    record = row(deal, "Opportunity", DEAL)
    assert record["Amount"] == Decimal("1200.00")
    assert record["HasOpportunityLineItem"] is True
    assert record["TotalOpportunityQuantity"] == Decimal(3)
    assert record["SystemModstamp"] == record["LastModifiedDate"] == "2026-11-20T10:01:00.000"
    assert [amount for _, amount in history(deal)] == [Decimal(100), Decimal("1100.00"), Decimal("1200.00")]


def test_a_line_item_takes_product_and_price_from_its_price_book_entry(deal):
    a_line(deal)

    line = row(deal, "OpportunityLineItem", LINE)
    assert (line["ListPrice"], line["UnitPrice"], line["TotalPrice"]) == (550, 550, Decimal("550.00"))
    assert (line["ProductCode"], line["Name"]) == ("GTX-PRO", "Hatfan - GTX Pro GTX Pro")


@pytest.mark.parametrize(
    ("given", "unit_price", "total_price"),
    [
        ({"Quantity": 4}, Decimal(550), Decimal("2200.00")),
        ({"UnitPrice": "1.50"}, Decimal("1.50"), Decimal("1.50")),
        ({"Discount": 10}, Decimal(550), Decimal("495.00")),
        ({"TotalPrice": 500, "Quantity": 2}, Decimal("250.00"), Decimal(500)),
    ],
)
def test_unit_price_and_total_price_follow_each_other(given, unit_price, total_price):
    org = an_org()
    org.add_field("OpportunityLineItem", parse_field("Discount", "percent 5,2 cu"))
    a_price_list(org)
    a_deal(org)
    a_line(org)

    update(org, "OpportunityLineItem", LINE, **given)

    line = row(org, "OpportunityLineItem", LINE)
    assert (line["UnitPrice"], line["TotalPrice"]) == (unit_price, total_price)


def test_a_written_amount_is_ignored_while_there_are_line_items(deal):
    a_line(deal)

    update(deal, "Opportunity", DEAL, Amount=1, NextStep="call")

    assert row(deal, "Opportunity", DEAL)["Amount"] == Decimal("550.00")
    assert row(deal, "Opportunity", DEAL)["NextStep"] == "call"


def test_a_deleted_line_item_is_gone_and_only_the_delete_log_remembers_it(deal):
    a_line(deal)

    delete(deal, "OpportunityLineItem", LINE)

    assert LINE not in deal.table("OpportunityLineItem").rows
    assert [record_id for _, record_id in deal.delete_log["OpportunityLineItem"]] == [LINE]
    assert row(deal, "Opportunity", DEAL)["HasOpportunityLineItem"] is False
    assert row(deal, "Opportunity", DEAL)["Amount"] == 0


def test_deleting_an_opportunity_takes_its_children_and_undeleting_brings_them_back(deal):
    a_line(deal)
    before = history(deal)
    later(deal, minutes=1)

    delete(deal, "Opportunity", DEAL)

    assert row(deal, "Opportunity", DEAL)["IsDeleted"] is True
    assert row(deal, "OpportunityLineItem", LINE)["IsDeleted"] is True
    assert history(deal) == []
    assert set(deal.delete_log) >= {"Opportunity", "OpportunityLineItem"}

    later(deal, minutes=1)
    delete(deal, "Opportunity", DEAL, op="undelete")

    assert row(deal, "Opportunity", DEAL)["IsDeleted"] is False
    assert row(deal, "Opportunity", DEAL)["SystemModstamp"] == "2026-11-20T10:02:00.000"
    assert row(deal, "OpportunityLineItem", LINE)["IsDeleted"] is False
    assert history(deal) == before


def test_a_hard_delete_leaves_nothing_but_the_delete_log(deal):
    a_line(deal)

    delete(deal, "Opportunity", DEAL, op="hard_delete")

    assert DEAL not in deal.table("Opportunity").rows
    assert LINE not in deal.table("OpportunityLineItem").rows
    assert history(deal) == []
    assert [record_id for _, record_id in deal.delete_log["Opportunity"]] == [DEAL]


def test_another_price_book_deletes_the_line_items(deal):
    update(deal, "Opportunity", DEAL, Pricebook2Id=BOOK)
    a_line(deal)

    update(deal, "Opportunity", DEAL, Pricebook2Id=create(deal, "Pricebook2", Name="Partners"))

    assert len(deal.table("OpportunityLineItem")) == 0
    assert [record_id for _, record_id in deal.delete_log["OpportunityLineItem"]] == [LINE]


def test_a_deleted_record_takes_no_edit(org):
    a_lead(org)
    delete(org, "Lead", LEAD)

    with pytest.raises(EditError, match="entity is deleted"):
        update(org, "Lead", LEAD, Company="Other")


@pytest.mark.parametrize("stamps_children", [True, False])
def test_a_merge_marks_the_losers_and_moves_their_children(stamps_children):
    org = an_org(merge_stamps_children=stamps_children)
    winner = create(org, "Account", Name="Hatfan")
    loser = create(org, "Account", Name="Hatfan Inc.")
    contact = create(org, "Contact", LastName="Ruiz", AccountId=loser)
    later(org, minutes=1)

    org.apply(
        {"op": "merge", "sobject": "Account", "id": winner, "loser_ids": [loser], "fields": {"Site": "Westville"}}
    )

    assert row(org, "Account", loser)["MasterRecordId"] == winner
    assert row(org, "Account", loser)["IsDeleted"] is True
    assert row(org, "Account", winner)["Site"] == "Westville"
    assert row(org, "Contact", contact)["AccountId"] == winner
    assert row(org, "Contact", contact)["SystemModstamp"][11:16] == ("10:01" if stamps_children else "10:00")


def test_field_history_is_written_for_tracked_fields_only():
    org = an_org(tracked_fields={"Lead": ("Status",)})
    a_lead(org)
    update(org, "Lead", LEAD, Status="Working - Contacted", Company="Other")
    update(org, "Lead", LEAD, IsConverted=True, Status="Closed - Converted")

    rows = list(org.table("LeadHistory"))

    assert [(item["Field"], item["OldValue"], item["NewValue"]) for item in rows] == [
        ("created", None, None),
        ("Status", "Open - Not Contacted", "Working - Contacted"),
        ("leadConverted", None, None),
        ("Status", "Working - Contacted", "Closed - Converted"),
    ]
    assert {item["LeadId"] for item in rows} == {LEAD}


def test_without_tracking_there_is_no_history_object(org):
    with pytest.raises(EditError, match="'LeadHistory' is not supported"):
        org.table("LeadHistory")


def test_a_late_commit_shows_an_old_stamp(org):
    """The stamp is taken inside the transaction, the row is seen at its end: the reason for overlapping windows."""
    later(org, minutes=5)
    commit_at = org.clock.now() + timedelta(minutes=2)
    lead = org.apply(
        {"op": "create", "sobject": "Lead", "commit_at": commit_at, "fields": {"LastName": "Ruiz", "Company": "Late"}}
    )

    assert lead not in org.table("Lead").rows
    later(org, minutes=3)
    assert org.latest_date_covered() == datetime(2026, 11, 20, 10, 5, tzinfo=UTC)
    org.settle()

    assert row(org, "Lead", lead)["SystemModstamp"] == "2026-11-20T10:05:00.000"
    assert org.latest_date_covered() == datetime(2026, 11, 20, 10, 8, tzinfo=UTC)


def test_an_edit_of_a_locked_record_waits_for_the_open_transaction(org):
    """Else the later edit would be seen first, and the late one would turn the stamp back."""
    a_lead(org)
    commit_at = org.clock.now() + timedelta(minutes=2)
    org.apply({"op": "update", "sobject": "Lead", "id": LEAD, "commit_at": commit_at, "fields": {"City": "Ogden"}})
    later(org, minutes=1)
    update(org, "Lead", LEAD, Company="Second")

    assert row(org, "Lead", LEAD)["Company"] == "Hatfan"
    later(org, minutes=1)
    org.settle()

    assert (row(org, "Lead", LEAD)["City"], row(org, "Lead", LEAD)["Company"]) == ("Ogden", "Second")
    assert row(org, "Lead", LEAD)["SystemModstamp"] == "2026-11-20T10:02:00.000"


def test_renaming_a_stage_touches_every_record_that_has_it(deal):
    later(deal, hours=1)

    assert deal.rename_picklist_value("Opportunity", "StageName", "Prospecting", "New") == 1

    record = row(deal, "Opportunity", DEAL)
    assert (record["StageName"], record["SystemModstamp"]) == ("New", "2026-11-20T11:00:00.000")
    assert record["LastModifiedDate"] == "2026-11-20T10:00:00.000"
    assert "New" in deal.stages()
    assert len(history(deal)) == 1


def write_folder(folder, **files):
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def test_a_folder_is_loaded_with_its_types_and_its_own_fields(tmp_path):
    write_folder(
        tmp_path,
        Opportunity=[
            "Id,IsDeleted,Name,StageName,Amount,Probability,CloseDate,IsClosed,IsWon,ForecastCategoryName,Tier__c,SystemModstamp",
            f"{DEAL},false,Big,Signed,1.25E7,100.0,2026-01-31,true,true,Closed,,2026-02-01T10:00:00.000Z",
        ],
    )
    (tmp_path / "Tier__c.csv.gz").write_bytes(gzip.compress(b"Id,Name,Rank__c\na00am0000000001AAA,Gold,5\n"))
    (tmp_path / "describe.yaml").write_text(
        "Opportunity: {fields: {Tier__c: {type: reference, referenceTo: [Tier__c]}, Amount: {label: Worth}}}\n"
        "Tier__c: {label: Tier, fields: {Rank__c: {type: double, precision: 3, scale: 0}}}\n"
    )
    org = Org(Clock(START))

    counts = org.load_folder(tmp_path)

    assert counts == {"Opportunity": 1, "Tier__c": 1}
    record = row(org, "Opportunity", DEAL)
    assert (record["Amount"], record.get("Tier__c"), record["IsPrivate"]) == (Decimal("1.25E7"), None, False)
    assert record["ForecastCategory"] == "Closed"
    assert org.type_named("Opportunity").fields["Tier__c"].relationship_name == "Tier__r"
    assert row(org, "Tier__c", "a00am0000000001AAA")["Rank__c"] == Decimal(5)
    amount = org.type_named("Opportunity").fields["Amount"]
    assert (amount.label, amount.type, amount.updateable) == ("Worth", "currency", True)
    assert org.stages()["Signed"].is_won
    assert org.new_id("Tier__c").startswith("a00")


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["Id,Amount", f"{DEAL},many"], "line 2, column Amount .currency., value 'many'"),
        (["Id,Amount", f"{DEAL}"], "line 2: 1 values for 2 columns"),
        (["Id,Amount", "6,1"], "column Id"),
    ],
)
def test_a_value_that_does_not_fit_names_file_line_and_column(tmp_path, lines, text):
    write_folder(tmp_path, Opportunity=lines)

    with pytest.raises(ValueError, match=text):
        Org(Clock(START)).load_folder(tmp_path)


def test_currency_fields_exist_in_multi_currency_orgs_only():
    single, multi = Org(Clock(START)), Org(Clock(START), features=OrgFeatures(multi_currency=True))

    assert "CurrencyIsoCode" not in single.type_named("Opportunity").fields
    assert "CurrencyIsoCode" in multi.type_named("Opportunity").fields
    assert [item["IsoCode"] for item in multi.table("CurrencyType")] == ["USD"]


def test_the_timeline_applies_edits_as_the_clock_reaches_them(tmp_path):
    org = an_org()
    path = tmp_path / "timeline.jsonl.gz"
    edits = [
        {"at": "2026-11-20T12:00:00Z", "op": "update", "sobject": "Lead", "id": LEAD, "fields": {"City": "Ogden"}},
        {
            "at": "2026-11-20T11:00:00Z",
            "op": "create",
            "sobject": "Lead",
            "id": LEAD,
            "fields": {"LastName": "Ruiz", "Company": "Hatfan", "AnnualRevenue": 12.5},
        },
    ]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, edits)).encode()))
    timeline = Timeline.from_file(path, clock=org.clock, apply=org.apply)

    played = timeline.play_until(datetime(2026, 11, 20, 11, 30, tzinfo=UTC))

    assert (played, timeline.left) == (1, 1)
    assert row(org, "Lead", LEAD)["CreatedDate"] == "2026-11-20T11:00:00.000"
    assert row(org, "Lead", LEAD)["AnnualRevenue"] == Decimal("12.5")
    assert org.clock.now() == datetime(2026, 11, 20, 11, 30, tzinfo=UTC)
    assert timeline.play_until(datetime(2026, 11, 20, 12, tzinfo=UTC)) == 1
    assert row(org, "Lead", LEAD)["City"] == "Ogden"


def test_a_timeline_that_begins_in_the_past_is_refused():
    org = an_org()

    with pytest.raises(ValueError, match="before the clock's"):
        Timeline([{"at": "2026-11-19T00:00:00Z"}], clock=org.clock, apply=org.apply)


def test_the_same_edits_give_the_same_org(deal):
    a_line(deal)
    again = an_org()
    a_price_list(again)
    a_deal(again)
    a_line(again)

    for sobject in deal.known_names():
        assert deal.table(sobject).rows == again.table(sobject).rows
    assert ENTRY in again.table("PricebookEntry").rows
