"""simple-salesforce, a client that others wrote, works against the simulated org over real HTTP."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceMalformedRequest,
    SalesforceOperationError,
    SalesforceRefusedRequest,
)

from impact_pipeline.simulator.salesforce import Credentials, parse_field
from impact_pipeline_tests.simulator.orgs import (
    CREDENTIALS,
    LEAD,
    START,
    a_deal,
    a_lead,
    an_org,
    create,
    delete,
    served,
)

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE_PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC_PEM = (
    KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
LEAD_COUNT = 4_001


@pytest.fixture(scope="module")
def world():
    org = an_org()
    org.add_field("Lead", parse_field("Key__c", "string 20 external unique cu"))
    account = create(org, "Account", Name="Hatfan", AnnualRevenue=12_500_000)
    a_deal(org, AccountId=account)
    for number in range(LEAD_COUNT):
        create(org, "Lead", None, LastName=f"Lead {number}", Company="Hatfan", Status="Open - Not Contacted")
    with served(org, Credentials(public_key=PUBLIC_PEM)) as client:
        yield client


@pytest.fixture
def salesforce(world):
    yield Salesforce(
        consumer_key=CREDENTIALS.client_id,
        consumer_secret=CREDENTIALS.client_secret,
        domain="maventech.my",
        version="66.0",
        session=world.session,
    )
    world.faults.clear()


def test_jwt_login(world):
    salesforce = Salesforce(
        username=CREDENTIALS.username,
        consumer_key=CREDENTIALS.client_id,
        privatekey=PRIVATE_PEM,
        version="66.0",
        session=world.session,
    )

    assert salesforce.query("SELECT COUNT() FROM Account")["totalSize"] == 1


def test_a_wrong_secret_fails_the_login(world):
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid_client"):
        Salesforce(
            consumer_key=CREDENTIALS.client_id, consumer_secret="wrong", domain="maventech.my", session=world.session
        )


def test_query_all_reads_every_page(salesforce):
    answer = salesforce.query_all("SELECT Id, Name FROM Lead ORDER BY Name")

    assert (answer["totalSize"], answer["done"]) == (LEAD_COUNT, True)
    assert len({record["Id"] for record in answer["records"]}) == LEAD_COUNT


def test_query_more_follows_the_link(salesforce):
    first = salesforce.query("SELECT Id FROM Lead")
    second = salesforce.query_more(first["nextRecordsUrl"], identifier_is_url=True)

    assert (first["done"], len(first["records"]), len(second["records"])) == (False, 2_000, 2_000)


def test_parents_and_numbers_arrive(salesforce):
    record = salesforce.query("SELECT Name, Account.Name, Account.AnnualRevenue FROM Opportunity")["records"][0]

    assert (record["Account"]["Name"], record["Account"]["AnnualRevenue"]) == ("Hatfan", 12_500_000.0)


def test_describe_and_limits(salesforce):
    assert "SystemModstamp" in [field["name"] for field in salesforce.Lead.describe()["fields"]]
    assert "Lead" in [item["name"] for item in salesforce.describe()["sobjects"]]
    assert salesforce.limits()["DailyApiRequests"]["Max"] == 115_000
    assert salesforce.api_usage["api-usage"].total == 115_000


def test_a_record_is_created_read_updated_and_deleted(salesforce):
    made = salesforce.Contact.create({"LastName": "Ruiz"})["id"]
    salesforce.Contact.update(made, {"Title": "Buyer"})

    assert salesforce.Contact.get(made)["Title"] == "Buyer"
    assert salesforce.Contact.delete(made) == 204
    assert salesforce.query_all("SELECT Id FROM Contact")["records"] == []
    assert [row["Id"] for row in salesforce.query_all("SELECT Id FROM Contact", include_deleted=True)["records"]] == [
        made
    ]


def test_updated_and_deleted(world, salesforce):
    gone = a_lead(world.org, None)
    delete(world.org, "Lead", gone)
    end = START + timedelta(minutes=1)

    assert [entry["id"] for entry in salesforce.Lead.deleted(START, end)["deletedRecords"]] == [gone]
    assert len(salesforce.Account.updated(START, end)["ids"]) == 1


def test_a_collection_upsert_through_restful(salesforce):
    records = [
        {"attributes": {"type": "Lead"}, "Key__c": "k1", "LastName": "B", "Company": "C", "Status": "New"},
        {"attributes": {"type": "Lead"}, "Key__c": "k2"},
    ]

    answer = salesforce.restful("composite/sobjects/Lead/Key__c", method="PATCH", json={"records": records})

    assert [item["success"] for item in answer] == [True, False]
    assert salesforce.Lead.get_by_custom_id("Key__c", "k1")["Id"] == answer[0]["id"]
    salesforce.Lead.delete(answer[0]["id"])


def test_bulk_query_gives_each_page_as_csv(world, salesforce):
    pages = list(salesforce.bulk2.Lead.query("SELECT Id, Name FROM Lead", max_records=1_500, wait=0))

    assert [page.count("\n") - 1 for page in pages] == [1_500, 1_500, 1_001]
    assert all(page.startswith('"Id","Name"\n') for page in pages)


def test_bulk_query_all_includes_deleted_rows(world, salesforce):
    product = create(world.org, "Product2", None, Name="Old")
    delete(world.org, "Product2", product)

    pages = list(salesforce.bulk2.Product2.query_all("SELECT Id, IsDeleted FROM Product2", wait=0))

    assert pages == [f'"Id","IsDeleted"\n"{product}","true"\n']


def test_bulk_download_writes_files(world, salesforce, tmp_path):
    files = salesforce.bulk2.Lead.download("SELECT Id FROM Lead", path=str(tmp_path), max_records=4_000, wait=0)

    assert [entry["number_of_records"] for entry in files] == [4_000, 1]


def test_a_failed_bulk_job_raises(world, salesforce):
    with pytest.raises(SalesforceOperationError, match="No such column 'Foo'"):
        list(salesforce.bulk2.Lead.query("SELECT Foo FROM Lead", wait=0))


def test_a_dead_session_is_renewed(world, salesforce):
    logins = world.site.sessions.login_count
    world.faults.add("session_dies", count=1)

    assert salesforce.query("SELECT COUNT() FROM Account")["totalSize"] == 1
    assert world.site.sessions.login_count == logins + 1


def test_errors_arrive_as_the_clients_exceptions(world, salesforce):
    with pytest.raises(SalesforceMalformedRequest) as refusal:
        salesforce.query("SELECT Foo FROM Lead")
    assert refusal.value.content[0]["errorCode"] == "INVALID_FIELD"

    world.faults.add("daily_limit", count=1)
    with pytest.raises(SalesforceRefusedRequest) as refusal:
        salesforce.limits()
    assert refusal.value.content[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


def test_answers_are_compressed_when_asked(world, salesforce):
    answer = world.get("query", q="SELECT Id, Name FROM Lead")

    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.json()["records"]) == 2_000
    assert datetime.strptime(answer.headers["Date"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC) == START


def test_a_url_beyond_16_kib_is_refused_over_http_too(world, salesforce):
    assert LEAD.startswith("00Q")
    assert world.get("query", q="x" * 16_400).status_code == 414
