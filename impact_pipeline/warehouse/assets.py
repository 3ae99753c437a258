"""What the stages show of a table in the Dagster UI, and the readers' copy as the asset that ends a cycle."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import duckdb

from impact_pipeline.warehouse.publish import PRIVATE, publish
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource
from impact_pipeline.warehouse.sql import quote_identifier

PUBLISHED = dg.AssetKey(["warehouse", "published"])


def table_metadata(con: duckdb.DuckDBPyConnection, schema: str, table: str) -> dict[str, Any]:
    """Name, row count and columns with their comments, under the keys that the UI shows as tiles and tables."""
    rows = con.execute(
        "select column_name, data_type, comment from duckdb_columns() "
        "where database_name = current_database() and schema_name = ? and table_name = ? order by column_index",
        [schema, table],
    ).fetchall()
    counted = con.execute(f"select count(*) from {quote_identifier(schema)}.{quote_identifier(table)}").fetchone()
    columns = [dg.TableColumn(name=name, type=kind, description=about or None) for name, kind, about in rows]
    return {
        "dagster/table_name": f"{schema}.{table}",
        "dagster/row_count": counted[0] if counted else 0,
        "dagster/column_schema": dg.TableSchema(columns=columns),
    }


def count_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dg.TableMetadataValue:
    """Rows of words and numbers as a table of the UI; never for values of records."""
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(zip(names, row, strict=True))) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(name=name) for name in names]),
    )


def bars(counts: Sequence[tuple[str, int]]) -> dg.MarkdownMetadataValue:
    """Labels and numbers as a bar chart in text, for people who would rather look than read."""
    longest = max((count for _, count in counts), default=0)
    width = max((len(label) for label, _ in counts), default=0)
    lines = [f"{label.ljust(width)}  {'█' * max(1, round(30 * count / longest))} {count:,}" for label, count in counts]
    return dg.MetadataValue.md("```\n" + "\n".join(lines or ["nothing"]) + "\n```")


def published_asset(deps: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The readers' copy, made anew once `deps` are up to date."""

    @dg.asset(
        key=PUBLISHED,
        group_name="warehouse",
        kinds={"duckdb"},
        deps=deps,
        description=(
            "readers.duckdb beside the warehouse: everything but raw.* and private columns, swapped in by one rename. "
            "Opening it never blocks the pipeline."
        ),
    )
    def published(warehouse: WarehouseResource, clock: ClockResource) -> dg.MaterializeResult[None]:
        report = publish(warehouse.warehouse(), now=clock.now())
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(str(report.path)),
                "tables": report.table_count,
                "dagster/row_count": report.row_count,
                "left_out": f"raw.* and columns whose comment starts with {PRIVATE!r}",
            }
        )

    return published
