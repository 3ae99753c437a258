"""Starts both simulators on loopback with the sample data, for demo, dev and simulate."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import yaml

import impact_pipeline
from impact_pipeline.cli.failures import WRONG_USE, Failure
from impact_pipeline.config import environment as env
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.impact import Faults, Program, impact_app, load_declaration
from impact_pipeline.simulator.salesforce import Credentials, Org, SalesforceFaults, salesforce_app
from impact_pipeline.simulator.server import LoopbackServer

SAMPLE = Path(impact_pipeline.__file__).parent.parent / "data" / "sample"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """
    A folder with the data of both simulators.

    Args:
        baseline_at: the time of the org as it is loaded; every edit comes later.
        cycles: what happens until when, in order.
    """

    folder: Path
    baseline_at: datetime
    cycles: tuple["Cycle", ...]

    @property
    def timeline(self) -> Path:
        return self.folder / "timeline.jsonl.gz"


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """One stretch of the timeline: its end, at which the pipeline runs, and what happens in it."""

    at: datetime
    title: str


@dataclass(frozen=True, kw_only=True)
class Simulators:
    """Both simulators, being served."""

    clock: Clock
    org: Org
    program: Program
    salesforce_url: str
    impact_url: str
    salesforce_faults: SalesforceFaults
    impact_faults: Faults

    def environment(self) -> Mapping[str, str]:
        """The variables that point a run at them."""
        credentials, declaration = Credentials(), self.program.declaration
        return {
            env.DOMAIN_URL: self.salesforce_url,
            env.CLIENT_ID: credentials.client_id,
            env.CLIENT_SECRET: credentials.client_secret,
            env.BASE_URL: self.impact_url,
            env.ACCOUNT_SID: declaration.account_sid,
            env.AUTH_TOKEN: declaration.auth_token,
            env.CAMPAIGN_ID: str(declaration.campaign_id),
        }


def sample_at(folder: Path) -> Sample:
    """The sample in `folder`. Raises Failure where it isn't."""
    if not (folder / "cycles.yaml").is_file():
        raise Failure(
            f"There is no sample data in {folder}. It is part of the repository, not of the package: clone it "
            "and install with pip install -e . (make install), or name the folder with --data.",
            WRONG_USE,
        )
    listed = yaml.safe_load((folder / "cycles.yaml").read_text("utf-8"))
    cycles = tuple(Cycle(at=_moment(entry["at"]), title=entry["title"]) for entry in listed["cycles"])
    return Sample(folder=folder, baseline_at=_moment(listed["baseline_at"]), cycles=cycles)


@contextmanager
def simulators(sample: Sample, clock: Clock, *, salesforce_port: int = 0, impact_port: int = 0) -> Iterator[Simulators]:
    """Both simulators with the data of `sample`; port 0 means any free one."""
    org = Org(clock)
    org.load_folder(sample.folder / "salesforce")
    program = Program(clock, load_declaration(sample.folder / "impact.yaml"))
    salesforce_faults, impact_faults = SalesforceFaults(), Faults()
    salesforce = salesforce_app(org, Credentials(), salesforce_faults)
    impact = impact_app(program, impact_faults)
    with LoopbackServer(salesforce, salesforce_port) as one, LoopbackServer(impact, impact_port) as other:
        yield Simulators(
            clock=clock,
            org=org,
            program=program,
            salesforce_url=one.url,
            impact_url=other.url,
            salesforce_faults=salesforce_faults,
            impact_faults=impact_faults,
        )


@contextmanager
def pointed_at(both: Simulators, sample: Sample, warehouse: Path) -> Iterator[None]:
    """Point this process at the simulators, and at nothing else, for a while."""
    before = dict(os.environ)
    for variable in env.VARIABLES:
        os.environ.pop(variable.name, None)
    os.environ.update(both.environment())
    os.environ[env.WAREHOUSE] = str(warehouse)
    if (sample.folder / "config").is_dir():
        os.environ[env.CONFIG] = str(sample.folder / "config")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _moment(value: object) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        raise ValueError(f"the time {value} has no zone; write it with Z.")
    return moment
