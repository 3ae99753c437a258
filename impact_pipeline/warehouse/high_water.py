"""
A mark outside the warehouse file that tells a restored old copy from the current one.

It is written before the first byte of each group leaves. A file that does not hold the marked move has forgotten what
was sent; sending with it would send again.
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
    target = mark_path(warehouse)
    try:
        text = target.read_text("utf-8")
    except FileNotFoundError:
        return
    try:
        mark = json.loads(text)
        transition_id, moved_at = int(mark["transition_id"]), datetime.fromisoformat(mark["moved_at"])
    except (ValueError, KeyError, TypeError) as error:
        raise RestoredOldCopy(
            f"{target} can't be read, so whether {warehouse.name} is an old copy can't be told. "
            f"Read what impact.com has, then delete {target.name}."
        ) from error
    found = con.execute("select moved_at from audit.transition where transition_id = ?", [transition_id]).fetchone()
    if found is None or found[0] != moved_at:
        raise RestoredOldCopy(
            f"{warehouse} does not hold move {transition_id}, after which something was sent: this is an old copy. "
            f"Put the newest copy back; if there is none, read what impact.com has, then delete {target.name}."
        )
