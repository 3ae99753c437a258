"""REST resources of the simulated org: login, describe, paging, deletes, limits, writes."""

import time
from datetime import datetime, timedelta
from decimal import Decimal

import jwt
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from impact_pipeline.simulator.salesforce import Credentials, fields_of_all_types, parse_field
from impact_pipeline_tests.simulator.orgs import (
    CREDENTIALS,
    DEAL,
    LEAD,
    START,
    USER,
    a_deal,
    a_lead,
    a_line,
    a_price_list,
    an_org,
    client_of,
    create,
    delete,
    later,
    update,
)

TOKEN_PATH = "/services/oauth2/token"
PRIVATE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = (
    PRIVATE_KEY.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


@pytest.fixture
def org():
    return an_org()


@pytest.fixture
def client(org):
    return client_of(org)


def error_code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()[0]["errorCode"]


# Login


def test_a_token_tells_where_the_data_is_and_never_when_it_ends(client):
    answer = client.login().json()

    assert answer["instance_url"] == "https://maventech.my.salesforce.com"
    assert answer["id"] == f"https://login.salesforce.com/id/{client.org.org_id}/{USER}"
    assert answer["issued_at"] == str(int(START.timestamp() * 1000))
    assert "expires_in" not in answer


def test_client_credentials_may_come_as_http_basic(client):
    answer = client.session.post(
        client.url + TOKEN_PATH,
        data={"grant_type": "client_credentials"},
        auth=(CREDENTIALS.client_id, CREDENTIALS.client_secret),
    )

    assert answer.status_code == 200


def an_assertion(**changes):
    claims = {
        "iss": CREDENTIALS.client_id,
        "sub": CREDENTIALS.username,
        "aud": "https://login.salesforce.com",
        "exp": str(int(time.time()) + 180),
    }
    return jwt.encode({**claims, **changes}, PRIVATE_KEY, algorithm="RS256")


@pytest.mark.parametrize(
    ("form", "credentials", "error", "description"),
    [
        ({"client_id": "wrong"}, {}, "invalid_client_id", "client identifier invalid"),
        ({"client_secret": "wrong"}, {}, "invalid_client", "invalid client credentials"),
        ({}, {"run_as_user": None}, "invalid_grant", "no client credentials user enabled"),
        ({"grant_type": "password"}, {}, "invalid_grant", "authentication failure"),
        ({"grant_type": "other"}, {}, "unsupported_grant_type", "grant type not supported"),
    ],
)
def test_a_refused_login_answers_an_object(org, form, credentials, error, description):
    client = client_of(org, Credentials(**credentials))
    sent = {
        "grant_type": "client_credentials",
        "client_id": CREDENTIALS.client_id,
        "client_secret": CREDENTIALS.client_secret,
    }

    answer = client.session.post(client.url + TOKEN_PATH, data={**sent, **form})

    assert answer.status_code in (400, 401)
    assert answer.json() == {"error": error, "error_description": description}


@pytest.mark.parametrize(
    ("changes", "description"),
    [
        ({}, None),
        ({"aud": "https://maventech.my.salesforce.com"}, None),
        ({"aud": "https://elsewhere.example"}, "audience is invalid"),
        ({"exp": "1000"}, "expired authorization code"),
        ({"sub": "other@maventech.example"}, "user hasn't approved this consumer"),
        ({"iss": "other"}, "client identifier invalid"),
    ],
)
def test_a_jwt_assertion_is_checked(org, changes, description):
    client = client_of(org, Credentials(public_key=PUBLIC_PEM))
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": an_assertion(**changes)}

    answer = client.session.post(client.url + TOKEN_PATH, data=form)

    assert answer.json().get("error_description") == description
    assert ("access_token" in answer.json()) == (description is None)


def test_an_assertion_signed_by_somebody_else_is_refused(org):
    client = client_of(org, Credentials(public_key=PUBLIC_PEM))
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assertion = jwt.encode({"iss": CREDENTIALS.client_id}, stranger, algorithm="RS256")

    answer = client.session.post(
        client.url + TOKEN_PATH,
        data={"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion},
    )

    assert answer.json() == {"error": "invalid_grant", "error_description": "invalid assertion"}


def test_a_session_dies_of_idleness_and_use_keeps_it_alive(client):
    for _ in range(3):
        later(client.org, minutes=90)
        assert client.get("limits").status_code == 200

    later(client.org, hours=2, seconds=1)

    assert error_code(client.get("limits")) == (401, "INVALID_SESSION_ID")
    client.login()
    assert client.get("limits").status_code == 200


# Versions, describe, limits


def test_versions_need_no_token_and_cost_nothing(client):
    del client.session.headers["Authorization"]

    answer = client.get("/services/data")

    assert answer.json()[-1] == {"label": "Summer '26", "url": "/services/data/v67.0", "version": "67.0"}
    assert {"label": "Winter '26", "url": "/services/data/v65.0", "version": "65.0"} in answer.json()
    assert "Sforce-Limit-Info" not in answer.headers


def test_a_retired_version_is_gone_and_a_future_one_unknown(client):
    assert error_code(client.get("/services/data/v30.0/limits")) == (410, "GONE")
    assert error_code(client.get("/services/data/v99.0/limits")) == (404, "NOT_FOUND")


def test_every_answer_carries_the_orgs_clock(client):
    assert client.get("limits").headers["Date"] == "Fri, 20 Nov 2026 10:00:00 GMT"
    assert client.get("nowhere").headers["Date"] == "Fri, 20 Nov 2026 10:00:00 GMT"


def test_describe_tells_types_lookups_and_picklists(client):
    answer = client.get("sobjects/Opportunity/describe").json()
    fields = {field["name"]: field for field in answer["fields"]}

    assert answer["keyPrefix"] == "006"
    assert (fields["Amount"]["type"], fields["Amount"]["precision"], fields["Amount"]["scale"]) == ("currency", 18, 2)
    assert fields["Name"]["length"] == 120
    assert fields["AccountId"]["referenceTo"] == ["Account"]
    assert fields["AccountId"]["relationshipName"] == "Account"
    assert fields["ContactId"]["relationshipName"] is None
    assert "Closed Won" in [value["value"] for value in fields["StageName"]["picklistValues"]]
    assert {"childSObject": "OpportunityLineItem", "field": "OpportunityId"}.items() <= next(
        child for child in answer["childRelationships"] if child["childSObject"] == "OpportunityLineItem"
    ).items()


def test_describe_is_not_sent_again_while_nothing_changed(client):
    first = client.get("sobjects/Lead/describe")
    since = {"If-Modified-Since": first.headers["Last-Modified"]}

    assert client.ask("GET", "sobjects/Lead/describe", headers=since).status_code == 304
    client.org.add_field("Lead", parse_field("Tier__c", "string 20 cu"))
    assert client.ask("GET", "sobjects/Lead/describe", headers=since).status_code == 200


def test_a_hidden_field_vanishes_from_describe_and_from_queries(client):
    a_lead(client.org)
    client.org.hide("Lead.Email")

    fields = [field["name"] for field in client.get("sobjects/Lead/describe").json()["fields"]]

    assert "Email" not in fields
    assert error_code(client.get("query", q="SELECT Email FROM Lead")) == (400, "INVALID_FIELD")
    client.org.show("Lead.Email")
    assert client.query("SELECT Email FROM Lead") == [{"Email": None}]


def test_a_hidden_object_and_unshared_records_vanish(client):
    a_lead(client.org)
    other = a_lead(client.org, None)
    client.org.unshare(other)

    assert client.ids("SELECT Id FROM Lead") == [LEAD]
    assert error_code(client.get(f"sobjects/Lead/{other}")) == (404, "NOT_FOUND")
    client.org.hide("Lead")
    assert error_code(client.get("sobjects/Lead/describe")) == (404, "NOT_FOUND")
    assert "Lead" not in [item["name"] for item in client.get("sobjects").json()["sobjects"]]


def test_a_lost_permission_shows_a_share_of_the_records_and_the_log_of_deletions_as_ever(client):
    ids = [a_lead(client.org, None) for _ in range(200)]
    client.org.share("Lead", 0.3)

    shown = client.ids("SELECT Id FROM Lead")
    later(client.org, minutes=1)
    for record_id in ids:
        delete(client.org, "Lead", record_id)
    later(client.org, minutes=1)
    now = client.org.clock.now()
    log = client.get("sobjects/Lead/deleted/", start=(now - timedelta(minutes=2)).isoformat(), end=now.isoformat())

    assert 30 < len(shown) < 90
    assert client.ids("SELECT Id FROM Lead", "queryAll") == shown
    assert client.get("queryAll", q="SELECT COUNT() FROM Lead").json()["totalSize"] == len(shown)
    by_id = f"SELECT Id FROM Lead WHERE Id IN ('{ids[0]}', '{shown[0]}', '{ids[-1]}')"
    assert set(client.ids(by_id, "queryAll")) == {ids[0], shown[0], ids[-1]} & set(shown)
    assert client.ids("SELECT Id FROM User WHERE Id IN (SELECT OwnerId FROM Lead)", "queryAll")
    assert len(log.json()["deletedRecords"]) == 200
    client.org.share("Lead", 1.0)
    assert client.ids("SELECT Id FROM Lead", "queryAll") == ids


def test_the_quota_is_told_on_every_answer_and_enforced():
    client = client_of(an_org(daily_api_requests=3))

    assert client.get("limits").json()["DailyApiRequests"] == {"Max": 3, "Remaining": 2}
    assert client.get("limits").headers["Sforce-Limit-Info"] == "api-usage=2/3"
    client.get("limits")
    assert error_code(client.get("limits")) == (403, "REQUEST_LIMIT_EXCEEDED")
    later(client.org, hours=24)
    client.login()
    assert client.get("limits").status_code == 200


def test_the_quota_may_be_told_with_the_apps_own_share():
    client = client_of(an_org(per_app_usage=True))

    usage = client.get("limits").headers["Sforce-Limit-Info"]

    assert usage == "api-usage=1/115000; per-app-api-usage=1/57500(appName=impact_pipeline)"


# Queries


def test_the_organisation_can_be_asked_who_it_is(client):
    assert client.query("SELECT Id, IsSandbox FROM Organization") == [{"Id": client.org.org_id, "IsSandbox": False}]


def test_numbers_moments_and_parents_look_as_salesforce_writes_them(client):
    account = create(client.org, "Account", Name='"Hat"\nfan', NumberOfEmployees=12_000_000)
    a_deal(client.org, AccountId=account, Amount=12_500_000, Probability=5)

    text = client.get(
        "query",
        q="SELECT Id, Amount, Probability, CreatedDate, CloseDate, Account.Name, Campaign.Name FROM Opportunity",
    ).text
    employees = client.get("query", q="SELECT NumberOfEmployees FROM Account").text

    assert '"Amount":1.25E7,"Probability":5.0,"CreatedDate":"2026-11-20T10:00:00.000+0000"' in text
    assert '"CloseDate":"2026-12-24"' in text
    assert '"Account":{"attributes":{"type":"Account","url":"/services/data/v66.0/sobjects/Account/' in text
    assert '"Name":"\\"Hat\\"\\nfan"' in text
    assert '"Campaign":null' in text
    assert '"NumberOfEmployees":12000000' in employees


def test_a_query_is_paged_by_locators_that_keep_their_snapshot(client):
    ids = [a_lead(client.org, None) for _ in range(450)]

    first = client.ask(
        "GET", "query", q="SELECT Id, Company FROM Lead", headers={"Sforce-Query-Options": "batchSize=200"}
    ).json()
    update(client.org, "Lead", ids[-1], Company="Changed meanwhile")
    second = client.get(first["nextRecordsUrl"]).json()
    third = client.get(second["nextRecordsUrl"]).json()

    assert first["nextRecordsUrl"].startswith("/services/data/v66.0/query/0r8")
    assert first["nextRecordsUrl"].endswith("-200")
    assert (first["totalSize"], first["done"], len(first["records"])) == (450, False, 200)
    assert (third["done"], len(third["records"]), "nextRecordsUrl" in third) == (True, 50, False)
    assert [row["Id"] for page in (first, second, third) for row in page["records"]] == ids
    assert third["records"][-1]["Company"] == "Hatfan"


def test_a_locator_lives_two_days(client):
    for _ in range(201):
        a_lead(client.org, None)
    page = client.ask("GET", "query", q="SELECT Id FROM Lead", headers={"Sforce-Query-Options": "batchSize=1"}).json()

    later(client.org, days=2, seconds=1)
    client.login()

    assert error_code(client.get(page["nextRecordsUrl"])) == (400, "INVALID_QUERY_LOCATOR")


def test_count_answers_without_records(client):
    a_lead(client.org)

    assert client.get("query", q="SELECT COUNT() FROM Lead").json() == {"totalSize": 1, "done": True, "records": []}


def test_query_all_shows_soft_deleted_rows(client):
    a_lead(client.org)
    delete(client.org, "Lead", LEAD)

    assert client.ids("SELECT Id FROM Lead") == []
    assert client.query("SELECT Id, IsDeleted FROM Lead", "queryAll") == [{"Id": LEAD, "IsDeleted": True}]


def test_a_single_record_can_be_read(client):
    a_lead(client.org)

    answer = client.get(f"sobjects/Lead/{LEAD[:15]}", fields="Id,Company")

    assert {"Id": LEAD, "Company": "Hatfan"}.items() <= answer.json().items()
    assert "SystemModstamp" in client.get(f"sobjects/Lead/{LEAD}").json()
    delete(client.org, "Lead", LEAD)
    assert error_code(client.get(f"sobjects/Lead/{LEAD}")) == (404, "ENTITY_IS_DELETED")
    assert error_code(client.get("sobjects/Lead/00Q000000000000AAA")) == (404, "NOT_FOUND")


def test_collections_give_null_for_what_is_missing(client):
    a_lead(client.org)

    answer = client.ask(
        "POST", "composite/sobjects/Lead", json={"ids": [LEAD, "00Q000000000000AAA"], "fields": ["Company"]}
    )

    assert [row and row["Company"] for row in answer.json()] == ["Hatfan", None]


# getUpdated and getDeleted


def replication(client, name, start, end, sobject="Lead"):
    return client.get(f"sobjects/{sobject}/{name}/", start=start.isoformat(), end=end.isoformat())


def test_get_deleted_lists_soft_and_hard_deletes_of_its_window(client):
    soft, hard = a_lead(client.org, None), a_lead(client.org, None)
    later(client.org, minutes=5)
    delete(client.org, "Lead", soft)
    delete(client.org, "Lead", hard, op="hard_delete")
    later(client.org, minutes=5)

    answer = replication(client, "deleted", START, client.org.clock.now()).json()
    empty = replication(client, "deleted", START + timedelta(minutes=6), client.org.clock.now()).json()

    assert [(entry["id"], entry["deletedDate"]) for entry in answer["deletedRecords"]] == [
        (soft, "2026-11-20T10:05:00.000+0000"),
        (hard, "2026-11-20T10:05:00.000+0000"),
    ]
    assert answer["latestDateCovered"] == "2026-11-20T10:10:00.000+0000"
    assert answer["earliestDateAvailable"] == "2026-11-05T10:10:00.000+0000"
    assert empty["deletedRecords"] == []


def test_latest_date_covered_stays_behind_while_a_transaction_is_open(client):
    later(client.org, minutes=5)
    commit_at = client.org.clock.now() + timedelta(minutes=10)
    client.org.apply(
        {"op": "create", "sobject": "Lead", "commit_at": commit_at, "fields": {"LastName": "Ruiz", "Company": "Late"}}
    )
    later(client.org, minutes=5)

    answer = replication(client, "updated", START, client.org.clock.now()).json()

    assert answer == {"ids": [], "latestDateCovered": "2026-11-20T10:05:00.000+0000"}


@pytest.mark.parametrize("minutes", [1, 20])
def test_what_commits_late_is_never_behind_latest_date_covered(client, minutes):
    """Whoever goes on at latestDateCovered and never at the asked end, misses no deletion."""
    a_lead(client.org)
    start = client.org.clock.now()
    later(client.org, minutes=5)
    client.org.apply(
        {
            "op": "delete",
            "sobject": "Lead",
            "id": LEAD,
            "commit_at": (client.org.clock.now() + timedelta(minutes=minutes)).isoformat(),
        }
    )
    seen, covered = set(), start
    for _ in range(minutes + 2):
        later(client.org, minutes=1)
        window = {"start": covered.isoformat(), "end": (client.org.clock.now() + timedelta(minutes=1)).isoformat()}
        answer = client.get("sobjects/Lead/deleted/", **window).json()
        covered = datetime.fromisoformat(answer["latestDateCovered"])
        seen |= {entry["id"] for entry in answer["deletedRecords"]}
        assert seen or covered <= start + timedelta(minutes=5)

    assert seen == {LEAD}
    assert covered == client.org.clock.now()


def test_latest_date_covered_may_lag_hours():
    client = client_of(an_org(covered_lag_seconds=7_200))
    end = client.org.clock.now()
    answer = client.get(
        "sobjects/Lead/updated/", start=(end - timedelta(hours=5)).isoformat(), end=end.isoformat()
    ).json()

    assert datetime.fromisoformat(answer["latestDateCovered"]) == end - timedelta(hours=2)


def test_get_updated_lists_live_records_by_their_stamp(client):
    a_lead(client.org)
    later(client.org, minutes=2)

    answer = replication(client, "updated", START, client.org.clock.now()).json()

    assert answer["ids"] == [LEAD]


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("deleted", timedelta(days=-16), timedelta()),
        ("updated", timedelta(days=-31), timedelta()),
        ("deleted", timedelta(), timedelta()),
        ("deleted", timedelta(seconds=1), timedelta(seconds=59)),
    ],
)
def test_a_window_too_old_or_too_short_is_refused(client, name, start, end):
    answer = replication(client, name, START + start, START + end)

    assert error_code(answer) == (400, "INVALID_REPLICATION_DATE")


def test_a_purged_delete_log_refuses_older_windows(client):
    client.org.forget_deletes(START - timedelta(days=1))

    assert error_code(replication(client, "deleted", START - timedelta(days=2), START))[0] == 400
    fresh = replication(client, "deleted", START - timedelta(days=1), START).json()
    assert fresh["earliestDateAvailable"] == "2026-11-19T10:00:00.000+0000"


def test_setup_objects_are_not_replicated(client):
    answer = replication(client, "deleted", START - timedelta(hours=1), START, "LeadStatus")

    assert answer.status_code == 400


# Writes


@pytest.fixture
def keyed(client):
    client.org.add_field("Lead", parse_field("Key__c", "string 20 external unique cu"))
    a_lead(client.org, Key__c="k1")
    return client


def test_a_record_is_updated_by_id(client):
    a_lead(client.org)
    later(client.org, minutes=1)

    answer = client.ask("PATCH", f"sobjects/Lead/{LEAD}", json={"Company": "Other"})

    assert (answer.status_code, answer.text) == (204, "")
    record = client.org.table("Lead").rows[LEAD]
    assert (record["Company"], record["SystemModstamp"]) == ("Other", "2026-11-20T10:01:00.000")


def test_a_record_is_created_and_deleted(client):
    made = client.ask("POST", "sobjects/Lead", json={"LastName": "Ruiz", "Company": "Hatfan", "Status": "New"})

    assert made.status_code == 201
    assert client.ask("DELETE", f"sobjects/Lead/{made.json()['id']}").status_code == 204
    assert client.ids("SELECT Id FROM Lead") == []


def test_an_upsert_by_external_key_updates_or_creates(keyed):
    old = keyed.ask("PATCH", "sobjects/Lead/Key__c/K1", json={"Company": "Other"})
    new = keyed.ask("PATCH", "sobjects/Lead/Key__c/k%2F2", json={"LastName": "B", "Company": "C", "Status": "New"})

    assert (old.status_code, old.json()["id"], old.json()["created"]) == (200, LEAD, False)
    assert (new.status_code, new.json()["created"]) == (201, True)
    assert keyed.query("SELECT Key__c FROM Lead WHERE Company = 'C'") == [{"Key__c": "k/2"}]


def test_two_records_with_one_external_key_answer_300(keyed):
    a_lead(keyed.org, None, Key__c="k1")

    assert keyed.ask("PATCH", "sobjects/Lead/Key__c/k1", json={"Company": "Other"}).status_code == 300


def test_a_collection_tells_the_fate_of_each_record(keyed):
    converted = a_lead(keyed.org, None, Key__c="k2", IsConverted=True)
    records = [
        {"Key__c": "k1", "Company": "Other"},
        {"Key__c": "k3", "LastName": "B", "Company": "C", "Status": "New"},
        {"Key__c": "k2", "Company": "Other"},
        {"Key__c": "k4"},
        {"Key__c": "k1", "Colour__c": "red"},
        {"Key__c": "k1", "City": "x" * 41},
        {"Company": "Other"},
    ]
    body = {"allOrNone": False, "records": [{"attributes": {"type": "Lead"}, **record} for record in records]}

    answer = keyed.ask("PATCH", "composite/sobjects/Lead/Key__c", json=body)

    assert answer.status_code == 200
    assert [
        (item["success"], item.get("created"), [error["statusCode"] for error in item["errors"]])
        for item in answer.json()
    ] == [
        (True, False, []),
        (True, True, []),
        (False, None, ["CANNOT_UPDATE_CONVERTED_LEAD"]),
        (False, None, ["REQUIRED_FIELD_MISSING"]),
        (False, None, ["INVALID_FIELD"]),
        (False, None, ["STRING_TOO_LONG"]),
        (False, None, ["MISSING_ARGUMENT"]),
    ]
    assert keyed.org.table("Lead").rows[converted]["Company"] == "Hatfan"


def test_a_collection_updates_by_id_and_refuses_more_than_200(client):
    a_lead(client.org)
    entry = {"attributes": {"type": "Lead"}, "id": LEAD, "Company": "Other"}

    answer = client.ask("PATCH", "composite/sobjects", json={"records": [entry]})
    refused = client.ask("PATCH", "composite/sobjects", json={"records": [entry] * 201})

    assert answer.json() == [{"id": LEAD, "success": True, "errors": []}]
    assert refused.status_code == 400


def test_a_written_amount_is_ignored_without_an_error_when_lines_decide(client):
    a_price_list(client.org)
    a_deal(client.org)
    a_line(client.org)

    answer = client.ask("PATCH", f"sobjects/Opportunity/{DEAL}", json={"Amount": 1})

    assert answer.status_code == 204
    assert client.org.table("Opportunity").rows[DEAL]["Amount"] == Decimal("550.00")


def test_a_record_in_an_open_transaction_cannot_be_written(client):
    a_lead(client.org)
    client.org.apply(
        {"op": "update", "sobject": "Lead", "id": LEAD, "commit_at": client.org.clock.now() + timedelta(minutes=1)}
    )

    assert error_code(client.ask("PATCH", f"sobjects/Lead/{LEAD}", json={"City": "x"})) == (400, "UNABLE_TO_LOCK_ROW")


# Composite, sizes, methods


def test_many_describes_travel_in_one_request(client):
    entries = [
        {"method": "GET", "url": f"/services/data/v66.0/sobjects/{name}/describe", "referenceId": name}
        for name in ("Lead", "Opportunity", "Nothing")
    ]

    answer = client.ask("POST", "composite", json={"compositeRequest": entries})

    assert [(part["referenceId"], part["httpStatusCode"]) for part in answer.json()["compositeResponse"]] == [
        ("Lead", 200),
        ("Opportunity", 200),
        ("Nothing", 404),
    ]
    assert answer.headers["Sforce-Limit-Info"] == "api-usage=1/115000"
    assert client.ask("POST", "composite", json={"compositeRequest": entries * 9}).status_code == 400


def test_a_batch_answers_its_parts_in_order(client):
    entries = [{"method": "GET", "url": "v66.0/limits"}, {"method": "GET", "url": "v66.0/query?q=SELECT+Id+FROM+Lead"}]

    answer = client.ask("POST", "composite/batch", json={"batchRequests": entries}).json()

    assert [part["statusCode"] for part in answer["results"]] == [200, 200]
    assert answer["results"][1]["result"]["totalSize"] == 0


def test_a_url_beyond_16_kib_gets_a_page_in_html(client):
    answer = client.get("query", q=f"SELECT Id FROM Lead WHERE City IN ({','.join(['x' * 100] * 180)})")

    assert answer.status_code == 414
    assert answer.headers["Content-Type"].startswith("text/html")


def test_other_methods_and_paths_are_refused(client):
    assert error_code(client.ask("PUT", "query")) == (405, "METHOD_NOT_ALLOWED")
    assert error_code(client.get("nowhere/at/all/is/this")) == (404, "NOT_FOUND")


def test_a_query_can_be_explained(client):
    plans = client.get("query", explain="SELECT Id FROM Lead").json()["plans"]

    assert plans[0]["sobjectType"] == "Lead"


def test_an_object_may_have_800_fields_of_all_types_and_the_longest_texts():
    org = an_org()
    fields = fields_of_all_types(800)
    org.add_object("Wide__c", fields)
    client = client_of(org)
    long_text = next(item.name for item in fields if item.length == 131_072)
    made = create(org, "Wide__c", Name="x", **{long_text: "ü" * 131_072, "Currency_002__c": "12345678901234.56"})

    described = {item["name"]: item for item in client.get("sobjects/Wide__c/describe").json()["fields"]}
    record = client.query(f"SELECT Id, {long_text}, Currency_002__c, Checkbox_003__c FROM Wide__c")

    assert len(described) == 800 + 9
    assert len({item["type"] for item in described.values()}) == 18
    assert described[long_text]["length"] == 131_072
    assert not described[long_text]["filterable"]
    assert described["Lookup_016__c"]["relationshipName"] == "Lookup_016__r"
    assert [value["value"] for value in described["Picklist_007__c"]["picklistValues"]] == ["red", "green", "blue"]
    assert described["Formula_Number_020__c"]["calculated"]
    assert record == [
        {"Id": made, long_text: "ü" * 131_072, "Currency_002__c": 12345678901234.56, "Checkbox_003__c": False}
    ]
