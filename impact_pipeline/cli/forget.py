"""`impact-pipeline forget`: a record's values are erased in every file of ours."""

import getpass
import os
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import click

from impact_pipeline.cli.reading import existing
from impact_pipeline.cli.show import as_json, console, table
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import load_config


@click.command("forget")
@click.argument("record_id", metavar="RECORD_ID")
@click.option("--reason", help="Why, in one line; it is kept with the receipt. Needed unless --dry-run.")
@click.option("--by", "said_by", help="Who asked for it. Default: the user of this machine.")
@click.option("--dry-run", is_flag=True, help="Show what would be erased; change nothing.")
@click.option("--yes", is_flag=True, help="Don't ask whether you are sure.")
@click.option("--json", "wants_json", is_flag=True, help="Print the receipt as JSON.")
def command(
    record_id: str, reason: str | None, said_by: str | None, dry_run: bool, yes: bool, wants_json: bool
) -> None:
    """
    Erase the values of one Salesforce record, with its history and its lines, in every file of ours. No way back.

    Erased: all versions, the values before and after each change, the mapped conversion, the bodies that were sent and
    their answers, the pinned CustomerId; in the warehouse, the readers' copy, the backups in the folder backups, what
    restore has put aside, and what killed runs have left staged. Each file is written anew, as DuckDB keeps old text.

    Kept, so that nothing is sent twice and closed months still balance: record Id, OrderIds, event_ids, hashes, event
    types, times, states and money; the reconciliation shows the key as a keyed hash (class erased). What is to be sent
    and has not left is withdrawn. From now on the record is captured without values and makes no changes: neither sent
    nor corrected. So take back what has to be taken back first (impact-pipeline reverse).

    Not reached: Salesforce, impact.com, backups elsewhere (run forget again after restoring one), and other records of
    the same person: those that refer to it are listed. It waits for no run: while one is at work, or an answer is in
    doubt, it refuses (exit code 1). Killed, it goes on when asked again; the receipt is in audit.erasure.

    \b
      impact-pipeline forget 00QHs00001AbCdEIAV --dry-run
      impact-pipeline forget 00QHs00001AbCdEIAV --reason "request of 2026-11-03"
    """
    config = load_config(env.config_folder(os.environ))
    warehouse = existing()
    from impact_pipeline.conversions.words import check_text
    from impact_pipeline.reconciliation.forget import forget, rehearse

    if dry_run:
        with warehouse.rehearsal() as con:
            object_name, full_id, rows, linked = rehearse(con, config, record_id, now=datetime.now(UTC))
        _tell(object_name, full_id, rows, linked, wants_json, {"dry_run": True})
        return
    if reason is None:
        raise click.UsageError("Give a --reason; it is kept with the receipt.")
    said_by = said_by or getpass.getuser()
    for name, text in (("reason", reason), ("name", said_by)):
        check_text(name, text)
    if not yes:
        click.confirm(f"Erase the values of {record_id} for good?", abort=True, err=True)
    with console().status("waiting for the warehouse") as status:
        receipt = forget(
            warehouse,
            config,
            record_id,
            reason=reason,
            said_by=said_by,
            run_id=str(uuid4()),
            clock=lambda: datetime.now(UTC),
            on_step=status.update,
        )
    told = {
        "reason": reason,
        "said_by": said_by,
        "asked_at": receipt.asked_at,
        "finished_at": receipt.finished_at,
        "files": receipt.files,
        "damaged": receipt.damaged,
    }
    _tell(receipt.object, receipt.Id, receipt.rows, list(receipt.linked), wants_json, told)
    if receipt.damaged:
        raise click.exceptions.Exit(1)


def _tell(
    object_name: str,
    record_id: str,
    rows: dict[str, int],
    linked: list[tuple[str, str]],
    wants_json: bool,
    told: dict[str, Any],
) -> None:
    if wants_json:
        click.echo(as_json({"object": object_name, "Id": record_id, "rows": rows, "linked": linked, **told}))
        return
    out = console()
    done = "would be erased" if told.get("dry_run") else "erased"
    out.print(table(f"{object_name} {record_id}: rows whose values {done}", ["table", "rows"], rows.items()))
    if files := told.get("files"):
        out.print(f"Written anew or removed: {', '.join(map(str, files))}.", markup=False)
    if damaged := told.get("damaged"):
        names = ", ".join(map(str, damaged))
        out.print(f"Damaged, so not reached; delete them and ask again: {names}.", markup=False)
    if linked:
        names = ", ".join(f"{name} {found}" for name, found in linked)
        out.print(f"Records that refer to it, left as they are: {names}.", markup=False)
