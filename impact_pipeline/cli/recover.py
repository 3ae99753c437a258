"""`impact-pipeline recover`: sending goes on after an old copy of the warehouse was put back."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from uuid import uuid4

import click

from impact_pipeline.cli.reading import existing
from impact_pipeline.cli.show import as_json, console
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import load_config
from impact_pipeline.outbox.recover import RecoverReport
from impact_pipeline.outbox.settings import settings_of


@click.command("recover")
@click.option("--dry-run", is_flag=True, help="Read what impact.com has and show what would follow; change nothing.")
@click.option("--json", "wants_json", is_flag=True, help="Print what was found as JSON.")
def command(dry_run: bool, wants_json: bool) -> None:
    """
    Go on after an old copy of the warehouse was put back: nothing is sent until this has been done.

    A mark beside the warehouse tells that something was sent which the file does not know. This reads impact.com's
    lists of actions and of submissions from the copy's last move on. What waits to be sent here and is known there is
    in doubt and settles by reading; what is decided anew by the next cycles is met with the same records, so that
    nothing is sent twice. Then sending goes on. It can be repeated, also after an interruption.

    It has to be at least ten minutes after the lost file was about to send last, and it can't help where the copy is
    older than the 90 days for which impact.com keeps its records: put a newer copy back. Exit code 0 also where nothing
    had to be done.

    \b
      impact-pipeline recover --dry-run
      impact-pipeline recover
    """
    env.check(os.environ)
    config = load_config(env.config_folder(os.environ))
    from impact_pipeline.definitions import impact_of
    from impact_pipeline.outbox.recover import recover

    out = console()
    client = impact_of(os.environ).client()
    try:
        with out.status("impact.com"):
            report = recover(
                existing(),
                client,
                settings_of(config, env.value_of(os.environ, env.CAMPAIGN_ID)),
                run_id=str(uuid4()),
                clock=lambda: datetime.now(UTC),
                is_rehearsal=dry_run,
            )
    finally:
        client.close()
    if wants_json:
        click.echo(as_json({"dry_run": dry_run, **asdict(report)}))
    else:
        click.echo(_sentence(report, dry_run))


def _sentence(report: RecoverReport, dry_run: bool) -> str:
    if not report.is_old_copy:
        return "This is the newest file: it holds all that was sent. Nothing had to be done."
    since = "the beginning" if report.lost_since is None else f"{report.lost_since:%Y-%m-%d %H:%M:%SZ}"
    settled = ", ".join(f"{count} {outcome}" for outcome, count in sorted(report.outcomes.items()))
    parts = [
        f"This is an old copy: what was moved since {since} is lost.",
        f"{report.found_there} requests that wait here were sent by it; they are in doubt until they settle.",
        f"{report.unknown_here} conversions that impact.com was told are not decided here; when the next cycles decide "
        "them anew, they are not sent again.",
        f"By reading: {settled}." if settled else "",
        "This was a rehearsal: nothing was changed." if dry_run else "Sending goes on: impact-pipeline run.",
    ]
    return " ".join(filter(None, parts))
