"""How the client logs in, what it repeats, and what each refusal becomes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from fractions import Fraction
from threading import Barrier
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from impact_pipeline.capture.salesforce import errors
from impact_pipeline.capture.salesforce.answers import Quota, quota_of
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.capture.salesforce.login import ClientCredentials, JwtBearer, checked_domain, checked_instance
from impact_pipeline.simulator.salesforce import Credentials, OrgFeatures
from impact_pipeline.simulator.server import LoopbackServer
from impact_pipeline_tests.capture.world import CREDENTIALS, World, world

COUNT = "SELECT Id FROM Opportunity"


def ids(client: SalesforceClient) -> list[str]:
    return [row["Id"] for page in client.query_pages(COUNT) for row in page.rows]


def test_one_login_serves_all_requests(salesforce: World) -> None:
    client = salesforce.client()

    for _ in range(3):
        ids(client)

    assert salesforce.requests["token"] == 1
    assert client.api_calls == 3


@pytest.mark.parametrize("form", ["list", "object"])
def test_a_dead_session_is_renewed_once_and_the_request_repeated(salesforce: World, form: str) -> None:
    deal = salesforce.an_opportunity()
    client = salesforce.client()
    ids(client)
    salesforce.faults.add("session_dies", count=1, form=form)

    assert ids(client) == [deal]

    assert salesforce.requests["token"] == 2


def test_a_renewed_request_carries_all_its_headers(salesforce: World) -> None:
    for _ in range(201):
        salesforce.an_opportunity()
    client = salesforce.client()
    salesforce.faults.add("session_dies", count=1)

    pages = list(client.query_pages(COUNT, page_size=200))

    assert [len(page.rows) for page in pages] == [200, 1]


def test_threads_that_meet_the_same_dead_session_cause_one_login(salesforce: World) -> None:
    client = salesforce.client()
    ids(client)
    salesforce.site.sessions.kill_all()
    together = Barrier(4)

    def ask(number: int) -> None:
        together.wait()
        ids(client)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))

    assert salesforce.requests["token"] == 2


def test_a_session_that_stays_dead_is_an_error_and_no_endless_loop(salesforce: World) -> None:
    salesforce.faults.add("unauthorized")

    with pytest.raises(errors.WrongCredential, match="fresh token"):
        ids(salesforce.client())

    assert salesforce.requests["token"] == 2


@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        ("server_error", {}),
        ("server_error", {"status": 500}),
        ("server_error", {"status": 504}),
        ("gateway_page", {}),
        ("concurrent_limit", {}),
        ("truncated_body", {}),
        ("truncated_body", {"quiet": True}),
    ],
)
def test_a_read_is_repeated_after_a_fault_that_passes(salesforce: World, fault: str, settings: dict[str, Any]) -> None:
    deal = salesforce.an_opportunity()
    salesforce.faults.add(fault, **{"match": "^query", "count": 2, **settings})

    assert ids(salesforce.client()) == [deal]

    assert salesforce.requests["query"] == 3


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, '[{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]'),
        (401, '{"exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id"}'),
        (400, '{"exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id"}'),
        (401, "<html><body>Unauthorized</body></html>"),
        (401, ""),
    ],
)
def test_a_dead_session_is_known_in_each_spelling(status: int, body: str) -> None:
    assert isinstance(errors.error_of(status, body, asked="query of Lead"), errors.DeadSession)


@pytest.mark.parametrize("redirected", ["/services/oauth2/token", "/services/data"])
def test_a_redirect_is_not_followed_so_it_carries_no_credentials(redirected: str) -> None:
    asked: list[str] = []

    async def elsewhere(request: Request) -> Response:
        asked.append(request.url.path)
        return JSONResponse([])

    with LoopbackServer(Starlette(routes=[Route("/{path:path}", elsewhere, methods=["GET", "POST"])])) as other:

        async def here(request: Request) -> Response:
            if request.url.path == redirected:
                return RedirectResponse(other.url + redirected)  # 307: whoever follows it sends the body again
            return JSONResponse({"access_token": "token", "instance_url": str(request.base_url)})

        with LoopbackServer(Starlette(routes=[Route("/{path:path}", here, methods=["GET", "POST"])])) as server:
            login = ClientCredentials(client_id="key", client_secret="secret")
            client = SalesforceClient(domain_url=server.url, login=login)
            with closing(client), pytest.raises(errors.WrongHost):
                client.check_version()

    assert asked == []


def test_repeating_ends(salesforce: World) -> None:
    salesforce.faults.add("server_error", match="^query")

    with pytest.raises(errors.Busy, match="503 SERVER_UNAVAILABLE"):
        ids(salesforce.client(attempts=3))

    assert salesforce.requests["query"] == 3


@pytest.mark.parametrize(
    ("fault", "settings", "error"),
    [
        ("daily_limit", {}, errors.QuotaReached),
        ("forbidden", {}, errors.NoPermission),
        ("query_timeout", {}, errors.TooLarge),
        ("server_error", {"status": 302, "errors": []}, errors.WrongHost),
        ("server_error", {"status": 410, "errors": []}, errors.WrongVersion),
        ("server_error", {"status": 418, "errors": []}, errors.UnexpectedAnswer),
        ("login_refused", {}, errors.WrongCredential),
    ],
)
def test_what_will_not_pass_is_asked_once(
    salesforce: World, fault: str, settings: dict[str, Any], error: type[errors.SalesforceError]
) -> None:
    salesforce.faults.add(fault, **{**({} if fault == "login_refused" else {"match": "^query"}), **settings})

    with pytest.raises(error) as raised:
        ids(salesforce.client())

    assert salesforce.requests.get("query", 0) <= 1
    assert salesforce.requests["token"] == 1
    assert CREDENTIALS.client_secret not in str(raised.value)


def test_a_field_that_is_not_there_is_named(salesforce: World) -> None:
    with pytest.raises(errors.UnknownField, match="Nope__c"):
        list(salesforce.client().query_pages("SELECT Nope__c FROM Lead"))


def test_an_object_that_is_not_there_is_named(salesforce: World) -> None:
    with pytest.raises(errors.UnknownObject, match="Nope__c"):
        salesforce.client().describe("Nope__c")


def test_a_wrong_secret_says_which_names_to_check_and_shows_no_secret(salesforce: World) -> None:
    login = ClientCredentials(client_id=CREDENTIALS.client_id, client_secret="tell nobody")

    with pytest.raises(errors.WrongCredential, match="SALESFORCE_CLIENT_SECRET") as raised:
        ids(salesforce.client(login=login))

    assert "tell nobody" not in str(raised.value)
    assert "tell nobody" not in repr(login)


def test_a_host_that_does_not_answer_is_named(salesforce: World) -> None:
    with pytest.raises(errors.Unreachable, match=r"127\.0\.0\.1:9: .*SALESFORCE_DOMAIN_URL"):
        ids(salesforce.client(domain_url="http://127.0.0.1:9", attempts=2))


def test_a_version_outside_the_range_is_refused_before_anything_is_asked(salesforce: World) -> None:
    with pytest.raises(errors.WrongVersion, match=r"SALESFORCE_API_VERSION=59\.0"):
        salesforce.client(api_version="59.0")
    with pytest.raises(errors.WrongVersion, match="SALESFORCE_API_VERSION=newest"):
        salesforce.client(api_version="newest")


def test_we_stop_before_the_orgs_requests_are_spent(tmp_path: Any) -> None:
    with world(tmp_path, OrgFeatures(daily_api_requests=10, per_app_usage=True)) as salesforce:
        client = salesforce.client(quota_share=Fraction(1, 2))

        for _ in range(5):
            ids(client)
        with pytest.raises(errors.QuotaReached, match="5 of its 10"):
            ids(client)

        assert client.api_calls == 5


@pytest.mark.parametrize(
    ("header", "quota"),
    [
        ("api-usage=18/5000", Quota(used=18, maximum=5000)),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=our-app)", Quota(used=25, maximum=5000)),
        ("per-app-api-usage=17/250(appName=our-app); api-usage=25/5000", Quota(used=25, maximum=5000)),
        ("per-app-api-usage=17/250(appName=our-app)", None),
        ("", None),
    ],
)
def test_both_forms_of_the_limit_header_are_understood(header: str, quota: Quota | None) -> None:
    assert quota_of(header) == quota


@pytest.mark.parametrize(
    ("instance", "domain", "is_allowed"),
    [
        ("https://acme.my.salesforce.com", "https://acme.my.salesforce.com", True),
        ("https://na1.salesforce.com/", "https://acme.my.salesforce.com", True),
        ("https://acme.my.site.force.com", "https://acme.my.salesforce.com", True),
        ("http://127.0.0.1:2", "http://127.0.0.1:1", True),
        ("https://salesforce.com.evil.example", "https://acme.my.salesforce.com", False),
        ("https://evilsalesforce.com", "https://acme.my.salesforce.com", False),
        ("http://acme.my.salesforce.com", "https://acme.my.salesforce.com", False),
        ("http://127.0.0.1:2", "https://acme.my.salesforce.com", False),
        ("https://acme.my.salesforce.com", "http://127.0.0.1:1", False),
    ],
)
def test_a_token_goes_only_to_a_host_of_the_same_owner(instance: str, domain: str, is_allowed: bool) -> None:
    if is_allowed:
        assert checked_instance(instance, domain) == instance.rstrip("/")
    else:
        with pytest.raises(errors.WrongHost, match="No token was sent there"):
            checked_instance(instance, domain)


@pytest.mark.parametrize(
    "url", ["http://acme.my.salesforce.com", "acme.my.salesforce.com", "https://a.b/x", "https://u@a.b"]
)
def test_a_domain_without_encryption_or_with_more_than_a_host_is_refused(url: str) -> None:
    with pytest.raises(errors.WrongHost, match="SALESFORCE_DOMAIN_URL"):
        checked_domain(url)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def jwt_world(salesforce: World, key: rsa.RSAPrivateKey) -> Iterator[World]:
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    salesforce.site.sessions._credentials = Credentials(public_key=public.decode())
    return salesforce


def test_the_jwt_bearer_flow_logs_in_with_a_key(jwt_world: World, key: rsa.RSAPrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    login = JwtBearer(client_id=CREDENTIALS.client_id, username=CREDENTIALS.username, private_key=pem)
    deal = jwt_world.an_opportunity()

    assert ids(jwt_world.client(login=login)) == [deal]
    assert "PRIVATE" not in repr(login)


def test_a_file_that_holds_no_key_is_named_and_not_shown(jwt_world: World) -> None:
    login = JwtBearer(client_id=CREDENTIALS.client_id, username=CREDENTIALS.username, private_key="no key at all")

    with pytest.raises(errors.WrongCredential, match="SALESFORCE_PRIVATE_KEY_FILE") as raised:
        ids(jwt_world.client(login=login))

    assert "no key at all" not in str(raised.value)


def test_the_clock_is_salesforces_own(salesforce: World) -> None:
    client = salesforce.client()
    salesforce.advance(days=3)
    client.check_version()

    assert client.server_now == salesforce.clock.now()
    assert client.organization().id == salesforce.org.org_id


def test_deletions_name_the_next_start(salesforce: World) -> None:
    deal = salesforce.an_opportunity()
    salesforce.edit("delete", "Opportunity", deal)
    salesforce.advance(minutes=5)

    deleted = salesforce.client().get_deleted(
        "Opportunity", salesforce.clock.now() - timedelta(hours=1), salesforce.clock.now()
    )

    assert deleted.ids == {deal}
    assert deleted.latest_date_covered <= salesforce.clock.now()
