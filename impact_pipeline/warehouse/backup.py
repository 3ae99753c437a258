"""
Copies of the warehouse, whole and proven: the file, and beside it what it must hold, by content.

A backup is an ordinary warehouse file. Its manifest (`<file>.json`) has the file's SHA-256, the pinned org and program,
and how many rows each table has; restoring believes nothing that it has not compared.
"""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from impact_pipeline.warehouse.connection import Warehouse, WarehouseError
from impact_pipeline.warehouse.files import owner_only, temporary_beside
from impact_pipeline.warehouse.sql import quote_identifier

FOLDER = "backups"
_CHUNK = 1 << 20
# The file's log is written into it when its last connection closes; a run may begin before we hold the file.
_TRIES = 5


class BackupDamaged(WarehouseError):
    """The backup is not what was written, or never was whole. Nothing was replaced."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """
    What a backup holds.

    Args:
        made_at: ISO 8601, UTC.
        organization_id, campaign_id: the pinned pair; None before the first run.
        transition_id: the newest move of a request in it.
        rows: table → rows.
    """

    sha256: str
    made_at: str
    organization_id: str | None
    campaign_id: str | None
    transition_id: int | None
    rows: dict[str, int]


def folder_of(warehouse: Path) -> Path:
    """Where backups of a warehouse are, unless somebody names another place."""
    return warehouse.with_name(FOLDER)


def manifest_path(backup: Path) -> Path:
    return backup.with_name(f"{backup.name}.json")


def backups_of(warehouse: Path) -> list[Path]:
    """The backups in the folder of a warehouse, the oldest first."""
    found = (path.with_suffix("") for path in folder_of(warehouse).glob("*.duckdb.json"))
    return sorted(path for path in found if path.exists())


def kept_copies_of(warehouse: Path) -> list[Path]:
    """What `restore` has put aside, the oldest first."""
    return sorted(warehouse.parent.glob(f"{warehouse.stem}.before-*{warehouse.suffix}"))


def backup(warehouse: Warehouse, target: Path, *, now: datetime) -> Manifest:
    """
    Copy the warehouse to `target` and read every row of the copy. Writers wait while the file is copied.

    Raises:
        WarehouseError: `target` is there already, or its folder isn't.
        BackupDamaged: the copy can't be read to its end; it is removed.
    """
    if target.exists():
        raise WarehouseError(f"{target} exists already. Name another file; a backup never replaces one.")
    if not target.absolute().parent.is_dir():
        raise WarehouseError(f"{target.absolute().parent} does not exist. Make the folder, or name another file.")
    with owner_only(), temporary_beside(target.absolute()) as temporary:
        _copy(warehouse, temporary)
        manifest = _manifest(temporary, now)
        # The file first: one without a manifest is no backup, a manifest without its file says that one is missing.
        temporary.replace(target)
        _write(target, manifest)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """
    What a backup must hold. Raises BackupDamaged where nothing readable tells it.
    """
    try:
        return Manifest(**json.loads(manifest_path(path).read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise BackupDamaged(
            f"{manifest_path(path)} is missing or can't be read, so whether {path.name} is whole can't be told. Put it "
            "beside the backup, or take another backup."
        ) from error


def verify(path: Path) -> Manifest:
    """
    Read a backup to its end and compare it with its manifest.

    Raises:
        BackupDamaged: names what differs.
    """
    manifest = read_manifest(path)
    if not path.is_file():
        raise BackupDamaged(f"{path} does not exist; only its manifest does. Take another backup.")
    if _sha256(path) != manifest.sha256:
        raise BackupDamaged(f"{path} is not the file that was written: its SHA-256 differs. Take another backup.")
    found = _manifest(path, datetime.fromisoformat(manifest.made_at))
    if found != manifest:
        raise BackupDamaged(f"{path} does not hold what its manifest says. Take another backup.")
    return manifest


def restore(warehouse: Warehouse, source: Path, *, now: datetime) -> Path | None:
    """
    Put a backup in the warehouse's place; what was there is kept beside it, and its name returned.

    The mark that tells an old copy stays: until `recover` has read what impact.com was told since, nothing is sent.

    Raises:
        BackupDamaged: the backup is not whole; nothing was replaced.
        WarehouseLocked: somebody works with the warehouse.
    """
    verify(source)
    target = warehouse.path.resolve()
    with owner_only(), temporary_beside(target) as temporary:
        shutil.copyfile(source, temporary)
        if not target.exists():
            temporary.replace(target)
            return None
        kept = target.with_name(f"{target.stem}.before-{now:%Y%m%dT%H%M%S}{target.suffix}")
        # Held while it moves, so that no run writes into the one that is leaving.
        with warehouse.reading():
            target.rename(kept)
            log = target.with_name(f"{target.name}.wal")
            if log.exists():
                log.rename(kept.with_name(f"{kept.name}.wal"))
            temporary.replace(target)
    return kept


def rewrite_manifest(path: Path) -> Manifest:
    """The manifest of a backup whose content was changed on purpose, made anew."""
    manifest = _manifest(path, datetime.fromisoformat(read_manifest(path).made_at))
    _write(path, manifest)
    return manifest


def _copy(warehouse: Warehouse, target: Path) -> None:
    source = warehouse.path.resolve()
    for _ in range(_TRIES):
        with warehouse.transaction():
            # Opening takes in what a killed run left in the log, closing writes it into the file.
            pass
        with warehouse.reading():
            if not source.with_name(f"{source.name}.wal").exists():
                shutil.copyfile(source, target)
                return
    raise WarehouseError(f"{source} is written to all the time; back it up when less is going on.")


def _manifest(path: Path, made_at: datetime) -> Manifest:
    """Read all of the file: DuckDB compares each block with its checksum on the way."""
    sha256 = _sha256(path)
    try:
        with Warehouse(path=path).reading() as con:
            tables = con.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = current_database() "
                "order by all"
            ).fetchall()
            rows = {}
            for schema, table in tables:
                name = f"{quote_identifier(schema)}.{quote_identifier(table)}"
                found = con.execute(f"select count(*), sum(hash(t)::hugeint) from {name} as t").fetchone()
                rows[f"{schema}.{table}"] = int(found[0]) if found else 0
            pinned = con.execute("select organization_id, CampaignId from warehouse.binding").fetchone()
            newest = con.execute("select max(transition_id) from audit.transition").fetchone()
    except duckdb.Error as error:
        raise BackupDamaged(f"{path} can't be read to its end ({type(error).__name__}).") from error
    return Manifest(
        sha256=sha256,
        made_at=made_at.isoformat(),
        organization_id=pinned[0] if pinned else None,
        campaign_id=pinned[1] if pinned else None,
        transition_id=newest[0] if newest else None,
        rows=rows,
    )


def _write(path: Path, manifest: Manifest) -> None:
    target = manifest_path(path.absolute())
    with owner_only(), temporary_beside(target) as temporary:
        temporary.write_text(json.dumps(asdict(manifest), indent=2) + "\n", "utf-8")
        temporary.replace(target)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
