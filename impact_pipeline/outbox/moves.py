"""
The one place where a request changes its state.

Whoever wants moves lists them in the temporary table `move`; carry_out makes those whose guard still holds, each with
its row in audit.transition, in the caller's transaction.
"""

from datetime import datetime

import duckdb

from impact_pipeline.outbox.states import why_illegal
from impact_pipeline.warehouse.sql import sql_file


class IllegalMoveError(Exception):
    """A move that states.py does not allow; nothing was moved."""


class LeaseLostError(Exception):
    """Another run has taken the lane over: this one may write nothing more about it."""


def list_moves(con: duckdb.DuckDBPyConnection) -> None:
    """Start an empty table `move`: request_id, from_state, to_state and what the move brings; see move_table.sql."""
    con.execute(sql_file(__file__, "move_table.sql"))


def carry_out(
    con: duckdb.DuckDBPyConnection,
    *,
    run_id: str,
    now: datetime,
    lane: str | None = None,
    token: int | None = None,
    is_takeover: bool = False,
    decided_by: str | None = None,
) -> int:
    """
    Make the listed moves whose request still is in `from_state`, and forget the list.

    Args:
        lane, token: the lease under which the caller acts. It is checked here, in the same transaction, and moves out
            of `intended` are only made for requests that were intended under it.
        is_takeover: the other way round: out of `intended` only for requests of leases before this one.
        decided_by: the person, where a person decided.

    Returns:
        How many moves were made. One that another run was faster with is left out.

    Raises:
        IllegalMoveError: one of them is not legal.
        LeaseLostError: the lane's lease has another token.
    """
    kinds = con.execute("select from_state, to_state, outcome, bool_or(is_thawed) from move group by all").fetchall()
    for from_state, to_state, outcome, _ in kinds:
        if why := why_illegal(from_state, to_state, outcome):
            raise IllegalMoveError(f"{why}. This is a mistake of the program; nothing was moved.")
    if lane is not None:
        held = con.execute("select token, run_id from outbox.lease where lane = $lane", {"lane": lane}).fetchone()
        if held != (token, run_id):
            raise LeaseLostError(
                f"run {run_id} lost the lane {lane!r} to run {held[1] if held else None}; what it had under way is "
                "settled by reading."
            )
    if not kinds:
        return 0
    is_any_thawed = any(is_thawed for *_, is_thawed in kinds)
    con.execute(sql_file(__file__, "moves_in_force.sql"), {"token": token, "is_takeover": is_takeover})
    if is_any_thawed:
        con.execute(sql_file(__file__, "move_former_bodies.sql"))
    con.execute(sql_file(__file__, "move_requests.sql"), {"run_id": run_id, "now": now, "token": token})
    con.execute(sql_file(__file__, "move_history.sql"), {"run_id": run_id, "now": now, "decided_by": decided_by})
    if is_any_thawed:
        con.execute(sql_file(__file__, "move_thawed.sql"))
    counted = con.execute("select count(*) from move_in_force").fetchone()
    con.execute("delete from move")
    return int(counted[0]) if counted else 0
