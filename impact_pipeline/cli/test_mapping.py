"""`impact-pipeline test-mapping`: the user's own cases of the mapping."""

import os
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import click

from impact_pipeline.cli.mapping_cases import NamedCase, outcomes, read_cases
from impact_pipeline.cli.show import as_json
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import load_config
from impact_pipeline.outbox.trial import Outcome

# The environment's, not the mapping's.
_LEFT_OUT = "CampaignId"


@click.command("test-mapping")
@click.option(
    "--config",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The configuration's folder. Default: IMPACT_PIPELINE_CONFIG, else the shipped pack.",
)
@click.option("--json", "wants_json", is_flag=True, help="Print each case with what came out of it.")
def command(folder: Path | None, wants_json: bool) -> None:
    """
    Run the cases in the folder `tests` of a configuration: records in, and what would be sent of them, held or skipped.

    Nothing is read from Salesforce and nothing is sent: the records are invented, and go through the very statements
    that decide about captured ones, in memory. Sending counts as switched on, and go-live as past. The exit code is 1
    when a case fails, and 2 when the configuration or a case can't be read.

    \b
      impact-pipeline test-mapping
      impact-pipeline test-mapping --config our-mapping --json
    """
    config = load_config(folder or env.config_folder(os.environ))
    cases, org = read_cases(config)
    found = outcomes(config, org, cases)
    results = [(one, answers, differences(one, answers)) for one, answers in zip(cases, found, strict=True)]
    failed = sum(bool(differing) for _, _, differing in results)
    if wants_json:
        click.echo(as_json({"passed": len(results) - failed, "failed": failed, "cases": _documents(results)}))
    else:
        for one, _, differing in results:
            click.echo(f"{'FAILED' if differing else 'passed'}  {one.file}: {one.name}")
            for line in differing:
                click.echo(f"          {line}")
        click.echo(f"{len(results) - failed} passed, {failed} failed.")
    if failed:
        raise click.exceptions.Exit(1)


def differences(one: NamedCase, found: dict[str, Outcome]) -> list[str]:
    """What came out otherwise than the case says, a line each; an event that it does not name has to skip."""
    lines = []
    for event in dict.fromkeys([*one.case.then, *found]):
        outcome = found.get(event)
        expected = one.case.then.get(event, "skip")
        lines += [f"{event}: {words}" for words in _differences(expected, outcome)]
    return lines


def _differences(expected: Any, outcome: Outcome | None) -> list[str]:
    said = "nothing happened" if outcome is None else " ".join(filter(None, (_verdict(outcome), _in_brackets(outcome))))
    if isinstance(expected, dict):
        if outcome is None or outcome.decision != "send":
            return [f"expected send, got {said}"]
        wanted = {name: _plain(value) for name, value in expected["send"].items()}
        return list(_compared(wanted, parameters(outcome)))
    if outcome is None or not f"{_verdict(outcome)} {(outcome.detail or '').split(':')[0]} ".startswith(f"{expected} "):
        return [f"expected {expected}, got {said}"]
    return []


def parameters(outcome: Outcome) -> dict[str, str]:
    """What would leave, by name, decoded from the very body."""
    pairs = parse_qsl(outcome.payload or "", keep_blank_values=True, strict_parsing=bool(outcome.payload))
    return {name: value for name, value in pairs if name != _LEFT_OUT}


def _compared(wanted: dict[str, str], got: dict[str, str]) -> list[str]:
    return [
        f"{name}: expected {_shown(wanted.get(name))}, got {_shown(got.get(name))}"
        for name in dict.fromkeys([*wanted, *got])
        if wanted.get(name) != got.get(name)
    ]


def _verdict(outcome: Outcome) -> str:
    return f"{outcome.decision} {outcome.reason}"


def _in_brackets(outcome: Outcome) -> str:
    return f"({outcome.detail})" if outcome.detail else ""


def _shown(value: str | None) -> str:
    return "nothing" if value is None else repr(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _documents(results: list[tuple[NamedCase, dict[str, Outcome], list[str]]]) -> list[dict[str, Any]]:
    return [
        {
            "file": one.file,
            "case": one.name,
            "passed": not differing,
            "differences": differing,
            "events": {
                event: {
                    **{key: value for key, value in asdict(outcome).items() if key not in ("event", "payload")},
                    "parameters": parameters(outcome),
                }
                for event, outcome in found.items()
            },
        }
        for one, found, differing in results
    ]
