"""
outbox.request → a file at impact.com: the submit lane, for backlogs beyond the hourly budget of requests.

The conversions of a file are intended with it in one commit, before its first byte leaves, and under the lane's lease:
so each is in a file or in a request, never in both. An upload without a known end is settled by asking: the folder
here, impact.com's list of files in file_ends.py. It is never repeated on a guess.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import duckdb

from impact_pipeline.capture.staging import staging_folder
from impact_pipeline.outbox import files
from impact_pipeline.outbox.impact.sftp import NotDeliveredError
from impact_pipeline.outbox.lane import LANE, doubt_stranded, holder, newest_move, read_due
from impact_pipeline.outbox.moves import LeaseLostError, carry_out, list_moves
from impact_pipeline.outbox.queue import doubt_what_is_there
from impact_pipeline.outbox.settings import OutboxSettings
from impact_pipeline.warehouse import alive, high_water, lease
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.sql import sql_file

# Longer than any upload may take (impact/sftp.py).
LEASE_SECONDS = 1800.0
# A file gets its name within about this time, or not while the lease lasts.
LONGEST_RENAME_SECONDS = 60.0


class Folder(Protocol):
    """What uploading needs of the SFTP folder."""

    def sizes(self, names: list[str]) -> dict[str, int]: ...

    def put(self, file: Path, name: str, may_deliver: Callable[[], bool]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class UploadReport:
    """
    What a run did.

    Args:
        name: of the file; None: nothing was due that a file can carry.
        conversions, lines, bytes: of the file.
        unfit: conversions that are due and go by request, because no file can carry them unchanged.
        found, missing: earlier files with unknown end that lie in the folder now, and those that don't.
        skipped: why nothing was tried at all.
    """

    name: str | None = None
    conversions: int = 0
    lines: int = 0
    bytes: int = 0
    unfit: int = 0
    found: int = 0
    missing: int = 0
    skipped: str | None = None


def upload(
    warehouse: Warehouse,
    folder: Folder,
    settings: OutboxSettings,
    *,
    max_conversions: int,
    run_id: str,
    clock: Callable[[], datetime],
) -> UploadReport:
    """
    Settle what earlier uploads left open, then send what is due in one file.

    Args:
        clock: UTC.

    Raises:
        SftpError: the folder could not be used. What provably did not leave is ready again; the rest is in doubt.
        LeaseLostError: another run took the lane over; what was under way is settled by asking.
        RestoredOldCopy: the warehouse is older than what was sent from it.
    """
    with alive.living(warehouse.path, run_id):
        now = clock()
        with warehouse.transaction() as con:
            high_water.check(con, warehouse.path)
            token = alive.take_lane(con, warehouse.path, LANE, run_id, now, LEASE_SECONDS)
            if token is None:
                return UploadReport(skipped=holder(con))
            run = _Run(warehouse, settings, run_id, token, clock)
            doubt_stranded(con, settings, run_id=run_id, token=token, now=now)
            is_open = con.execute("select name, byte_count from outbox.file where state = 'intended'").fetchall()
        try:
            with staging_folder(Path(f"{warehouse.path}.staging"), LANE) as scratch:
                found = _look(folder, is_open)
                written, unfit = run.intend(found, [name for name, _ in is_open], max_conversions, scratch)
                if written is not None:
                    run.send(folder, scratch / written[0], written[0])
        finally:
            run.leave()
    report = UploadReport(unfit=unfit, found=len(found), missing=len(is_open) - len(found))
    if written is None:
        return report
    name, made = written
    return replace(report, name=name, conversions=made.conversion_count, lines=made.line_count, bytes=made.byte_count)


class _Run:
    """One run in the lane; each method is one transaction, none waits for the network inside it."""

    def __init__(
        self,
        warehouse: Warehouse,
        settings: OutboxSettings,
        run_id: str,
        token: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._warehouse, self._settings, self._clock = warehouse, settings, clock
        self._run_id, self._token = run_id, token
        self._until = 0.0

    def intend(
        self, there: list[str], looked_for: list[str], max_conversions: int, scratch: Path
    ) -> tuple[tuple[str, files.WrittenFile] | None, int]:
        """Keep what the look showed, then intend the next file: its name and what was written, if there is any."""
        began, now = time.monotonic(), self._clock()
        with self._warehouse.transaction() as con:
            self._renew(con, now)
            con.execute(
                sql_file(__file__, "file_looked.sql"),
                {
                    "there": there,
                    "looked_for": looked_for,
                    "now": now,
                    "over_since": now - timedelta(seconds=LEASE_SECONDS) - self._settings.settle_after,
                },
            )
            self._arrived(con, "found_in_folder", now)
            doubt_what_is_there(con, run_id=self._run_id, now=now)
            read_due(con, self._settings, now)
            unfit = files.list_pieces(con, max_conversions)
            name = _name(con, self._settings.campaign_id, now)
            list_moves(con)
            con.execute(sql_file(__file__, "file_claim.sql"), {"name": name})
            if not carry_out(con, run_id=self._run_id, now=now, lane=LANE, token=self._token):
                return None, unfit
            made = files.write(con, scratch / name)
            con.execute(
                sql_file(__file__, "file_new.sql"), {"name": name, **vars(made), "run_id": self._run_id, "now": now}
            )
            newest = newest_move(con, now)
        self._until = began + LEASE_SECONDS - LONGEST_RENAME_SECONDS
        high_water.write(self._warehouse.path, *newest)
        return (name, made), unfit

    def send(self, folder: Folder, file: Path, name: str) -> None:
        """Upload, and keep what became of it."""
        try:
            # Whoever took the lane over may have proven that the file is not there.
            folder.put(file, name, lambda: time.monotonic() < self._until)
        except NotDeliveredError:
            now = self._clock()
            with self._warehouse.transaction() as con:
                self._renew(con, now)
                list_moves(con)
                con.execute(sql_file(__file__, "file_given_back.sql"), {"name": name, "reason": "not_delivered"})
                carry_out(con, run_id=self._run_id, now=now, lane=LANE, token=self._token)
                con.execute("update outbox.file set state = 'absent' where name = $name", {"name": name})
            raise
        now = self._clock()
        with self._warehouse.transaction() as con:
            self._renew(con, now)
            con.execute(
                "update outbox.file set state = 'uploaded', uploaded_at = $now where name = $name",
                {"name": name, "now": now},
            )
            self._arrived(con, "uploaded", now)

    def leave(self) -> None:
        with self._warehouse.transaction() as con:
            lease.release(con, LANE, self._run_id, self._token)

    def _arrived(self, con: duckdb.DuckDBPyConnection, reason: str, now: datetime) -> None:
        list_moves(con)
        con.execute(sql_file(__file__, "file_arrived.sql"), {"reason": reason})
        carry_out(con, run_id=self._run_id, now=now, lane=LANE, token=self._token)

    def _renew(self, con: duckdb.DuckDBPyConnection, now: datetime) -> None:
        if not lease.renew(con, LANE, self._run_id, self._token, now, LEASE_SECONDS):
            raise LeaseLostError(f"run {self._run_id} lost the lane {LANE!r}; its file is settled by asking.")


def _look(folder: Folder, is_open: list[tuple[str, int]]) -> list[str]:
    """Which of the files lie in the folder, whole."""
    if not is_open:
        return []
    sizes = folder.sizes([name for name, _ in is_open])
    return [name for name, size in is_open if sizes.get(name) == size]


def _name(con: duckdb.DuckDBPyConnection, campaign_id: str, now: datetime) -> str:
    """A name that was never used, and none that impact.com keeps for its receipts and results."""
    row = con.execute("select coalesce(max(file_id), 0) + 1 from outbox.file").fetchone()
    return f"conversions_{campaign_id}_{now.astimezone(UTC):%Y%m%dT%H%M%SZ}_{row[0] if row else 1}.csv"
