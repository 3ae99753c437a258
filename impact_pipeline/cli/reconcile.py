"""`impact-pipeline reconcile`: the three-way totals and every open difference."""

import click
from rich.console import Console

from impact_pipeline.cli.reading import reading
from impact_pipeline.cli.show import as_json, console, table
from impact_pipeline.reconciliation import report


@click.command("reconcile")
@click.option("--json", "wants_json", is_flag=True, help="Print totals, open differences and lock calendar as JSON.")
def command(wants_json: bool) -> None:
    """
    Show Salesforce, outbox and impact.com side by side, per event type, month and currency, and what is open.

    It reads what the last confirm_and_reconcile found, and asks nobody anew. The exit code is 1 when an equation of the
    totals doesn't hold. Open differences alone are no failure: each is listed with its reason and remedy.
    """
    with reading() as (con, path):
        answers = {
            "totals": report.totals(con),
            "open_differences": report.open_differences(con),
            "lock_calendar": report.lock_calendar(con),
            "unbalanced": report.unbalanced(con),
        }
    if wants_json:
        click.echo(as_json({"file": str(path), **{name: answer.records() for name, answer in answers.items()}}))
    else:
        print_reconciliation(console(), answers)
    if answers["unbalanced"].rows:
        raise click.exceptions.Exit(1)


def print_reconciliation(out: Console, answers: dict[str, report.Answer]) -> None:
    """The answers as tables; `unbalanced` only where there is something to see."""
    titles = {"totals": "Totals", "open_differences": "Open differences", "lock_calendar": "What locks when"}
    for name, title in titles.items():
        if name in answers:
            out.print(table(title, answers[name].names, answers[name].rows, empty="none"))
    if answers["unbalanced"].rows:
        out.print(table("Equations that do not hold", answers["unbalanced"].names, answers["unbalanced"].rows))
    else:
        out.print("All equations of reconciliation.totals hold to the cent.")
