"""Bulk API 2.0 query jobs of the simulated org."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from impact_pipeline.simulator.salesforce import parse_field
from impact_pipeline_tests.simulator.orgs import (
    DEAL,
    LEAD,
    a_deal,
    a_lead,
    an_org,
    client_of,
    create,
    delete,
    later,
    served,
    update,
)


@pytest.fixture
def client():
    return client_of(an_org())


def error_code(answer):
    return answer.status_code, answer.json()[0]["errorCode"]


def start(client, query, operation="query", **options):
    body = {"operation": operation, "query": query, "contentType": "CSV", **options}
    return client.ask("POST", "jobs/query", json=body)


def finished(client, query, operation="query", **options):
    job = start(client, query, operation, **options).json()["id"]
    assert client.get(f"jobs/query/{job}").json()["state"] == "JobComplete"
    return job


def results(client, query, operation="query"):
    return client.get(f"jobs/query/{finished(client, query, operation)}/results")


def rows(answer):
    return list(csv.reader(io.StringIO(answer.text, newline="")))


def test_a_job_goes_from_upload_complete_to_job_complete(client):
    a_lead(client.org)

    made = start(client, "SELECT Id FROM Lead").json()
    status = client.get(f"jobs/query/{made['id']}").json()

    assert made["id"].startswith("750")
    assert (made["state"], made["object"], made["apiVersion"]) == ("UploadComplete", "Lead", 66.0)
    assert (status["state"], status["numberRecordsProcessed"], status["jobType"]) == ("JobComplete", 1, "V2Query")


def test_results_come_in_pages_that_each_begin_with_the_header(client):
    ids = [a_lead(client.org, None) for _ in range(5)]
    job = finished(client, "select id, Name from Lead")

    pages, locator = [], None
    while locator != "null":
        answer = client.get(f"jobs/query/{job}/results", maxRecords=2, **({"locator": locator} if locator else {}))
        locator = answer.headers["Sforce-Locator"]
        pages.append((int(answer.headers["Sforce-NumberOfRecords"]), rows(answer)))

    assert [count for count, _ in pages] == [2, 2, 1]
    assert {tuple(page[0]) for _, page in pages} == {("Id", "Name")}
    assert [row[0] for _, page in pages for row in page[1:]] == ids


def test_csv_values_look_as_the_bulk_api_writes_them(client):
    client.org.add_field("Lead", parse_field("Odd__c", "textarea 32000 cu"))
    account = create(client.org, "Account", Name="NA")
    a_deal(client.org, AccountId=account, Amount="99213206", Probability=5)
    a_lead(client.org, Odd__c='say "hi"\r\nand\x00go', City=None, NumberOfEmployees=5)

    lead = results(client, "SELECT Odd__c, City, NumberOfEmployees, CreatedDate FROM Lead")
    deal = results(
        client,
        "SELECT Amount, Probability, IsWon, CloseDate, Account.Name, Account.Owner.Name, Campaign.Name "
        "FROM Opportunity",
    )

    assert lead.text.partition("\n")[2] == '"say ""hi""\r\nand\x00go","","5","2026-11-20T10:00:00.000Z"\n'
    assert rows(deal) == [
        ["Amount", "Probability", "IsWon", "CloseDate", "Account.Name", "Account.Owner.Name", "Campaign.Name"],
        ["9.9213206E7", "5.0", "false", "2026-12-24", "NA", "Ada Admin", ""],
    ]


def test_delimiter_and_line_ending_can_be_chosen(client):
    a_lead(client.org)
    job = finished(client, "SELECT Id, Company FROM Lead", columnDelimiter="PIPE", lineEnding="CRLF")

    assert client.get(f"jobs/query/{job}/results").text == f'"Id"|"Company"\r\n"{LEAD}"|"Hatfan"\r\n'


def test_a_result_is_that_of_the_jobs_creation(client):
    a_lead(client.org)
    job = finished(client, "SELECT Company FROM Lead")

    update(client.org, "Lead", LEAD, Company="Changed meanwhile")

    assert rows(client.get(f"jobs/query/{job}/results"))[1] == ["Hatfan"]


def test_a_later_job_shows_what_has_changed_since_an_earlier_one(client):
    """Lines are printed once for each state of a record, and what is printed may depend on more than the record."""
    account = create(client.org, "Account", Name="Hatfan")
    a_deal(client.org, AccountId=account)
    a_deal(client.org, None, Name="Other", AccountId=account)
    own, of_parent = "SELECT Name, Amount FROM Opportunity", "SELECT Name, Account.Name FROM Opportunity"
    before = [rows(results(client, soql))[1:] for soql in (own, of_parent)]

    update(client.org, "Opportunity", DEAL, Name="Renamed")
    update(client.org, "Account", account, Name="Hatfan Inc.")
    after = [rows(results(client, soql))[1:] for soql in (own, of_parent)]

    assert before == [
        [["Hatfan - GTX Pro", "100.0"], ["Other", "100.0"]],
        [["Hatfan - GTX Pro", "Hatfan"], ["Other", "Hatfan"]],
    ]
    assert after == [[["Renamed", "100.0"], ["Other", "100.0"]], [["Renamed", "Hatfan Inc."], ["Other", "Hatfan Inc."]]]


def test_query_all_includes_deleted_rows(client):
    a_lead(client.org)
    delete(client.org, "Lead", LEAD)

    assert rows(results(client, "SELECT Id FROM Lead")) == [["Id"]]
    assert rows(results(client, "SELECT Id FROM Lead", "queryAll")) == [["Id"], [LEAD]]


def test_results_are_refused_under_another_api_version(client):
    job = finished(client, "SELECT Id FROM Lead")

    assert client.get(f"/services/data/v65.0/jobs/query/{job}/results").status_code == 409


def test_result_pages_give_five_links_at_a_time(client):
    for _ in range(13):
        a_lead(client.org, None)
    job = finished(client, "SELECT Id FROM Lead")

    first = client.get(f"jobs/query/{job}/resultPages", maxRecords=2).json()
    second = client.get(first["nextRecordsUrl"]).json()
    links = [page["resultUrl"] for answer in (first, second) for page in answer["resultPages"]]

    assert (first["done"], len(first["resultPages"]), second["done"]) == (False, 5, True)
    assert sum(len(rows(client.get(link))) - 1 for link in links) == 13


def test_result_pages_may_be_spelled_as_in_another_edition(client):
    for _ in range(6):
        a_lead(client.org, None)
    job = finished(client, "SELECT Id FROM Lead")
    client.faults.add("renamed_links")

    answer = client.get(f"jobs/query/{job}/resultPages", maxRecords=1).json()

    assert set(answer) == {"resultPages", "nextRecordUrl", "done"}
    assert set(answer["resultPages"][0]) == {"resultLink"}


def test_result_pages_came_with_version_58(client):
    client.version = "57.0"
    job = finished(client, "SELECT Id FROM Lead")

    assert client.get(f"jobs/query/{job}/results").status_code == 200
    assert client.get(f"jobs/query/{job}/resultPages").status_code == 404


@pytest.mark.parametrize(("asked", "status"), [("0", 400), ("many", 400), ("999999999", 200)])
def test_the_size_of_a_page_is_checked(client, asked, status):
    a_lead(client.org)
    job = finished(client, "SELECT Id FROM Lead")

    assert client.get(f"jobs/query/{job}/results", maxRecords=asked).status_code == status


def test_pages_can_be_read_side_by_side_again_and_again_and_compressed():
    org = an_org()
    ids = [a_lead(org, None) for _ in range(50)]
    with served(org) as client, ThreadPoolExecutor(8) as pool:
        job = finished(client, "SELECT Id FROM Lead")
        first = client.get(f"jobs/query/{job}/resultPages", maxRecords=10).json()
        links = [page["resultUrl"] for page in first["resultPages"]] * 4

        def read(link, encoding):
            return requests.get(
                client.url + link,
                headers={"Authorization": client.session.headers["Authorization"], "Accept-Encoding": encoding},
                timeout=10,
            )

        plain = list(pool.map(read, links, ["identity"] * len(links)))
        compressed = list(pool.map(read, links, ["gzip"] * len(links)))

    assert [answer.text for answer in plain] == [answer.text for answer in compressed]
    assert {answer.headers.get("Content-Encoding") for answer in plain} == {None}
    assert {answer.headers.get("Content-Encoding") for answer in compressed} == {"gzip"}
    assert [row[0] for answer in plain[:5] for row in rows(answer)[1:]] == ids
    assert {answer.headers["Sforce-NumberOfRecords"] for answer in plain} == {"10"}
    assert [answer.headers["Sforce-Locator"] == "null" for answer in plain[:5]] == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT COUNT(Id) FROM Lead", "API_ERROR"),
        ("SELECT DAY_ONLY(CreatedDate) d, COUNT(Id) FROM Lead GROUP BY DAY_ONLY(CreatedDate)", "API_ERROR"),
        ("SELECT Id FROM Lead OFFSET 5", "API_ERROR"),
        ("SELECT Id FORM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM LeadStatus", "INVALIDENTITY"),
        ("SELECT Id FROM Nothing", "INVALIDENTITY"),
    ],
)
def test_what_bulk_does_not_take_is_refused_at_once(client, query, code):
    assert error_code(start(client, query)) == (400, code)


def test_an_unknown_field_makes_the_job_fail_with_its_text(client):
    job = start(client, "SELECT Foo FROM Lead").json()["id"]

    status = client.get(f"jobs/query/{job}").json()

    assert status["state"] == "Failed"
    assert status["errorMessage"].startswith("INVALID_FIELD: ")
    assert error_code(client.get(f"jobs/query/{job}/results")) == (400, "INVALIDJOBSTATE")


def test_a_job_can_be_aborted_listed_and_deleted(client):
    job = start(client, "SELECT Id FROM Lead").json()["id"]

    assert [item["id"] for item in client.get("jobs/query").json()["records"]] == [job]
    assert error_code(client.ask("DELETE", f"jobs/query/{job}")) == (400, "INVALIDJOBSTATE")
    assert client.ask("PATCH", f"jobs/query/{job}", json={"state": "Aborted"}).json()["state"] == "Aborted"
    deleted = client.ask("DELETE", f"jobs/query/{job}")
    assert (deleted.status_code, deleted.text) == (204, "")
    assert client.get(f"jobs/query/{job}").status_code == 404


def test_jobs_and_results_are_kept_seven_days(client):
    job = finished(client, "SELECT Id FROM Lead")

    later(client.org, days=7, seconds=1)
    client.login()

    assert client.get(f"jobs/query/{job}").status_code == 404


@pytest.mark.parametrize("operation", ["query", "queryAll"])
def test_rest_and_bulk_tell_the_same_values(client, operation):
    create(client.org, "Account", Name="Hatfan", AnnualRevenue=12_000_000, NumberOfEmployees=3)
    names = ["Id", "Name", "AnnualRevenue", "NumberOfEmployees", "IsDeleted", "Description", "SystemModstamp"]
    query = f"SELECT {', '.join(names)} FROM Account"

    rest = json.loads(client.get(operation, q=query).text, parse_float=str, parse_int=str)["records"]
    bulk = rows(results(client, query, operation))

    spelled = {True: "true", False: "false", None: ""}
    assert bulk == [names] + [
        [spelled.get(record[name], record[name]).replace("+0000", "Z") for name in names] for record in rest
    ]
