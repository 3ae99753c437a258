"""`impact-pipeline dev`: the Dagster UI on this machine."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

import impact_pipeline
from impact_pipeline.cli.failures import Failure
from impact_pipeline.cli.replay import play_earlier, replay, starting_time
from impact_pipeline.cli.running import pipeline
from impact_pipeline.cli.simulators import SAMPLE, pointed_at, sample_at, simulators
from impact_pipeline.config import environment as env
from impact_pipeline.simulator.clock import Clock

PROJECT = Path(impact_pipeline.__file__).parent.parent
_STOP_SECONDS = 15.0


@click.command("dev")
@click.option("--simulators", "wants_simulators", is_flag=True, help="Against local simulators; needs no account.")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port of the UI.")
def command(wants_simulators: bool, port: int) -> None:
    """
    Open the pipeline in the Dagster UI, on 127.0.0.1 only, until Ctrl-C.

    DAGSTER_HOME keeps runs and logs; left out, it is .dagster_home in this folder, with a dagster.yaml made for it.
    The UI has no login: keep it on loopback, and use an SSH tunnel from elsewhere.

    With --simulators, a local Salesforce and a local impact.com run beside it. The sample org is captured as the
    baseline and its first edits go all the way before the UI opens, which takes about a minute; the others are played
    over three quarters of an hour. Schedules and sensors are on, and the warehouse is a new one in data/dev/. Without,
    schedules wait to be switched on in the UI, or set IMPACT_PIPELINE_SCHEDULES=on.

    \b
      impact-pipeline dev
      impact-pipeline dev --simulators --port 3100
    """
    home = prepared_home(os.environ)
    environment = {**os.environ, "DAGSTER_HOME": str(home)}
    with ExitStack() as stack:
        if wants_simulators:
            environment = stack.enter_context(_simulated(home))
            click.echo(
                f"Salesforce {environment[env.DOMAIN_URL]}    impact.com {environment[env.BASE_URL]}    "
                f"http://127.0.0.1:{port}"
            )
        code = _serve(_dagster_dev(port), environment)
    if code not in (0, -signal.SIGTERM, -signal.SIGINT):
        raise Failure(f"dagster dev ended with {code}; its output above tells why.")


def prepared_home(environment: Mapping[str, str]) -> Path:
    """The folder of Dagster's instance, absolute, made with our dagster.yaml where it has none."""
    home = Path(environment.get("DAGSTER_HOME") or ".dagster_home").resolve()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copyfile(Path(__file__).with_name("dagster.yaml"), home / "dagster.yaml")
    return home


def _dagster_dev(port: int) -> list[str]:
    workspace = PROJECT / "workspace.yaml"
    where = ["-w", str(workspace)] if workspace.exists() else ["-m", "impact_pipeline.definitions"]
    return [sys.executable, "-m", "dagster", "dev", *where, "-h", "127.0.0.1", "-p", str(port)]


def _new_warehouse() -> Path:
    """A warehouse of its own for each start: the simulators have forgotten what they were told before."""
    folder = Path("data/dev")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return (folder / "impact_pipeline.duckdb").resolve()


@contextmanager
def _simulated(home: Path) -> Iterator[dict[str, str]]:
    """Both simulators, with the first cycles behind them; an environment that points at them, and at nothing else."""
    sample, warehouse = sample_at(SAMPLE), _new_warehouse()
    with simulators(sample, Clock(starting_time())) as both:
        with pointed_at(both, sample, warehouse):
            os.environ["DAGSTER_HOME"] = str(home)
            with pipeline(clock=both.clock.now) as steps:
                for told in play_earlier(sample, both, steps):
                    click.echo(told)
            # What is empty stays so: Dagster fills in from a file .env what is not there at all.
            unset = {variable.name: "" for variable in env.VARIABLES}
            environment = unset | {**os.environ, env.SCHEDULES: "on"}
        both.clock.follow()
        with replay(sample, both.org):
            yield environment


def _serve(arguments: list[str], environment: Mapping[str, str]) -> int:
    """
    Run the child until it ends or we are told to stop; its return code.

    A child of a non-interactive shell would inherit ignored signals and outlive us, hence a session of its own and
    signals set back.
    """
    child = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
        arguments, env=dict(environment), start_new_session=True, preexec_fn=_default_signals
    )
    previous = signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.terminate()
        try:
            return child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            return child.wait() and 0
    finally:
        signal.signal(signal.SIGTERM, previous)


def _default_signals() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
