import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from impact_pipeline.reconciliation.reconcile import reconcile
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.reconciliation.builders import (
    NOW,
    QUALIFIED,
    SETTINGS,
    TAGGED,
    Rows,
    ago,
    count,
    snapshot,
    unbalanced_sql,
)


def erased(rows: Rows, order: str) -> str | None:
    digest = rows.erase(order)
    rows.request(digest)
    return digest


def erased_and_listed_again(rows: Rows, order: str) -> str | None:
    digest = rows.erase(order)
    rows.action(order)
    return digest


def unknown_action(rows: Rows, order: str) -> None:
    rows.action(order)


def action_without_order_id(rows: Rows, order: str) -> str | None:
    return f"action/{rows.action(None)}"


def action_of_an_event_registered_at_go_live(rows: Rows, order: str) -> None:
    rows.decision(order, decision="skip", reason="before_go_live")
    rows.action(order)


def action_of_the_tag(rows: Rows, order: str) -> None:
    rows.action(order, ActionTrackerId=TAGGED)


def action_of_an_event_type_that_is_not_configured(rows: Rows, order: str) -> None:
    rows.action(order, ActionTrackerId="9999")


def action_of_an_inquiry(rows: Rows, order: str) -> None:
    rows.action(order, ReferringType="INQUIRY")


def action_for_a_held_event(rows: Rows, order: str) -> None:
    rows.decision(order, decision="hold", reason="no_attribution_key")
    rows.action(order)


def two_live_actions(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order)
    rows.action(order)


def lost_between_decision_and_outbox(rows: Rows, order: str) -> None:
    rows.decision(order)


def sent_and_no_longer_decided(rows: Rows, order: str) -> None:
    rows.request(order)
    rows.action(order)


def sent_and_dismissed_afterwards(rows: Rows, order: str) -> None:
    rows.decision(order, decision="skip", reason="dismissed")
    rows.request(order, state="accepted")


def held(rows: Rows, order: str) -> None:
    rows.decision(order, decision="hold", reason="no_attribution_key")


def held_without_order_id(rows: Rows, order: str) -> str | None:
    return f"event/{rows.decision(None, decision='hold', reason='missing_required')}"


def held_of_an_unknown_type(rows: Rows, order: str) -> str | None:
    event_id = rows.decision(order, decision="hold", reason="unknown_event_type", EventTypeCode="Opportunity_Odd")
    return f"event/{event_id}"


def withdrawn(rows: Rows, order: str) -> None:
    rows.decision(order, decision="skip", reason="dismissed")
    rows.request(order, state="withdrawn", reason="dismissed")


def deleted_before_it_was_sent(rows: Rows, order: str) -> None:
    event_id = rows.decision(order)
    rows.decision(order, event_id=event_id, carries=False, decision="correct", reason="record_deleted")
    rows.request(order, state="withdrawn", reason="record_deleted")


def deleted_while_held(rows: Rows, order: str) -> None:
    event_id = rows.decision(order, decision="hold", reason="awaiting_items")
    rows.decision(order, event_id=event_id, carries=False, decision="correct", reason="record_deleted")


def won_and_lost_between_two_captures(rows: Rows, order: str) -> None:
    event_id = rows.decision(order)
    rows.decision(order, event_id=event_id, carries=False, decision="correct", reason="condition_lost")
    rows.wanted(order, state="reversed", amount=None)


def waiting(rows: Rows, order: str) -> None:
    rows.sent(order, state="ready", wait="first_of_type")


def on_its_way(rows: Rows, order: str) -> None:
    rows.sent(order, state="intended")


def waiting_beyond_its_bound(rows: Rows, order: str) -> None:
    rows.sent(order, state="ready", due_at=ago(days=2))


def waiting_for_a_parent_that_does_not_settle(rows: Rows, order: str) -> None:
    rows.sent(order, state="ready", wait="parent_unsettled")


def in_doubt(rows: Rows, order: str) -> None:
    rows.sent(order, state="in_doubt")


def in_doubt_for_a_person(rows: Rows, order: str) -> None:
    rows.sent(order, state="in_doubt", needs_person=True)


def refused_at_the_door(rows: Rows, order: str) -> None:
    rows.sent(order, state="refused", reason="400")


def rejected(rows: Rows, order: str) -> None:
    rows.sent(order, outcome="rejected", reason="ACTIONTRACKER_NOT_FOUND")


def unconfirmed(rows: Rows, order: str) -> None:
    rows.sent(order, state="accepted")


def settled_just_now_without_an_action(rows: Rows, order: str) -> None:
    rows.sent(order, settled_at=ago(hours=1))


def accepted_eight_days_ago(rows: Rows, order: str) -> None:
    rows.sent(order, state="accepted", accepted_at=ago(days=8))


def end_unknown(rows: Rows, order: str) -> None:
    rows.sent(order, outcome="end_unknown")


def not_credited(rows: Rows, order: str) -> None:
    rows.sent(order, outcome="not_credited", reason="ACTION_REF_NOT_FOUND")


def known_from_another_sender(rows: Rows, order: str) -> None:
    rows.sent(order, outcome="already_there", moves=["intended", "accepted", "settled"])
    rows.action(order)


def known_from_our_own_lost_answer(rows: Rows, order: str) -> None:
    rows.sent(order, outcome="already_there", moves=["intended", "in_doubt", "ready", "accepted", "settled"])
    rows.action(order)


def missing_action(rows: Rows, order: str) -> None:
    rows.sent(order)


def settled_without_error_and_without_action(rows: Rows, order: str) -> None:
    rows.sent(order, outcome="not_credited", reason="no_action")


def missing_action_of_a_processed_submission(rows: Rows, order: str) -> None:
    rows.sent(order, state="accepted", submission_id=f"S-{order}")
    rows.submission(f"S-{order}")


def correction_under_way(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order)
    rows.wanted(order)
    rows.request(order, Type="Modification", state="ready", wait="coalescing")


def correction_under_way_before_locking(rows: Rows, order: str) -> None:
    correction_under_way(rows, order)
    rows.con.execute("update audit.action set LockingDate = ? where Oid = ?", [NOW + timedelta(days=2), order])


def correction_not_queued_yet(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order)
    rows.wanted(order, wanted_at=ago(hours=1))


def correction_wanted_long_ago_and_never_queued(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order)
    rows.wanted(order, wanted_at=ago(days=2))


def reversal_wanted_again_that_was_refused_before(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order)
    rows.request(order, Type="Reversal", state="refused", created_at=ago(days=4))
    rows.request(order, Type="Modification", state="withdrawn", created_at=ago(days=3))
    rows.wanted(order, state="reversed", amount=None, wanted_at=ago(days=2))


def correction_held(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order)
    rows.decision(order, event_id=f"event-{order}", carries=False, decision="hold", reason="correction_impossible")


def wanted_and_locked(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order, LockingDate=ago(days=1))
    rows.wanted(order)


def changed_after_locking(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order, LockingDate=ago(days=1))
    rows.decision(order, event_id=f"event-{order}", carries=False, decision="skip", reason="action_locked")


def reversed_there(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order, State="REVERSED")


def reversal_refused(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order)
    rows.wanted(order, state="reversed", amount=None, wanted_at=ago(days=3))
    rows.request(order, Type="Reversal", state="refused", created_at=ago(days=2))


def modification_rejected_that_had_been_brought_up_to_what_was_wanted_last(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order)
    rows.wanted(order, amount=250, wanted_at=ago(days=2))
    rows.request(
        order,
        Type="Modification",
        state="settled",
        outcome="rejected",
        reason="ACTION_LOCKED",
        created_at=ago(days=3),
        intended_at=ago(days=1),
    )


def other_amount(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order, Amount=Decimal("100.01"))


def modification_without_effect(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order)
    rows.wanted(order, wanted_at=ago(days=3))
    rows.request(order, Type="Modification", created_at=ago(days=2))


def reversed_by_both(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order, State="REVERSED", Amount=Decimal(0))
    rows.wanted(order, state="reversed", amount=None)
    rows.request(order, Type="Reversal", created_at=ago(days=1))


def reattributed(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order, State="REVERSED", CreationDate=ago(days=4))
    rows.action(order, CreationDate=ago(days=2))


def matched(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order)


def matched_while_the_queue_record_is_still_open(rows: Rows, order: str) -> None:
    rows.sent(order, state="accepted")
    rows.action(order)


def matched_after_a_modification(rows: Rows, order: str) -> None:
    rows.sent(order)
    rows.action(order, Amount=Decimal("80.00"))
    rows.wanted(order, wanted_at=ago(days=3))
    rows.request(order, Type="Modification", created_at=ago(days=2))


def lead_without_money(rows: Rows, order: str) -> None:
    rows.sent(order, ActionTrackerId=QUALIFIED, amount=None, CurrencyCode=None)
    rows.action(order, ActionTrackerId=QUALIFIED, Amount=Decimal(0))


def sent_again_after_a_refusal(rows: Rows, order: str) -> None:
    rows.sent(order, state="refused")
    rows.request(order)
    rows.action(order)


CASES: list[tuple[Callable[[Rows, str], str | None], str, str | None, bool, str]] = [
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
    (won_and_lost_between_two_captures, "withdrawn", "condition_lost", False, "withdrawn"),
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
    (settled_without_error_and_without_action, "missing_action", None, True, "open"),
    (missing_action_of_a_processed_submission, "missing_action", None, True, "open"),
    (correction_under_way, "correction_open", "coalescing", False, "credited"),
    (correction_under_way_before_locking, "correction_open", "coalescing", True, "credited"),
    (correction_not_queued_yet, "correction_open", "not_queued", False, "credited"),
    (correction_wanted_long_ago_and_never_queued, "amount_differs", None, True, "credited"),
    (reversal_wanted_again_that_was_refused_before, "state_differs", "reversed_here", True, "credited"),
    (correction_held, "correction_open", "correction_impossible", True, "credited"),
    (wanted_and_locked, "locked_with_difference", None, True, "credited"),
    (changed_after_locking, "locked_with_difference", "action_locked", True, "credited"),
    (reversed_there, "state_differs", "reversed_there", True, "reversed"),
    (reversal_refused, "state_differs", "reversed_here", True, "credited"),
    (other_amount, "amount_differs", None, True, "credited"),
    (modification_without_effect, "amount_differs", None, True, "credited"),
    (
        modification_rejected_that_had_been_brought_up_to_what_was_wanted_last,
        "amount_differs",
        None,
        True,
        "credited",
    ),
    (reversed_by_both, "reversed", None, False, "reversed"),
    (reattributed, "reattributed", None, False, "credited"),
    (matched, "matched", None, False, "credited"),
    (matched_while_the_queue_record_is_still_open, "matched", None, False, "credited"),
    (matched_after_a_modification, "matched", None, False, "credited"),
    (lead_without_money, "matched", None, False, "credited"),
    (sent_again_after_a_refusal, "matched", None, False, "credited"),
]


@pytest.fixture(scope="module")
def world(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rows, dict[str, str]]]:
    """All cases planted in one warehouse and compared once; and what each one's row is found by."""
    path = shutil.copy(migrated, tmp_path_factory.mktemp("world") / "impact_pipeline.duckdb")
    with Warehouse(path=Path(path)).transaction() as con:
        rows = Rows(con)
        found_by = {plant.__name__: plant(rows, plant.__name__) or plant.__name__ for plant, *_ in CASES}
        reconcile(con, SETTINGS, now=NOW)
        yield rows, found_by


@pytest.mark.parametrize(("plant", "name", "why", "is_open", "bucket"), CASES, ids=[c[0].__name__ for c in CASES])
def test_each_planted_difference_lands_in_its_class(world, plant, name, why, is_open, bucket):
    rows, found_by = world

    found = rows.con.execute(
        "select class, why, is_open, bucket from reconciliation.conversion_status where ? in (OrderId, key)",
        [found_by[plant.__name__]],
    ).fetchall()

    assert found == [(name, why, is_open, bucket)]


def test_the_totals_of_all_cases_balance_to_the_cent(world):
    rows, _ = world

    assert rows.con.execute(unbalanced_sql()).fetchall() == []
    assert count(rows, "reconciliation.conversion_status") == len(CASES)


def test_every_live_action_is_counted_once(world):
    rows, _ = world

    there = rows.con.execute(
        "select count(*), sum(Amount) from audit.current_action where State <> 'REVERSED'"
    ).fetchone()
    here = rows.con.execute(
        "select sum(impact_count + unexpected_count), sum(impact_amount + unexpected_amount) from reconciliation.totals"
    ).fetchone()

    assert here == there


def test_comparing_again_without_news_changes_no_row(world):
    rows, _ = world
    before = snapshot(rows)

    counts = reconcile(rows.con, SETTINGS, now=NOW + timedelta(minutes=5))

    assert counts.rows_changed == 0
    assert snapshot(rows) == before


def test_comparing_everything_anew_changes_no_row(world):
    rows, _ = world
    before = snapshot(rows)

    counts = reconcile(rows.con, SETTINGS, now=NOW + timedelta(minutes=5), full=True)

    assert counts.rows_changed == 0
    assert snapshot(rows) == before


def test_open_differences_tell_the_remedy(world):
    rows, _ = world

    found = rows.con.execute("select class, remedy from reconciliation.open_difference").fetchall()

    assert sorted(name for name, _ in found) == sorted(case[1] for case in CASES if case[3])
    assert all(len(remedy) > 20 for _, remedy in found)


def test_the_cases_cover_the_closed_list(rows):
    classes = rows.con.execute("select class from reconciliation.class order by place").fetchall()

    assert {name for (name,) in classes} == {case[1] for case in CASES}
    assert len(classes) == 22
