"""`impact-pipeline run`: one cycle, headless."""

from datetime import UTC, datetime

import click

from impact_pipeline.cli.running import JOBS, pipeline
from impact_pipeline.cli.show import as_json, console
from impact_pipeline.cli.summary import print_summary, summary
from impact_pipeline.reconciliation.retention import RETENTION_JOB, is_due


@click.command("run")
@click.option("--json", "wants_json", is_flag=True, help="Print what the cycle did as JSON.")
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="How many seconds another process's hold on the warehouse is waited for.",
)
def command(wants_json: bool, wait_seconds: float) -> None:
    """
    Run one cycle: read Salesforce, compare, decide, queue, send to impact.com, confirm, reconcile.

    The same three Dagster jobs as in the UI, one after the other, in this process. Where DAGSTER_HOME is set, the runs
    show in its UI. Once a day it also erases what is older than retention in pipeline.yaml. The accounts come from the
    environment (or a file .env in this folder); README lists the names.

    A run that was killed needs no hand work: the next one goes on. The first run is a baseline: it reads what there is
    and sends nothing, unless pipeline.yaml names go_live_at.

    \b
      impact-pipeline run
      impact-pipeline run --json > cycle.json
    """
    out = console()
    with pipeline(wait_seconds=wait_seconds) as steps:
        for job in JOBS:
            with out.status(job):
                steps.run(job)
        if is_due(steps.warehouse, datetime.now(UTC)):
            with out.status(RETENTION_JOB):
                steps.run(RETENTION_JOB)
        with steps.warehouse.reading() as con:
            found = summary(con, steps.run_ids)
    if wants_json:
        click.echo(as_json({"runs": dict(zip(JOBS, steps.run_ids, strict=False)), **found}))
    else:
        print_summary(out, found)
