"""docs/tables.md says what the warehouse's own comments say."""

from pathlib import Path

import duckdb

from impact_pipeline.warehouse.migrations import migrate
from impact_pipeline.warehouse.tables_page import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_tables_is_current() -> None:
    """Mended by: python -m impact_pipeline.warehouse.tables_page > docs/tables.md"""
    with duckdb.connect(":memory:") as con:
        migrate(con)

        assert (DOCS / "tables.md").read_text("utf-8") == page(con)
