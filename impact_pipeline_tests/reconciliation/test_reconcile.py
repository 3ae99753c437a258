import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from impact_pipeline.reconciliation.reconcile import UnclassifiedError, reconcile
from impact_pipeline_tests.reconciliation.builders import NOW, SETTINGS, WON, Rows, ago, count, statuses


def classes(rows: Rows) -> dict[str, str]:
    return dict(
        rows.con.execute("select coalesce(OrderId, key), class from reconciliation.conversion_status").fetchall()
    )


def test_an_empty_warehouse_has_nothing_to_compare(rows):
    counts = reconcile(rows.con, SETTINGS, now=NOW)

    assert (counts.keys_compared, counts.by_class, counts.unbalanced) == (0, {}, 0)


def test_a_key_keeps_the_time_when_it_entered_its_class(rows):
    request_id = rows.sent("A", state="ready")
    reconcile(rows.con, SETTINGS, now=NOW)
    reconcile(rows.con, SETTINGS, now=NOW + timedelta(hours=1))
    rows.move(request_id, state="in_doubt")

    reconcile(rows.con, SETTINGS, now=NOW + timedelta(hours=2))

    found = rows.con.execute("select class, since from reconciliation.conversion_status").fetchall()
    assert found == [("in_doubt", NOW + timedelta(hours=2))]


def test_only_keys_with_news_are_compared(rows):
    for order in "ABC":
        rows.sent(order)
        rows.action(order, observed_at=ago(hours=3 if order == "B" else 5))
    reconcile(rows.con, SETTINGS, now=NOW)
    rows.action("B", action_id="4711.9.9", observed_at=NOW)

    counts = reconcile(rows.con, SETTINGS, now=NOW + timedelta(hours=1))

    assert counts.rows_changed == 1
    assert classes(rows) == {"A": "matched", "B": "duplicate_action", "C": "matched"}
    # The key, and the row that the event would have had without one.
    assert counts.keys_compared == 2


def test_time_alone_moves_a_key_into_another_class(rows):
    rows.sent("A", settled_at=NOW)
    rows.sent("B")
    rows.action("B", Amount=Decimal(90), LockingDate=NOW + timedelta(days=2))
    rows.wanted("B", wanted_at=ago(hours=1))
    rows.sent("C")
    rows.action("C")
    rows.wanted("C", wanted_at=ago(hours=1))
    reconcile(rows.con, SETTINGS, now=NOW)
    assert classes(rows) == {"A": "unconfirmed", "B": "correction_open", "C": "correction_open"}

    reconcile(rows.con, SETTINGS, now=NOW + timedelta(days=3))

    assert classes(rows) == {"A": "missing_action", "B": "locked_with_difference", "C": "amount_differs"}


def test_a_decision_between_two_commits_of_a_cycle_is_no_alarm_until_the_outbox_has_passed_it_over(rows):
    rows.decision("A")
    rows.queue(until=0)
    reconcile(rows.con, SETTINGS, now=NOW)
    assert classes(rows) == {"A": "waiting"}

    rows.queue()
    counts = reconcile(rows.con, SETTINGS, now=NOW)

    assert classes(rows) == {"A": "not_in_outbox"}
    assert (counts.open_by_class, counts.unbalanced) == ({"not_in_outbox": 1}, 0)


def test_other_settings_compare_everything_anew(rows):
    rows.sent("A", CurrencyCode="USD")
    rows.action("A")
    reconcile(rows.con, SETTINGS, now=NOW)
    elsewhere = type(SETTINGS)(
        campaign_id=SETTINGS.campaign_id, time_zone="UTC", currency="USD", event_types=SETTINGS.event_types
    )

    assert reconcile(rows.con, elsewhere, now=NOW).keys_compared > 0
    assert reconcile(rows.con, elsewhere, now=NOW).keys_compared == 0


def test_a_state_that_the_list_does_not_know_is_an_error(rows):
    rows.sent("A", outcome="lost_in_space")

    with pytest.raises(UnclassifiedError, match="1 keys fit no class"):
        reconcile(rows.con, SETTINGS, now=NOW)

    assert count(rows, "reconciliation.conversion_status") == 0


def test_of_two_events_with_one_key_each_has_a_row(rows):
    """The later one is held; it must be seen, and it must not hide the conversion that holds the key."""
    rows.sent("A")
    rows.action("A")
    rows.decision("A", event_id="other", decision="hold", reason="order_id_collision", amount=Decimal(7))

    counts = reconcile(rows.con, SETTINGS, now=NOW)

    found = rows.con.execute("select key, class from reconciliation.conversion_status order by key").fetchall()
    assert found == [(f"4711/{WON}/A", "matched"), ("event/other", "held")]
    assert counts.unbalanced == 0


def test_a_held_event_that_gets_its_order_id_leaves_no_row_behind(rows):
    event_id = rows.decision(None, decision="hold", reason="missing_required")
    reconcile(rows.con, SETTINGS, now=NOW)
    rows.decide_again(event_id, decision="send", reason="field_changed", OrderId="A")
    rows.request("A", event_id=event_id, state="ready")

    reconcile(rows.con, SETTINGS, now=NOW)

    assert classes(rows) == {"A": "waiting"}


def test_the_month_is_the_one_of_the_date_sent_in_the_time_zone_of_the_program(rows):
    """One o'clock in the morning in Greenwich is still the evening of the month before in New York."""
    rows.sent("A", EventDate="2026-11-01T01:00:00Z", event_at=datetime(2026, 11, 1, 1, tzinfo=UTC))
    rows.action("A", EventDate=datetime(2026, 11, 3, tzinfo=UTC))

    reconcile(rows.con, SETTINGS, now=NOW)

    found = rows.con.execute("select month, is_redated from reconciliation.conversion_status").fetchall()
    assert found == [(date(2026, 10, 1), True)]
    assert rows.con.execute("select month from reconciliation.totals").fetchall() == [(date(2026, 10, 1),)]


def test_totals_show_all_three_sides(rows):
    rows.decision("H", decision="hold", reason="no_attribution_key", amount=Decimal("10.10"))
    rows.sent("W", state="ready", amount=Decimal("20.20"))
    rows.sent("R", state="refused", amount=Decimal("30.30"))
    rows.sent("N", outcome="not_credited", amount=Decimal("40.40"))
    rows.sent("C", amount=Decimal("50.50"))
    rows.action("C", Amount=Decimal("49.50"), Payout=Decimal("5.00"))
    rows.action("X", Amount=Decimal("3.00"))

    reconcile(rows.con, SETTINGS, now=NOW)

    line = rows.con.execute("select * from reconciliation.totals").df().iloc[0]
    expected = {
        "expected_count": 5, "expected_amount": 151.5, "not_sent_count": 2, "not_sent_amount": 30.3,
        "sent_count": 3, "sent_amount": 121.2, "refused_amount": 30.3, "not_credited_amount": 40.4,
        "credited_amount": 50.5, "wanted_amount": 50.5, "impact_count": 1, "impact_amount": 49.5, "impact_payout": 5.0,
        "unexpected_count": 1, "unexpected_amount": 3.0, "impact_difference": -1.0, "listed_difference": -1.0,
        "expected_balance_amount": 0, "sent_balance_amount": 0,
    }  # fmt: skip
    assert {name: pytest.approx(float(line[name])) for name in expected} == expected


def test_amounts_in_another_currency_are_compared_by_the_implied_rate(rows):
    for number in range(12):
        rows.sent(f"E{number}", CurrencyCode="EUR", amount=Decimal(100 + number))
        wrong = Decimal("1.05") if number == 7 else Decimal(1)
        day = ago(days=4 - number % 3)
        rows.action(f"E{number}", Amount=round(Decimal(100 + number) * Decimal("1.0812") * wrong, 2), CreationDate=day)

    reconcile(rows.con, SETTINGS, now=NOW)

    found = classes(rows)
    assert found.pop("E7") == "amount_differs"
    assert set(found.values()) == {"matched"}


def test_a_rate_that_becomes_known_moves_older_rows(rows):
    """The first action of a currency has nothing to be compared with; those after it tell."""
    rows.sent("E", CurrencyCode="EUR")
    rows.action("E", Amount=Decimal(200), CreationDate=ago(days=4))
    reconcile(rows.con, SETTINGS, now=NOW)
    assert classes(rows) == {"E": "matched"}
    for number in range(6):
        rows.sent(f"E{number}", CurrencyCode="EUR")
        rows.action(f"E{number}", Amount=Decimal(108), CreationDate=ago(days=4 - number % 3), observed_at=NOW)

    reconcile(rows.con, SETTINGS, now=NOW)

    assert classes(rows)["E"] == "amount_differs"


def test_the_lock_calendar_tells_what_locks_and_what_is_still_open(rows):
    for order, amount in (("A", 100), ("B", 90)):
        rows.sent(order)
        rows.action(order, Amount=Decimal(amount), LockingDate=datetime(2026, 12, 1, 5, tzinfo=UTC))

    reconcile(rows.con, SETTINGS, now=NOW)

    found = rows.con.execute("select * from reconciliation.lock_calendar").fetchall()
    assert found == [
        (date(2026, 12, 1), "USD", 2, Decimal(190), Decimal(20), 1, Decimal(90), ["amount_differs"]),
    ]


def plant_anything(rows: Rows, rng: random.Random, order: str, *, now: datetime = NOW) -> None:
    """Any mixture of what the three sides may say about a key."""
    currency = rng.choice(["USD", "USD", "EUR"])
    amount = rng.choice([None, Decimal(100), Decimal("33.33")])
    event_at = ago(days=rng.randint(1, 80))
    decision = rng.choice(["send", "send", "send", "hold", "skip", None])
    if decision:
        order_id = None if decision == "hold" and rng.random() < 0.3 else order
        rows.decision(
            order_id,
            event_id=f"event-{order}",
            decision=decision,
            event_at=event_at,
            amount=amount,
            CurrencyCode=currency,
        )
        if rng.random() < 0.2:
            word = rng.choice([("correct", "record_deleted"), ("hold", "flapping"), ("skip", "action_locked")])
            rows.decision(order, event_id=f"event-{order}", carries=False, decision=word[0], reason=word[1])
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        state = rng.choice(["ready", "intended", "accepted", "settled", "settled", "in_doubt", "refused", "withdrawn"])
        rows.request(
            order,
            state=state,
            outcome=rng.choice(["credited", "not_credited", "already_there", "rejected", "no_trace", "end_unknown"])
            if state == "settled"
            else None,
            moves=rng.choice([["accepted"], ["in_doubt", "accepted"]]),
            amount=amount,
            CurrencyCode=currency,
            event_at=event_at,
            EventDate=rng.choice([None, event_at.isoformat()]),
            accepted_at=ago(days=rng.randint(0, 9)),
        )
    if rng.random() < 0.3:
        rows.wanted(order, state=rng.choice(["live", "reversed"]), wanted_at=now)
    if rng.random() < 0.2:
        rows.request(
            order,
            created_at=now + timedelta(hours=rng.choice([-1, 1])),
            Type=rng.choice(["Modification", "Reversal"]),
            state=rng.choice(["ready", "settled", "refused"]),
        )
    for _ in range(rng.choice([0, 1, 1, 2])):
        rows.action(
            order,
            State=rng.choice(["PENDING", "APPROVED", "REVERSED"]),
            Amount=rng.choice([Decimal(0), Decimal(100), Decimal("33.33")]),
            LockingDate=NOW + timedelta(days=rng.randint(-3, 10)),
            CreationDate=ago(days=rng.randint(0, 9)),
            observed_at=now,
        )


@pytest.mark.parametrize("seed", range(6))
def test_any_mixture_gives_each_key_one_class_and_totals_that_balance(rows, seed):
    rng = random.Random(seed)
    for number in range(60):
        plant_anything(rows, rng, f"K{number}")

    counts = reconcile(rows.con, SETTINGS, now=NOW)

    keys = rows.con.execute(
        "select count(*) from (select OrderId from conversions.current_decision "
        "where carries and decision in ('send', 'hold') and OrderId is not null "
        "union select OrderId from outbox.request where Type = 'Conversion' union select Oid from audit.action)"
    ).fetchone()
    found = rows.con.execute(
        "select count(distinct OrderId), count(distinct key), count(*) from reconciliation.conversion_status"
    ).fetchone()
    assert found[0] == keys[0]
    assert found[1] == found[2] == sum(counts.by_class.values())
    balances = rows.con.execute(
        "select sum(abs(expected_balance_count)), sum(abs(expected_balance_amount)), "
        "sum(abs(sent_balance_count)), sum(abs(sent_balance_amount)) from reconciliation.totals"
    ).fetchone()
    assert [float(one) for one in balances] == [0, 0, 0, 0]
    there = rows.con.execute(
        "select count(*), sum(Amount) from audit.current_action where State <> 'REVERSED'"
    ).fetchone()
    here = rows.con.execute(
        "select sum(live_count), sum(impact_amount) from reconciliation.conversion_status"
    ).fetchone()
    assert here == there


@pytest.mark.parametrize("seed", range(4))
def test_comparing_step_by_step_ends_where_comparing_everything_in_slices_does(rows, seed):
    rng = random.Random(100 + seed)
    for step in range(3):
        for number in range(8):
            plant_anything(rows, rng, f"K{step}-{number}", now=NOW + timedelta(days=step))
        # Old keys get news too: another observation, another mind, another OrderId that may be taken.
        for number in range(4):
            state = rng.choice(["PENDING", "REVERSED"])
            rows.action(f"K0-{number}", State=state, observed_at=NOW + timedelta(days=step))
            mind, order = rng.choice(["send", "hold", "skip"]), rng.choice([f"K0-{number}", f"K0-{number + 1}", None])
            rows.decide_again(f"event-K0-{number}", decision=mind, OrderId=order)
        reconcile(rows.con, SETTINGS, now=NOW + timedelta(days=step))
    by_steps, totals_by_steps, tally_by_steps = statuses(rows), totals(rows), table(rows, "tally")
    counted_by_steps = table(rows, "counted_event")

    counts = reconcile(rows.con, SETTINGS, now=NOW + timedelta(days=2), full=True, slice_size=20)

    assert statuses(rows) == by_steps
    assert totals(rows) == totals_by_steps
    assert table(rows, "tally") == tally_by_steps
    assert table(rows, "counted_event") == counted_by_steps
    assert counts.rows_changed == 0


def totals(rows: Rows) -> list[Any]:
    return table(rows, "totals")


def table(rows: Rows, name: str) -> list[Any]:
    return rows.con.execute(f"select * from reconciliation.{name} order by all").fetchall()
