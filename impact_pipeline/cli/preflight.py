"""`impact-pipeline preflight`: whether a run could work, before it has to."""

import os
from dataclasses import asdict

import click
from rich.console import Console
from rich.markup import escape

from impact_pipeline.cli.show import as_json, console

_STYLES = {"green": "green", "amber": "yellow", "red": "bold red", "grey": "dim"}


@click.command("preflight")
@click.option("--json", "wants_json", is_flag=True, help="Print the findings as JSON.")
def command(wants_json: bool) -> None:
    """
    Look at everything that a run needs, by reading only: a line for each check, and the remedy where it is not green.

    Environment, configuration, warehouse and disk; in Salesforce the org, the integration user's rights, every mapped
    field, the values that conditions name, the lead conversion and the quota; at impact.com the tokens, the program and
    the event types that its contracts pay. Amber works, and somebody should know. Grey is not known: something before
    it failed, or only writing could tell. The exit code is 1 when anything is red.

    \b
      impact-pipeline preflight
      impact-pipeline preflight --json | jq '.findings[] | select(.verdict == "red")'
    """
    from impact_pipeline.definitions import site_of
    from impact_pipeline.preflight.findings import Verdict
    from impact_pipeline.preflight.table import preflight

    out = console()
    found = []
    for finding in preflight(site_of(os.environ)):
        found.append(finding)
        if not wants_json:
            _print(out, finding.verdict, finding.check, finding.text, finding.remedy)
    counts = {verdict: sum(finding.verdict is verdict for finding in found) for verdict in Verdict}
    if wants_json:
        click.echo(as_json({"counts": counts, "findings": [asdict(finding) for finding in found]}))
    else:
        out.print(", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) + ".")
    if counts[Verdict.RED]:
        raise click.exceptions.Exit(1)


def _print(out: Console, verdict: str, check: str, text: str, remedy: str) -> None:
    out.print(f"[{_STYLES[verdict]}]{verdict:<5}[/]  [bold]{check}[/]: {escape(text)}", soft_wrap=True)
    if remedy:
        out.print(f"       → {escape(remedy)}", soft_wrap=True)
