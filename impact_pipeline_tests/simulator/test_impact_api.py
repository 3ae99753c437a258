"""Credentials, representation, rate limits and the simulator's own addresses."""

from collections.abc import Iterator
from xml.etree import ElementTree

import pytest
import requests

from impact_pipeline.simulator.impact import RateLimits
from impact_pipeline_tests.simulator.impact_world import (
    CAMPAIGN,
    READ_TOKEN,
    SID,
    TOKEN,
    ImpactWorld,
    a_conversion,
    serve,
)


@pytest.fixture
def impact() -> Iterator[ImpactWorld]:
    with serve(scoped_tokens={"only-conversions": ("Conversions", "APISubmissions")}) as world:
        yield world


def xml_of(answer: requests.Response) -> ElementTree.Element:
    return ElementTree.fromstring(answer.text)  # noqa: S314 - the simulator of this process wrote it


@pytest.mark.parametrize("auth", [None, (SID, "wrong"), ("IRother", TOKEN), (SID, "")])
def test_missing_or_wrong_credentials_are_401(impact, auth):
    answer = requests.get(f"{impact.url}/CompanyInformation", auth=auth, timeout=2)

    assert answer.status_code == 401


def test_a_token_without_the_right_is_403(impact):
    scoped, reader = (SID, "only-conversions"), (SID, READ_TOKEN)

    assert requests.get(f"{impact.url}/Actions", auth=scoped, timeout=2).status_code == 403
    assert requests.post(f"{impact.url}/Conversions", a_conversion(), auth=scoped, timeout=2).status_code == 200
    assert requests.post(f"{impact.url}/Conversions", a_conversion(), auth=reader, timeout=2).status_code == 403
    assert requests.get(f"{impact.url}/CompanyInformation", auth=reader, timeout=2).status_code == 200
    assert impact.session.get(f"{impact.root}/Advertisers/IRother/Actions").status_code == 403


def test_xml_comes_unless_json_is_asked_for(impact):
    impact.credited()
    del impact.session.headers["Accept"]

    receipt = impact.session.post(f"{impact.url}/Conversions", data=a_conversion(OrderId="x"))
    actions = impact.session.get(f"{impact.url}/Actions", params={"CampaignId": CAMPAIGN})
    refusal = impact.session.post(f"{impact.url}/Conversions", data={})

    root = xml_of(receipt)
    assert receipt.headers["Content-Type"] == "application/xml"
    assert (root.tag, root.findtext("Status")) == ("ImpactRadiusResponse", "QUEUED")
    listed = xml_of(actions).find("Actions")
    assert listed is not None
    assert listed.get("total") == "1"
    assert listed.findtext("Action/Oid") == "Lead_1"
    assert xml_of(refusal).findtext("errors/error/field") == "CampaignId"


def test_a_json_suffix_asks_for_json(impact):
    del impact.session.headers["Accept"]

    assert impact.session.get(f"{impact.url}/Campaigns.json").json()["Campaigns"][0]["Id"] == str(CAMPAIGN)


def test_a_wrong_method_is_405(impact):
    assert impact.session.put(f"{impact.url}/Conversions").status_code == 405


def test_every_answer_tells_the_virtual_time(impact):
    impact.wait(hours=30)

    for answer in (impact.post(), impact.session.get(f"{impact.url}/Nothing"), requests.get(impact.url, timeout=2)):
        assert answer.headers["Date"] == "Sat, 21 Nov 2026 18:00:00 GMT"


def test_the_version_asked_for_is_recorded(impact):
    impact.post()
    impact.session.get(f"{impact.url}/CompanyInformation?IrVersion=13")
    del impact.session.headers["IR-Version"]
    impact.session.get(f"{impact.url}/CompanyInformation")

    assert impact.api.versions == {"14": 1, "13": 1, "": 1}


def test_reading_is_limited_to_1000_requests_an_hour_and_conversions_are_not(impact):
    first = impact.session.get(f"{impact.url}/CompanyInformation")
    for _ in range(999):
        last = impact.session.get(f"{impact.url}/CompanyInformation")
    impact.wait(minutes=50)
    refused = impact.session.get(f"{impact.url}/CompanyInformation")

    def limits(answer: requests.Response) -> list[str]:
        return [answer.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")]

    assert limits(first) == ["1000", "999", "3600"]
    assert limits(last) == ["1000", "0", "3600"]
    assert refused.status_code == 429
    assert limits(refused) == ["1000", "0", "600"]
    assert "Retry-After" not in refused.headers
    assert impact.post().status_code == 200
    impact.wait(minutes=10)
    assert impact.session.get(f"{impact.url}/CompanyInformation").status_code == 200


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        (
            {"reset": "epoch"},
            {"X-RateLimit-Limit": "1", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795179600"},
        ),
        (
            {"spelling": "partner", "retry_after": True},
            {
                "X-RateLimit-Limit-hour": "1",
                "X-RateLimit-Remaining-hour": "0",
                "RateLimit-Reset": "3600",
                "Retry-After": "3600",
            },
        ),
        ({"spelling": "both"}, {"X-RateLimit-Limit": "1", "X-RateLimit-Limit-hour": "1", "RateLimit-Reset": "3600"}),
    ],
)
def test_a_429_is_spelled_in_each_way_that_was_seen(settings, headers):
    with serve(rate_limits=RateLimits(reads_per_hour=1, conversions_per_hour=1, **settings)) as impact:
        assert impact.post().status_code == 200
        refused = impact.post()

    assert refused.status_code == 429
    assert {name: refused.headers[name] for name in headers} == headers
    assert ("X-RateLimit-Limit" in refused.headers) == (settings.get("spelling") != "partner")


def test_the_clock_can_be_moved_over_http(impact):
    moved = requests.post(f"{impact.root}/simulator/clock", json={"advance_seconds": 600}, timeout=2)
    back = requests.post(f"{impact.root}/simulator/clock", json={"to": "2026-11-20T12:00:00Z"}, timeout=2)
    naive = requests.post(f"{impact.root}/simulator/clock", json={"to": "2026-11-21T12:00:00"}, timeout=2)

    assert moved.json() == {"now": "2026-11-20T12:10:00+00:00"}
    assert back.status_code == naive.status_code == 400


def test_the_state_can_be_read_over_http(impact):
    impact.credited()
    impact.post()

    state = requests.get(f"{impact.root}/simulator/state", timeout=2).json()

    assert state["submissions"] == {"Queued": 1, "In Progress": 0, "Complete": 1}
    assert state["actions"] == {"PENDING": 1, "APPROVED": 0, "REVERSED": 0}
    assert state["actions_by_key"] == [{"ActionTrackerId": 8180, "OrderId": "Lead_1", "states": ["PENDING"]}]
    assert state["requests"]["POST Conversions"] == state["received_conversions"] == 2


@pytest.mark.parametrize("act", ["reverse_by_person", "reattribute", "lock_now"])
def test_impact_coms_own_acts_can_be_asked_for_over_http(impact, act):
    action = impact.credited()
    body = {"act": act, "ActionId": action["Id"]} | ({"MediaPartnerId": 20001} if act == "reattribute" else {})

    answer = requests.post(f"{impact.root}/simulator/acts", json=body, timeout=2)
    again = requests.post(f"{impact.root}/simulator/acts", json=body, timeout=2)

    assert (
        answer.json()["State"]
        == {"reverse_by_person": "REVERSED", "reattribute": "PENDING", "lock_now": "APPROVED"}[act]
    )
    assert again.status_code == 400


def test_an_unknown_address_or_act_of_the_simulator_says_what_there_is(impact):
    nowhere = requests.get(f"{impact.root}/simulator/nowhere", timeout=2)
    unknown = requests.post(f"{impact.root}/simulator/acts", json={"act": "dance"}, timeout=2)

    assert (nowhere.status_code, unknown.status_code) == (404, 400)
    assert "/simulator/state" in nowhere.text
    assert "lock_now" in unknown.text
