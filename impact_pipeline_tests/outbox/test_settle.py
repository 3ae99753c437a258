"""Reading until each request has its end: what is in doubt, what was accepted, what impact.com keeps to itself."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from impact_pipeline.outbox.confirm import confirm
from impact_pipeline.outbox.impact.client import Credential, ImpactClient, RateLimitedError, WrongCredentialError
from impact_pipeline.outbox.impact.reasons import CLASSES, reason_classes
from impact_pipeline.outbox.impact.transport import Answer, HttpTransport
from impact_pipeline.outbox.listing import LONGEST_WINDOW, windows
from impact_pipeline.simulator.impact import create_unsubmitted
from impact_pipeline_tests.outbox.conftest import DECLARATION, SALE, SID, START, TOKEN, Outbox, There, want

SETTLED = "settled/credited"


def one_lead(outbox: Outbox, **given: object) -> str:
    event_id = outbox.wants("Lead_1", **given)
    outbox.enqueue()
    return event_id


def test_a_lost_answer_is_not_sent_again(outbox: Outbox, impact: There) -> None:
    """A lost answer says nothing about impact.com's side, so only reading may decide."""
    impact.fault("accepted_unanswered")
    one_lead(outbox)

    outbox.submit()
    outbox.submit()

    assert outbox.states() == {"Lead_1": "in_doubt"}
    assert len(impact.received) == 1


@pytest.mark.parametrize("kind", ["accepted_unanswered", "half_body", "empty_body", "html", "unparsable"])
def test_what_arrived_and_was_never_answered_is_found_and_not_sent_twice(
    outbox: Outbox, impact: There, kind: str
) -> None:
    impact.fault(kind, method="POST")
    one_lead(outbox)
    outbox.submit()
    outbox.passes(minutes=11)

    report = outbox.confirm()

    assert report.outcomes == {"credited": 1}
    assert outbox.states() == {"Lead_1": SETTLED}
    outbox.submit()
    assert impact.recorded() == {"Lead_1": 1}


def test_what_arrived_and_is_still_being_processed_is_found_among_the_queue_records(
    outbox: Outbox, impact: There
) -> None:
    impact.fault("accepted_unanswered", method="POST")
    impact.fault("delayed", parameters={"seconds": 7200})
    one_lead(outbox)
    outbox.submit()
    outbox.passes(minutes=11)

    assert outbox.confirm().outcomes == {"accepted": 1}

    assert outbox.states() == {"Lead_1": "accepted"}
    outbox.passes(hours=3)
    outbox.confirm()
    assert outbox.states() == {"Lead_1": SETTLED}


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [("timeout", {}), ("server_error", {"status": 500}), ("server_error", {"status": 504}), ("error_with_200", {})],
)
def test_what_did_not_arrive_is_proven_by_complete_lists_and_goes_again_with_the_same_bytes(
    outbox: Outbox, impact: There, kind: str, parameters: dict[str, object]
) -> None:
    impact.fault(kind, method="POST", parameters=parameters)
    one_lead(outbox)
    outbox.submit()
    outbox.passes(minutes=11)

    assert outbox.confirm().outcomes == {"ready": 1}
    assert outbox.submit().verdicts == {"accepted": 1}

    assert impact.received[0] == impact.received[1]
    assert impact.recorded() == {"Lead_1": 1}


def test_lists_that_began_too_early_prove_nothing(outbox: Outbox, impact: There) -> None:
    """A request may be on its way for some minutes: case `late success`."""
    impact.fault("late_success", method="POST", parameters={"after_seconds": 500})
    one_lead(outbox)
    outbox.submit()
    outbox.passes(minutes=8)

    assert outbox.confirm().outcomes == {}
    assert outbox.submit().sent == 0

    outbox.passes(minutes=10)
    outbox.confirm()
    outbox.passes(minutes=10)
    outbox.confirm()
    assert outbox.states() == {"Lead_1": SETTLED}
    assert impact.recorded() == {"Lead_1": 1}


def test_a_list_with_more_pages_than_are_served_is_read_by_minutes(outbox: Outbox, impact: There) -> None:
    """A backfill makes more actions in an hour than ten pages of the longest size hold."""
    impact.program.declaration = replace(impact.program.declaration, actions_page_size=1, actions_page_size_minimum=1)
    outbox.proven()
    for number in range(24):
        outbox.wants(f"Lead_{number}")
        outbox.enqueue()
        outbox.submit()
        outbox.passes(minutes=1)
    outbox.passes(minutes=30)

    outbox.confirm()

    assert [state for key, state in outbox.states().items() if key.startswith("Lead_")] == [SETTLED] * 24
    assert outbox.rows("select is_complete from audit.listing where what = 'Actions'") == [(True,)]


@pytest.mark.parametrize("kind", ["missing_page", "duplicate_page"])
def test_a_list_with_a_missing_page_proves_nothing(outbox: Outbox, impact: There, kind: str) -> None:
    impact.program.declaration = replace(DECLARATION, page_size=2)
    outbox.proven()
    outbox.wants_many(5)
    outbox.enqueue()
    outbox.submit()
    impact.fault("accepted_unanswered", method="POST")
    impact.fault("never_completes")
    outbox.wants("Deal")
    outbox.enqueue()
    outbox.submit()
    outbox.passes(minutes=11)
    impact.fault(kind, endpoint="APISubmissions", count=None, parameters={"page": 1 if kind == "missing_page" else 2})

    outbox.confirm()

    assert outbox.rows("select is_complete from audit.listing where what = 'APISubmissions'") == [(False,)]
    assert outbox.states()["Deal"] in ("in_doubt", "accepted")
    assert outbox.submit().sent == 0
    impact.mend()
    outbox.passes(minutes=11)
    outbox.confirm()
    assert outbox.states()["Deal"] == "accepted"


def test_a_list_that_was_read_with_a_gap_is_read_again_at_once(outbox: Outbox, impact: There) -> None:
    impact.program.declaration = replace(DECLARATION, page_size=2)
    outbox.proven()
    outbox.wants_many(5)
    impact.fault("never_completes", count=None)
    outbox.enqueue()
    outbox.submit()
    outbox.passes(minutes=11)
    impact.fault("missing_page", endpoint="APISubmissions", parameters={"page": 2})

    outbox.confirm()

    assert outbox.rows("select is_complete, pages, api_calls from audit.listing where what = 'APISubmissions'") == [
        (True, 3, 6)
    ]


def test_without_a_right_to_read_a_lost_row_goes_again_inside_half_the_deduplication_window_only(
    outbox: Outbox, impact: There
) -> None:
    impact.fault("timeout", method="POST", count=2)
    outbox.proven()
    outbox.wants("Sale_1", code=SALE, items=[("A", 1, "1.00")])
    one_lead(outbox)
    outbox.submit()
    assert set(outbox.states().values()) == {"settled/not_credited", "in_doubt"}
    outbox.client = ImpactClient(HttpTransport(impact.url), Credential(account_sid=SID, auth_token="writer"))
    outbox.passes(minutes=11)

    report = outbox.confirm()

    assert "403" in (report.problem or "")
    assert report.outcomes == {"ready": 1, "needs_person": 1}
    assert outbox.states()["Sale_1"] == "ready"
    assert outbox.rows("select needs_person from outbox.request where OrderId = 'Lead_1'") == [(True,)]
    assert outbox.confirm().outcomes == {}


def test_what_goes_again_without_a_proof_is_not_withdrawn_but_corrected(outbox: Outbox, impact: There) -> None:
    """The first may have arrived: withdrawing the second would leave what is there unpaid for, or paid for nothing."""
    outbox.proven()
    impact.fault("accepted_unanswered", method="POST")
    event_id = outbox.wants("Sale_1", code=SALE, items=[("A", 1, "1.00")], CustomerId=None)
    outbox.enqueue()
    outbox.submit()
    permitted = outbox.client
    outbox.client = ImpactClient(HttpTransport(impact.url), Credential(account_sid=SID, auth_token="writer"))
    outbox.passes(minutes=11)
    assert outbox.confirm().outcomes == {"ready": 1}
    with outbox.warehouse.transaction() as con:
        want(con, event_id, outbox.clock.now(), state="reversed", code="ORDER_ERROR")

    assert outbox.enqueue().withdrawn == 0

    outbox.client = permitted
    outbox.submit()
    outbox.passes(hours=2)
    outbox.confirm()
    outbox.enqueue()
    outbox.passes(hours=2)
    outbox.submit()
    outbox.passes(hours=1)
    assert outbox.states()["Sale_1"] == "settled/credited"
    assert impact.live() == {}


def test_what_needed_a_person_goes_on_by_itself_once_it_may_be_read_again(outbox: Outbox, impact: There) -> None:
    """Who enables the endpoint for the token has done what was to be done."""
    impact.fault("timeout", method="POST")
    one_lead(outbox)
    outbox.submit()
    permitted, forbidden = (
        outbox.client,
        ImpactClient(HttpTransport(impact.url), Credential(account_sid=SID, auth_token="writer")),
    )
    outbox.client = forbidden
    outbox.passes(minutes=11)
    assert outbox.confirm().outcomes == {"needs_person": 1}

    outbox.client = permitted
    report = outbox.confirm()

    assert report.outcomes == {"ready": 1}
    outbox.submit()
    assert impact.recorded() == {"Lead_1": 1}


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("CONV_DUPLICATE", "settled/already_there"),
        ("ACTION_REF_NOT_FOUND", "settled/not_credited"),
        ("CONTRACT_NOT_FOUND RESTRICTED_PROMOCODE", "settled/not_credited"),
        ("CONTRACT_NOT_FOUND,NO_ITEM", "settled/rejected"),
        ("NO_ITEM", "settled/rejected"),
        ("SOMETHING_NEW", "settled/rejected"),
        ("", "settled/rejected"),
    ],
)
def test_a_reason_code_decides_how_a_conversion_ended(outbox: Outbox, impact: There, reason: str, state: str) -> None:
    impact.fault("rejected", parameters={"reason": reason})
    one_lead(outbox)
    outbox.submit()
    outbox.passes(minutes=11)

    outbox.confirm()

    assert outbox.states() == {"Lead_1": state}
    assert outbox.rows("select reason from outbox.request") == [(reason or "Validation",)]


def test_a_code_that_nobody_knows_is_kept_and_flagged(outbox: Outbox, impact: There) -> None:
    impact.fault("rejected", parameters={"reason": "NO_ITEM SOMETHING_NEW"})
    one_lead(outbox)
    outbox.submit()
    outbox.passes(minutes=11)

    outbox.confirm()

    ((detail,),) = outbox.rows("select detail from audit.transition where to_state = 'settled'")
    assert detail == "Validation; unknown code SOMETHING_NEW"


def test_each_reason_code_has_one_of_the_classes() -> None:
    assert set(reason_classes().values()) == CLASSES
    assert len(reason_classes()) == 28


def test_an_organic_customer_is_a_normal_end(outbox: Outbox, impact: There) -> None:
    one_lead(outbox, ClickId=None)
    outbox.submit()
    outbox.passes(minutes=11)

    outbox.confirm()

    assert outbox.states() == {"Lead_1": "settled/not_credited"}


def test_what_the_tag_had_reported_before_us_is_already_there(outbox: Outbox, impact: There) -> None:
    create_unsubmitted(
        impact.program,
        {
            "EventTypeCode": "Lead_Qualified",
            "EventDate": "2026-11-20T11:00:00Z",
            "OrderId": "Lead_1",
            "ClickId": "click-1",
        },
        "CLICK_COOKIE",
    )
    outbox.passes(minutes=20)
    one_lead(outbox)
    outbox.submit()
    outbox.passes(minutes=11)

    outbox.confirm()

    assert outbox.states() == {"Lead_1": "settled/already_there"}


def test_an_end_without_error_and_without_action_is_waited_for_and_then_named(outbox: Outbox, impact: There) -> None:
    impact.fault("action_vanishes")
    one_lead(outbox)
    outbox.submit()
    outbox.passes(minutes=11)
    outbox.confirm()
    assert outbox.states() == {"Lead_1": "accepted"}

    outbox.passes(hours=25)
    outbox.confirm()

    assert outbox.rows("select outcome, reason from outbox.request") == [("not_credited", "no_action")]


def test_a_record_that_never_ends_is_given_up_after_a_week_and_looked_at_ever_more_seldom(
    outbox: Outbox, impact: There
) -> None:
    impact.fault("never_completes")
    one_lead(outbox)
    outbox.submit()
    looks = []
    for _ in range(17):
        outbox.passes(minutes=10)
        before = impact.app.api.requests["GET APISubmissions/{BatchId}"]
        outbox.confirm()
        looks.append(impact.app.api.requests["GET APISubmissions/{BatchId}"] - before)
    assert [number + 1 for number, count in enumerate(looks) if count] == [1, 2, 4, 8, 16]

    outbox.passes(days=7)
    outbox.confirm()

    assert outbox.rows("select outcome, reason from outbox.request") == [("end_unknown", "not_ended")]


def test_an_action_that_shows_after_the_end_was_unknown_is_credited_after_all(outbox: Outbox, impact: There) -> None:
    impact.fault("submission_vanishes")
    impact.fault("delayed", skip=0, parameters={"seconds": 0})
    one_lead(outbox)
    impact.program.declaration = replace(DECLARATION, processing_seconds=7200)
    outbox.submit()
    outbox.passes(minutes=11)
    outbox.confirm()
    assert outbox.rows("select outcome, reason from outbox.request") == [("end_unknown", "record_gone")]

    outbox.passes(hours=3)
    outbox.confirm()

    assert outbox.states() == {"Lead_1": SETTLED}


def test_reading_again_without_news_keeps_nothing_new(outbox: Outbox, impact: There) -> None:
    outbox.proven()
    outbox.wants_many(3)
    outbox.enqueue()
    outbox.submit()
    outbox.passes(minutes=11)
    first = outbox.confirm()
    before = outbox.rows("from outbox.request order by all"), outbox.rows("from audit.transition order by all")

    outbox.passes(minutes=30)
    second = outbox.confirm()

    assert (first.actions, second.actions, second.submissions) == (3, 0, 0)
    assert (
        outbox.rows("from outbox.request order by all"),
        outbox.rows("from audit.transition order by all"),
    ) == before


def test_each_change_of_an_action_is_kept_beside_what_was_known_before(outbox: Outbox, impact: There) -> None:
    one_lead(outbox)
    outbox.submit()
    outbox.passes(minutes=11)
    outbox.confirm()

    outbox.passes(days=30)
    outbox.confirm()

    assert outbox.rows("select State from audit.action order by observed_at") == [("PENDING",), ("APPROVED",)]
    assert outbox.rows("select State from audit.current_action") == [("APPROVED",)]


def test_what_is_read_is_what_is_kept_and_personal_values_are_not_among_it(outbox: Outbox, impact: There) -> None:
    one_lead(outbox)
    outbox.submit()
    outbox.passes(minutes=11)
    outbox.confirm()

    ((oid, state, locks, tracker),) = outbox.rows("select Oid, State, LockingDate, ActionTrackerId from audit.action")
    assert (oid, state, tracker) == ("Lead_1", "PENDING", "8180")
    assert locks == START.replace(hour=5, minute=0) + timedelta(days=27)


def test_reading_by_the_list_when_that_takes_fewer_requests(outbox: Outbox, impact: There) -> None:
    outbox.proven()
    outbox.wants_many(4)
    impact.fault("never_completes", count=None)
    outbox.enqueue()
    outbox.submit()
    outbox.passes(minutes=11)

    outbox.confirm()

    assert impact.app.api.requests["GET APISubmissions"] == 1
    assert impact.app.api.requests["GET APISubmissions/{BatchId}"] == 0


def test_a_budget_that_is_used_up_ends_reading_and_loses_nothing(outbox: Outbox, impact: There) -> None:
    one_lead(outbox)
    outbox.submit()
    outbox.passes(minutes=11)
    impact.fault("rate_limited", method="GET")

    assert "budget" in (outbox.confirm().problem or "")

    outbox.confirm()
    assert outbox.states() == {"Lead_1": SETTLED}


def test_a_wrong_credential_is_told_in_one_sentence_without_the_token(outbox: Outbox, impact: There) -> None:
    one_lead(outbox)
    wrong = ImpactClient(HttpTransport(impact.url), Credential(account_sid=SID, auth_token=TOKEN + "x"))

    with pytest.raises(WrongCredentialError, match="IMPACT_AUTH_TOKEN") as raised:
        confirm(outbox.warehouse, wrong, outbox.settings, run_id="wrong", clock=outbox.clock.now)

    assert TOKEN not in str(raised.value)
    assert outbox.rows("select run_id from outbox.lease where lane = 'confirm'") == [(None,)]


class Told:
    """A transport that gives these answers, one after the other."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = iter(answers)

    def send(self, *_: object) -> Answer:
        return next(self._answers)

    def close(self) -> None:
        pass


def test_a_budget_that_was_used_up_counts_until_an_answer_tells_of_none() -> None:
    """Else who reads with one client for long would look at no queue record any more."""
    used_up = Answer(status=429, headers={"x-ratelimit-remaining": "0", "retry-after": "60"})
    client = ImpactClient(Told(used_up, Answer(status=200, body=b"{}")), Credential(account_sid=SID, auth_token=TOKEN))

    with pytest.raises(RateLimitedError):
        client.document("Campaigns")
    assert client.rate.remaining == 0
    client.document("Campaigns")

    assert client.rate.remaining is None


def test_a_token_of_its_own_serves_reading(outbox: Outbox, impact: There) -> None:
    one_lead(outbox)
    outbox.submit()
    outbox.passes(minutes=11)
    reading = ImpactClient(
        HttpTransport(impact.url), Credential(account_sid=SID, auth_token="wrong", read_auth_token="reader")
    )

    confirm(outbox.warehouse, reading, outbox.settings, run_id="reading", clock=outbox.clock.now)

    assert outbox.states() == {"Lead_1": SETTLED}


def test_what_is_deleted_while_in_doubt_and_did_not_arrive_ends_without_trace(outbox: Outbox, impact: There) -> None:
    """Case F4: deletion waits until the doubt is over; then there is nothing to take back."""
    impact.fault("timeout", method="POST")
    event_id = one_lead(outbox)
    outbox.submit()
    with outbox.warehouse.transaction() as con:
        want(con, event_id, outbox.clock.now(), state="reversed", code="ORDER_ERROR")
    outbox.enqueue()
    outbox.passes(minutes=11)

    outbox.confirm()

    assert outbox.states() == {"Lead_1": "settled/no_trace"}
    outbox.enqueue()
    outbox.passes(hours=2)
    assert outbox.submit().sent == 0


def test_what_ended_without_trace_because_it_was_taken_back_goes_when_it_is_wanted_again(
    outbox: Outbox, impact: There
) -> None:
    """Case E4 after a lost request: nothing is at impact.com that could have been reported already."""
    impact.fault("timeout", method="POST")
    event_id = one_lead(outbox)
    ((body,),) = outbox.rows("select payload_sha256 from outbox.request")
    outbox.submit()
    with outbox.warehouse.transaction() as con:
        want(con, event_id, outbox.clock.now(), state="reversed", code="ORDER_ERROR")
    outbox.passes(minutes=11)
    outbox.confirm()
    assert outbox.rows("select event_id from conversions.open_decision") == [(event_id,)]
    told = outbox.rows("select detail from audit.transition where reason = 'not_wanted'")
    assert told == [(f"body {body}",)], "what was frozen may have left, and is replaced"

    with outbox.warehouse.transaction() as con:
        want(con, event_id, outbox.clock.now(), state="live")
    outbox.wants("Lead_1", ClickId="newest")
    assert outbox.enqueue().reopened == 1
    outbox.submit()

    assert outbox.states() == {"Lead_1": "accepted"}
    assert "ClickId=newest" in impact.received[-1], "as the record is by now: nothing of the first body arrived"


def test_a_row_that_is_lost_again_and_again_rests_longer_each_time(outbox: Outbox, impact: There) -> None:
    impact.fault("timeout", method="POST", count=3)
    one_lead(outbox)
    rests = []
    for _ in range(3):
        outbox.submit()
        outbox.passes(minutes=11)
        outbox.confirm()
        ((due_at,),) = outbox.rows("select due_at from outbox.request")
        rests.append((due_at - outbox.clock.now()) / timedelta(minutes=1))
        outbox.passes(minutes=rests[-1])

    assert rests == [0, 5, 20]
    assert outbox.submit().verdicts == {"accepted": 1}


def test_a_long_span_is_asked_for_in_windows_that_impact_com_takes() -> None:
    pieces = windows(START, START + timedelta(days=100))

    assert [pieces[0][0], pieces[-1][1]] == [START, START + timedelta(days=100)]
    assert all(end - start <= LONGEST_WINDOW for start, end in pieces)
    assert all(left[1] == right[0] for left, right in itertools.pairwise(pieces))


@pytest.mark.parametrize("kind", ["server_error", "timeout", "half_body"])
def test_reading_is_tried_again_where_a_connection_breaks_or_a_server_fails(
    outbox: Outbox, impact: There, kind: str
) -> None:
    one_lead(outbox)
    outbox.submit()
    impact.fault(kind, method="GET", count=2)
    outbox.passes(minutes=11)

    assert outbox.confirm().problem is None
    assert outbox.states() == {"Lead_1": SETTLED}


def test_reading_ends_where_it_fails_again_and_again(outbox: Outbox, impact: There) -> None:
    one_lead(outbox)
    outbox.submit()
    impact.fault("server_error", method="GET", count=None)
    outbox.passes(minutes=11)

    assert "status 500" in str(outbox.confirm().problem)
    assert impact.app.api.requests["GET Actions"] == 3
