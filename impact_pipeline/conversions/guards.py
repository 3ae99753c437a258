"""
What stops a cycle before it tells too much: more rows or money than the configuration allows, or a watched field that
changed on too many records at once.

It looks at one call of decide as a whole, when all objects have been answered, together with what a call before it
had answered when it was cut off. What it holds back ends as mass_change, and stays held until it is accepted or
released; what comes later is weighed by itself.
"""

import duckdb

from impact_pipeline.config.load import Config
from impact_pipeline.conversions.under_way import Begun
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal, sql_file

# Below so many records a share says nothing: five of ten deals move on any good day.
LEAST_MASS = 100


def hold_back(con: duckdb.DuckDBPyConnection, config: Config, captured: list[str], begun: Begun) -> int:
    """
    Turn what goes beyond a guard into holds, in the caller's transaction; before the cursors of the objects move.

    Args:
        captured: objects of the configuration that were captured.
        begun: since when; its pins are known by the time.

    Returns:
        How many decisions were held back.
    """
    guards = config.pipeline.guards
    _run(con, "guards_told.sql", after=begun.decision_id)
    if not _count(con, "told"):
        return 0
    watched = [(name, field) for name in captured for field in sorted(config.watched_fields(name) | {"items"})]
    records = [
        f"select {quote_literal(name)} as object, count(*) as record_count from raw.{quote_identifier(name)} "
        'where not "_is_deleted"'
        for name in captured
    ]
    con.execute(
        sql_file(__file__, "guards_mass.sql").format(records="\n     union all\n    ".join(records)),
        {
            "objects": [name for name, _ in watched],
            "fields": [field for _, field in watched],
            "share": guards.mass_share,
            "least": LEAST_MASS,
        },
    )
    bounds = guards.max_money or {}
    _run(
        con,
        "guards_hold.sql",
        max_rows=guards.max_rows,
        currencies=list(bounds),
        bounds=[str(bound) for bound in bounds.values()],
    )
    held = _count(con, "held_back")
    if held:
        _run(con, "guards_decision.sql")
        _run(con, "guards_unpin.sql", began_at=begun.began_at)
        _run(con, "guards_unwant.sql")
        _run(con, "guards_want_again.sql")
    return held


def _run(con: duckdb.DuckDBPyConnection, name: str, **values: object) -> None:
    con.execute(sql_file(__file__, name), values or None)


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0
