"""`impact-pipeline demo`: several days of a made-up company, against local simulators, in a minute."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import click
import duckdb
from rich.console import Console

from impact_pipeline.cli.bad_days import mend, spoil
from impact_pipeline.cli.failures import STOPPED, WRONG_USE, Failure
from impact_pipeline.cli.reconcile import print_reconciliation
from impact_pipeline.cli.running import Pipeline, pipeline
from impact_pipeline.cli.show import console
from impact_pipeline.cli.simulators import SAMPLE, Cycle, pointed_at, sample_at, simulators
from impact_pipeline.cli.summary import print_summary, summary
from impact_pipeline.reconciliation import report
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.timeline import Timeline
from impact_pipeline.warehouse.publish import readers_path
from impact_pipeline.warehouse.sql import sql_file

# Parents are settled before their children go, and the first of an event type goes alone: rounds until nothing is due.
_MOST_ROUNDS = 8
_TRIES = 5
# impact.com takes ten minutes for a conversion, and a child follows five after its parent.
_ROUND = timedelta(minutes=16)
_QUERIES = ("where_everything_stands", "what_is_open", "what_locks_next")


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where warehouse and readers' copy go; must not hold a warehouse yet. Default: a new temporary folder.",
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=SAMPLE,
    help="Folder of the sample data. Default: data/sample of the repository.",
)
@click.option(
    "--faults", "has_faults", is_flag=True, help="Lose, spoil and refuse answers of both services on the way."
)
def command(folder: Path | None, data: Path, has_faults: bool) -> None:
    """
    Run the whole pipeline through several days of edits, against a local Salesforce and a local impact.com.

    Needs no account and no network. It starts both simulators on loopback, loads a made-up company, and after each
    stretch of edits runs the same Dagster jobs as `impact-pipeline run`: what was captured, what fired, what was held
    and why, what impact.com credited. It ends with the reconciliation and three queries to paste into DuckDB.

    With --faults answers get lost, come by halves or too late, sessions die and lists repeat rows, on every day; a run
    that fails is run again, as a schedule would. In the end the same deals are paid for, once.

    \b
      impact-pipeline demo
      impact-pipeline demo --faults
      impact-pipeline demo --folder /tmp/demo
    """
    sample = sample_at(data)
    place = folder or Path(tempfile.mkdtemp(prefix="impact_pipeline_demo_"))
    place.mkdir(parents=True, exist_ok=True)
    warehouse = place / "impact_pipeline.duckdb"
    if warehouse.exists():
        raise Failure(f"{warehouse} exists already; name a new folder with --folder.", WRONG_USE)
    out = console()
    clock = Clock(sample.baseline_at)
    with simulators(sample, clock) as both, pointed_at(both, sample, warehouse):
        timeline = Timeline.from_file(sample.timeline, clock=clock, apply=both.org.apply)
        with pipeline(clock=clock.now) as steps:
            baseline = Cycle(at=sample.baseline_at, title="The first load: what there is counts as reported.")
            for number, cycle in enumerate((baseline, *sample.cycles)):
                timeline.play_until(cycle.at)
                out.rule(f"{'Baseline' if number == 0 else f'Cycle {number}'}: {cycle.at:%a %d %b %Y, %H:%M} UTC")
                out.print(cycle.title)
                if has_faults and number:
                    spoil(both, number)
                with out.status("running"):
                    run_cycle(steps, timeline, clock)
                with steps.warehouse.reading() as con:
                    print_summary(out, summary(con, steps.run_ids))
            if has_faults:
                mend(both)
                out.rule("The day after")
                with out.status("running"):
                    timeline.play_until(clock.now() + timedelta(days=1))
                    run_cycle(steps, timeline, clock)
                with steps.warehouse.reading() as con:
                    out.print("What the requests of all days met: " + _verdicts(con))
            with steps.warehouse.reading() as con:
                answers = {
                    "totals": report.totals(con),
                    "open_differences": report.open_differences(con),
                    "unbalanced": report.unbalanced(con),
                }
    out.rule("Reconciliation: Salesforce, outbox, impact.com")
    print_reconciliation(out, answers)
    _print_queries(out, warehouse)


def run_cycle(steps: Pipeline, timeline: Timeline, clock: Clock) -> None:
    """
    Capture and decide once; then send and confirm, while time goes on, until nothing is due any more.

    A job that one of the services stopped is run again a while later, as a schedule does.
    """

    def run(job: str) -> None:
        for _ in range(_TRIES - 1):
            try:
                steps.run(job)
                return
            except Failure as failure:
                if failure.exit_code != STOPPED:
                    raise
                timeline.play_until(clock.now() + _ROUND)
        steps.run(job)

    steps.run_ids.clear()
    run("conversion_cycle")
    for _ in range(_MOST_ROUNDS):
        run("submit_conversions")
        timeline.play_until(clock.now() + _ROUND)
        run("confirm_and_reconcile")
        if not _is_more_due(steps, clock.now() + _ROUND):
            return


def _is_more_due(steps: Pipeline, until: datetime) -> bool:
    """Whether a further round would send something or learn something."""
    with steps.warehouse.reading() as con:
        row = con.execute(sql_file(__file__, "demo_due.sql"), {"until": until}).fetchone()
    return row is not None and row[0] > 0


def _verdicts(con: duckdb.DuckDBPyConnection) -> str:
    rows = con.execute("select verdict, count(*) from audit.attempt group by all order by 2 desc, 1").fetchall()
    return ", ".join(f"{count} {verdict}" for verdict, count in rows) + "."


def _print_queries(out: Console, warehouse: Path) -> None:
    out.rule("Three queries to paste into DuckDB")
    out.print(f"Readers' copy: {readers_path(warehouse)}    (the warehouse itself: {warehouse})", soft_wrap=True)
    out.print(f"duckdb -readonly {readers_path(warehouse)}\n", soft_wrap=True, markup=False)
    for name in _QUERIES:
        out.print(report.queries()[name], markup=False, soft_wrap=True)
