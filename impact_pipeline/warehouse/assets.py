"""
What the stages show of a table in the Dagster UI, and the readers' copy as the asset that ends a cycle.

The UI has no login: what is shown are counts, Ids, codes and money, and never a private column.
"""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import dagster as dg
import duckdb

from impact_pipeline.warehouse.charts import Bar, bar_chart
from impact_pipeline.warehouse.publish import PRIVATE, publish
from impact_pipeline.warehouse.resource import ClockResource, WarehouseResource
from impact_pipeline.warehouse.sql import Column, quote_identifier

_PREVIEWED_ROWS = 8
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


def preview(con: duckdb.DuckDBPyConnection, path: Sequence[str], columns: Sequence[str]) -> dg.TableMetadataValue:
    """
    The newest rows of the table [schema, table], in some columns; the newest by the first of them.

    Raises:
        ValueError: one of the columns is private, or nobody has said that it may be read.
    """
    schema, table = path
    rows = con.execute(
        "select column_name from duckdb_columns() where database_name = current_database() and schema_name = $schema "
        "and table_name = $table and comment is not null and not starts_with(comment, $private)",
        {"schema": schema, "table": table, "private": PRIVATE},
    ).fetchall()
    if hidden := set(columns) - {name for (name,) in rows}:
        raise ValueError(f"{', '.join(sorted(hidden))} of {schema}.{table} may not be shown.")
    shown = ", ".join(quote_identifier(column) for column in columns)
    newest = con.execute(
        f"select {shown} from {quote_identifier(schema)}.{quote_identifier(table)} "
        f"order by {quote_identifier(columns[0])} desc limit {_PREVIEWED_ROWS}"
    ).fetchall()
    return count_table(columns, newest)


def lineage(columns: Mapping[str, Sequence[Column]]) -> dict[str, Any]:
    """Metadata that tells from which columns of other assets each column comes: for tools, and as a table to read."""
    deps = {
        name: [
            dg.TableColumnDep(asset_key=dg.AssetKey([schema, table]), column_name=column)
            for schema, table, column in sources
        ]
        for name, sources in columns.items()
    }
    told = [(name, ", ".join(".".join(source) for source in sources)) for name, sources in columns.items()]
    return {
        "dagster/column_lineage": dg.TableColumnLineage(deps),
        "lineage": count_table(["column", "comes from"], told),
    }


def tag_run(context: dg.AssetExecutionContext | dg.OpExecutionContext, **tags: str) -> None:
    """Mark the run with what it worked on: the list of runs shows it, and can be filtered by it."""
    context.instance.add_run_tags(context.run.run_id, tags)


def count_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dg.TableMetadataValue:
    """Rows of words and numbers as a table of the UI; money, times and lists as text. Never for values of records."""
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(zip(names, map(_cell, row), strict=True))) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(name=name) for name in names]),
    )


def _cell(value: Any) -> str | int | float | bool | None:
    """A cell of the UI holds only words and plain numbers."""
    match value:
        case str() | int() | float() | None:
            return value
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case list() | tuple():
            return ", ".join(str(each) for each in value)
    return str(value)


def bars(title: str, counts: Iterable[tuple[str, int]]) -> dg.MarkdownMetadataValue:
    """Labels and numbers as a chart, for people who would rather look than read."""
    return chart(title, [("", [Bar(label=label, value=Decimal(count), text=f"{count:,}") for label, count in counts])])


def chart(title: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> dg.MarkdownMetadataValue:
    """One chart."""
    return charts({title: groups})


def charts(figures: Mapping[str, Sequence[tuple[str, Sequence[Bar]]]]) -> dg.MarkdownMetadataValue:
    """
    Charts under each other, by title. They are pictures inside the page, in colours that can be read on a light and on
    a dark ground; their numbers are their other text.
    """
    return dg.MetadataValue.md(
        "\n\n".join(f"### {title}\n\n{_figure(title, groups)}" for title, groups in figures.items())
    )


def _figure(title: str, groups: Sequence[tuple[str, Sequence[Bar]]]) -> str:
    told = [f"{heading} {bar.label} {bar.text}".strip() for heading, several in groups for bar in several]
    if not told:
        return "nothing"
    picture = base64.b64encode(bar_chart(title, groups).encode()).decode()
    words = re.sub(r"([\\\[\]])", r"\\\1", f"{title}: {'; '.join(told)}")
    return f"![{words}](data:image/svg+xml;base64,{picture})"


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
