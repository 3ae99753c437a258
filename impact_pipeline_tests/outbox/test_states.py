"""Which moves a request may make, and that nothing moves otherwise."""

from typing import Any

import pytest

from impact_pipeline.outbox.moves import IllegalMoveError, LeaseLostError, carry_out, list_moves
from impact_pipeline.outbox.states import LEGAL_MOVES, Outcome, State, why_illegal
from impact_pipeline_tests.outbox.conftest import START, Outbox


@pytest.mark.parametrize(
    ("from_state", "to_state", "outcome"),
    [
        (State.READY, State.ACCEPTED, None),
        (State.INTENDED, State.SETTLED, Outcome.CREDITED),
        (State.ACCEPTED, State.READY, None),
        (State.ACCEPTED, State.INTENDED, None),
        (State.IN_DOUBT, State.INTENDED, None),
        (State.WITHDRAWN, State.INTENDED, None),
        (State.SETTLED, State.INTENDED, None),
        (State.ACCEPTED, State.SETTLED, None),
        (State.READY, State.INTENDED, Outcome.CREDITED),
        (State.ACCEPTED, State.SETTLED, "lost"),
        (State.READY, "sent", None),
    ],
)
def test_a_move_outside_the_list_is_illegal(from_state: str, to_state: str, outcome: str | None) -> None:
    assert why_illegal(from_state, to_state, outcome) is not None


@pytest.mark.parametrize("from_state", list(State))
def test_every_listed_move_is_legal(from_state: State) -> None:
    for to_state in LEGAL_MOVES[from_state]:
        assert why_illegal(from_state, to_state, Outcome.CREDITED if to_state == State.SETTLED else None) is None


def test_what_was_accepted_or_is_in_doubt_never_goes_back_to_intended_without_being_ready_again() -> None:
    """Ready again needs a proof; a shortcut would send on a guess."""
    assert [one for one in State if State.INTENDED in LEGAL_MOVES[one]] == [State.READY]


def a_move(con: Any, **given: Any) -> None:
    list_moves(con)
    columns = {"request_id": 1, "from_state": "ready", "to_state": "intended"} | given
    names, marks = ", ".join(columns), ", ".join(f"${name}" for name in columns)
    con.execute(f"insert into move ({names}) values ({marks})", columns)


def test_an_illegal_move_is_refused_and_changes_nothing(outbox: Outbox) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()

    with outbox.warehouse.transaction() as con:
        a_move(con, to_state="accepted")
        with pytest.raises(IllegalMoveError, match="ready → accepted"):
            carry_out(con, run_id="run", now=START)

    assert outbox.states() == {"Lead_1": "ready"}
    assert outbox.rows("select count(*) from audit.transition") == [(1,)]


def test_a_move_whose_guard_no_longer_holds_is_left_out(outbox: Outbox) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()

    with outbox.warehouse.transaction() as con:
        a_move(con, from_state="in_doubt", to_state="accepted")
        moved = carry_out(con, run_id="run", now=START)

    assert moved == 0
    assert outbox.states() == {"Lead_1": "ready"}


def test_each_move_is_told_in_the_same_transaction(outbox: Outbox) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()

    with outbox.warehouse.transaction() as con:
        a_move(con, to_state="withdrawn", reason="dismissed")
        carry_out(con, run_id="run", now=START, decided_by="Ada")

    assert outbox.rows("select from_state, to_state, reason, run_id, decided_by from audit.transition") == [
        (None, "ready", "queued", "cycle", None),
        ("ready", "withdrawn", "dismissed", "run", "Ada"),
    ]


def test_a_run_without_the_lease_can_not_move_anything_of_its_lane(outbox: Outbox) -> None:
    outbox.wants("Lead_1")
    outbox.enqueue()
    with outbox.warehouse.transaction() as con:
        con.execute("update outbox.lease set run_id = 'other', token = 7 where lane = 'submit'")

    with outbox.warehouse.transaction() as con:
        a_move(con)
        with pytest.raises(LeaseLostError, match="other"):
            carry_out(con, run_id="run", now=START, lane="submit", token=6)

    assert outbox.states() == {"Lead_1": "ready"}
