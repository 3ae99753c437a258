"""What an administrator changes in Setup while a client goes on reading."""

import pytest

from impact_pipeline.simulator.salesforce import EditError
from impact_pipeline_tests.simulator.orgs import LEAD, a_deal, a_lead, an_org, client_of, later, update


@pytest.fixture
def client():
    org = an_org(tracked_fields={"Lead": ("Status", "Tier__c")})
    change(org, "add_field", Tier__c="string 20 cu", Score__c="double 18,4 cu")
    a_lead(org, Tier__c="12.5", Score__c="2.3456")
    later(org, minutes=1)
    return client_of(org)


def change(org, op, sobject="Lead", **fields):
    return org.apply({"op": op, "sobject": sobject, "fields": fields})


def described(client, name):
    fields = client.get("sobjects/Lead/describe").json()["fields"]
    return next((item for item in fields if item["name"] == name), None)


def value(client, name):
    return client.query(f"SELECT {name} FROM Lead")[0][name]


def stamp(client):
    return client.query("SELECT SystemModstamp FROM Lead")[0]["SystemModstamp"]


@pytest.mark.parametrize(
    ("op", "fields"),
    [
        ("add_field", {"New__c": "string 80 cu"}),
        ("remove_field", {"Tier__c": None}),
        ("rename_field", {"Tier__c": "Level__c"}),
        ("change_field", {"Tier__c": {"type": "double"}}),
        ("hide", {"Tier__c": None}),
        ("share", {"share": 1.0}),
    ],
)
def test_setup_moves_no_stamp(client, op, fields):
    before = stamp(client)

    assert change(client.org, op, **fields) == "Lead"

    assert stamp(client) == before


def test_describe_tells_each_change_although_the_clock_stands_still(client):
    first = client.get("sobjects/Lead/describe")
    change(client.org, "change_field", Score__c={"scale": 2})

    again = client.ask("GET", "sobjects/Lead/describe", headers={"If-Modified-Since": first.headers["Last-Modified"]})

    assert again.status_code == 200
    assert next(item for item in again.json()["fields"] if item["name"] == "Score__c")["scale"] == 2


def test_a_removed_field_is_gone_with_its_values(client):
    change(client.org, "remove_field", Tier__c=None)

    assert described(client, "Tier__c") is None
    assert client.get("query", q="SELECT Tier__c FROM Lead").json()[0]["errorCode"] == "INVALID_FIELD"
    update(client.org, "Lead", LEAD, Status="Working - Contacted")
    change(client.org, "add_field", Tier__c="string 20 cu")
    assert value(client, "Tier__c") is None


def test_a_renamed_field_keeps_its_values(client):
    change(client.org, "add_field", Boss__c={"type": "reference", "referenceTo": "User"})

    change(client.org, "rename_field", Tier__c="Level__c", Boss__c="Head__c")

    assert described(client, "Tier__c") is None
    assert value(client, "Level__c") == "12.5"
    assert described(client, "Head__c")["relationshipName"] == "Head__r"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"type": "double", "precision": 18, "scale": 1}, 12.5),
        ({"type": "picklist", "picklistValues": ["gold"]}, "12.5"),
        ({"type": "date"}, None),
        ({"length": 2}, "12"),
    ],
)
def test_a_changed_field_keeps_what_fits(client, keys, expected):
    change(client.org, "change_field", Tier__c=keys)

    assert described(client, "Tier__c")["type"] == keys.get("type", "string")
    assert value(client, "Tier__c") == expected


@pytest.mark.parametrize(("scale", "expected"), [(2, 2.35), (6, 2.3456)])
def test_another_scale_rounds_what_it_has_no_room_for(client, scale, expected):
    change(client.org, "change_field", Score__c={"scale": scale})

    assert described(client, "Score__c")["scale"] == scale
    assert value(client, "Score__c") == expected


def test_a_number_may_become_text(client):
    change(client.org, "change_field", Score__c={"type": "string", "length": 255})

    assert value(client, "Score__c") == "2.3456"


def test_a_hidden_field_comes_back_with_its_values(client):
    change(client.org, "hide", Tier__c=None)
    assert described(client, "Tier__c") is None

    change(client.org, "show", Tier__c=None)

    assert value(client, "Tier__c") == "12.5"


def test_an_object_can_be_hidden_and_shown(client):
    change(client.org, "hide")
    assert client.get("sobjects/Lead/describe").status_code == 404

    change(client.org, "show")

    assert client.get("sobjects/Lead/describe").status_code == 200


def test_a_renamed_value_touches_every_record_that_has_it(client):
    a_deal(client.org)
    later(client.org, minutes=1)

    change(client.org, "rename_value", "Opportunity", StageName=["Prospecting", "New"])

    deal = client.query("SELECT StageName, SystemModstamp FROM Opportunity")[0]
    assert (deal["StageName"], deal["SystemModstamp"][:19]) == ("New", f"{client.org.clock.now():%Y-%m-%dT%H:%M:%S}")


def test_a_share_of_the_records_can_vanish(client):
    change(client.org, "share", share=0)

    assert client.ids("SELECT Id FROM Lead") == []


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        ({"op": "remove_field", "sobject": "Lead", "fields": {"Status": None}}, "no custom field"),
        ({"op": "rename_field", "sobject": "Lead", "fields": {"Nothing__c": "X__c"}}, "Lead has no field Nothing__c"),
        ({"op": "change_field", "sobject": "Lead", "fields": {"Nothing__c": {"scale": 1}}}, "no field Nothing__c"),
        ({"op": "change_field", "sobject": "Lead", "fields": {"Status": {"type": "double"}}}, "no custom field"),
        ({"op": "change_field", "sobject": "Lead", "fields": {"Tier__c": {"size": 3}}}, "'size' is not known"),
        ({"op": "add_field", "sobject": "Nothing", "fields": {"X__c": "string"}}, "'Nothing' is not supported"),
        ({"op": "hide", "sobject": "Lead", "id": LEAD}, "not ['id']"),
        ({"op": "rename_value", "sobject": "Lead", "fields": {"Status": ["a", "b", "c"]}}, "too many values"),
    ],
)
def test_what_setup_refuses_is_refused(client, edit, text):
    with pytest.raises(EditError) as refusal:
        client.org.apply(edit)

    assert text in str(refusal.value)


def test_the_setup_can_change_between_describe_and_query(client):
    client.faults.add(
        "edited_meanwhile",
        match="^query ",
        count=1,
        edits=[{"op": "remove_field", "sobject": "Lead", "fields": {"Tier__c": None}}],
    )

    assert described(client, "Tier__c")
    assert client.get("query", q="SELECT Tier__c FROM Lead").json()[0]["errorCode"] == "INVALID_FIELD"


def test_a_bulk_job_prints_a_changed_field_anew(client):
    def line():
        job = client.ask("POST", "jobs/query", json={"operation": "query", "query": "SELECT Tier__c FROM Lead"}).json()[
            "id"
        ]
        client.get(f"jobs/query/{job}")
        return client.get(f"jobs/query/{job}/results").text.splitlines()[1]

    assert line() == '"12.5"'
    change(client.org, "change_field", Tier__c={"type": "double", "precision": 18, "scale": 0})
    assert line() == '"13.0"'
