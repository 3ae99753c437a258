"""One episode: from a seed to a verdict. Random steps, then calm, then every check."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from impact_pipeline.capture.run import CaptureBusy
from impact_pipeline.capture.salesforce.errors import SalesforceError
from impact_pipeline.capture.staging import StagingGone
from impact_pipeline.outbox.impact.client import ImpactError
from impact_pipeline.outbox.impact.sftp import SftpError
from impact_pipeline.outbox.moves import LeaseLostError
from impact_pipeline.simulator.impact import lock_now, reattribute, reverse_by_person
from impact_pipeline_tests.proof.checks import Audit, violations
from impact_pipeline_tests.proof.hands import LANES, on_stage
from impact_pipeline_tests.proof.stage import Cancelled, Crash, Run, Stuck
from impact_pipeline_tests.proof.warehouses import Warehouses
from impact_pipeline_tests.proof.world import World

# In bad weather; the launch before it and the calm after it take some 40 more.
FEWEST_STEPS, MOST_STEPS = 30, 170
# How many records there are when the weather turns, beside those that were reported before.
RECORDS = 4, 16
# One that begins at Salesforce takes hardly longer where there is more of everything: its statements are set-based.
WHOLE_RECORDS, WHOLE_AT_ONCE, SOON_SECONDS = (12, 40), 7, (0, 0, 1, 5, 60, 600)
LONGEST_SKEW_SECONDS = 240
# The longest stated waits, one after the other: lease, settling, pacing, gathering of corrections; doubts that rest
# longer each time; actions that are slow to show; parents; ends that do not come.
CALM_HOURS = (1.1, 1.1, 7, 25, 49, 24 * 7 + 1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1)
QUIET_CYCLES = 3
# So many of the runs that sleep when the weather clears do so for some days more, while others take their lanes over;
# before, so many wake up each time.
SLEEPS_ON, WAKES_UP = 0.7, 0.5
# In so many episodes the brand goes on for some days when the weather has cleared: what bad weather left in doubt is
# lost, won and amended meanwhile.
GOES_ON, BUSY_HOURS, MOST_AT_ONCE = 0.5, (1.1, 7, 25, 49), 4
# Of so many episodes, one begins at Salesforce; one plans its statements well; one opens and closes the file as in
# production.
WHOLE, PLANNED_WELL, OPENED_AND_CLOSED = 20, 10, 100
# As schedules would begin them, mostly.
ROUND = ("cycle", "submit", "confirm", "submit", "cycle", "submit", "confirm", "reconcile")


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """
    What an episode came to.

    Args:
        violations: of the invariants, each in words; none when all is well.
        strict: subjects that impact.com showed as it must in the end; excused: the others, by excuse.
        files: how many impact.com took.
        trouble: what went wrong on the way, by kind.
        story: its steps in words, one a line.
    """

    seed: int
    steps: int
    violations: tuple[str, ...]
    strict: int
    excused: Counter[str]
    files: int
    trouble: Counter[str]
    story: tuple[str, ...] = field(repr=False)


def play(seed: int, warehouses: Warehouses) -> Verdict:
    """Play the episode of a seed; the same seed gives the same steps and the same end."""
    random = Random(seed)
    is_opened_and_closed, is_planned_well = seed % OPENED_AND_CLOSED == 1, seed % PLANNED_WELL == 1
    with warehouses.fresh(is_kept=not is_opened_and_closed, is_planned_well=is_planned_well) as (file, kept):
        world = World(random, file, kept, is_whole=seed % WHOLE == 0)
        episode = Episode(world)
        with on_stage(world.stage, world.clocks):
            try:
                episode.play()
                found = [*_unexpected(world.stage.runs), *violations(world, episode.audit)]
            except Stuck as stuck:
                found = [f"stuck: {stuck}"]
            finally:
                world.close()
        return Verdict(
            seed=seed,
            steps=episode.steps,
            violations=tuple(found),
            strict=world.judgement.strict,
            excused=world.judgement.excused,
            files=len(world.taken),
            trouble=episode.trouble,
            story=tuple(episode.story),
        )


_ENDS = (Crash, Cancelled, LeaseLostError, CaptureBusy, StagingGone, SalesforceError, ImpactError, SftpError)


def _unexpected(runs: Sequence[Run]) -> list[str]:
    """
    Runs may die, be cancelled, lose their lease or be unable to read; they may not end otherwise, nor write once
    another run has taken their lane.
    """
    return [
        f"{run.name} ended with {type(run.error).__name__}: {run.error}"
        for run in runs
        if run.error is not None and not isinstance(run.error, _ENDS)
    ] + [f"V-2: {run.name} wrote after its lane was taken over" for run in runs if len(run.leases) > 1]


class Episode:
    """The steps of one world."""

    def __init__(self, world: World) -> None:
        self.world, self.random = world, world.random
        self.story: list[str] = []
        self.trouble: Counter[str] = Counter()
        self.steps = self._begun = 0
        self.audit = Audit(world)
        # Those that sleep on when the weather clears, and until which day of the calm.
        self._sleepers: list[Run] = []
        self._wakes_at = self.random.randint(1, QUIET_CYCLES)
        # Some episodes are calm, some are wild.
        self._wildness = self.random.choice([0.3, 1.0, 1.6])
        world.weather.tell = self._suffer

    def play(self) -> None:
        if self.random.random() < 0.75:
            self._prove()
        self._appear()
        self.world.weather.wildness = self._wildness
        until = self.steps + int(self.random.triangular(FEWEST_STEPS, MOST_STEPS, FEWEST_STEPS))
        while self.steps < until:
            self._step()
        self._end_all()
        self.world.weather.clear()
        self._tell("the weather clears")
        if self.random.random() < GOES_ON:
            self._go_on()
        self.world.happen(self.world.business.mend)
        self._calm()

    def _appear(self) -> None:
        for _ in range(self.random.randint(*(WHOLE_RECORDS if self.world.salesforce else RECORDS))):
            self._tell(self.world.happen(self.world.business.appear))

    def _prove(self) -> None:
        """The program is launched in fair weather: what is proven by it need not go one at a time any more."""
        for said in self.world.happen(self.world.business.launch):
            self._tell(said)
        for kind in ("cycle", "submit", "confirm"):
            self._run(kind)
            self._pass(1300)

    def _step(self) -> None:
        random = self.random
        movable = [run for run in self.world.stage.living if not run.frozen and (run.can_move or run.tasks)]
        draw = random.random()
        if draw < 0.08 * self._wildness and movable:
            self._strike(random.choice(movable))
        elif draw < 0.1 * self._wildness:
            self._act_there()
        elif draw < 0.115 * self._wildness:
            self._set_clock()
        elif draw < 0.3:
            self._happen()
        elif draw < 0.42:
            self._pass(random.choice([1, 30, 200, 700, 2000, 4000, 20000]))
        elif movable and (draw < 0.95 or len(self.world.stage.living) > 2):
            self._move(random.choice(movable))
        elif len(self.world.stage.living) < 3:
            self._begin()
        else:
            self._wake()

    def _happen(self) -> None:
        """One thing at the brand; in an episode that begins at Salesforce often others soon after it."""
        said = [self.world.happen(self.world.business.happen)]
        for _ in range(self.random.randint(1, WHOLE_AT_ONCE) - 1 if self.world.salesforce else 0):
            self.world.clocks.advance(self.random.choice(SOON_SECONDS))
            said.append(self.world.happen(self.world.business.happen))
        self._tell("; ".join(said))

    def _suffer(self, kind: str, said: str) -> None:
        self.trouble[kind] += 1
        self._tell(said)

    def _begin(self) -> None:
        kind = ROUND[self._begun % len(ROUND)]
        self._begun += 1
        if self.random.random() < 0.5:
            self._pass(self.random.choice([5, 60, 700, 1300, 4000]))
        kind = kind if self.random.random() < 0.8 else self.random.choice(ROUND)
        if kind == "submit" and self.world.sends_files and self.random.random() < 0.7:
            kind = "upload"
        run = self.world.begin(kind)
        if self.random.random() < 0.4 or self.world.file_is_held:
            self._tell(f"{run.name} begins")
        else:
            # Undisturbed by others, though not by the weather: so that more than a few runs go through it.
            self.world.stage.finish(run)
            self._tell(f"{run.name} runs, {self._where(run)}")

    def _move(self, run: Run) -> None:
        if run.tasks and (not run.can_move or self.random.random() < 0.7):
            index = self.random.randrange(min(run.width, len(run.tasks)))
            run.perform(index)
            self._tell(f"{run.name} sends")
        else:
            run.move()
            self._tell(f"{run.name} goes on, {self._where(run)}")

    def _strike(self, run: Run) -> None:
        draw = self.random.random()
        if draw < 0.6:
            run.die()
            is_here = self.random.random() < 0.7
            self.world.after_death(run, is_here=is_here)
            self.trouble[f"killed: {run.kind}, {run.at}"] += 1
            self._tell(f"{run.name} dies {run.at}" + ("" if is_here else ", on another machine"))
        elif draw < 0.85:
            self.trouble["cancelled"] += 1
            run.cancel()
            self._tell(f"{run.name} is cancelled {run.at}")
        else:
            self.trouble["asleep"] += 1
            run.frozen = True
            self._tell(f"{run.name} sleeps {run.at}")

    def _wake(self) -> None:
        for run in self.world.stage.living:
            if run.frozen and self.random.random() < WAKES_UP:
                run.frozen = False
                self._tell(f"{run.name} wakes up")

    def _act_there(self) -> None:
        """Somebody, or the system, changes an action at impact.com."""
        now = self.world.clocks.there.now()
        program = self.world.program
        program.catch_up()
        open_ones = [one for one in program.actions if one.state_at(now) == "PENDING" and one.is_visible]
        if not open_ones:
            return
        action = self.random.choice(open_ones)
        act = self.random.choice(["reverse", "reattribute", "reattribute", "lock"])
        if act == "reverse":
            reverse_by_person(program, action.id)
        elif act == "reattribute":
            reattribute(program, action.id, 20001 if action.partner_id == 20000 else 20000)
        else:
            lock_now(program, action.id)
        self.world.acts.append((act, action.id))
        self.trouble[f"{act} at impact.com"] += 1
        self._tell(f"at impact.com somebody does: {act} {action.id} of {action.order_id}")

    def _set_clock(self) -> None:
        seconds = self.random.uniform(-LONGEST_SKEW_SECONDS, LONGEST_SKEW_SECONDS)
        self.world.clocks.set_wrong(timedelta(seconds=seconds))
        self.trouble["clock set"] += 1
        self._tell(f"our clock is set to {seconds:+.0f} s")

    def _pass(self, seconds: float) -> None:
        self.world.clocks.advance(seconds)
        self._tell(f"{seconds:.0f} s pass")

    def _end_all(self) -> None:
        """What is still on its way comes to its end, or dies, or sleeps on."""
        for run in self.world.stage.living:
            if run.frozen and run.kind in LANES and not run.holds_file and self.random.random() < SLEEPS_ON:
                self._sleepers.append(run)
                continue
            run.frozen = False
            if self.random.random() < 0.3:
                run.die()
                self.trouble[f"killed: {run.kind}, {run.at}"] += 1
                self.world.after_death(run, is_here=True)
                self._tell(f"{run.name} dies {run.at}")
        while living := [run for run in self.world.stage.living if run not in self._sleepers]:
            movable = [run for run in living if run.can_move or run.tasks]
            if not movable:
                raise Stuck(", ".join(f"{run.name} {run.at}" for run in living))
            self._move(self.random.choice(movable))

    def _go_on(self) -> None:
        """Days on which only the brand makes trouble."""
        for hours in BUSY_HOURS:
            for _ in range(self.random.randint(1, MOST_AT_ONCE)):
                self._happen()
            self._pass(hours * 3600)
            self._run("cycle")
            self._send_and_confirm()

    def _calm(self) -> None:
        """The stated waits pass, with the runs of an ordinary day; then the quiet cycles."""
        for cycle, hours in enumerate(CALM_HOURS, start=1):
            self._pass(hours * 3600)
            self._run("cycle")
            if cycle > QUIET_CYCLES and not self.audit.is_open():
                break
            self._send_and_confirm()
            if cycle == self._wakes_at:
                for run in self._sleepers:
                    run.frozen = False
                    self.world.stage.finish(run)
                    self._tell(f"{run.name} goes on, {self._where(run)}")
        # An action that changed while its queue record was read shows in the next list only.
        self._run("confirm")
        self._run("reconcile")

    def _send_and_confirm(self) -> None:
        self._run("submit")
        if self.world.sends_files:
            # What has become due meanwhile goes as a file, and files of unknown end are looked for.
            self._pass(1300)
            self._run("upload")
        self._pass(1300)
        self._run("confirm")

    def _run(self, kind: str) -> None:
        run = self.world.begin(kind)
        self.world.stage.finish(run)
        if run.error is not None:
            raise Stuck(f"{run.name} in calm weather ended with {type(run.error).__name__}: {run.error}")
        self._tell(f"{run.name} runs, {self._where(run)}")

    def _where(self, run: Run) -> str:
        if not run.is_over:
            return f"stands {run.at}"
        if run.error is not None:
            return f"ends with {type(run.error).__name__}"
        return f"ends: {_short(run.result)}"

    def _tell(self, said: str) -> None:
        self.steps += 1
        self.audit.look(self.steps)
        self.story.append(f"{self.world.clocks.there.now():%d %H:%M:%S} {said}")


def _short(result: object) -> str:
    given = {name: value for name, value in vars(result).items() if value} if hasattr(result, "__dict__") else {}
    return ", ".join(f"{name} {value}" for name, value in given.items()) or "nothing"
