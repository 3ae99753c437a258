"""The page of tables: `python -m impact_pipeline.warehouse.tables_page > docs/tables.md`."""

import sys
from itertools import groupby

import duckdb

from impact_pipeline.warehouse.connection import SCHEMAS
from impact_pipeline.warehouse.migrations import migrate
from impact_pipeline.warehouse.sql import sql_file

_TITLE = """# The tables

Every table and view of the warehouse, made from its own comments by
`python -m impact_pipeline.warehouse.tables_page > docs/tables.md`. Times are UTC, money is DECIMAL. Columns called
*private* stay in the warehouse; `readers.duckdb` has the others, of all schemas but `raw`. Each captured object has
three relations besides: `raw.<Object>` (newest version per Id), `raw.<Object>_past` (superseded ones) and the view
`raw.<Object>_version` (both).
"""


def page(con: duckdb.DuckDBPyConnection) -> str:
    """The whole page as Markdown, from a migrated database."""
    rows = con.execute(sql_file(__file__, "tables_page.sql"), {"schemas": list(SCHEMAS)}).fetchall()
    lines = [_TITLE]
    for (name, is_view, about), columns in groupby(rows, key=lambda row: row[:3]):
        lines += [f"## {name}", "", f"{'View. ' if is_view else ''}{_cell(about)}", ""]
        lines += ["| column | type | |", "|---|---|---|"]
        lines += [f"| `{column}` | {kind} | {_cell(comment)} |" for *_, column, kind, comment in columns]
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Print the page of a new warehouse."""
    with duckdb.connect(":memory:") as con:
        migrate(con)
        sys.stdout.write(page(con))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    main()
