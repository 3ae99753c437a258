"""`impact-pipeline resend`: one request, or all that impact.com refused, once more."""

import getpass
import os
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import click
import duckdb

from impact_pipeline.cli.reading import existing
from impact_pipeline.cli.show import as_json, console, table
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import load_config
from impact_pipeline.outbox.queue import decide_and_enqueue
from impact_pipeline.outbox.resend import resend

_SHOWN = (
    "request_id",
    "Type",
    "object",
    "Id",
    "event",
    "event_id",
    "EventTypeCode",
    "OrderId",
    "amount",
    "CurrencyCode",
)
_COLUMNS = ("Type", "object", "Id", "OrderId", "was", "state", "reason", "has_new_body")


@click.command("resend")
@click.argument("key", metavar="KEY", required=False)
@click.option("--all-refused", is_flag=True, help="All conversions that impact.com refused or rejected.")
@click.option("--reason", required=True, help="Why, in one line; it is kept with the request's history.")
@click.option("--by", "said_by", help="Who says so. Default: the user of this machine.")
@click.option(
    "--not-there",
    is_flag=True,
    help="I have looked at impact.com: it has no conversion with this OrderId under this event type.",
)
@click.option("--dry-run", is_flag=True, help="Show what would go again, and change nothing.")
@click.option("--json", "wants_json", is_flag=True, help="Print the requests as JSON.")
def command(
    key: str | None,
    all_refused: bool,
    reason: str,
    said_by: str | None,
    not_there: bool,
    dry_run: bool,
    wants_json: bool,
) -> None:
    """
    Have something sent again that impact.com does not have: what it refused or rejected, what no list shows.

    KEY is a Salesforce Id of 15 or 18 characters, an OrderId, or an event_id. Where impact.com provably recorded
    nothing, the request is mapped anew first, so that a mended record or mapping counts. Where it may have arrived, the
    identical bytes go, and only after a person has looked (--not-there). It is refused for what impact.com has, what
    reading settles by itself, and what is not to be sent any more. It leaves with the next submission.

    \b
      impact-pipeline resend 006Hs00001AbCdEIAV --reason "event type switched on" --dry-run
      impact-pipeline resend --all-refused --reason "mapping of EventTypeCode corrected"
    """
    if (key is None) is not all_refused:
        raise click.UsageError("Name one KEY, or say --all-refused.")
    if not_there and all_refused:
        raise click.UsageError("--not-there is said about one KEY that was looked up.")
    config = load_config(env.config_folder(os.environ))
    now, run_id = datetime.now(UTC), str(uuid4())
    warehouse = existing()
    with warehouse.rehearsal() if dry_run else warehouse.transaction() as con:
        before = resend(
            con,
            key,
            reason=reason,
            said_by=said_by or getpass.getuser(),
            run_id=run_id,
            now=now,
            is_not_there=not_there,
        )
        decide_and_enqueue(con, config, run_id=run_id, now=now)
        after = _stand(con, [one.request_id for one in before])
    found = [
        {name: getattr(one, name) for name in _SHOWN}
        | {"was": one.standing}
        | {name: after[one.request_id][name] for name in ("state", "reason", "payload")}
        | {"has_new_body": after[one.request_id]["payload_sha256"] != one.payload_sha256}
        for one in before
    ]
    if wants_json:
        click.echo(as_json({"dry_run": dry_run, "requests": found}))
        return
    out = console()
    title = "Would be sent again" if dry_run else "Sent again with the next submission"
    out.print(table(title, _COLUMNS, ([row[name] for name in _COLUMNS] for row in found), empty="nothing"))


def _stand(con: duckdb.DuckDBPyConnection, requests: list[int]) -> dict[int, dict[str, Any]]:
    names = ("request_id", "state", "reason", "payload", "payload_sha256")
    rows = con.execute(
        f"select {', '.join(names)} from outbox.request where list_contains($requests::bigint[], request_id)",
        {"requests": requests},
    ).fetchall()
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}
