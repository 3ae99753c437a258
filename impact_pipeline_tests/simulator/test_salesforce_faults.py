"""The fault switches of the simulated org, in process and over HTTP."""

import pytest
import requests

from impact_pipeline.simulator.salesforce import FAULTS, SalesforceFaults
from impact_pipeline.simulator.salesforce.faults import STAGES
from impact_pipeline_tests.simulator.orgs import LEAD, a_lead, an_org, client_of, later, served


@pytest.fixture
def client():
    return client_of(an_org())


@pytest.fixture(scope="module")
def http():
    with served(an_org()) as client:
        yield client


@pytest.fixture
def remote(http):
    yield http
    http.faults.clear()


def statuses(client, path="limits", times=4):
    return [client.get(path).status_code for _ in range(times)]


def pages(client, soql="SELECT Id FROM Lead"):
    page = client.get("query", q=soql).json()
    found = [page["records"]]
    while not page["done"]:
        page = client.get(page["nextRecordsUrl"]).json()
        found.append(page["records"])
    return [[record["Id"] for record in records] for records in found]


def test_every_fault_acts_at_a_known_stage():
    assert {kind.stage for kind in FAULTS.values()} == set(STAGES)


def test_a_fault_skips_hits_and_ends_by_its_counts(client):
    client.faults.add("server_error", skip=1, count=2)

    assert statuses(client) == [200, 503, 503, 200]


def test_a_fault_hits_only_what_it_matches(client):
    client.faults.add("server_error", match=r"^query .*FROM Lead", status=500)

    assert client.get("limits").status_code == 200
    assert client.get("query", q="SELECT Id FROM Account").status_code == 200
    assert client.get("query", q="SELECT Id FROM Lead").status_code == 500


def test_unknown_faults_and_parameters_are_refused():
    faults = SalesforceFaults()

    with pytest.raises(ValueError, match="there is no fault 'earthquake'"):
        faults.add("earthquake")
    with pytest.raises(ValueError, match="no parameter 'rows'"):
        faults.add("latency", rows=2)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ("list", [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]),
        ("object", {"exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id"}),
    ],
)
def test_a_session_that_died_stays_dead_until_the_next_login(client, form, body):
    client.faults.add("session_dies", skip=1, count=1, form=form)

    assert statuses(client, times=3) == [200, 401, 401]
    assert client.get("limits").json() == body
    client.login()
    assert client.get("limits").status_code == 200


def test_unauthorized_goes_on_whatever_the_token(client):
    client.faults.add("unauthorized")

    assert client.login().status_code == 200
    assert statuses(client, times=2) == [401, 401]


@pytest.mark.parametrize(
    ("fault", "status", "code", "text"),
    [
        ("daily_limit", 403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
        ("concurrent_limit", 403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests"),
        ("forbidden", 403, "INSUFFICIENT_ACCESS", "insufficient access"),
        ("query_timeout", 400, "QUERY_TIMEOUT", "running for too long"),
        ("server_error", 503, "SERVER_UNAVAILABLE", "unavailable"),
    ],
)
def test_refusals_come_as_a_list(client, fault, status, code, text):
    client.faults.add(fault)

    answer = client.get("query", q="SELECT Id FROM Lead")

    assert answer.status_code == status
    assert answer.json()[0]["errorCode"] == code
    assert text in answer.json()[0]["message"]


def moments(minutes):
    return f"SystemModstamp >= 2026-11-20T10:00:00Z AND SystemModstamp < 2026-11-20T10:{minutes:02d}:00Z"


def test_a_long_query_times_out_and_half_of_it_does_not(client):
    a_lead(client.org)
    later(client.org, minutes=30)
    client.faults.add("long_query", seconds=600)

    def code(soql):
        answer = client.get("queryAll", q=soql)
        return answer.json()[0]["errorCode"] if answer.status_code == 400 else answer.status_code

    assert code(f"SELECT Id FROM Lead WHERE {moments(20)}") == "QUERY_TIMEOUT"
    assert code(f"SELECT Id FROM Lead WHERE {moments(10)}") == 200
    assert code("SELECT Id FROM Lead") == "QUERY_TIMEOUT"
    assert code(f"SELECT Id FROM Task__c WHERE {moments(10)}") == "INVALID_TYPE"
    assert code(f"SELECT COUNT(Id) FROM Lead WHERE {moments(20)}") == 200
    assert code("SELECT MIN(CreatedDate) FROM Lead") == 200
    assert code(f"SELECT Id FROM Lead WHERE Id = '{LEAD}'") == 200


def test_a_wide_query_is_too_complicated_and_half_of_it_is_not(client):
    client.faults.add("wide_query", columns=2)

    wide = client.get("query", q="SELECT Id, Name, City FROM Lead")

    assert (wide.status_code, wide.json()[0]["errorCode"]) == (400, "QUERY_TOO_COMPLICATED")
    assert client.get("query", q="SELECT Id, Name FROM Lead").status_code == 200


def test_a_fault_with_a_bound_counts_only_what_lies_beyond_it(client):
    client.faults.add("wide_query", columns=2, count=1)

    assert client.get("query", q="SELECT Id FROM Lead").status_code == 200
    assert client.get("query", q="SELECT Id, Name, City FROM Lead").status_code == 400
    assert client.get("query", q="SELECT Id, Name, City FROM Lead").status_code == 200


def started(client, soql):
    return client.ask("POST", "jobs/query", json={"operation": "queryAll", "query": soql})


def test_a_long_bulk_job_fails_and_half_of_it_does_not(client):
    later(client.org, minutes=30)
    client.faults.add("long_bulk_query", seconds=600)

    jobs = [started(client, f"SELECT Id FROM Lead WHERE {moments(minutes)}").json()["id"] for minutes in (20, 10)]
    failed, done = (client.get(f"jobs/query/{job}").json() for job in jobs)

    assert (failed["state"], done["state"]) == ("Failed", "JobComplete")
    assert failed["errorMessage"] == "InternalServerError: Retried more than fifteen times"


def test_bulk_can_refuse_one_object(client):
    client.faults.add("bulk_refused", match="^bulk_create .*FROM Lead")

    refused = started(client, "SELECT Id FROM Lead")

    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "INVALIDENTITY")
    assert started(client, "SELECT Id FROM Account").status_code == 200


def test_a_record_can_be_edited_between_two_requests(client):
    a_lead(client.org)
    later(client.org, minutes=1)
    edit = {"op": "update", "sobject": "Lead", "id": LEAD, "fields": {"City": "Ogden"}}
    client.faults.add("edited_meanwhile", match="^query .*FROM Lead", skip=1, count=1, edits=[edit])

    first = client.query("SELECT Id, SystemModstamp, Company FROM Lead")
    second = client.query("SELECT Id, SystemModstamp, City FROM Lead")

    assert first[0]["SystemModstamp"] < second[0]["SystemModstamp"]
    assert second[0]["City"] == "Ogden"


def test_a_gateway_answers_in_html(client):
    client.faults.add("gateway_page", count=1)

    answer = client.get("limits")

    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html;charset=utf-8")


def test_the_token_endpoint_can_refuse(client):
    client.faults.add("login_refused", json={"error": "inactive_org", "error_description": "inactive organization"})

    assert client.login().json()["error"] == "inactive_org"


def test_pages_can_be_short_repeat_rows_and_come_backwards(client):
    ids = [a_lead(client.org, None) for _ in range(5)]

    client.faults.add("short_pages", rows=2)
    assert pages(client) == [ids[:2], ids[2:4], ids[4:]]
    client.faults.add("repeated_rows", repeat=1)
    assert pages(client) == [ids[:2], ids[1:4], ids[3:]]
    client.faults.add("reordered_rows")
    assert pages(client) == [ids[1::-1], ids[3:0:-1], ids[4:2:-1]]


def test_a_locator_can_die_and_a_next_link_can_be_lost(client):
    for _ in range(3):
        a_lead(client.org, None)
    client.faults.add("short_pages", rows=2)
    first = client.get("query", q="SELECT Id FROM Lead").json()

    client.faults.add("dead_locator", count=1)
    assert client.get(first["nextRecordsUrl"]).json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    client.faults.add("lost_next_link")
    page = client.get("query", q="SELECT Id FROM Lead").json()
    assert (page["done"], "nextRecordsUrl" in page) == (False, False)


@pytest.mark.parametrize(
    ("fault", "state", "message"),
    [("bulk_failed", "Failed", "InternalServerError"), ("bulk_aborted", "Aborted", "")],
)
def test_a_bulk_job_can_end_badly(client, fault, state, message):
    job = client.ask("POST", "jobs/query", json={"operation": "query", "query": "SELECT Id FROM Lead"}).json()["id"]
    client.faults.add("bulk_in_progress", count=2)
    client.faults.add(fault, skip=2)

    states = [client.get(f"jobs/query/{job}").json() for _ in range(4)]

    assert [status["state"] for status in states] == ["InProgress", "InProgress", state, state]
    assert message in states[-1].get("errorMessage", "")


def test_bulk_pages_can_come_without_headers_and_without_header_row(client):
    for _ in range(2):
        a_lead(client.org, None)
    job = client.ask("POST", "jobs/query", json={"operation": "query", "query": "SELECT Id FROM Lead"}).json()["id"]
    client.get(f"jobs/query/{job}")
    first = client.get(f"jobs/query/{job}/results", maxRecords=1)
    client.faults.add("missing_headers")
    client.faults.add("headerless_pages")

    second = client.get(f"jobs/query/{job}/results", maxRecords=1, locator=first.headers["Sforce-Locator"])

    assert not [name for name in second.headers if name.lower().startswith("sforce-")]
    assert second.text.count("\n") == 1
    assert '"Id"' not in second.text


def test_one_record_of_a_collection_can_be_refused(client):
    a_lead(client.org)
    client.faults.add("record_refused", count=1, code="FIELD_CUSTOM_VALIDATION_EXCEPTION", message="no")
    entry = {"attributes": {"type": "Lead"}, "id": LEAD, "City": "Ogden"}

    answer = client.ask("PATCH", "composite/sobjects", json={"records": [entry, entry]}).json()

    assert [item["success"] for item in answer] == [False, True]
    assert answer[0]["errors"][0]["statusCode"] == "FIELD_CUSTOM_VALIDATION_EXCEPTION"


def test_an_answer_can_be_lost_after_the_work_is_done(client):
    a_lead(client.org)
    client.faults.add("answer_lost", count=1)

    answer = client.ask("PATCH", f"sobjects/Lead/{LEAD}", json={"City": "Ogden"})

    assert (answer.status_code, answer.text[:6]) == (504, "<html>")
    assert client.org.table("Lead").rows[LEAD]["City"] == "Ogden"


def test_a_body_can_break_off_with_its_connection(remote):
    remote.faults.add("truncated_body", count=1)

    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        remote.ask("GET", "sobjects/Lead/describe", headers={"Accept-Encoding": "identity"})

    assert remote.get("limits").status_code == 200


def test_a_body_can_end_early_without_anybody_saying_so(remote):
    remote.faults.add("truncated_body", count=1, quiet=True)

    answer = remote.get("limits")

    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()


def test_an_answer_can_take_longer_than_a_client_waits(remote):
    remote.faults.add("latency", count=1, seconds=0.2)

    with pytest.raises(requests.Timeout):
        remote.session.get(f"{remote.url}/services/data/v66.0/limits", timeout=0.05)


def test_everything_can_be_steered_over_http(remote):
    steer = remote.session
    fault = {"name": "server_error", "match": "^limits", "count": 1, "parameters": {"status": 500}}

    active = steer.post(f"{remote.url}/simulator/faults", json=fault).json()["active"]
    assert [item["name"] for item in active] == ["server_error"]
    assert statuses(remote, times=2) == [500, 200]
    steer.post(f"{remote.url}/simulator/faults", json=[fault, {"name": "latency"}])
    assert steer.delete(f"{remote.url}/simulator/faults").json()["active"] == []
    assert steer.post(f"{remote.url}/simulator/faults", json={"name": "earthquake"}).status_code == 400

    edit = {"op": "create", "sobject": "Lead", "fields": {"LastName": "Ruiz", "Company": "Hatfan"}}
    made = steer.post(f"{remote.url}/simulator/edits", json=[edit]).json()["ids"]
    assert remote.ids("SELECT Id FROM Lead") == made
    assert steer.post(f"{remote.url}/simulator/edits", json={"op": "drop"}).status_code == 400

    before = remote.org.clock.now()
    steer.post(f"{remote.url}/simulator/clock", json={"advance_seconds": 90})
    assert (remote.org.clock.now() - before).total_seconds() == 90
    assert steer.post(f"{remote.url}/simulator/clock", json={"move_to": "2020-01-01T00:00:00Z"}).status_code == 400

    state = steer.get(f"{remote.url}/simulator/state").json()
    assert state["requests"]["limits"] >= 2
    assert state["answer_seconds"]["limits"] > 0
    assert state["logins"] == 1
    assert state["records"]["Lead"] == 1


def test_the_request_log_holds_no_secret(client):
    later(client.org, minutes=1)
    client.ask("GET", "query", q="SELECT Id FROM Lead", headers={"Sforce-Call-Options": "client=test"})

    logged = client.site.requests[-1]

    assert (logged.endpoint, logged.method, logged.status) == ("query", "GET", 200)
    assert (logged.query, logged.headers) == ("q=SELECT Id FROM Lead", {"sforce-call-options": "client=test"})
    token = client.session.headers["Authorization"].removeprefix("Bearer ")
    assert all(token not in repr(entry) and "secret" not in repr(entry) for entry in client.site.requests)
