"""`impact-pipeline simulate`: both simulators, to point anything at."""

import shlex
import threading
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from impact_pipeline.cli.failures import WRONG_USE, Failure
from impact_pipeline.cli.replay import replay
from impact_pipeline.cli.show import as_json, console
from impact_pipeline.cli.simulators import SAMPLE, Simulators, sample_at, simulators
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import KINDS, Fault
from impact_pipeline.simulator.salesforce import FAULTS


@click.command("simulate")
@click.option("--salesforce-port", type=click.IntRange(0, 65535), default=8181, show_default=True)
@click.option("--impact-port", type=click.IntRange(0, 65535), default=8182, show_default=True)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=SAMPLE,
    help="Folder of the sample data. Default: data/sample of the repository.",
)
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]),
    help="Virtual time, UTC, that stands until it is moved over HTTP. Default: the machine's time.",
)
@click.option("--replay", "wants_replay", is_flag=True, help="Play the sample's edits, a bunch every minute.")
@click.option(
    "--salesforce-fault", "salesforce_faults", multiple=True, metavar="NAME[:COUNT]", help="Switch a fault on."
)
@click.option("--impact-fault", "impact_faults", multiple=True, metavar="KIND[:COUNT]", help="Switch a fault on.")
@click.option("--json", "wants_json", is_flag=True, help="Print addresses and environment as JSON.")
def command(
    salesforce_port: int,
    impact_port: int,
    data: Path,
    start: datetime | None,
    wants_replay: bool,
    salesforce_faults: tuple[str, ...],
    impact_faults: tuple[str, ...],
    wants_json: bool,
) -> None:
    """
    Serve a local Salesforce and a local impact.com on loopback, until Ctrl-C.

    It prints the addresses, and the environment that points `impact-pipeline run` at them. Faults are switched on here
    or while it serves, by POST to /simulator/faults of either address; GET lists what there is, DELETE switches off.
    The clock is moved by POST to /simulator/clock, where --start was given.

    \b
      impact-pipeline simulate --salesforce-fault server_error:3 --impact-fault accepted_unanswered:1
      curl -X POST 127.0.0.1:8182/simulator/clock -d '{"advance_seconds": 600}'
    """
    sample = sample_at(data)
    clock = Clock(None if start is None else start.replace(tzinfo=UTC))
    with ExitStack() as stack:
        both = stack.enter_context(simulators(sample, clock, salesforce_port=salesforce_port, impact_port=impact_port))
        _switch_on(both, salesforce_faults, impact_faults)
        if wants_replay:
            stack.enter_context(replay(sample, both.org))
        _tell(both, wants_json)
        # Ctrl-C is how it ends; the stack stops what was started.
        stack.enter_context(suppress(KeyboardInterrupt))
        threading.Event().wait()


def _switch_on(both: Simulators, salesforce_faults: tuple[str, ...], impact_faults: tuple[str, ...]) -> None:
    try:
        for name, count in map(_fault, salesforce_faults):
            both.salesforce_faults.add(name, count=count)
        for name, count in map(_fault, impact_faults):
            both.impact_faults.add(Fault(kind=name, count=count))
    except ValueError as error:
        raise Failure(str(error), WRONG_USE) from error


def _fault(text: str) -> tuple[str, int | None]:
    name, separator, count = text.partition(":")
    if separator and not count.isdigit():
        raise ValueError(f"{text}: write NAME, or NAME:COUNT with the number of requests that it spoils.")
    return name, int(count) if separator else None


def _tell(both: Simulators, wants_json: bool) -> None:
    environment = both.environment()
    if wants_json:
        addresses = {"salesforce": both.salesforce_url, "impact": both.impact_url}
        click.echo(as_json({**addresses, "environment": dict(environment)}))
        return
    out = console()
    out.print(
        f"[bold]Salesforce[/] {both.salesforce_url}    [bold]impact.com[/] {both.impact_url}    Ctrl-C stops both\n"
    )
    out.print("In another shell:\n")
    for name, value in environment.items():
        out.print(f"export {name}={shlex.quote(value)}", soft_wrap=True, markup=False)
    out.print("export IMPACT_PIPELINE_WAREHOUSE=data/simulated.duckdb\nimpact-pipeline run\n", soft_wrap=True)
    out.print(f"Faults of Salesforce: {', '.join(FAULTS)}", soft_wrap=True)
    out.print(f"Faults of impact.com: {', '.join(KINDS)}", soft_wrap=True)
