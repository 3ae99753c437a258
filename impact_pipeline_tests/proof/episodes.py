"""Many episodes, in as many processes as there are workers."""

import math
import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from impact_pipeline_tests.proof.episode import WHOLE, Verdict, play
from impact_pipeline_tests.proof.warehouses import Warehouses, warehouse_folder


@dataclass(kw_only=True)
class Tally:
    """
    What a number of episodes came to.

    Args:
        whole: how many of them begin at Salesforce.
        files: how many of those of large backlogs impact.com took.
        subjects: what was to be shown at impact.com and is; excused: what is not, by what stood in the way there.
        failed: episodes that violate something.
        skipped: seeds left out because the time was over.
    """

    episodes: int = 0
    whole: int = 0
    files: int = 0
    steps: int = 0
    subjects: int = 0
    excused: Counter[str] = field(default_factory=Counter)
    trouble: Counter[str] = field(default_factory=Counter)
    failed: list[Verdict] = field(default_factory=list)
    seconds: float = 0.0
    skipped: int = 0

    def add(self, verdict: Verdict) -> None:
        self.episodes += 1
        self.whole += verdict.seed % WHOLE == 0
        self.steps += verdict.steps
        self.files += verdict.files
        self.subjects += verdict.strict
        self.excused += verdict.excused
        self.trouble += verdict.trouble
        if verdict.violations:
            self.failed.append(verdict)


def seeds(first: int, count: int, *, only_whole: bool = False) -> range:
    """So many seeds; `only_whole`: of episodes that begin at Salesforce, as one of so many does anyway."""
    if not only_whole:
        return range(first, first + count)
    first = math.ceil(first / WHOLE) * WHOLE
    return range(first, first + count * WHOLE, WHOLE)


def play_all(
    seeds: Sequence[int],
    *,
    workers: int = 1,
    seconds: float | None = None,
    failures: int | None = None,
    tell: Callable[[Tally], None] = lambda tally: None,
) -> Tally:
    """
    Play the episodes of the seeds.

    Args:
        seconds: begin no more after that; failures: nor after so many episodes that violate something.
        tell: is called after each episode.

    Returns:
        The tally; its `skipped` counts the seeds that nobody came to.
    """
    began, tally = time.monotonic(), Tally()
    with _verdicts(seeds, workers) as verdicts:
        for verdict in verdicts:
            tally.add(verdict)
            tally.seconds = time.monotonic() - began
            tell(tally)
            if (seconds is not None and tally.seconds > seconds) or (failures and len(tally.failed) >= failures):
                break
    tally.skipped = len(seeds) - tally.episodes
    return tally


def failure(verdict: Verdict) -> str:
    """What an episode violates, and how to see it again."""
    return "\n".join(
        [
            f"seed {verdict.seed} violates:",
            *(f"    {one}" for one in verdict.violations),
            f"    again: python -m impact_pipeline_tests.proof --episodes 1 --seed {verdict.seed}",
        ]
    )


@contextmanager
def _verdicts(seeds: Sequence[int], workers: int) -> Iterator[Iterator[Verdict]]:
    with warehouse_folder() as folder:
        if workers == 1:
            warehouses = Warehouses(folder)
            yield (play(seed, warehouses) for seed in seeds)
        else:
            with multiprocessing.get_context("spawn").Pool(workers, _begin, (folder,)) as pool:
                yield pool.imap_unordered(_play, seeds)


_warehouses: list[Warehouses] = []


def _begin(folder: Path) -> None:
    _warehouses.append(Warehouses(folder))


def _play(seed: int) -> Verdict:
    return play(seed, _warehouses[0])
