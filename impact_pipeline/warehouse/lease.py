"""
Who may act in a lane. One guarded update each: whoever holds the newest token holds the lane, and nobody else can
write.
"""

from datetime import datetime, timedelta

import duckdb


def acquire(con: duckdb.DuckDBPyConnection, lane: str, run_id: str, now: datetime, seconds: float) -> int | None:
    """Take a lane that is free, expired or the run's own; the new token, or None while another run holds it."""
    row = con.execute(
        "update outbox.lease "
        "set run_id = $run_id, token = token + 1, renewed_at = $now, expires_at = $expires_at "
        "where lane = $lane and (run_id is null or run_id = $run_id or expires_at <= $now) "
        "returning token",
        {"lane": lane, "run_id": run_id, "now": now, "expires_at": now + timedelta(seconds=seconds)},
    ).fetchone()
    return None if row is None else int(row[0])


def renew(con: duckdb.DuckDBPyConnection, lane: str, run_id: str, token: int, now: datetime, seconds: float) -> bool:
    """Prolong the lease, also an expired one that nobody took; False when the lane was taken over."""
    row = con.execute(
        "update outbox.lease set renewed_at = $now, expires_at = $expires_at "
        "where lane = $lane and run_id = $run_id and token = $token "
        "returning token",
        {
            "lane": lane,
            "run_id": run_id,
            "token": token,
            "now": now,
            "expires_at": now + timedelta(seconds=seconds),
        },
    ).fetchone()
    return row is not None


def release(con: duckdb.DuckDBPyConnection, lane: str, run_id: str, token: int) -> None:
    """Give the lane back, if it is still ours."""
    con.execute(
        "update outbox.lease set run_id = null, expires_at = null "
        "where lane = $lane and run_id = $run_id and token = $token",
        {"lane": lane, "run_id": run_id, "token": token},
    )
