"""
What another configuration would have made of the changes of the last days.

Both configurations answer the same changes anew, as if none of them had been answered, so what differs comes from the
configuration alone. The caller undoes all of it. What was sent within the window counts as not sent, so corrections are
compared for what was sent before it only; guards and changed identities hold nothing here, the latter are listed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb

from impact_pipeline.config.load import Config
from impact_pipeline.config.parameters import catalogue
from impact_pipeline.conversions.decide import decide
from impact_pipeline.conversions.identities import ChangedIdentity, changed_identities
from impact_pipeline.conversions.relations import captured
from impact_pipeline.warehouse.cycles import binding, newest_cycle
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

Rows = list[dict[str, Any]]
RUN_ID = "plan --against"
# Everything that came of the window's changes; $since is the newest change before it.
_FORGET = (
    "create or replace temp table forgotten as "
    "select event_id from conversions.current_decision where change_id > $since and carries",
    "delete from conversions.item where event_id in (from forgotten)",
    "delete from conversions.conversion where event_id in (from forgotten)",
    "delete from conversions.customer where event_id in (from forgotten)",
    "delete from outbox.request where event_id in (from forgotten)",
    "delete from conversions.wanted where change_id > $since or event_id in (from forgotten)",
    "delete from conversions.decision where change_id > $since",
    "delete from conversions.open_decision where change_id > $since",
    "update conversions.cursor set change_id = least(change_id, $since)",
)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """
    Each part as rows by column name; a column that ends in _then is what the other configuration gives.

    Args:
        since: the window's start.
        change_count: changes that were found in it.
        newest_change_at: when the newest of all changes was found; None where there is none.
        answers: answers that differ, in counts and money: newly sent, no longer sent, answered otherwise.
        parameters: how many of what both send differ in which parameter.
        amounts: what both send.
        identities: events whose identities the other configuration changes; it holds them until that is accepted.
        not_captured: objects of the other configuration that no cycle has read, so nothing is known of them.
    """

    since: datetime
    change_count: int
    newest_change_at: datetime | None
    answers: Rows
    parameters: Rows
    amounts: Rows
    identities: tuple[ChangedIdentity, ...]
    not_captured: tuple[str, ...]


def compare(
    con: duckdb.DuckDBPyConnection,
    config: Config,
    other: Config,
    *,
    days: int,
    now: datetime,
    object_name: str | None = None,
    event: str | None = None,
) -> Comparison:
    """
    Compare both configurations over the changes that were found in the last `days`, in a copy of the warehouse: parts
    are committed.

    Raises:
        NothingCaptured: there was no cycle yet.
        UnknownPath: a configuration names a field that no cycle has read.
    """
    start = now - timedelta(days=days)
    (row,) = con.execute(
        "select coalesce(max(change_id) filter (detected_at < $start), 0), count_if(detected_at >= $start), "
        "max(detected_at) from changes.change",
        {"start": start},
    ).fetchall()
    since, change_count, newest = row
    identities = changed_identities(con, other)
    for side, each in (("now", config), ("then", other)):
        _answer(con, each, since, now)
        _keep(con, side, since)
    only = {"object": object_name, "event": event}
    types = captured(con).types
    return Comparison(
        since=start,
        change_count=change_count,
        newest_change_at=newest,
        answers=_rows(con, "against_answers.sql", **only),
        parameters=_rows(con, "against_values.sql", **only),
        amounts=_rows(con, "against_amounts.sql", **only),
        identities=tuple(one for one in identities if object_name in (None, one.object) and event in (None, one.event)),
        not_captured=tuple(name for name in other.objects if name not in types),
    )


def _answer(con: duckdb.DuckDBPyConnection, config: Config, since: int, now: datetime) -> None:
    """Forget what came of the window's changes, and answer them with the configuration."""
    bound, cycle_id = binding(con), newest_cycle(con)
    for sql in _FORGET:
        con.execute(sql, {"since": since} if "$since" in sql else None)
    decide(
        con,
        config,
        cycle_id=cycle_id,
        run_id=RUN_ID,
        now=now,
        campaign_id=bound.campaign_id,
        organization_id=bound.organization_id,
        is_guarded=False,
        is_lasting=True,
    )


def _keep(con: duckdb.DuckDBPyConnection, side: str, since: int) -> None:
    con.execute(sql_file(__file__, "against_kept.sql").format(side=side), {"since": since})
    columns = {table: _parameters(con, table) for table in ("conversion", "item")}
    sql = sql_file(__file__, "against_parameters.sql").format(
        side=side, parameters=columns["conversion"], item_parameters=columns["item"]
    )
    con.execute(sql)


def _parameters(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """The columns of the table that are impact.com's parameters, quoted; a mapping adds those that it uses."""
    rows = con.execute(
        "select column_name from duckdb_columns() where schema_name = 'conversions' and table_name = ? "
        "and database_name = current_database() order by column_index",
        [table],
    ).fetchall()
    return ", ".join(quote_identifier(name) for (name,) in rows if name in catalogue().by_name)


def _rows(con: duckdb.DuckDBPyConnection, name: str, **values: object) -> Rows:
    cursor = con.execute(sql_file(__file__, name), values)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
