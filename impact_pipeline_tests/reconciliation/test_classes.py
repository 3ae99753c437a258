from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from impact_pipeline.reconciliation.reconcile import reconcile
from impact_pipeline_tests.reconciliation.builders import NOW, QUALIFIED, SETTINGS, TAGGED, Rows, ago


def erased(rows: Rows) -> None:
    digest = rows.erase("A")
    rows.request(digest)


def erased_and_listed_again(rows: Rows) -> None:
    rows.erase("A")
    rows.action("A")


def unknown_action(rows: Rows) -> None:
    rows.action("A")


def action_without_order_id(rows: Rows) -> None:
    rows.action(None)


def action_of_an_event_registered_at_go_live(rows: Rows) -> None:
    rows.decision("A", decision="skip", reason="before_go_live")
    rows.action("A")


def action_of_the_tag(rows: Rows) -> None:
    rows.action("A", ActionTrackerId=TAGGED)


def action_of_an_event_type_that_is_not_configured(rows: Rows) -> None:
    rows.action("A", ActionTrackerId="9999")


def action_of_an_inquiry(rows: Rows) -> None:
    rows.action("A", ReferringType="INQUIRY")


def action_for_a_held_event(rows: Rows) -> None:
    rows.decision("A", decision="hold", reason="no_attribution_key")
    rows.action("A")


def two_live_actions(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A")
    rows.action("A")


def lost_between_decision_and_outbox(rows: Rows) -> None:
    rows.decision("A")


def sent_and_no_longer_decided(rows: Rows) -> None:
    rows.request("A")
    rows.action("A")


def sent_and_dismissed_afterwards(rows: Rows) -> None:
    rows.decision("A", decision="skip", reason="dismissed")
    rows.request("A", state="accepted")


def held(rows: Rows) -> None:
    rows.decision("A", decision="hold", reason="no_attribution_key")


def held_without_order_id(rows: Rows) -> None:
    rows.decision(None, decision="hold", reason="missing_required")


def held_of_an_unknown_type(rows: Rows) -> None:
    rows.decision("A", decision="hold", reason="unknown_event_type", EventTypeCode="Opportunity_Odd")


def withdrawn(rows: Rows) -> None:
    rows.decision("A", decision="skip", reason="dismissed")
    rows.request("A", state="withdrawn", reason="dismissed")


def deleted_before_it_was_sent(rows: Rows) -> None:
    event_id = rows.decision("A")
    rows.decision("A", event_id=event_id, carries=False, decision="correct", reason="record_deleted")
    rows.request("A", state="withdrawn", reason="record_deleted")


def deleted_while_held(rows: Rows) -> None:
    event_id = rows.decision("A", decision="hold", reason="awaiting_items")
    rows.decision("A", event_id=event_id, carries=False, decision="correct", reason="record_deleted")


def waiting(rows: Rows) -> None:
    rows.sent("A", state="ready", wait="first_of_type")


def on_its_way(rows: Rows) -> None:
    rows.sent("A", state="intended")


def waiting_beyond_its_bound(rows: Rows) -> None:
    rows.sent("A", state="ready", due_at=ago(days=2))


def waiting_for_a_parent_that_does_not_settle(rows: Rows) -> None:
    rows.sent("A", state="ready", wait="parent_unsettled")


def in_doubt(rows: Rows) -> None:
    rows.sent("A", state="in_doubt")


def in_doubt_for_a_person(rows: Rows) -> None:
    rows.sent("A", state="in_doubt", needs_person=True)


def refused_at_the_door(rows: Rows) -> None:
    rows.sent("A", state="refused", reason="400")


def rejected(rows: Rows) -> None:
    rows.sent("A", outcome="rejected", reason="ACTIONTRACKER_NOT_FOUND")


def unconfirmed(rows: Rows) -> None:
    rows.sent("A", state="accepted")


def settled_just_now_without_an_action(rows: Rows) -> None:
    rows.sent("A", settled_at=ago(hours=1))


def accepted_eight_days_ago(rows: Rows) -> None:
    rows.sent("A", state="accepted", accepted_at=ago(days=8))


def end_unknown(rows: Rows) -> None:
    rows.sent("A", outcome="end_unknown")


def not_credited(rows: Rows) -> None:
    rows.sent("A", outcome="not_credited", reason="ACTION_REF_NOT_FOUND")


def known_from_another_sender(rows: Rows) -> None:
    rows.sent("A", outcome="already_there", moves=["intended", "accepted", "settled"])
    rows.action("A")


def known_from_our_own_lost_answer(rows: Rows) -> None:
    rows.sent("A", outcome="already_there", moves=["intended", "in_doubt", "ready", "accepted", "settled"])
    rows.action("A")


def missing_action(rows: Rows) -> None:
    rows.sent("A")


def missing_action_of_a_processed_submission(rows: Rows) -> None:
    rows.sent("A", state="accepted", submission_id="S-1")
    rows.submission("S-1")


def correction_under_way(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A")
    rows.wanted("A")
    rows.request("A", Type="Modification", state="ready", wait="coalescing")


def correction_under_way_before_locking(rows: Rows) -> None:
    correction_under_way(rows)
    rows.con.execute("update audit.action set LockingDate = ?", [NOW + timedelta(days=2)])


def correction_not_queued_yet(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A")
    rows.wanted("A")


def correction_held(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A")
    rows.decision("A", event_id="event-A", carries=False, decision="hold", reason="correction_impossible")


def wanted_and_locked(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A", LockingDate=ago(days=1))
    rows.wanted("A")


def changed_after_locking(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A", LockingDate=ago(days=1))
    rows.decision("A", event_id="event-A", carries=False, decision="skip", reason="action_locked")


def reversed_there(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A", State="REVERSED")


def reversal_refused(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A")
    rows.wanted("A", state="reversed", amount=None, wanted_at=ago(days=3))
    rows.request("A", Type="Reversal", state="refused", created_at=ago(days=2))


def other_amount(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A", Amount=Decimal("100.01"))


def modification_without_effect(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A")
    rows.wanted("A", wanted_at=ago(days=3))
    rows.request("A", Type="Modification", created_at=ago(days=2))


def reversed_by_both(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A", State="REVERSED", Amount=Decimal(0))
    rows.wanted("A", state="reversed", amount=None)
    rows.request("A", Type="Reversal", created_at=ago(days=1))


def reattributed(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A", State="REVERSED", CreationDate=ago(days=4))
    rows.action("A", CreationDate=ago(days=2))


def matched(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A")


def matched_while_the_queue_record_is_still_open(rows: Rows) -> None:
    rows.sent("A", state="accepted")
    rows.action("A")


def matched_after_a_modification(rows: Rows) -> None:
    rows.sent("A")
    rows.action("A", Amount=Decimal("80.00"))
    rows.wanted("A", wanted_at=ago(days=3))
    rows.request("A", Type="Modification", created_at=ago(days=2))


def lead_without_money(rows: Rows) -> None:
    rows.sent("A", ActionTrackerId=QUALIFIED, amount=None, CurrencyCode=None)
    rows.action("A", ActionTrackerId=QUALIFIED, Amount=Decimal(0))


def sent_again_after_a_refusal(rows: Rows) -> None:
    rows.sent("A", state="refused")
    rows.request("A")
    rows.action("A")


CASES: list[tuple[Callable[[Rows], None], str, str | None, bool, str]] = [
    (erased, "erased", None, False, "open"),
    (erased_and_listed_again, "erased", None, False, "unexpected"),
    (unknown_action, "unexpected_action", "unknown", True, "unexpected"),
    (action_without_order_id, "unexpected_action", "unknown", True, "unexpected"),
    (action_of_an_event_registered_at_go_live, "unexpected_action", "before_go_live", False, "unexpected"),
    (action_of_the_tag, "unexpected_action", "tag", False, "unexpected"),
    (action_of_an_event_type_that_is_not_configured, "unexpected_action", "tag", False, "unexpected"),
    (action_of_an_inquiry, "unexpected_action", "inquiry", False, "unexpected"),
    (action_for_a_held_event, "unexpected_action", "unknown", True, "held"),
    (two_live_actions, "duplicate_action", None, True, "credited"),
    (lost_between_decision_and_outbox, "not_in_outbox", None, True, "missing"),
    (sent_and_no_longer_decided, "no_longer_expected", None, True, "credited"),
    (sent_and_dismissed_afterwards, "no_longer_expected", None, True, "open"),
    (held, "held", "no_attribution_key", True, "held"),
    (held_without_order_id, "held", "missing_required", True, "held"),
    (held_of_an_unknown_type, "held", "unknown_event_type", True, "held"),
    (withdrawn, "withdrawn", "dismissed", False, "withdrawn"),
    (deleted_before_it_was_sent, "withdrawn", "record_deleted", False, "withdrawn"),
    (deleted_while_held, "withdrawn", "record_deleted", False, "withdrawn"),
    (waiting, "waiting", "first_of_type", False, "waiting"),
    (on_its_way, "waiting", "intended", False, "waiting"),
    (waiting_beyond_its_bound, "waiting", "ready", True, "waiting"),
    (waiting_for_a_parent_that_does_not_settle, "waiting", "parent_unsettled", True, "waiting"),
    (in_doubt, "in_doubt", None, False, "open"),
    (in_doubt_for_a_person, "in_doubt", "needs_person", True, "open"),
    (refused_at_the_door, "refused", "400", True, "refused"),
    (rejected, "refused", "ACTIONTRACKER_NOT_FOUND", True, "refused"),
    (unconfirmed, "unconfirmed", None, False, "open"),
    (settled_just_now_without_an_action, "unconfirmed", "awaiting_action", False, "open"),
    (accepted_eight_days_ago, "end_unknown", "not_processed", True, "open"),
    (end_unknown, "end_unknown", "end_unknown", True, "open"),
    (not_credited, "not_credited", "ACTION_REF_NOT_FOUND", False, "not_credited"),
    (known_from_another_sender, "reported_elsewhere", None, True, "credited"),
    (known_from_our_own_lost_answer, "matched", None, False, "credited"),
    (missing_action, "missing_action", None, True, "open"),
    (missing_action_of_a_processed_submission, "missing_action", None, True, "open"),
    (correction_under_way, "correction_open", "coalescing", False, "credited"),
    (correction_under_way_before_locking, "correction_open", "coalescing", True, "credited"),
    (correction_not_queued_yet, "correction_open", "not_queued", False, "credited"),
    (correction_held, "correction_open", "correction_impossible", True, "credited"),
    (wanted_and_locked, "locked_with_difference", None, True, "credited"),
    (changed_after_locking, "locked_with_difference", "action_locked", True, "credited"),
    (reversed_there, "state_differs", "reversed_there", True, "reversed"),
    (reversal_refused, "state_differs", "reversed_here", True, "credited"),
    (other_amount, "amount_differs", None, True, "credited"),
    (modification_without_effect, "amount_differs", None, True, "credited"),
    (reversed_by_both, "reversed", None, False, "reversed"),
    (reattributed, "reattributed", None, False, "credited"),
    (matched, "matched", None, False, "credited"),
    (matched_while_the_queue_record_is_still_open, "matched", None, False, "credited"),
    (matched_after_a_modification, "matched", None, False, "credited"),
    (lead_without_money, "matched", None, False, "credited"),
    (sent_again_after_a_refusal, "matched", None, False, "credited"),
]


@pytest.mark.parametrize(("plant", "name", "why", "is_open", "bucket"), CASES, ids=[c[0].__name__ for c in CASES])
def test_each_difference_lands_in_its_class_and_the_totals_balance(rows, plant, name, why, is_open, bucket):
    plant(rows)

    counts = reconcile(rows.con, SETTINGS, now=NOW)

    found = rows.con.execute("select class, why, is_open, bucket from reconciliation.conversion_status").fetchall()
    assert found == [(name, why, is_open, bucket)]
    assert counts.unbalanced == 0


def test_the_cases_cover_the_closed_list(rows):
    classes = rows.con.execute("select class from reconciliation.class order by place").fetchall()

    assert {name for (name,) in classes} == {case[1] for case in CASES}
    assert len(classes) == 22
