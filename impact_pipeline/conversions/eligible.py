"""
What could have been reported and never was: records that meet an event's condition now, although nothing of it was
sent, held or registered for them. A change of the configuration is not retroactive; this shows what it leaves behind.
"""

from datetime import datetime
from typing import Any

import duckdb

from impact_pipeline.config.load import Config, ObjectConfig
from impact_pipeline.conversions.facts import find_facts
from impact_pipeline.conversions.lines import make_lines
from impact_pipeline.conversions.mapping import map_pairs
from impact_pipeline.conversions.relations import Captured, captured
from impact_pipeline.conversions.renames import list_renames
from impact_pipeline.warehouse.sql import quote_identifier, sql_file


def eligible(
    con: duckdb.DuckDBPyConnection, config: Config, *, now: datetime, campaign_id: str, organization_id: str
) -> list[dict[str, Any]]:
    """
    Counts and money by object, event, the answer to the newest change, event type and currency.

    Reads every live record of objects whose events have conditions. Writes temporary tables only.
    """
    described = captured(con)
    list_renames(con, described)
    found = []
    for about in config.objects.values():
        events = [name for name, event in about.events.items() if event.when is not None]
        if about.name in described.types and events:
            _map(con, config, about, described, events, now, campaign_id, organization_id)
            found += _rows(con, "eligible_rows.sql")
    return found + _rows(con, "eligible_unseen.sql")


def _map(
    con: duckdb.DuckDBPyConnection,
    config: Config,
    about: ObjectConfig,
    described: Captured,
    events: list[str],
    now: datetime,
    campaign_id: str,
    organization_id: str,
) -> None:
    """Fill table mapped with the eligible records of one object."""
    pairs = sql_file(__file__, "eligible_pairs.sql").format(table=f"raw.{quote_identifier(about.name)}")
    con.execute(pairs, {"object": about.name, "events": events})
    con.execute(sql_file(__file__, "eligible_changes.sql"))
    find_facts(con, config, about, described, organization_id=organization_id, first_load_until=now)
    con.execute(sql_file(__file__, "eligible_need.sql"))
    make_lines(con, config, about, described)
    map_pairs(con, config, about, described, campaign_id=campaign_id, now=now)


def _rows(con: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    cursor = con.execute(sql_file(__file__, name))
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
