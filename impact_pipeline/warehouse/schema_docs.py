"""Whether the tables explain themselves: each table, view and column carries a comment."""

import duckdb

from impact_pipeline.warehouse.connection import SCHEMAS
from impact_pipeline.warehouse.sql import sql_file


def undocumented(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The tables, views and columns of our schemas that have no comment, as `schema.table` or `schema.table.column`."""
    rows = con.execute(sql_file(__file__, "undocumented.sql"), {"schemas": list(SCHEMAS)}).fetchall()
    return [name for (name,) in rows]
