"""A person has something sent again: what impact.com refused goes, what it has does not."""

import pytest

from impact_pipeline.conversions.words import WordRefused
from impact_pipeline.outbox.resend import Candidate, ResendRefused, resend
from impact_pipeline.simulator.impact import reverse_by_person
from impact_pipeline_tests.outbox.conftest import LEAD, SALE, Outbox, There, add_conversion, decide, want

SETTLED = "settled/credited"


def ask(outbox: Outbox, key: str | None, *, is_not_there: bool = False, reason: str = "mended") -> list[Candidate]:
    """Resend, and the next cycle."""
    with outbox.warehouse.transaction() as con:
        found = resend(
            con,
            key,
            reason=reason,
            said_by="Ada",
            run_id="resend",
            now=outbox.clock.now(),
            is_not_there=is_not_there,
        )
    outbox.enqueue()
    return found


def refused_lead(outbox: Outbox, impact: There) -> str:
    impact.fault("server_error", method="POST", parameters={"status": 400})
    event_id = outbox.wants("Lead_1")
    outbox.enqueue()
    outbox.submit()
    assert outbox.states() == {"Lead_1": "refused"}
    return event_id


def settle(outbox: Outbox) -> None:
    outbox.submit()
    outbox.passes(minutes=20)
    outbox.confirm()


def test_a_refused_conversion_goes_again_with_what_the_mapping_gives_by_now(outbox: Outbox, impact: There) -> None:
    refused_lead(outbox, impact)
    ((body,),) = outbox.rows("select payload_sha256 from outbox.request")
    with outbox.warehouse.transaction() as con:
        add_conversion(con, "Lead_1", outbox.clock.now(), CustomerId="mended-customer")

    ask(outbox, "Lead_1", reason="customer id mended")
    settle(outbox)

    assert outbox.states() == {"Lead_1": SETTLED}
    assert "CustomerId=mended-customer" in impact.received[-1]
    assert impact.recorded() == {"Lead_1": 1}
    assert outbox.rows(
        "select from_state, to_state, detail, decided_by from audit.transition where reason = 'resent'"
    ) == [("refused", "ready", f"customer id mended; body {body}", "Ada")]


def test_a_corrected_event_type_takes_the_request_to_its_new_key(outbox: Outbox, impact: There) -> None:
    event_id = refused_lead(outbox, impact)
    outbox.proven()
    with outbox.warehouse.transaction() as con:
        con.execute(
            "update conversions.conversion set EventTypeCode = 'Opportunity_Negotiation', ActionTrackerId = '8181' "
            "where event_id = $id",
            {"id": event_id},
        )

    ask(outbox, "Lead_1")
    settle(outbox)

    assert outbox.rows("select ActionTrackerId, EventTypeCode from outbox.request where OrderId = 'Lead_1'") == [
        ("8181", "Opportunity_Negotiation")
    ]
    assert impact.live() == {(8181, "Lead_1"): 1}


def test_the_body_is_frozen_again_with_the_next_intent(outbox: Outbox, impact: There) -> None:
    refused_lead(outbox, impact)
    ask(outbox, "Lead_1")
    impact.fault("timeout", method="POST")
    outbox.submit()
    sent = impact.received[-1]
    with outbox.warehouse.transaction() as con:
        add_conversion(con, "Lead_1", outbox.clock.now(), CustomerId="changed-later")

    outbox.passes(minutes=11)
    outbox.confirm()
    outbox.enqueue()
    outbox.submit()

    assert impact.received[-1] == sent


def test_the_record_of_an_earlier_rejection_does_not_settle_what_was_sent_anew(outbox: Outbox, impact: There) -> None:
    """Its key is the same; taking it for the newer one's would let a person send twice."""
    impact.fault("rejected", method="POST", parameters={"reason": "ACTIONTRACKER_NOT_ACTIVE"})
    outbox.wants("Lead_1")
    outbox.enqueue()
    settle(outbox)
    assert outbox.states() == {"Lead_1": "settled/rejected"}
    outbox.passes(hours=1)

    impact.fault("accepted_unanswered", method="POST")
    ask(outbox, "Lead_1")
    outbox.submit()
    assert outbox.states() == {"Lead_1": "in_doubt"}
    outbox.passes(minutes=11)
    outbox.confirm()

    assert outbox.states() == {"Lead_1": SETTLED}
    assert impact.live() == {(8180, "Lead_1"): 1}


def test_all_that_was_refused_goes_again_at_once(outbox: Outbox, impact: There) -> None:
    outbox.proven()
    outbox.wants_many(4)
    outbox.wants("Lead_dropped")
    outbox.enqueue()
    impact.fault("server_error", method="POST", parameters={"status": 400}, count=None)
    outbox.submit()
    impact.mend()
    with outbox.warehouse.transaction() as con:
        decide(con, "event-Lead_dropped", outbox.clock.now(), decision="skip", reason="dismissed")

    found = ask(outbox, None)
    settle(outbox)

    assert sorted(one.OrderId or "" for one in found) == ["Lead_00", "Lead_01", "Lead_02", "Lead_03"]
    assert outbox.lead_states() == {SETTLED, "refused"}
    assert outbox.states()["Lead_dropped"] == "refused", "nobody wants it any more"


@pytest.mark.parametrize(
    ("state", "outcome", "reason", "said"),
    [
        ("ready", None, None, "waits to be sent already"),
        ("intended", None, None, "being sent"),
        ("accepted", None, "QUEUED", "has not said yet"),
        ("in_doubt", None, "ReadTimeoutError", "reading settles that by itself"),
        ("withdrawn", None, "condition_lost", "comes back by itself"),
        ("settled", "credited", "action", "impact.com has it"),
        ("settled", "already_there", "reported_before", "impact.com has it"),
        ("settled", "not_credited", "no_action", "--not-there"),
        ("settled", "end_unknown", "not_ended", "--not-there"),
    ],
)
def test_what_impact_com_has_or_may_have_is_refused_with_the_remedy(
    outbox: Outbox, state: str, outcome: str | None, reason: str | None, said: str
) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    with outbox.warehouse.transaction() as con:
        con.execute("update outbox.request set state = $1, outcome = $2, reason = $3", [state, outcome, reason])

    with pytest.raises(ResendRefused, match=said):
        ask(outbox, "Lead_1")

    assert outbox.rows("select state from outbox.request") == [(state,)]


def test_an_action_that_shows_forbids_it_whatever_was_thought_before(outbox: Outbox, impact: There) -> None:
    """Also one that a person reversed there: the report exists."""
    outbox.wants("Lead_1")
    outbox.enqueue()
    settle(outbox)
    reverse_by_person(impact.program, impact.program.actions[0].id)
    outbox.confirm()
    with outbox.warehouse.transaction() as con:
        con.execute("update outbox.request set outcome = 'rejected'")

    with pytest.raises(ResendRefused, match=r"impact\.com has it: action"):
        ask(outbox, "Lead_1", is_not_there=True)


def test_what_a_person_did_not_find_there_goes_with_the_identical_bytes(outbox: Outbox, impact: There) -> None:
    impact.fault("timeout", method="POST")
    outbox.wants("Lead_1")
    outbox.enqueue()
    outbox.submit()
    lost = impact.received[-1]
    with outbox.warehouse.transaction() as con:
        con.execute("update outbox.request set needs_person = true")
        add_conversion(con, "Lead_1", outbox.clock.now(), CustomerId="changed-later")

    with pytest.raises(ResendRefused, match="--not-there"):
        ask(outbox, "Lead_1")
    ask(outbox, "Lead_1", is_not_there=True)
    settle(outbox)

    assert impact.received[-1] == lost
    assert outbox.states() == {"Lead_1": SETTLED}


def test_what_is_not_wanted_any_more_is_refused(outbox: Outbox, impact: There) -> None:
    event_id = refused_lead(outbox, impact)
    with outbox.warehouse.transaction() as con:
        decide(con, event_id, outbox.clock.now(), decision="skip", reason="hold_expired")

    with pytest.raises(ResendRefused, match=r"not to be sent any more \(skip hold_expired\)"):
        ask(outbox, "Lead_1")


def test_a_rejected_correction_goes_again(outbox: Outbox, impact: There) -> None:
    event_id = outbox.wants("Deal_1", code=SALE, items=[("PLAN", 1, "100.00")])
    outbox.enqueue()
    settle(outbox)
    with outbox.warehouse.transaction() as con:
        want(con, event_id, outbox.clock.now(), amount="80.00", items=[_item("PLAN", "80.00")])
    impact.fault("rejected", method="PUT", parameters={"reason": "SOMETHING_NEW"})
    outbox.enqueue()
    outbox.passes(hours=2)
    settle(outbox)
    assert outbox.rows("select outcome from outbox.request where Type = 'Modification'") == [("rejected",)]

    ask(outbox, "Deal_1")
    settle(outbox)

    assert outbox.rows("select outcome from outbox.request where Type = 'Modification'") == [("credited",)]
    assert [str(one.amount) for one in impact.program.actions] == ["80.00"]


@pytest.mark.parametrize("reason", ["", "two\nlines", "ask ada@example.com"])
def test_a_reason_that_others_can_not_read_is_refused(outbox: Outbox, impact: There, reason: str) -> None:
    refused_lead(outbox, impact)

    with pytest.raises(WordRefused):
        ask(outbox, "Lead_1", reason=reason)


def test_what_nobody_knows_is_said_to_be_unknown(outbox: Outbox) -> None:
    with pytest.raises(ResendRefused, match="Nothing that was to be sent is known as 'Lead_9'"):
        ask(outbox, "Lead_9")


def _item(sku: str, subtotal: str) -> dict[str, str]:
    return {"ItemSku": sku, "ItemQuantity": "1", "ItemSubTotal": subtotal}


def test_a_key_that_its_new_mapping_shares_with_another_request_is_not_taken(outbox: Outbox, impact: There) -> None:
    event_id = refused_lead(outbox, impact)
    outbox.wants("Lead_2")
    outbox.enqueue()
    with outbox.warehouse.transaction() as con:
        con.execute("update conversions.conversion set OrderId = 'Lead_2' where event_id = $id", {"id": event_id})

    ask(outbox, event_id)

    assert sorted(outbox.rows("select OrderId, EventTypeCode from outbox.request")) == [
        ("Lead_1", LEAD),
        ("Lead_2", LEAD),
    ]
