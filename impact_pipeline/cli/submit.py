"""`impact-pipeline submit`: what is due leaves now, by request or as one file."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import click

from impact_pipeline.cli.failures import WRONG_USE, Failure
from impact_pipeline.cli.reading import existing
from impact_pipeline.cli.running import pipeline
from impact_pipeline.cli.show import as_json, console
from impact_pipeline.cli.summary import print_summary, summary
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import load_config
from impact_pipeline.config.models import Files
from impact_pipeline.outbox.settings import OutboxSettings, settings_of
from impact_pipeline.outbox.upload import UploadReport, upload

JOB = "submit_conversions"


@click.command("submit")
@click.option("--file", "as_file", is_flag=True, help="As one file over SFTP, for backlogs beyond the hourly budget.")
@click.option("--json", "wants_json", is_flag=True, help="Print what was done as JSON.")
def command(as_file: bool, wants_json: bool) -> None:
    """
    Send what is due: the same job as in the UI, or with --file all due conversions in one file.

    --file writes the CSV of impact.com's file submission from the outbox's own bodies and uploads it over SFTP to the
    connection that files in pipeline.yaml names. A conversion is in a file or in a request, never in both. What a file
    can't carry unchanged stays and goes by request. Corrections always go by request. impact.com's list of files tells
    what became of each conversion; the job confirm_and_reconcile asks it.

    An upload whose end is unknown is settled by asking, and never repeated on a guess: run the command again later.

    \b
      impact-pipeline submit
      impact-pipeline submit --file
    """
    if not as_file:
        _by_request(wants_json)
        return
    config = load_config(env.config_folder(os.environ))
    if config.pipeline.files is None:
        raise Failure(
            "pipeline.yaml has no section files. Write host, user and host_key of impact.com's SFTP connection there.",
            WRONG_USE,
        )
    report = _upload(config.pipeline.files, settings_of(config, env.value_of(os.environ, env.CAMPAIGN_ID)))
    click.echo(as_json(asdict(report)) if wants_json else _sentence(report))


def _by_request(wants_json: bool) -> None:
    with pipeline() as steps:
        steps.run(JOB)
        with steps.warehouse.reading() as con:
            found = summary(con, steps.run_ids)
    if wants_json:
        click.echo(as_json({"runs": {JOB: steps.run_ids[0]}, **found}))
    else:
        print_summary(console(), found)


def _upload(files: Files, settings: OutboxSettings) -> UploadReport:
    from impact_pipeline.outbox.impact.sftp import SftpFolder

    env.check(os.environ)
    key_file = env.value_of(os.environ, env.SFTP_KEY_FILE)
    if not key_file:
        raise Failure(f"{env.SFTP_KEY_FILE} is not set: the private key of impact.com's SFTP connection.", WRONG_USE)
    folder = SftpFolder(
        host=files.host,
        port=files.port,
        user=files.user,
        host_key=files.host_key,
        folder=files.folder,
        private_key_file=Path(key_file),
    )
    with console().status(files.host):
        return upload(
            existing(),
            folder,
            settings,
            max_conversions=files.max_conversions,
            run_id=str(uuid4()),
            clock=lambda: datetime.now(UTC),
        )


def _sentence(report: UploadReport) -> str:
    if report.skipped is not None:
        return report.skipped
    parts = [
        f"{report.name}: {report.conversions:,} conversions in {report.lines:,} lines, {report.bytes:,} bytes."
        if report.name
        else "Nothing is due that a file could carry.",
        f"{report.unfit:,} go by request, because a file can't carry them unchanged." if report.unfit else "",
        f"{report.found} earlier files had arrived." if report.found else "",
        f"{report.missing} earlier files are not in the folder; impact.com's list tells whether it took them. "
        "That it did not, only a look shows that comes long enough after the upload (docs/files.md)."
        if report.missing
        else "",
    ]
    return " ".join(filter(None, parts))
