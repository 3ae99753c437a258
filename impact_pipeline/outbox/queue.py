"""
conversions.* → outbox.request: what is to be told, each with the exact body that will leave.

Set-based and in the caller's transaction. A body may change until its first intent; from then on it is frozen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from impact_pipeline.config.load import Config
from impact_pipeline.config.parameters import Parameter, catalogue
from impact_pipeline.conversions.decide import decide
from impact_pipeline.conversions.under_way import is_under_way, must_be_whole
from impact_pipeline.outbox.moves import carry_out, list_moves
from impact_pipeline.outbox.settings import OutboxSettings, settings_of
from impact_pipeline.warehouse.cycles import binding, newest_cycle
from impact_pipeline.warehouse.sql import quote_identifier, sql_file

# These lead the body; the others follow in the order of the catalogue. EventTypeCode is sent, so ActionTrackerId is
# not: what happens where both are sent and disagree is not documented.
FIRST_PARAMETERS = ("CampaignId", "EventTypeCode", "EventDate", "OrderId")
NOT_SENT = "ActionTrackerId"


@dataclass(frozen=True, kw_only=True)
class QueueCounts:
    """
    What a call of enqueue did, in requests.

    Args:
        reopened: withdrawn before, wanted again.
        found_there: in doubt instead of being sent, because impact.com's own records hold their key.
        key_taken: conversions left out because another event's request has their key.
        corrections_left_out: wanted states that can't be told: locked, at the limit, or refused before.
    """

    queued: int = 0
    refreshed: int = 0
    reopened: int = 0
    withdrawn: int = 0
    found_there: int = 0
    key_taken: int = 0
    corrections_queued: int = 0
    corrections_withdrawn: int = 0
    corrections_left_out: int = 0


def enqueue(con: duckdb.DuckDBPyConnection, settings: OutboxSettings, *, run_id: str, now: datetime) -> QueueCounts:
    """
    Bring outbox.request to what conversions.* wants; a second call without news writes nothing.

    Args:
        now: UTC.

    Raises:
        CutOffError: the cycle that decided last was cut off.
    """
    must_be_whole(con)
    list_moves(con)
    con.execute(sql_file(__file__, "queue_sendable.sql"))
    con.execute(body_sql(_columns(con, "conversion"), _columns(con, "item")))
    con.execute(sql_file(__file__, "queue_withdraw.sql"))
    withdrawn = carry_out(con, run_id=run_id, now=now)
    refreshed = _number(con, sql_file(__file__, "queue_refresh.sql"))
    con.execute(sql_file(__file__, "queue_reopen.sql"), {"now": now})
    reopened = carry_out(con, run_id=run_id, now=now)
    newest = _number(con, "select coalesce(max(request_id), 0) from outbox.request")
    queued = _number(con, sql_file(__file__, "queue_new.sql"), {"run_id": run_id, "now": now})
    con.execute(sql_file(__file__, "queue_history.sql"), {"run_id": run_id, "now": now, "newest": newest})
    found_there = doubt_what_is_there(con, run_id=run_id, now=now)
    key_taken = _number(con, sql_file(__file__, "queue_key_taken.sql"))
    corrections = queue_corrections(con, settings, run_id=run_id, now=now)
    con.execute(
        "update outbox.queue_cursor set decision_id = decided.newest "
        "from (select coalesce(max(decision_id), 0) as newest from conversions.decision) as decided "
        "where decision_id <> decided.newest"
    )
    return QueueCounts(
        queued=queued,
        refreshed=refreshed,
        reopened=reopened,
        withdrawn=withdrawn,
        found_there=found_there,
        key_taken=key_taken,
        corrections_queued=corrections[0],
        corrections_withdrawn=corrections[1],
        corrections_left_out=corrections[2],
    )


def decide_and_enqueue(
    con: duckdb.DuckDBPyConnection, config: Config, *, run_id: str, now: datetime, is_lasting: bool = False
) -> QueueCounts:
    """
    Answer what is new or open by what was captured last, and queue what follows, as the next cycle would.

    Args:
        is_lasting: as in decide.

    Raises:
        NothingCaptured: there was no cycle yet.
        UnknownPath, ConfigError: as in decide.
    """
    bound = binding(con)
    decide(
        con,
        config,
        cycle_id=newest_cycle(con),
        run_id=run_id,
        now=now,
        campaign_id=bound.campaign_id,
        organization_id=bound.organization_id,
        is_lasting=is_lasting,
    )
    return enqueue(con, settings_of(config, bound.campaign_id), run_id=run_id, now=now)


def doubt_what_is_there(
    con: duckdb.DuckDBPyConnection, *, run_id: str, now: datetime, lost_since: datetime | None = None
) -> int:
    """
    Put in doubt what waits to be sent although impact.com's own records hold its key; how many.

    Args:
        lost_since: after it a file that an old copy replaced may have sent; None: all attempts are known.
    """
    list_moves(con)
    con.execute(sql_file(__file__, "queue_known.sql"), {"now": now, "lost_since": lost_since})
    return carry_out(con, run_id=run_id, now=now)


def queue_corrections(
    con: duckdb.DuckDBPyConnection, settings: OutboxSettings, *, run_id: str, now: datetime
) -> tuple[int, int, int]:
    """
    Bring the corrections to what conversions.wanted asks for, against what was told and what impact.com shows.

    An action that was seen since the last call gives its waiting correction a body, so sending calls this too.

    Returns:
        How many corrections were queued, withdrawn and left out.
    """
    if is_under_way(con) or not _number(
        con,
        "select count(*) from (from (select event_id from conversions.wanted union all select event_id "
        "from outbox.request where Type <> 'Conversion' and state = 'ready') limit 1)",
    ):
        return 0, 0, 0
    list_moves(con)
    con.execute(
        sql_file(__file__, "correction_wanted.sql"),
        {"now": now, "corrections_maximum": settings.corrections_maximum},
    )
    con.execute(sql_file(__file__, "correction_withdraw.sql"))
    withdrawn = carry_out(con, run_id=run_id, now=now)
    con.execute(sql_file(__file__, "correction_refresh.sql"))
    newest = _number(con, "select coalesce(max(request_id), 0) from outbox.request")
    queued = _number(
        con,
        sql_file(__file__, "correction_new.sql"),
        {"run_id": run_id, "now": now, "correct_after": settings.correct_after},
    )
    con.execute(sql_file(__file__, "queue_history.sql"), {"run_id": run_id, "now": now, "newest": newest})
    left_out = _number(con, "select count(*) from correction where left_out is not null")
    return queued, withdrawn, left_out


def body_sql(columns: list[str], item_columns: list[str]) -> str:
    """
    The statement that makes the bodies of all sendable conversions that were never intended, in table `body`.

    Args:
        columns, item_columns: those of conversions.conversion and conversions.item, ours among them.

    A parameter that is null is left out. DuckDB's url_encode keeps only the unreserved characters of RFC 3986.
    """
    parameters = _in_order(columns, is_item=False)
    pieces = [f"'{each.name}=' || url_encode(c.{quote_identifier(each.column)})" for each in parameters]
    item_pieces = [
        f"{_numbered(each.name)} || '=' || url_encode(i.{quote_identifier(each.column)})"
        for each in _in_order(item_columns, is_item=True)
    ]
    return f"""\
create or replace temp table body as
with
items as (
    select i.event_id,
           string_agg(concat_ws('&',
               {_lines(item_pieces, 15)}), '&' order by i.item_number) as items
      from conversions.item as i
      join sendable as s using (event_id)
     where not s.is_frozen
     group by i.event_id),
bodies as (
    select c.event_id,
           concat_ws('&',
               {_lines(pieces, 15)},
               n.items) as payload
      from conversions.conversion as c
      join sendable as s using (event_id)
      left join items as n using (event_id)
     where not s.is_frozen)
select event_id, payload, sha256(payload) as payload_sha256
  from bodies
"""


def _in_order(columns: Iterable[str], *, is_item: bool) -> list[Parameter]:
    """The parameters that the columns hold, in the order in which they are sent."""
    known = {each.column: each for each in catalogue().by_name.values() if each.is_item == is_item}

    def place(each: Parameter) -> tuple[int, int]:
        first = FIRST_PARAMETERS.index(each.name) if each.name in FIRST_PARAMETERS else len(FIRST_PARAMETERS)
        return first, each.position

    return sorted((known[name] for name in columns if name in known and name != NOT_SENT), key=place)


def _numbered(name: str) -> str:
    """The SQL of an item parameter's name with its number: ItemSku → ItemSku1, ItemText_3 → ItemText1_3."""
    stem, separator, rest = name.partition("_")
    return f"'{stem}' || i.item_number" + (f" || '_{rest}'" if separator else "")


def _lines(pieces: list[str], indent: int) -> str:
    return (",\n" + " " * indent).join(pieces)


def _columns(con: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """The columns that the table has by now; a mapping that uses more parameters adds theirs."""
    # DuckDB's own list of columns names those of all tables before it is asked for one: ten times as slow.
    empty = con.execute(f"from conversions.{quote_identifier(table)} limit 0")
    return [str(column[0]) for column in empty.description or ()]


def _number(con: duckdb.DuckDBPyConnection, sql: str, values: dict[str, Any] | None = None) -> int:
    row = con.execute(sql, values or {}).fetchone()
    return int(row[0]) if row else 0
