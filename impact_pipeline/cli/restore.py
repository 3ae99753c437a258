"""`impact-pipeline restore`: a backup takes the warehouse's place."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from impact_pipeline.cli.show import as_json, console
from impact_pipeline.config import environment as env
from impact_pipeline.warehouse.backup import restore, verify
from impact_pipeline.warehouse.binding import is_bound
from impact_pipeline.warehouse.connection import Warehouse


@click.command("restore")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", "only_checks", is_flag=True, help="Only tell whether the backup is whole; change nothing.")
@click.option("--json", "wants_json", is_flag=True, help="Print what was done as JSON.")
def command(source: Path, only_checks: bool, wants_json: bool) -> None:
    """
    Put the backup SOURCE in the warehouse's place, after it was compared with its manifest (SOURCE.json).

    A backup of another account or program than the environment's is refused. The warehouse that was there is kept
    beside it as NAME.before-TIME.duckdb; delete it when you are sure. Stop the schedules first.

    What was sent after the backup was made is not in it. So nothing is sent from it until impact-pipeline recover has
    read what impact.com was told meanwhile; capture, decisions and reconciliation go on at once.

    \b
      impact-pipeline restore data/backups/impact_pipeline-20261120T020000Z.duckdb --check
      impact-pipeline restore data/backups/impact_pipeline-20261120T020000Z.duckdb
    """
    with console().status("comparing the backup with its manifest"):
        manifest = verify(source)
    with Warehouse(path=source).reading() as con:
        is_bound(
            con,
            account_sid=env.value_of(os.environ, env.ACCOUNT_SID),
            campaign_id=env.value_of(os.environ, env.CAMPAIGN_ID),
        )
    kept = None
    path = env.warehouse_path(os.environ)
    if not only_checks:
        kept = restore(Warehouse(path=path), source, now=datetime.now(UTC))
    if wants_json:
        click.echo(
            as_json(
                {
                    "source": str(source),
                    "made_at": manifest.made_at,
                    "rows": sum(manifest.rows.values()),
                    "restored_to": None if only_checks else str(path),
                    "kept": None if kept is None else str(kept),
                }
            )
        )
        return
    click.echo(f"{source} is whole: made {manifest.made_at}, {sum(manifest.rows.values()):,} rows.")
    if not only_checks:
        click.echo(f"It is {path} now." + (f" What was there is {kept}." if kept else ""))
        click.echo("Before anything is sent: impact-pipeline recover. For the readers: impact-pipeline publish.")
