"""
T2: real processes, real files, real HTTP, and `kill -9`: at named boundaries and at random moments.

A chain is a story of the brand in which one run after the other is killed, recovery from the kill before included. Then
the waits pass, runs go on undisturbed until all is quiet, and every invariant is asked for as after an episode.
"""

import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from random import Random

from impact_pipeline.outbox.impact.client import Credential, ImpactClient
from impact_pipeline.outbox.impact.transport import HttpTransport
from impact_pipeline.outbox.settings import OutboxSettings
from impact_pipeline.reconciliation.settings import ReconciliationSettings
from impact_pipeline.simulator.impact import ImpactApi, ImpactApp, Program, RateLimits
from impact_pipeline.simulator.impact.exchange import Request
from impact_pipeline.simulator.impact.faults import Answer
from impact_pipeline.simulator.server import LoopbackServer
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.outbox.crashing import Bomb, MinedTransport, MinedWarehouse, mine
from impact_pipeline_tests.proof.business import Subject
from impact_pipeline_tests.proof.checks import Audit, violations
from impact_pipeline_tests.proof.episode import CALM_HOURS, QUIET_CYCLES, ROUND
from impact_pipeline_tests.proof.world import SID, TOKEN, Feeding, Jobs, Scene, declared

# A run that is to be killed at a random moment is killed after at most so long; most last about half of it.
LONGEST_RUN_SECONDS = 0.6
# Real ones would not end on their own; a run that hangs is a violation.
GIVE_UP_SECONDS = 120.0
KILLS_IN_A_CHAIN = (2, 5)
TRIES = 4


@dataclass(frozen=True)
class Boundary:
    """
    Where a run is killed.

    Args:
        job: cycle, submit, confirm or reconcile.
        where: a boundary of the bomb; `answering`: impact.com has the request, and its answer is lost; `anywhere`: at a
            random moment, by another process.
        count: at the how-manieth time that the run comes there.
    """

    name: str
    job: str
    where: str
    count: int = 1


NAMED = (
    Boundary("cycle: decisions about to be committed", "cycle", "before_commit"),
    Boundary("cycle: decisions committed", "cycle", "after_commit"),
    Boundary("cycle: queue about to be committed", "cycle", "before_commit", 2),
    Boundary("cycle: queue committed", "cycle", "after_commit", 2),
    Boundary("submit: first intents about to be committed", "submit", "before_commit"),
    Boundary("submit: first intents committed", "submit", "after_commit"),
    Boundary("submit: mark about to be written", "submit", "before_mark"),
    Boundary("submit: mark written", "submit", "after_mark"),
    Boundary("submit: request about to leave", "submit", "before_request"),
    Boundary("submit: request arrived, not answered", "submit", "answering"),
    Boundary("submit: answer received", "submit", "after_answer"),
    Boundary("submit: answers about to be committed", "submit", "before_commit", 2),
    Boundary("submit: answers committed", "submit", "after_commit", 2),
    Boundary("confirm: plan about to be committed", "confirm", "before_commit"),
    Boundary("confirm: plan committed", "confirm", "after_commit"),
    Boundary("confirm: about to read", "confirm", "before_read"),
    Boundary("confirm: list asked for, not received", "confirm", "answering"),
    Boundary("confirm: list received", "confirm", "after_read"),
    Boundary("confirm: conclusions about to be committed", "confirm", "before_commit", 2),
    Boundary("confirm: conclusions committed", "confirm", "after_commit", 2),
    Boundary("reconcile: about to be committed", "reconcile", "before_commit"),
    Boundary("reconcile: committed", "reconcile", "after_commit"),
)
RANDOM = tuple(Boundary(f"{job}: at a random moment", job, "anywhere") for job in dict.fromkeys(ROUND))


@dataclass(kw_only=True)
class Chain:
    """What a chain of kills came to; `missed`: boundaries that the run did not come to."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    recovering: int = 0
    missed: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    subjects: int = 0
    excused: Counter[str] = field(default_factory=Counter)


@dataclass(kw_only=True)
class KillTally:
    """What all chains came to; `recovering`: kills of a run that followed a killed one before all was quiet again."""

    chains: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    recovering: int = 0
    missed: Counter[str] = field(default_factory=Counter)
    subjects: int = 0
    excused: Counter[str] = field(default_factory=Counter)
    failed: list[Chain] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, chain: Chain) -> None:
        self.chains += 1
        self.kills += chain.kills
        self.recovering += chain.recovering
        self.missed += chain.missed
        self.subjects += chain.subjects
        self.excused += chain.excused
        if chain.violations:
            self.failed.append(chain)


def kill_all(
    kills: int, *, seed: int, seconds: float | None = None, tell: Callable[[KillTally], None] = lambda tally: None
) -> KillTally:
    """
    Play chains until so many processes have been killed; each named boundary comes up before any comes up again.

    Args:
        seconds: begin no chain after that.
        tell: is called after each chain.
    """
    began, tally = time.monotonic(), KillTally()
    deck = _deck(Random(seed))
    with tempfile.TemporaryDirectory(prefix="kills_") as folder:
        template = Path(folder, "template.duckdb")
        with Warehouse(path=template).transaction() as con:
            con.execute("alter table conversions.conversion add column OrderSubTotalPostDiscount varchar")
        while tally.kills.total() < kills and (seconds is None or time.monotonic() - began < seconds):
            chain_seed = seed + tally.chains
            length = min(Random(chain_seed).randint(*KILLS_IN_A_CHAIN), kills - tally.kills.total())
            with tempfile.TemporaryDirectory(dir=folder) as place:
                file = Path(shutil.copyfile(template, Path(place, "impact_pipeline.duckdb")))
                tally.add(play_chain(chain_seed, file, [next(deck) for _ in range(length)]))
            tally.seconds = time.monotonic() - began
            tell(tally)
    return tally


def play_chain(seed: int, file: Path, boundaries: Sequence[Boundary]) -> Chain:
    """Kill at each of the boundaries, one after the other, let all become quiet, and check."""
    random = Random(seed)
    declaration = replace(declared(random), rate_limits=RateLimits(reads_per_hour=None), processing_seconds=60)
    scene = Scene(random, declaration, Warehouse(path=file))
    chain = Chain(seed=seed)
    api = TrappedApi(scene.program)
    with LoopbackServer(ImpactApp(api)) as server:
        Story(scene, api, server.url, chain).play(boundaries)
    chain.subjects, chain.excused = scene.judgement.strict, scene.judgement.excused
    return chain


class TrappedApi(ImpactApi):
    """impact.com, where a process may be killed at the moment at which its request has been taken."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.victim: int | None = None
        self.is_armed = False

    def handle(self, request: Request) -> Answer:
        answer = super().handle(request)
        if self.is_armed and self.victim is not None:
            self.is_armed = False
            os.kill(self.victim, signal.SIGKILL)
        return answer


@dataclass(frozen=True, kw_only=True)
class Work:
    """Everything that a run in a process of its own needs to know."""

    kind: str
    run_id: str
    path: Path
    url: str
    now: datetime
    settings: OutboxSettings
    reconciled: ReconciliationSettings
    subjects: Sequence[Subject]
    where: str = ""
    count: int = 1

    def do(self) -> None:
        """The run, in this process; it ends the process where it comes to the boundary."""
        mine(Bomb(self.where, self.count))
        _jobs(self, MinedWarehouse(path=self.path), MinedTransport(self.url)).do(self.kind, self.run_id)


class Story:
    """One chain's runs, each in a process of its own as long as it may be killed."""

    def __init__(self, scene: Scene, api: TrappedApi, url: str, chain: Chain) -> None:
        self._scene, self._api, self._url, self._chain = scene, api, url, chain
        self._audit = Audit(scene)
        self._runs = 0

    def play(self, boundaries: Sequence[Boundary]) -> None:
        for boundary in boundaries:
            self._kill(boundary)
            self._pass(self._scene.random.choice([1, 30, 400]))
            self._audit.note()
        self._calm()
        self._chain.violations += violations(self._scene, self._audit)

    def _kill(self, boundary: Boundary) -> None:
        """Give the run something to do, and kill it there; it may take some tries until it comes there."""
        for _ in range(TRIES):
            self._prepare(boundary.job)
            if self._is_killed(boundary):
                self._chain.recovering += bool(self._chain.kills)
                self._chain.kills[boundary.name] += 1
                return
        self._chain.missed[boundary.name] += 1

    def _prepare(self, job: str) -> None:
        for _ in range(self._scene.random.randint(2, 4)):
            self._scene.business.happen(self._scene.clocks.there.now())
        for earlier in ("cycle", "submit", "confirm")[: ("cycle", "submit", "confirm", "reconcile").index(job)]:
            self._run(earlier)
            self._pass(400)

    def _is_killed(self, boundary: Boundary) -> bool:
        work = replace(self._work(boundary.job), where=boundary.where, count=boundary.count)
        process = _PROCESSES.Process(target=work.do, daemon=True)
        process.start()
        self._api.victim, self._api.is_armed = process.pid, boundary.where == "answering"
        if boundary.where == "anywhere":
            process.join(self._scene.random.uniform(0, LONGEST_RUN_SECONDS))
            process.kill()
        process.join(GIVE_UP_SECONDS)
        self._api.is_armed = False
        if process.exitcode is None:
            process.kill()
            self._chain.violations.append(f"{work.kind} hangs, on its way to: {boundary.name}")
        elif process.exitcode not in (0, -signal.SIGKILL):
            self._chain.violations.append(f"{work.kind} ended with {process.exitcode}, on its way to: {boundary.name}")
        return process.exitcode == -signal.SIGKILL

    def _calm(self) -> None:
        self._scene.business.mend(self._scene.clocks.there.now())
        for cycle, hours in enumerate(CALM_HOURS, start=1):
            self._pass(hours * 3600)
            self._run("cycle")
            if cycle > QUIET_CYCLES and not self._audit.is_open():
                break
            self._run("submit")
            self._pass(1300)
            self._run("confirm")
        self._run("reconcile")

    def _run(self, kind: str) -> None:
        """Undisturbed, and in this process: starting another would only take time."""
        work = self._work(kind)
        transport = HttpTransport(self._url)
        _jobs(work, self._scene.warehouse, transport).do(kind, work.run_id)
        transport.close()

    def _work(self, kind: str) -> Work:
        self._runs += 1
        return Work(
            kind=kind,
            run_id=f"{kind}-{self._runs}",
            path=self._scene.warehouse.path,
            url=self._url,
            now=self._scene.clocks.there.now(),
            settings=self._scene.settings,
            reconciled=self._scene.reconciled,
            subjects=self._scene.business.subjects,
        )

    def _pass(self, seconds: float) -> None:
        self._scene.clocks.advance(seconds)


def _jobs(work: Work, warehouse: Warehouse, transport: HttpTransport) -> Jobs:
    def clock() -> datetime:
        return work.now

    return Jobs(
        decide=Feeding(warehouse=warehouse, subjects=work.subjects, clock=clock),
        warehouse=warehouse,
        client=ImpactClient(transport, Credential(account_sid=SID, auth_token=TOKEN), clock=clock),
        settings=work.settings,
        reconciled=work.reconciled,
        clock=clock,
    )


def _deck(random: Random) -> Iterator[Boundary]:
    """Each named boundary once, in the seed's order, and after every second of them a random moment; then again."""
    while True:
        for number, boundary in enumerate(random.sample(NAMED, len(NAMED))):
            yield boundary
            if number % 2:
                yield random.choice(RANDOM)


# A process that has imported everything and holds no file forks the runs, so that starting one takes no second.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])
