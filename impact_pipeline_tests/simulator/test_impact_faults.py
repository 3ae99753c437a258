"""Each fault switch, as a real client meets it."""

import json
import time
from collections.abc import Iterator

import pytest
import requests
import urllib3

from impact_pipeline.simulator.impact import Fault, Faults
from impact_pipeline_tests.simulator.impact_world import CAMPAIGN, ImpactWorld, a_conversion, serve


@pytest.fixture
def impact() -> Iterator[ImpactWorld]:
    with serve(actions_page_size_minimum=1) as world:
        yield world


def test_a_timeout_drops_the_connection_and_records_nothing(impact):
    impact.fault("timeout", endpoint="Conversions")

    with pytest.raises(requests.ConnectionError):
        impact.post()

    assert impact.program.submissions == {}
    assert [one.is_recorded for one in impact.program.received] == [False]
    assert impact.post().status_code == 200


def test_an_answer_can_be_lost_after_the_request_was_recorded(impact):
    impact.fault("accepted_unanswered")

    with pytest.raises(requests.ConnectionError):
        impact.post()

    assert len(impact.program.submissions) == 1


def test_urllib3_sees_the_dropped_connection_as_a_protocol_error(impact):
    impact.fault("accepted_unanswered")
    with urllib3.PoolManager() as pool, pytest.raises(urllib3.exceptions.ProtocolError):
        pool.request("POST", f"{impact.url}/Conversions", body=b"x=1", retries=False)


def test_a_kept_alive_connection_drops_too_and_the_next_request_works(impact):
    for _ in range(3):
        assert impact.post().status_code == 200
        impact.fault("timeout")
        with pytest.raises(requests.ConnectionError):
            impact.post()


def test_no_answer_lasts_until_the_client_gives_up(impact):
    impact.fault("no_answer")

    with pytest.raises(requests.ReadTimeout):
        impact.session.post(f"{impact.url}/Conversions", data=a_conversion(), timeout=0.1)

    assert len(impact.program.submissions) == 1


def test_no_answer_ends_by_itself(impact):
    impact.fault("no_answer", seconds=0.05)

    with pytest.raises(requests.ConnectionError):
        impact.post()


def test_a_late_success_arrives_after_the_client_was_cut_off(impact):
    impact.fault("late_success", after_seconds=300)
    with pytest.raises(requests.ConnectionError):
        impact.post()
    impact.wait(seconds=299)
    assert impact.get("APISubmissions")["APISubmission"] == []
    impact.wait(seconds=1)

    assert impact.get("APISubmissions")["APISubmission"][0]["SubmissionDate"] == "2026-11-20T04:05:00-08:00"
    impact.wait(minutes=10)
    assert len(impact.actions()) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("recorded", [False, True])
def test_a_server_error_comes_before_or_after_recording(impact, status, recorded):
    impact.fault("server_error", status=status, recorded=recorded)

    assert impact.post().status_code == status
    assert len(impact.program.submissions) == recorded


def test_a_503_may_say_when_to_come_back(impact):
    impact.fault("server_error", status=503, retry_after=7)

    assert impact.post().headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "700"},
        {"X-RateLimit-Reset": "1795261200"},
        {"X-RateLimit-Limit-hour": "1000", "RateLimit-Reset": "30"},
        {"Retry-After": "5"},
        {},
    ],
    ids=str,
)
def test_a_429_carries_exactly_the_headers_given(impact, headers):
    impact.fault("rate_limited", headers=headers)

    answer = impact.post()

    limits = {
        name: value for name, value in answer.headers.items() if "ratelimit" in name.lower() or name == "retry-after"
    }
    assert answer.status_code == 429
    assert limits == {name.lower(): value for name, value in headers.items()}
    assert impact.program.submissions == {}


def test_half_a_body_breaks_off_in_the_middle(impact):
    impact.fault("half_body")

    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        impact.post()

    assert len(impact.program.submissions) == 1


@pytest.mark.parametrize(
    ("kind", "recorded"), [("empty_body", 1), ("html", 1), ("unparsable", 1), ("error_with_200", 0)]
)
def test_a_200_need_not_mean_anything(impact, kind, recorded):
    impact.fault(kind)

    answer = impact.post()

    assert answer.status_code == 200
    assert b"QUEUED" not in answer.content
    assert len(impact.program.submissions) == recorded


def test_the_bodies_of_meaningless_answers_are_what_they_say(impact):
    bodies = {}
    for kind in ("empty_body", "html", "unparsable", "error_with_200"):
        impact.fault(kind)
        bodies[kind] = impact.post().content

    assert bodies["empty_body"] == b""
    assert bodies["html"].startswith(b"<html>")
    assert json.loads(bodies["error_with_200"])["Status"] == "ERROR"
    with pytest.raises(ValueError):
        json.loads(bodies["unparsable"])


def test_what_was_accepted_can_still_be_rejected(impact):
    impact.fault("rejected", error_type="Contract Error", reason="CONTRACT_NOT_FOUND SOMETHING_NEW")

    record = impact.outcome(impact.post())

    assert (record["ErrorType"], record["ErrorReason"]) == ("Contract Error", "CONTRACT_NOT_FOUND SOMETHING_NEW")
    assert impact.actions() == []


@pytest.mark.parametrize("credited", [False, True])
def test_a_submission_may_never_complete_with_or_without_an_action(impact, credited):
    impact.fault("never_completes", credited=credited)
    answer = impact.post()
    impact.wait(days=5)

    assert impact.outcome(answer)["Status"] == "In Progress"
    assert len(impact.actions()) == credited


def test_processing_can_take_longer(impact):
    impact.fault("delayed", seconds=3600)
    answer = impact.post()
    impact.wait(minutes=59)

    assert impact.outcome(answer)["Status"] == "In Progress"
    assert impact.outcome(answer)["Status"] == "Complete"


def test_a_submission_record_can_vanish_while_its_action_stays(impact):
    impact.fault("submission_vanishes", after_seconds=60)
    uri = impact.root + impact.post().json()["QueuedUri"]
    assert impact.session.get(uri).status_code == 200
    impact.wait(minutes=10)

    assert impact.session.get(uri).status_code == 404
    assert impact.get("APISubmissions")["APISubmission"] == []
    assert len(impact.actions()) == 1


def test_an_action_can_vanish_while_its_submission_stays(impact):
    impact.fault("action_vanishes", after_seconds=60)
    action = impact.credited()
    impact.wait(seconds=60)

    assert impact.actions() == []
    assert impact.session.get(f"{impact.url}/Actions/{action['Id']}").status_code == 404
    assert impact.reason(impact.delete(ActionId=action["Id"], DispositionCode="OTHER")) == "ACTION_NOT_FOUND"


@pytest.mark.parametrize(("kind", "second_page"), [("duplicate_page", ["Lead_2", "Lead_1"]), ("missing_page", [])])
def test_a_page_can_come_twice_or_not_at_all(impact, kind, second_page):
    for number in range(3):
        impact.post(OrderId=f"Lead_{number}")
    impact.wait(minutes=10)
    impact.fault(kind, endpoint="Actions", page=2)

    def page(number: int) -> list[str]:
        return [action["Oid"] for action in impact.actions(PageSize=2, Page=number)]

    assert [page(1), page(2), page(2)] == [["Lead_2", "Lead_1"], second_page, ["Lead_0"]]


def test_latency_is_added_to_each_request(impact):
    impact.fault("latency", ms=60, count=None)
    began = time.monotonic()
    impact.post()
    impact.post()

    assert time.monotonic() - began >= 0.12


def test_a_fault_meets_only_the_requests_it_names(impact):
    impact.fault("server_error", order_id="Lead_2")
    impact.fault("server_error", method="DELETE", endpoint="Actions", status=502)

    assert impact.post(OrderId="Lead_1").status_code == 200
    assert impact.post(OrderId="Lead_2").status_code == 500
    assert impact.post(OrderId="Lead_2").status_code == 200
    assert impact.put(ActionId="1", Reason="OTHER").status_code == 200
    assert impact.delete(ActionId="1", DispositionCode="OTHER").status_code == 502


def test_a_fault_counts_and_skips(impact):
    impact.fault("server_error", skip=1, count=2)

    assert [impact.post().status_code for _ in range(5)] == [200, 500, 500, 200, 200]
    assert impact.faults.state()[0]["hits"] == 2


def test_faults_are_set_listed_and_cleared_over_http(impact):
    address = f"{impact.root}/simulator/faults"
    listed = requests.post(address, json=[{"kind": "timeout"}, {"kind": "latency", "parameters": {"ms": 1}}], timeout=2)
    assert [one["kind"] for one in listed.json()["faults"]] == ["timeout", "latency"]
    with pytest.raises(requests.ConnectionError):
        impact.post()
    assert requests.get(address, timeout=2).json()["faults"][0]["hits"] == 1

    assert requests.delete(address, timeout=2).json() == {"faults": []}
    assert impact.post().status_code == 200


@pytest.mark.parametrize(
    "body", [{"kind": "nonsense"}, {"kind": "timeout", "often": 1}, {"kind": "timeout", "parameters": {"x": 1}}, {}, 7]
)
def test_a_wrong_fault_is_refused_with_what_is_known(impact, body):
    answer = requests.post(f"{impact.root}/simulator/faults", json=body, timeout=2)

    assert answer.status_code == 400
    assert "error" in answer.json()
    assert impact.faults.state() == []


def test_faults_on_every_read_leave_the_state_alone(impact):
    impact.credited()
    impact.fault("html", method="GET", count=1)
    assert impact.session.get(f"{impact.url}/Actions", params={"CampaignId": CAMPAIGN}).text.startswith("<html>")

    assert len(impact.actions()) == 1


def test_a_fault_can_be_given_at_the_start():
    assert Faults(Fault(kind="timeout")).take("answer", "GET", "Actions") == Fault(kind="timeout")
