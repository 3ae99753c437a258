"""The submit lane against a local impact.com over real HTTP."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest

from impact_pipeline.outbox.impact.client import Credential, ImpactClient
from impact_pipeline.outbox.impact.transport import HttpTransport
from impact_pipeline.outbox.moves import LeaseLostError
from impact_pipeline.outbox.pool import Row, Sent, rows_per_second
from impact_pipeline.outbox.states import RequestType
from impact_pipeline.outbox.submit import submit
from impact_pipeline.outbox.verdicts import Judgement, Verdict
from impact_pipeline.simulator.impact import RateLimits
from impact_pipeline.warehouse.high_water import RestoredOldCopy, mark_path, write
from impact_pipeline_tests.outbox.conftest import DEAL, LEAD, SALE, SID, START, TOKEN, Outbox, There

ACCEPTED = Judgement(verdict=Verdict.ACCEPTED, reason="OK")


def test_what_is_due_is_sent_and_accepted(outbox: Outbox, impact: There) -> None:
    outbox.proven()
    outbox.wants("Lead_1")
    outbox.wants("Sale_1", code=SALE, items=[("A", 1, "10.50")])
    outbox.enqueue()

    report = outbox.submit()

    assert report.verdicts == {"accepted": 2}
    assert report.accepted_amounts == {"USD": "10.50"}
    assert outbox.states() | {"Lead_1": "accepted", "Sale_1": "accepted"} == outbox.states()
    assert impact.recorded() == {"Lead_1": 1, "Sale_1": 1}


def test_what_was_queued_is_byte_for_byte_what_arrives(outbox: Outbox, impact: There) -> None:
    outbox.wants("Won & dänn_1", code=SALE, items=[("A", 1, "10.50")])
    outbox.enqueue()

    outbox.submit()

    assert [(body,) for body in impact.received] == outbox.rows("select payload from outbox.request")


def test_every_request_carries_the_version_of_the_api(outbox: Outbox, impact: There) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    outbox.submit()
    outbox.confirm()

    assert set(impact.app.api.versions) == {"14"}


def test_sending_again_without_news_sends_nothing(outbox: Outbox, impact: There) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    outbox.submit()

    assert outbox.submit().sent == 0
    assert len(impact.received) == 1


def test_many_groups_go_one_after_the_other(outbox: Outbox, impact: There) -> None:
    outbox.proven()
    outbox.settings = replace(outbox.settings, group_size=7, largest_group=7)
    outbox.wants_many(30)
    outbox.enqueue()

    report = outbox.submit()

    assert (report.groups, report.verdicts) == (5, {"accepted": 30})
    assert set(impact.recorded().values()) == {1}


def test_groups_grow_where_the_pool_sends_fast(outbox: Outbox, impact: There) -> None:
    """The second one is intended before anything is known of the first one."""
    outbox.proven()
    outbox.settings = replace(outbox.settings, group_size=4, largest_group=9)
    outbox.wants_many(30)
    outbox.enqueue()

    outbox.submit()

    sizes = outbox.rows(
        "select count(*) from outbox.request where group_id is not null group by group_id order by group_id"
    )
    assert sizes == [(4,), (4,), (9,), (9,), (4,)]
    assert set(impact.recorded().values()) == {1}


def test_the_pace_of_a_pool_is_told_from_the_first_byte_to_the_last_answer() -> None:
    def sent(after: float, duration: float, judgement: Judgement | None = ACCEPTED) -> Sent:
        row = Row(request_id=1, type=RequestType.CONVERSION, payload="", payload_sha256="", attempt_count=0)
        started_at = START + timedelta(seconds=after)
        return Sent(row=row, started_at=started_at, duration_seconds=duration, judgement=judgement)

    assert rows_per_second([sent(0, 0.5), sent(0, 1.0), sent(1.0, 1.0), sent(60, 0, None)]) == 1.5
    assert rows_per_second([sent(0, 0, None)]) == 0


def test_the_first_conversion_of_an_event_type_goes_alone(outbox: Outbox, impact: There) -> None:
    """A wrong code or a missing contract then costs one row and not a thousand."""
    for name in ("Lead_1", "Lead_2", "Lead_3"):
        outbox.wants(name)
    outbox.enqueue()

    outbox.submit()
    outbox.submit()

    assert outbox.states() == {"Lead_1": "accepted", "Lead_2": "ready", "Lead_3": "ready"}
    assert outbox.waiting() == {"Lead_2": "first_of_type", "Lead_3": "first_of_type"}
    outbox.passes(minutes=11)
    outbox.confirm()
    outbox.submit()
    assert set(outbox.states().values()) == {"settled/credited", "accepted"}


def test_a_type_whose_first_conversion_was_rejected_is_tried_with_the_next_one(outbox: Outbox, impact: There) -> None:
    impact.fault("rejected")
    for name in ("Lead_1", "Lead_2", "Lead_3"):
        outbox.wants(name)
    outbox.enqueue()
    outbox.submit()
    outbox.passes(minutes=11)
    outbox.confirm()

    outbox.submit()

    assert outbox.states() == {"Lead_1": "settled/rejected", "Lead_2": "accepted", "Lead_3": "ready"}


def test_a_child_waits_for_its_parents_and_five_minutes_more(outbox: Outbox) -> None:
    """impact.com chains by CustomerId, and only to what it has tracked already."""
    outbox.proven()
    outbox.wants("Lead_1", CustomerId="same")
    outbox.wants("Sale_1", code=SALE, items=[("A", 1, "1.00")], CustomerId="same")
    outbox.wants("Sale_2", code=SALE, items=[("A", 1, "1.00")], CustomerId="somebody else")
    outbox.enqueue()

    outbox.submit()
    assert outbox.waiting() == {"Sale_1": "awaiting_parent"}
    outbox.passes(minutes=11)
    outbox.confirm()
    outbox.submit()
    assert outbox.waiting() == {"Sale_1": "awaiting_parent"}
    outbox.passes(minutes=6)
    outbox.submit()

    assert outbox.waiting() == {}
    assert outbox.states()["Sale_1"] == "accepted"


@pytest.mark.parametrize(("click_id", "goes"), [("click-1", True), (None, False)])
def test_after_the_bound_a_child_goes_if_it_has_a_click_id_of_its_own(
    outbox: Outbox, impact: There, click_id: str | None, goes: bool
) -> None:
    outbox.proven()
    impact.fault("never_completes")
    outbox.wants("Lead_1", CustomerId="same", ClickId=None)
    outbox.wants("Sale_1", code=SALE, items=[("A", 1, "1.00")], CustomerId="same", ClickId=click_id)
    outbox.enqueue()
    outbox.submit()
    outbox.passes(days=2, minutes=1)

    outbox.submit()

    assert outbox.states()["Sale_1"] == ("accepted" if goes else "ready")
    assert outbox.waiting() == ({} if goes else {"Sale_1": "parent_unsettled"})
    assert outbox.rows("select needs_person from outbox.request where OrderId = 'Sale_1'") == [(not goes,)]


def test_no_event_type_waits_for_a_flood_of_another(outbox: Outbox, impact: There) -> None:
    outbox.proven()
    outbox.wants_many(6)
    outbox.passes(minutes=1)
    outbox.wants("Deal_1", code=DEAL)
    outbox.settings = replace(outbox.settings, group_size=2, largest_group=2, connections=1)
    outbox.enqueue()

    outbox.submit()

    sent = [body.split("OrderId=")[1].split("&")[0] for body in impact.received]
    assert sent[:3] == ["Lead_00", "Deal_1", "Lead_01"]


def test_a_refused_row_stops_nobody_else(outbox: Outbox, impact: There) -> None:
    outbox.proven()
    outbox.wants("Lead_1")
    outbox.wants("Lead_bad")
    with outbox.warehouse.transaction() as con:
        con.execute("update conversions.conversion set EventDate = 'yesterday' where OrderId = 'Lead_bad'")
    outbox.enqueue()

    report = outbox.submit()

    assert report.verdicts == {"accepted": 1, "refused": 1}
    assert outbox.rows("select reason from outbox.request where state = 'refused'") == [("http_400 EventDate",)]
    assert outbox.submit().sent == 0


def test_ten_rows_refused_alike_stop_the_lane_and_the_rest_is_given_back(outbox: Outbox, impact: There) -> None:
    outbox.proven()
    outbox.wants_many(40)
    with outbox.warehouse.transaction() as con:
        con.execute("update conversions.conversion set EventDate = 'none' where OrderId like 'Lead%'")
    outbox.settings = replace(outbox.settings, connections=4)
    outbox.enqueue()

    report = outbox.submit()

    assert report.stop is not None
    assert (report.stop.code, report.stop.needs_person) == ("refused_alike", True)
    counts = dict(outbox.rows("select state, count(*) from outbox.request where OrderId like 'Lead%' group by all"))
    assert counts["refused"] + counts["ready"] == 40
    assert 10 <= counts["refused"] <= 14
    assert "refused" in (outbox.submit().skipped or "")


@pytest.mark.parametrize(
    ("sid", "token", "words"), [(SID, "wrong", ["401", "IMPACT_AUTH_TOKEN"]), ("IRother", TOKEN, ["401"])]
)
def test_a_wrong_credential_stops_the_lane_and_loses_no_row(
    outbox: Outbox, impact: There, sid: str, token: str, words: list[str]
) -> None:
    outbox.proven()
    outbox.wants_many(20)
    outbox.enqueue()
    wrong = ImpactClient(HttpTransport(impact.url), Credential(account_sid=sid, auth_token=token))

    report = submit(outbox.warehouse, wrong, outbox.settings, run_id="wrong", clock=outbox.clock.now)

    assert report.stop is not None
    assert all(word in report.stop.why for word in words)
    assert TOKEN not in report.stop.why
    assert outbox.lead_states() == {"ready"}
    assert "refused the credential" in (outbox.submit().skipped or "")
    outbox.passes(minutes=6)
    assert outbox.submit().verdicts == {"accepted": 1}, "one probe, then the rest"
    assert outbox.submit().verdicts == {"accepted": 19}


def test_a_host_that_can_not_be_reached_leaves_everything_ready(outbox: Outbox) -> None:
    outbox.proven()
    outbox.wants_many(8)
    outbox.enqueue()
    nobody = ImpactClient(HttpTransport("http://127.0.0.1:9"), Credential(account_sid=SID, auth_token=TOKEN))

    report = submit(outbox.warehouse, nobody, outbox.settings, run_id="x", clock=outbox.clock.now)

    assert report.stop is not None
    assert report.stop.code == "breaker_open"
    assert set(report.verdicts) == {"not_sent"}
    assert outbox.lead_states() == {"ready"}
    assert "backing_off" in outbox.waiting().values()


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": 700},
        {"X-RateLimit-Limit": 1000, "X-RateLimit-Remaining": 0, "X-RateLimit-Reset": 700},
        {"X-RateLimit-Limit-hour": 1000, "X-RateLimit-Remaining-hour": 0, "RateLimit-Reset": 700},
        {"X-RateLimit-Reset": 1795176700},
    ],
)
def test_a_429_is_waited_out(outbox: Outbox, impact: There, headers: dict[str, int]) -> None:
    outbox.proven()
    outbox.passes(seconds=1795176000 - outbox.clock.now().timestamp())
    impact.fault("rate_limited", parameters={"headers": headers})
    outbox.wants("Lead_1")
    outbox.enqueue()

    report = outbox.submit()

    assert report.stop is not None
    assert report.stop.code == "rate_limited"
    assert outbox.waiting() == {"Lead_1": "rate_limited"}
    assert "wait until" in (outbox.submit().skipped or "")
    outbox.passes(seconds=701)
    assert outbox.submit().verdicts == {"accepted": 1}
    assert impact.recorded() == {"Lead_1": 1}


def test_writing_leaves_its_share_of_a_budget_to_reading(outbox: Outbox, impact: There) -> None:
    outbox.proven()
    impact.app.api.limits.settings = RateLimits(conversions_per_hour=50)
    outbox.settings = replace(outbox.settings, group_size=8, largest_group=8, connections=4)
    outbox.wants_many(60)
    outbox.enqueue()

    report = outbox.submit()

    assert report.stop is not None
    assert report.stop.code == "rate_limited"
    assert 30 <= report.verdicts["accepted"] <= 40
    assert "wait until" in (outbox.submit().skipped or "")
    outbox.passes(hours=1, minutes=1)
    assert outbox.submit().verdicts["accepted"] > 0


def test_after_five_lost_answers_in_a_row_the_breaker_opens_and_later_one_row_probes(
    outbox: Outbox, impact: There
) -> None:
    outbox.proven()
    impact.fault("timeout", method="POST", count=None)
    outbox.settings = replace(outbox.settings, connections=1)
    outbox.wants_many(20)
    outbox.enqueue()

    report = outbox.submit()

    assert report.stop is not None
    assert (report.stop.code, report.verdicts) == ("breaker_open", {"in_doubt": 5})
    assert "breaker is open" in (outbox.submit().skipped or "")
    outbox.passes(minutes=2)
    assert outbox.submit().verdicts == {"in_doubt": 1}
    impact.mend()
    outbox.passes(minutes=3)
    assert outbox.submit().verdicts == {"accepted": 1}
    assert outbox.submit().verdicts == {"accepted": 13}


def test_while_one_run_is_sending_another_sends_nothing(outbox: Outbox, impact: There) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    with outbox.warehouse.transaction() as con:
        con.execute(
            "update outbox.lease set run_id = 'other', token = 3, expires_at = $at where lane = 'submit'",
            {"at": outbox.clock.now() + timedelta(minutes=1)},
        )

    assert "run other is sending" in (outbox.submit().skipped or "")
    assert impact.received == []
    outbox.passes(minutes=2)
    assert outbox.submit().sent == 1


def test_two_runs_at_once_send_each_row_once(outbox: Outbox, impact: There) -> None:
    outbox.proven()
    outbox.settings = replace(outbox.settings, group_size=5, largest_group=5, connections=2)
    outbox.wants_many(40)
    outbox.enqueue()
    impact.fault("latency", count=None, parameters={"ms": 10})

    with ThreadPoolExecutor(2) as executor:
        reports = list(executor.map(lambda rival: rival.submit(), [outbox, replace(outbox, runs=50)]))

    assert sum(one.verdicts.get("accepted", 0) for one in reports) == 40
    assert impact.recorded() == {f"Lead_{number:02}": 1 for number in range(40)}


def test_a_run_that_was_taken_over_stops_and_writes_nothing(outbox: Outbox, impact: There) -> None:
    """It slept, its lease ended, another run put its rows in doubt: only reading may tell now."""
    outbox.proven()
    outbox.settings = replace(outbox.settings, group_size=1, largest_group=1, connections=1)
    for name in ("Lead_1", "Lead_2", "Lead_3"):
        outbox.wants(name)
    outbox.enqueue()
    rival = replace(outbox, runs=100)

    class Sleepy:
        """A client during whose first request another run takes the lane over."""

        def __init__(self) -> None:
            self.slept = False

        def write(self, method: str, resource: str, body: str) -> object:
            answer = outbox.client.write(method, resource, body)
            if not self.slept:
                self.slept = True
                outbox.passes(minutes=10)
                # One group or two, depending on how fast the next intent was.
                assert rival.submit().recovered in (1, 2)
            return answer

        def masked(self, text: str) -> str:
            return outbox.client.masked(text)

    with pytest.raises(LeaseLostError):
        submit(outbox.warehouse, Sleepy(), outbox.settings, run_id="stale", clock=outbox.clock.now)  # type: ignore[arg-type]

    assert outbox.rows("select count(*) from audit.attempt where run_id = 'stale'") == [(0,)]
    for _ in range(4):
        outbox.passes(minutes=12)
        outbox.confirm()
        outbox.submit()
    assert outbox.lead_states() == {"settled/credited"}
    assert set(impact.recorded().values()) == {1}


def test_an_old_copy_of_the_warehouse_sends_nothing(outbox: Outbox, impact: There) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    write(outbox.warehouse.path, 10_000, outbox.clock.now())

    with pytest.raises(RestoredOldCopy):
        outbox.submit()

    assert impact.received == []


def test_a_clock_that_is_set_back_after_an_intent_does_not_make_the_file_look_like_an_old_copy(outbox: Outbox) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    now = outbox.clock.now()
    told = iter([now])
    submit(
        outbox.warehouse,
        outbox.client,
        outbox.settings,
        run_id="run",
        clock=lambda: next(told, now - timedelta(minutes=5)),
    )

    assert outbox.submit().skipped is None


def test_the_mark_outside_the_file_is_written_before_anything_leaves(outbox: Outbox) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    seen: list[bool] = []

    class Watching:
        def write(self, method: str, resource: str, body: str) -> object:
            seen.append(mark_path(outbox.warehouse.path).exists())
            return outbox.client.write(method, resource, body)

        def masked(self, text: str) -> str:
            return text

    submit(outbox.warehouse, Watching(), outbox.settings, run_id="run", clock=outbox.clock.now)  # type: ignore[arg-type]

    assert seen == [True]


def test_a_run_that_is_cancelled_keeps_its_answers_and_frees_the_lane(outbox: Outbox, impact: There) -> None:
    outbox.proven()
    outbox.settings = replace(outbox.settings, group_size=4, largest_group=4, connections=1)
    outbox.wants_many(12)
    outbox.enqueue()
    ticks = 0

    def clock() -> object:
        nonlocal ticks
        ticks += 1
        if ticks == 14:
            raise KeyboardInterrupt
        return outbox.clock.now()

    with pytest.raises(KeyboardInterrupt):
        submit(outbox.warehouse, outbox.client, outbox.settings, run_id="cancelled", clock=clock)  # type: ignore[arg-type]

    assert outbox.rows("select run_id from outbox.lease where lane = 'submit'") == [(None,)]
    for _ in range(3):
        outbox.submit()
        outbox.passes(minutes=12)
        outbox.confirm()
    assert outbox.lead_states() == {"settled/credited"}
    assert set(impact.recorded().values()) == {1}


def test_the_audit_keeps_no_free_text_and_no_account(outbox: Outbox) -> None:
    outbox.wants("Sale_1", code=SALE, items=[("A", 1, "10.50")])
    outbox.enqueue()
    outbox.submit()

    ((payload, answer, verdict, status),) = outbox.rows(
        "select masked_payload, answer, verdict, http_status from audit.attempt"
    )
    assert "ItemName1=…" in payload
    assert "Plan" not in payload
    assert "OrderId=Sale_1" in payload
    assert SID not in answer
    assert (verdict, status) == ("accepted", 200)


def test_a_lead_type_that_nobody_declared_is_sent_like_one_without_parents(outbox: Outbox) -> None:
    outbox.settings = replace(outbox.settings, event_types=())
    outbox.wants("Lead_1", code=LEAD)
    outbox.enqueue()

    assert outbox.submit().verdicts == {"accepted": 1}


def test_conversions_leave_as_json_where_that_is_asked_for(outbox: Outbox, impact: There) -> None:
    """One flat object with the parameters of the form, all of them text."""
    outbox.proven()
    outbox.wants("Sale_1", code=SALE, items=[("A & B", 2, "100.00"), ("Ü", 1, "50.00")])
    outbox.enqueue()
    credential = Credential(account_sid=SID, auth_token=TOKEN)
    client = ImpactClient(HttpTransport(impact.url), credential, body_format="json", clock=outbox.clock.now)

    assert replace(outbox, client=client).submit().sent == 1

    ((payload,),) = outbox.rows("select payload from outbox.request where OrderId = 'Sale_1'")
    assert json.loads(impact.received[0]) == dict(parse_qsl(payload))
    assert impact.recorded() == {"Sale_1": 1}
