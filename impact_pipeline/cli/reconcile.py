"""`impact-pipeline reconcile`: the three-way totals and every open difference."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from impact_pipeline.cli.failures import WRONG_USE, Failure
from impact_pipeline.cli.reading import reading
from impact_pipeline.cli.show import as_json, console, table
from impact_pipeline.reconciliation import report
from impact_pipeline.reconciliation.page import page
from impact_pipeline.warehouse.files import owner_only, temporary_beside

_SHOWN = {
    "totals": (
        "Counts, by event type and month",
        (
            "EventTypeCode",
            "month",
            "expected",
            "not_sent",
            "sent",
            "refused",
            "not_credited",
            "credited",
            "reversed",
            "open",
        ),
    ),
    "money": (
        "Money, by event type and month",
        ("EventTypeCode", "month", "CurrencyCode", "sent_amount", "wanted_amount", "impact_amount", "impact_payout"),
    ),
    "open_differences": (
        "Open differences",
        ("class", "why", "EventTypeCode", "object", "Id", "our_amount", "impact_amount", "locking_date"),
    ),
    "lock_calendar": (
        "What locks when",
        ("locking_date", "action_count", "impact_amount", "impact_payout", "impact_currency", "open_count"),
    ),
}
# Beyond so many open differences a terminal's table is neither read nor drawn in reasonable time.
_MOST_ROWS = 200


@click.command("reconcile")
@click.option("--json", "wants_json", is_flag=True, help="Print totals, open differences and lock calendar as JSON.")
@click.option(
    "--html",
    "html_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one page for finance and partner managers to this file: totals, open differences, lock calendar.",
)
def command(wants_json: bool, html_file: Path | None) -> None:
    """
    Show Salesforce, outbox and impact.com side by side, per event type, month and currency, and what is open.

    It reads what the last confirm_and_reconcile found, and asks nobody anew. The exit code is 1 when an equation of the
    totals doesn't hold. Open differences alone are no failure: each is listed with its reason and remedy.

    \b
      impact-pipeline reconcile
      impact-pipeline reconcile --html month.html
    """
    with reading() as (con, path):
        answers = {
            "totals": report.totals(con),
            "open_differences": report.open_differences(con),
            "lock_calendar": report.lock_calendar(con),
            "unbalanced": report.unbalanced(con),
        }
        if html_file is not None:
            _write(html_file, page(con, now=datetime.now(UTC)))
    if wants_json:
        click.echo(as_json({"file": str(path), **{name: answer.records() for name, answer in answers.items()}}))
    elif html_file is not None:
        click.echo(f"{html_file} is written; it needs nothing beside it, and only you may read it.")
    else:
        print_reconciliation(console(), answers)
    if answers["unbalanced"].rows:
        raise click.exceptions.Exit(1)


def _write(file: Path, text: str) -> None:
    """The file whole or not at all, for its owner only."""
    if not file.absolute().parent.is_dir():
        raise Failure(f"{file.absolute().parent} does not exist. Make the folder, or name another file.", WRONG_USE)
    with owner_only(), temporary_beside(file.absolute()) as temporary:
        temporary.write_text(text, "utf-8")
        temporary.replace(file)


def print_reconciliation(out: Console, answers: dict[str, report.Answer]) -> None:
    """The answers as tables, with the columns that fit a terminal; --json and the queries have them all."""
    for name, (title, columns) in _SHOWN.items():
        answer = answers.get("totals" if name == "money" else name)
        if answer is not None:
            rows = answer.records()
            shown = rows[:_MOST_ROWS] if name == "open_differences" else rows
            out.print(table(title, columns, ([row[column] for column in columns] for row in shown), empty="none"))
            if len(shown) < len(rows):
                out.print(f"These are the {len(shown):,} most urgent of {len(rows):,}; --json lists all of them.")
    remedies = {row["class"]: row["remedy"] for row in answers["open_differences"].records()}
    for kind, remedy in sorted(remedies.items()):
        out.print(f"[bold]{kind}[/]: {escape(remedy)}")
    if answers["unbalanced"].rows:
        out.print(table("Equations that do not hold", answers["unbalanced"].names, answers["unbalanced"].rows))
    else:
        out.print("All equations of reconciliation.totals hold to the cent.")
