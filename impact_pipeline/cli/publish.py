"""`impact-pipeline publish`: the readers' copy, now."""

import os
from datetime import UTC, datetime

import click

from impact_pipeline.cli.reading import warehouse_of
from impact_pipeline.cli.show import as_json
from impact_pipeline.warehouse.publish import publish


@click.command("publish")
@click.option("--json", "wants_json", is_flag=True, help="Print path, tables and rows as JSON.")
def command(wants_json: bool) -> None:
    """
    Write readers.duckdb beside the warehouse anew: everything but raw.* and private columns.

    Each cycle does this by itself. The file is swapped in by one rename: who has the old one open keeps reading it, and
    opening it never blocks the pipeline.

    \b
      impact-pipeline publish
    """
    report = publish(warehouse_of(os.environ), now=datetime.now(UTC))
    if wants_json:
        shown = {"path": str(report.path), "table_count": report.table_count, "row_count": report.row_count}
        click.echo(as_json(shown))
    else:
        click.echo(f"{report.path}: {report.table_count} tables, {report.row_count:,} rows.")
