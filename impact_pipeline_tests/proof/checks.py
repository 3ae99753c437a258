"""The invariants, asked of the warehouse and of the oracle when an episode is over."""

import hashlib
import math
from datetime import timedelta
from typing import Any

import duckdb

from impact_pipeline.outbox.settings import OutboxSettings
from impact_pipeline.warehouse.sql import sql_file
from impact_pipeline_tests.proof import oracle
from impact_pipeline_tests.proof.world import Scene

# Of each audit table, a number that only grows: what was seen up to it must stay as it was.
_APPEND_ONLY = {
    "audit.transition": "transition_id",
    "audit.attempt": "attempt_id",
    "audit.listing": "listing_id",
    "audit.submission": "rowid",
    "audit.action": "rowid",
    "conversions.decision": "decision_id",
}
LOOK_EVERY = 40


class Audit:
    """Looks at the audit tables now and then, and later whether anything of what it saw has changed (V-9)."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._seen: list[tuple[str, Any, Any]] = []
        self._newest_move: int | None = None

    def look(self, step: int) -> None:
        if step % LOOK_EVERY == 0 and not self._scene.file_is_held:
            self.note()

    def note(self) -> None:
        """Remember how the audit tables are."""
        with self._scene.warehouse.reading() as con:
            for table, number in _APPEND_ONLY.items():
                row = con.execute(f"select max({number}) from {table}").fetchone()
                if row is not None and row[0] is not None:
                    self._seen.append((table, row[0], _digest(con, table, row[0])))

    def is_open(self) -> bool:
        """Whether something still waits for an end, or for a person although its parents moved since the last call."""
        with self._scene.warehouse.reading() as con:
            row = con.execute(
                "select count(*) filter (state = 'ready'), (select max(transition_id) from audit.transition) "
                "from outbox.request"
            ).fetchone()
            still_open = con.execute(sql_file(__file__, "still_open.sql")).fetchall()
        assert row is not None
        has_moved, self._newest_move = row[1] != self._newest_move, row[1]
        return bool(still_open) or (row[0] > 0 and has_moved)

    def changed(self, con: duckdb.DuckDBPyConnection) -> list[str]:
        return [
            f"V-9: {table} has changed before {newest}"
            for table, newest, digest in self._seen
            if _digest(con, table, newest) != digest
        ]


def violations(scene: Scene, audit: Audit) -> list[str]:
    """What does not hold at the end of an episode, each with the invariant that it breaks."""
    judgement = oracle.judge(
        scene.business, scene.program, scene.acts, scene.taken, scene.clocks.there.now(), scene.unreadable_since
    )
    scene.judgement = judgement
    found = [f"V-2: {one}" if "times" in one or "live actions" in one else f"V-1/2: {one}" for one in judgement.wrong]
    with scene.warehouse.reading() as con:
        found += told_by_the_warehouse(con, scene.settings, skew=scene.clocks.widest_skew * 2)
        found += _lost(con, scene)
        found += _unlisted(con, judgement)
        found += _unplanned(con, scene)
        found += _taken_all_the_same(con, scene)
        found += _passed_over(con, scene)
        found += audit.changed(con)
    return found


def told_by_the_warehouse(con: duckdb.DuckDBPyConnection, settings: OutboxSettings, *, skew: timedelta) -> list[str]:
    """
    What the warehouse alone shows to be wrong in the end.

    Args:
        skew: by how much the pipeline's clock may have jumped.
    """
    waits = {"parent_gap": settings.parent_gap, "parent_wait": settings.parent_wait, "skew": skew}
    found = con.execute(sql_file(__file__, "checks.sql"), waits).fetchall()
    still_open = con.execute(sql_file(__file__, "still_open.sql")).fetchall()
    return [f"{invariant}: {said}" for invariant, said in found] + [
        f"V-8: {kind} {order_id} is {state} in the end ({why})" for _, kind, order_id, state, why in still_open
    ]


def _digest(con: duckdb.DuckDBPyConnection, table: str, newest: Any) -> Any:
    number = _APPEND_ONLY[table]
    return con.execute(
        f"select count(*), sum(hash(t)::hugeint) from {table} as t where {number} <= ?", [newest]
    ).fetchone()


def _lost(con: duckdb.DuckDBPyConnection, scene: Scene) -> list[str]:
    """V-1: what is to be there is in the outbox or held, and nothing is in both."""
    asked = {
        row[0]
        for row in con.execute(
            "select Id from outbox.request "
            "where Type = 'Conversion' and state <> 'withdrawn' and outcome is distinct from 'no_trace'"
        ).fetchall()
    }
    held = {
        row[0]
        for row in con.execute(
            "select Id from conversions.current_decision where carries and decision = 'hold'"
        ).fetchall()
    }
    wanted = {row[0] for row in con.execute("select Id from conversions.decision where decision = 'send'").fetchall()}
    wrong = [f"V-1: {one} is held and in the outbox" for one in sorted(asked & held)]
    for subject in scene.business.subjects:
        if subject.merged_into is not None:
            # What was to be sent of it stays, unless what it became part of stands for it.
            survivor = subject.merged_into
            is_due = subject.is_won and (survivor.is_won or subject.record_id in wanted)
            found = {subject.record_id, survivor.record_id}
        else:
            is_due, found = subject.is_there, {subject.record_id}
        if is_due and found.isdisjoint(asked | held):
            wrong.append(f"V-1: {subject.order_id} is neither in the outbox nor held")
    return wrong


def _unlisted(con: duckdb.DuckDBPyConnection, judgement: oracle.Judgement) -> list[str]:
    """V-4: what impact.com shows otherwise than the brand has is listed, or nobody's; all else counts as in order."""
    rows = con.execute(
        "select OrderId, class, is_open from reconciliation.conversion_status "
        "qualify row_number() over (partition by Id order by OrderId desc) = 1"
    ).fetchall()
    status = {_stem(order_id): (kind, is_open) for order_id, kind, is_open in rows}
    wrong = []
    for order_id in sorted(judgement.deviating):
        kind, is_open = status.get(order_id, ("nothing", False))
        if not is_open and kind != "not_credited":
            wrong.append(f"V-4: {order_id} counts as {kind}, and impact.com shows something else than the brand has")
    for order_id in sorted(judgement.shown):
        kind, _ = status.get(order_id, ("nothing", False))
        # A change that came too late stays on finance's list, also when the brand has undone it since.
        if kind not in ("matched", "reattributed", "locked_with_difference"):
            wrong.append(f"V-4: {order_id} counts as {kind}, and impact.com shows what the brand has")
    return wrong


def _stem(order_id: str) -> str:
    stem, _, entry = order_id.rpartition("_")
    return stem if entry.isdigit() and len(entry) < 3 else order_id


def _unplanned(con: duckdb.DuckDBPyConnection, scene: Scene) -> list[str]:
    """What was planned is byte for byte what left; of a body that a kill cut off, impact.com sees nothing."""
    planned = {row[0] for row in con.execute(sql_file(__file__, "planned_bodies.sql")).fetchall()}
    return [
        f"V-2: a body left that nobody planned: {one.body.decode()}"
        for one in scene.program.received
        if one.body and hashlib.sha256(one.body).hexdigest() not in planned
    ] + [
        f"V-2: a file left that nobody planned: {file.name}"
        for file, text in scene.taken
        if hashlib.sha256(text.encode()).hexdigest() not in planned
    ]


def _taken_all_the_same(con: duckdb.DuckDBPyConnection, scene: Scene) -> list[str]:
    """A file that counts as never arrived, so that what is in it goes again, did not arrive."""
    absent = {row[0] for row in con.execute("select name from outbox.file where state = 'absent'").fetchall()}
    return [
        f"V-2: {file.name} counts as absent, and impact.com took it" for file, _ in scene.taken if file.name in absent
    ]


def _passed_over(con: duckdb.DuckDBPyConnection, scene: Scene) -> list[str]:
    """A list of queue records that counts as complete, so as a proof, had each that was there before it began."""
    first_seen_by = dict(con.execute(sql_file(__file__, "first_seen.sql")).fetchall())
    wrong = []
    for listing_id, run_id, started_at in con.execute(
        "select listing_id, run_id, started_at from audit.listing where what = 'APISubmissions' and is_complete"
    ).fetchall():
        before = started_at - 2 * scene.clocks.widest_skew
        missing = [
            one.batch_id
            for one in scene.program.submissions.values()
            if one.is_visible
            and one.submitted_at < before
            and not first_seen_by.get(one.batch_id, math.inf) <= listing_id
        ]
        if missing:
            wrong.append(f"V-2: the list of {run_id} counts as complete, and lacks {missing[0]}")
    return wrong
