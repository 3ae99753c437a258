"""
A mark outside the warehouse file that tells a restored old copy from the current one.

It is written before the first byte of each group leaves. A file that does not hold the marked move has forgotten what
was sent; sending with it would send again.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb

_REMEDY = "Put the newest copy back; if there is none, go on by what impact.com has: impact-pipeline recover."


class RestoredOldCopy(Exception):
    """The warehouse is older than its high-water mark. Nothing may be sent until the two agree."""


def mark_path(warehouse: Path) -> Path:
    return warehouse.with_name(warehouse.name + ".high_water")


def write(warehouse: Path, transition_id: int, moved_at: datetime) -> None:
    """
    Write the mark durably: a temporary file, synced, renamed, and the folder synced.

    Args:
        transition_id, moved_at: the newest move that the file holds, by its number and its time.
    """
    target = mark_path(warehouse)
    temporary = target.with_name(target.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, json.dumps({"transition_id": transition_id, "moved_at": moved_at.isoformat()}).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def check(con: duckdb.DuckDBPyConnection, warehouse: Path) -> None:
    """
    Nothing, when the file holds the marked move. An old copy that has gone on since holds another one under its number,
    made at another time; comparing the two times needs no clock that was never set back.

    Raises:
        RestoredOldCopy: the mark names a move that the file does not know, or the mark can't be read.
    """
    mark = _read(warehouse)
    if mark is None:
        return
    if isinstance(mark, str):
        raise RestoredOldCopy(f"{mark}, so whether {warehouse.name} is an old copy can't be told. {_REMEDY}")
    transition_id, moved_at = mark
    found = con.execute("select moved_at from audit.transition where transition_id = ?", [transition_id]).fetchone()
    if found is None or found[0] != moved_at:
        raise RestoredOldCopy(
            f"{warehouse} does not hold move {transition_id}, after which something was sent: this is an old copy. "
            f"{_REMEDY}"
        )


def marked_at(warehouse: Path) -> datetime | None:
    """When something was about to be sent last; of a mark that can't be read, when it was written. None: never."""
    mark = _read(warehouse)
    if isinstance(mark, str):
        return datetime.fromtimestamp(mark_path(warehouse).stat().st_mtime, UTC)
    return None if mark is None else mark[1]


def clear(warehouse: Path) -> None:
    """Remove the mark: the file knows of no move at all."""
    mark_path(warehouse).unlink(missing_ok=True)


def _read(warehouse: Path) -> tuple[int, datetime] | str | None:
    """The marked move and its time; a sentence where the mark can't be read, None where there is none."""
    target = mark_path(warehouse)
    try:
        mark = json.loads(target.read_text("utf-8"))
        return int(mark["transition_id"]), datetime.fromisoformat(mark["moved_at"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return f"{target} can't be read"
