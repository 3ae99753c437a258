"""
A mark outside the warehouse file that tells a restored old copy from the current one.

It is written before the first byte of each group leaves. A file that does not hold the marked move has forgotten what
was sent; sending with it would send again.
"""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

# A clock that is set back between a move and its mark is not a restored copy.
_CLOCK_TOLERANCE = timedelta(minutes=1)


class RestoredOldCopy(Exception):
    """The warehouse is older than its high-water mark. Nothing may be sent until the two agree."""


def mark_path(warehouse: Path) -> Path:
    return warehouse.with_name(warehouse.name + ".high_water")


def write(warehouse: Path, transition_id: int, now: datetime) -> None:
    """Write the mark durably: a temporary file, synced, renamed, and the folder synced."""
    target = mark_path(warehouse)
    temporary = target.with_name(target.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, json.dumps({"transition_id": transition_id, "written_at": now.isoformat()}).encode())
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
    made after the mark was written.

    Raises:
        RestoredOldCopy: the mark names a move that the file does not know, or the mark can't be read.
    """
    target = mark_path(warehouse)
    try:
        text = target.read_text("utf-8")
    except FileNotFoundError:
        return
    try:
        mark = json.loads(text)
        transition_id, written_at = int(mark["transition_id"]), datetime.fromisoformat(mark["written_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise RestoredOldCopy(
            f"{target} can't be read, so whether {warehouse.name} is an old copy can't be told. "
            f"Read what impact.com has, then delete {target.name}."
        ) from error
    moved = con.execute("select moved_at from audit.transition where transition_id = ?", [transition_id]).fetchone()
    if moved is None or moved[0] > written_at + _CLOCK_TOLERANCE:
        raise RestoredOldCopy(
            f"{warehouse} does not hold move {transition_id}, after which something was sent: this is an old copy. "
            f"Put the newest copy back; if there is none, read what impact.com has, then delete {target.name}."
        )
