"""One episode's world: the business, the warehouse, impact.com, the clocks, and the runs between them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random
from typing import TypeVar

import duckdb

from impact_pipeline.outbox.confirm import confirm
from impact_pipeline.outbox.impact.client import Credential, ImpactClient
from impact_pipeline.outbox.queue import enqueue
from impact_pipeline.outbox.settings import EventType, OutboxSettings
from impact_pipeline.outbox.submit import submit
from impact_pipeline.outbox.upload import Folder, upload
from impact_pipeline.reconciliation.reconcile import reconcile
from impact_pipeline.reconciliation.settings import EventType as ReconciledType
from impact_pipeline.reconciliation.settings import ReconciliationSettings
from impact_pipeline.simulator.impact import Click, Declaration, ImpactApi, Partner, Program, RateLimits
from impact_pipeline.simulator.impact import EventType as ThereType
from impact_pipeline.simulator.impact.records import FileSubmission
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.proof.business import DEDUP_DAYS, PARENTS, Business, Kind, Subject
from impact_pipeline_tests.proof.faults import Weather
from impact_pipeline_tests.proof.feeder import CAMPAIGN_ID, CURRENCY, EVENT_TYPE_IDS, feed
from impact_pipeline_tests.proof.hands import LANES, Clocks, StagedWarehouse, TwinFolder, TwinTransport
from impact_pipeline_tests.proof.oracle import Judgement
from impact_pipeline_tests.proof.salesforce import Salesforce
from impact_pipeline_tests.proof.stage import Run, Stage

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
SID, TOKEN = "IRproofAccount", "proof-token"
CUSTOMERS = 14
# In so many episodes some of what is due goes as files.
FILES = 0.5

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Jobs:
    """
    The pipeline's jobs as they are.

    Args:
        decide: brings conversions.* to what happened, as the stages before the outbox do; told the run's id.
        folder: where files are put, in the episodes that send some; max_conversions: in one of them.
    """

    decide: Callable[[str], None]
    warehouse: Warehouse
    client: ImpactClient
    settings: OutboxSettings
    reconciled: ReconciliationSettings
    clock: Callable[[], datetime]
    folder: Folder | None = None
    max_conversions: int = 1000

    def do(self, kind: str, run_id: str) -> object:
        """One run of a job: cycle, submit, upload, confirm or reconcile."""
        match kind:
            case "cycle":
                self.decide(run_id)
                with self.warehouse.transaction() as con:
                    return enqueue(con, self.settings, run_id=run_id, now=self.clock())
            case "submit":
                return submit(self.warehouse, self.client, self.settings, run_id=run_id, clock=self.clock)
            case "upload":
                assert self.folder is not None
                return upload(
                    self.warehouse,
                    self.folder,
                    self.settings,
                    max_conversions=self.max_conversions,
                    run_id=run_id,
                    clock=self.clock,
                )
            case "confirm":
                return confirm(self.warehouse, self.client, self.settings, run_id=run_id, clock=self.clock)
            case "reconcile":
                with self.warehouse.transaction() as con:
                    return reconcile(con, self.reconciled, now=self.clock())
        raise ValueError(f"{kind!r} is no job")


@dataclass(frozen=True, kw_only=True)
class Feeding:
    """In the place of the stages before the outbox."""

    warehouse: Warehouse
    subjects: Sequence[Subject]
    clock: Callable[[], datetime]

    def __call__(self, run_id: str) -> None:
        with self.warehouse.transaction() as con:
            feed(con, self.subjects, cycle_id=run_id, now=self.clock())


class Scene:
    """The brand, impact.com, the warehouse between them, and the settings."""

    def __init__(
        self, random: Random, declaration: Declaration, warehouse: Warehouse, *, is_whole: bool = False
    ) -> None:
        self.random, self.warehouse = random, warehouse
        self.clocks = Clocks(START)
        self.business = Business(random, customers=random.randint(4, CUSTOMERS), is_whole=is_whole)
        self.program = Program(self.clocks.there, declaration)
        self.settings = _settings(random)
        self.reconciled = ReconciliationSettings(
            campaign_id=CAMPAIGN_ID,
            time_zone=declaration.time_zone,
            currency=CURRENCY,
            event_types=tuple(ReconciledType(code=kind, action_tracker_id=EVENT_TYPE_IDS[kind]) for kind in Kind),
            go_live_at=START - timedelta(days=365),
        )
        # What people and the system did at impact.com: what, and to which action.
        self.acts: list[tuple[str, str]] = []
        # What impact.com took from the folder for files.
        self.taken: list[tuple[FileSubmission, str]] = []
        self.judgement = Judgement()

    @property
    def file_is_held(self) -> bool:
        """Whether a run stands still while it holds the warehouse."""
        return False

    @property
    def unreadable_since(self) -> datetime | None:
        """Since when impact.com did not let us read, if it ever did not."""
        return None


class World(Scene):
    """
    Everything that an episode happens in.

    Args:
        file: the warehouse of the episode, migrated.
        kept: its connection that stays open, or None; see StagedWarehouse.
        is_whole: it begins at Salesforce, with nothing in the place of any stage. What impact.com would not want is
            held there, so that no record is poisoned.
    """

    def __init__(
        self, random: Random, file: Path, kept: duckdb.DuckDBPyConnection | None, *, is_whole: bool = False
    ) -> None:
        self.stage = Stage()
        super().__init__(
            random,
            declared(random),
            StagedWarehouse(path=file, stage=self.stage, kept=kept, threads=1),
            is_whole=is_whole,
        )
        self.api = ImpactApi(self.program)
        self.weather = Weather(random, self.api.faults, self.clocks.monotonic)
        self.folder = TwinFolder(
            self.program, self.stage, self.clocks, fate=self.weather.fate_of_file, random=random, taken=self.taken
        )
        transport = TwinTransport(
            self.api,
            self.stage,
            self.clocks,
            meet=self.weather.meet,
            latency=lambda: random.uniform(0.05, 1.5),
            before=self.folder.collect,
        )
        self.sends_files = random.random() < FILES
        credential = Credential(account_sid=SID, auth_token=TOKEN)
        self.salesforce = self._salesforce(file.parent) if is_whole else None
        feeding = Feeding(warehouse=self.warehouse, subjects=self.business.subjects, clock=self.clocks.ours)
        self._jobs = Jobs(
            decide=partial(self.salesforce.cycle, self.warehouse) if self.salesforce else feeding,
            warehouse=self.warehouse,
            client=ImpactClient(transport, credential, clock=self.clocks.ours, retry_seconds=0),
            settings=self.settings,
            reconciled=self.reconciled,
            clock=self.clocks.ours,
            folder=self.folder,
            max_conversions=random.choice([2, 1000]),
        )
        self._numbers = 0
        if self.salesforce:
            # What the first load finds would count as reported.
            self.clocks.advance(3600)
            self.salesforce.cycle(self.warehouse, "first load")

    @property
    def file_is_held(self) -> bool:
        return self.stage.file_is_held

    @property
    def unreadable_since(self) -> datetime | None:
        since = self.weather.forbidden_since
        return None if since is None else START + timedelta(seconds=since)

    def _salesforce(self, folder: Path) -> Salesforce:
        return Salesforce(
            self.random,
            self.clocks,
            folder,
            account_sid=SID,
            campaign_id=CAMPAIGN_ID,
            wildness=lambda: self.weather.wildness,
            tell=lambda kind, said: self.weather.tell(kind, said),
        )

    def begin(self, kind: str) -> Run:
        """A run of a job, standing at its start."""
        self._numbers += 1
        name = f"{kind}-{self._numbers}"
        return self.stage.begin(name, kind, lambda: self._jobs.do(kind, name))

    def happen(self, act: Callable[[datetime], T]) -> T:
        """Something happens at the brand: an act of the business, and what Salesforce has of it."""
        said = act(self.clocks.there.now())
        if self.salesforce:
            self.salesforce.follow(self.business.subjects)
        return said

    def close(self) -> None:
        """Leave no thread behind."""
        self.stage.close()
        if self.salesforce:
            self.salesforce.close()

    def after_death(self, run: Run, *, is_here: bool) -> None:
        """What a process that was killed on this machine leaves behind: the file that shows that it is gone."""
        if is_here and run.kind in LANES:
            folder = self.warehouse.path.with_name(self.warehouse.path.name + ".runs")
            folder.mkdir(exist_ok=True)
            (folder / run.name).touch()


def _settings(random: Random) -> OutboxSettings:
    group_size = random.choice([1, 2, 3, 5, 8])
    return OutboxSettings(
        campaign_id=CAMPAIGN_ID,
        event_types=tuple(
            EventType(
                code=kind,
                id=EVENT_TYPE_IDS[kind],
                parents=PARENTS[kind],
                dedup_window=timedelta(days=DEDUP_DAYS[kind]) if DEDUP_DAYS[kind] else None,
            )
            for kind in Kind
        ),
        group_size=group_size,
        largest_group=group_size,
        connections=random.choice([1, 2, 3]),
        breaker_after=random.choice([3, 5]),
        refused_alike=random.choice([3, 10]),
        correct_after=timedelta(minutes=random.choice([5, 60])),
    )


def declared(random: Random) -> Declaration:
    """impact.com's program, with what its description leaves open drawn."""
    locking_days = random.choice([27, 27, 27, 4])
    return Declaration(
        account_sid=SID,
        auth_token=TOKEN,
        campaign_id=int(CAMPAIGN_ID),
        currency=CURRENCY,
        time_zone="America/New_York",
        event_types=tuple(
            ThereType(
                id=int(EVENT_TYPE_IDS[kind]),
                code=kind,
                kind="sale" if kind is Kind.SALE else "lead",
                parents=tuple(PARENTS[kind]),
                dedup_window_days=DEDUP_DAYS[kind],
                locking_days=locking_days,
                payout_percent=Decimal(10),
            )
            for kind in Kind
        ),
        partners=(Partner(id=20000, name="Some Partner"), Partner(id=20001, name="Other Partner")),
        click_ids={f"click-{number}": Click(partner=20000) for number in range(CUSTOMERS)},
        processing_seconds=random.choice([60, 300, 1200]),
        in_progress_seconds=30,
        error_style=random.choice(["readme", "conversions", "gateway"]),
        rate_limits=RateLimits(
            reads_per_hour=random.choice([None, 1000, 1000, 60]),
            conversions_per_hour=random.choice([None, None, None, 40]),
            spelling=random.choice(["brand", "partner", "both"]),
            reset=random.choice(["seconds", "epoch"]),
            retry_after=random.random() < 0.5,
        ),
        page_size=random.choice([2, 3, 1000]),
        actions_page_size_minimum=1,
        actions_page_size=random.choice([3, 20000]),
    )
