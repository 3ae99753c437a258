"""
A mark outside the warehouse file that tells a restored old copy from the current one.

It is written before the first byte of each group leaves. A file whose newest move is behind the mark has forgotten what was
sent; sending with it would send again.
"""

import json
import os
from datetime import datetime
from pathlib import Path

import duckdb


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
    Raises:
        RestoredOldCopy: the mark names a move that the file does not know.
    """
    target = mark_path(warehouse)
    if not target.exists():
        return
    mark = int(json.loads(target.read_text("utf-8"))["transition_id"])
    row = con.execute("select coalesce(max(transition_id), 0) from audit.transition").fetchone()
    newest = int(row[0]) if row else 0
    if newest < mark:
        raise RestoredOldCopy(
            f"{warehouse} ends at move {newest}, but move {mark} was made before something was sent: this is an old copy. "
            f"Put the newest copy back; if there is none, read what impact.com has first, then delete {target.name}."
        )
