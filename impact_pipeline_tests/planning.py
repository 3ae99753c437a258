"""How DuckDB plans the statements of tests that have a few rows only."""

import duckdb


def plan_little(con: duckdb.DuckDBPyConnection) -> None:
    """
    Look for no good plans on this connection.

    For a few rows that takes longer than a bad plan does, and what a statement means does not depend on it. Columns
    that nobody reads are still left out: that costs less than it saves.
    """
    names = con.execute("select name from duckdb_optimizers() where name <> 'unused_columns'").fetchall()
    con.execute(f"set disabled_optimizers = '{','.join(name for (name,) in names)}'")
