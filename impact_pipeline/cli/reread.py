"""`impact-pipeline reread`: a stretch of an object once more, beside the live cycle."""

import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import click

from impact_pipeline.capture.progress import CapturedObject
from impact_pipeline.capture.salesforce.client import SalesforceClient
from impact_pipeline.cli.reading import warehouse_of
from impact_pipeline.cli.show import as_json, console
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import Config, load_config
from impact_pipeline.warehouse.connection import Warehouse


class Moment(click.ParamType[datetime]):
    """A time with its zone, or a day, which means its midnight in UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time. Write 2026-11-01T08:30:00Z, or 2026-11-01.", param, ctx)
        if moment.tzinfo is None:
            if "T" in str(value) or " " in str(value):
                self.fail(f"{value!r} names no zone. Write 2026-11-01T08:30:00Z.", param, ctx)
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).replace(microsecond=0)


@click.command("reread")
@click.argument("object_name", metavar="OBJECT")
@click.option("--after", type=Moment(), help="Read what is stamped from here on; left out: from the beginning.")
@click.option("--until", type=Moment(), help="Read what is stamped before; left out: all that no cycle reads anyhow.")
@click.option("--sweep", is_flag=True, help="Compare all Ids with Salesforce's besides.")
@click.option("--accept-gone", type=click.IntRange(min=1), help="With --sweep: so many records were really deleted.")
@click.option("--check", is_flag=True, help="Read nothing again: count and compare a sample, there and here.")
@click.option("--json", "wants_json", is_flag=True, help="Print what was read as JSON.")
def command(
    object_name: str,
    after: datetime | None,
    until: datetime | None,
    sweep: bool,
    accept_gone: int | None,
    check: bool,
    wants_json: bool,
) -> None:
    """
    Read an object of Salesforce again, or what is stamped (SystemModstamp) in a stretch of time.

    For what no stamp has told: formula fields, values that became visible, doubts. It runs beside the live cycles and
    moves no cursor. What differs is an ordinary change for the next cycle; a record that was never seen before has
    `appeared`, and is no creation. What was stamped lately is left to the next cycle.

    A sweep that misses very many records marks none of them: a permission was probably lost. Where they were really
    deleted, --accept-gone N with the number that the alarm names lets it look up up to N and mark them as gone without
    proof.

    --check takes three requests to see whether all is here: the records of each day of creation are counted, and a
    sample is compared by stamp. Exit code 1: something differs that the next cycle won't mend.

    It is committed in parts. After an interruption the same command, within a day, goes on where it stopped.

    \b
      impact-pipeline reread Opportunity --after 2026-10-01T00:00:00Z --until 2026-10-08T00:00:00Z
      impact-pipeline reread Lead --check
      impact-pipeline reread Lead --sweep
    """
    env.check(os.environ)
    config = load_config(env.config_folder(os.environ))
    from impact_pipeline.capture.reread import reread
    from impact_pipeline.definitions import salesforce_of

    warehouse = warehouse_of(os.environ)
    out = console()
    if check and (after or until or sweep):
        raise click.UsageError("--check reads nothing again: leave out --after, --until and --sweep.")
    if accept_gone and not sweep:
        raise click.UsageError("--accept-gone says what a sweep may miss: add --sweep.")
    client = salesforce_of(os.environ).client(config.pipeline.capture.quota_share)
    try:
        if check:
            _check(warehouse, client, config, object_name, wants_json)
            return
        with out.status(object_name) as status:

            def show(row: CapturedObject) -> None:
                status.update(f"{row.object}: {row.rows_read:,} rows ({row.purpose}) until {row.window_until}")

            report = reread(
                warehouse,
                client,
                config,
                object_name,
                after=after,
                until=until,
                sweep=sweep,
                accept_gone=accept_gone or 0,
                run_id=str(uuid4()),
                staging=Path(f"{warehouse.path}.staging"),
                clock=lambda: datetime.now(UTC),
                account_sid=env.value_of(os.environ, env.ACCOUNT_SID),
                campaign_id=env.value_of(os.environ, env.CAMPAIGN_ID),
                on_captured=show,
            )
    finally:
        client.close()
    shown = {
        "object": report.object,
        "after": report.after,
        "until": report.until,
        "went_on_at": report.went_on_at,
        "cycle_id": report.cycle_id,
        "rows_read": sum(row.rows_read for row in report.captured if row.object == object_name),
        "versions_written": sum(row.versions_written for row in report.captured),
        "ids_missing": next((row.ids_missing for row in report.captured if row.ids_missing is not None), None),
        "api_calls": sum(row.api_calls for row in report.captured),
    }
    if wants_json:
        click.echo(as_json(shown))
        return
    start = "the beginning" if report.after is None else report.after.isoformat()
    went_on = "" if report.went_on_at is None else f" (went on at {report.went_on_at.isoformat()})"
    click.echo(
        f"{object_name} from {start} until {report.until.isoformat()}{went_on}: {shown['rows_read']:,} rows read, "
        f"{shown['versions_written']:,} new versions, {shown['api_calls']} requests. The next cycle compares them."
    )
    if shown["ids_missing"]:
        click.echo(
            f"The sweep missed {shown['ids_missing']:,} records; the asset checks of raw.{object_name} say more."
        )


def _check(warehouse: Warehouse, client: SalesforceClient, config: Config, object_name: str, wants_json: bool) -> None:
    from impact_pipeline.capture.complete import compare
    from impact_pipeline.capture.reread import NothingToReread

    overlap = config.pipeline.capture.overlap
    found = compare(warehouse, client, object_name, only=config.capture_filter(object_name), overlap=overlap)
    if found is None:
        raise NothingToReread(f"{object_name} is not captured, or its first load has not ended: impact-pipeline run.")
    if wants_json:
        ids = {"missing_ids": found.missing, "gone_ids": found.gone, "stale_ids": found.stale}
        days = [{"day": day, "there": there, "here": here} for day, there, here in found.days]
        click.echo(as_json({"object": object_name, "bound": found.bound, **found.numbers, **ids, "days": days}))
    else:
        click.echo(found.text)
    if found.is_grave:
        raise click.exceptions.Exit(1)
