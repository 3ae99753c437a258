"""`impact-pipeline backup`: a proven copy of the warehouse."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from impact_pipeline.cli.reading import existing
from impact_pipeline.cli.show import as_json, console
from impact_pipeline.config import environment as env
from impact_pipeline.warehouse.backup import backup, folder_of
from impact_pipeline.warehouse.files import owner_only


@click.command("backup")
@click.argument("target", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--json", "wants_json", is_flag=True, help="Print the manifest as JSON.")
def command(target: Path | None, wants_json: bool) -> None:
    """
    Copy the warehouse to TARGET, read every row of the copy, and write beside it what it must hold.

    Without TARGET the copy goes into the folder backups beside the warehouse, under a name with the time. Runs wait
    while the file is copied, about a second per gigabyte. The copy and its manifest (TARGET.json) belong together;
    impact-pipeline restore compares the two. It holds what the warehouse holds, personal data too: only you may read
    it, and impact-pipeline forget reaches the copies in that folder, not those that you carry elsewhere.

    \b
      impact-pipeline backup
      impact-pipeline backup /mnt/safe/before-upgrade.duckdb
    """
    now = datetime.now(UTC)
    warehouse = existing()
    if target is None:
        folder = folder_of(env.warehouse_path(os.environ))
        with owner_only():
            folder.mkdir(exist_ok=True)
        target = folder / f"{warehouse.path.stem}-{now:%Y%m%dT%H%M%SZ}.duckdb"
    with console().status("copying"):
        manifest = backup(warehouse, target, now=now)
    if wants_json:
        click.echo(as_json({"path": str(target), **asdict(manifest)}))
    else:
        click.echo(f"{target}: {len(manifest.rows)} tables, {sum(manifest.rows.values()):,} rows, read to the end.")
