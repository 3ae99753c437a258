"""
Tests the tests: bugs as somebody could write them, each planted alone into a copy of the pipeline.

Episodes are played against the copy until one of them fails. A bug that none of them finds is a hole in the proof.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from impact_pipeline_tests.proof.warehouses import warehouse_folder

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("impact_pipeline", "impact_pipeline_tests")


@dataclass(frozen=True)
class Edit:
    """Of a file below impact_pipeline/: what is replaced, which it holds once, and by what."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Bug:
    """A mistake, in words and as edits; most need one. `is_early`: before the outbox, where whole episodes find it."""

    name: str
    edits: tuple[Edit, ...]
    is_early: bool = False

    @property
    def file(self) -> str:
        return self.edits[0].file


@dataclass(frozen=True, kw_only=True)
class Found:
    """What became of a planted bug. `seed`: of the episode that found it; None: `episodes` of them did not."""

    bug: Bug
    episodes: int
    seed: int | None
    violation: str = ""

    @property
    def invariant(self) -> str:
        return re.split(r"[: ]", self.violation, maxsplit=1)[0] or "–"

    @property
    def said(self) -> str:
        if self.seed is None:
            return f"NOT FOUND in {self.episodes} episodes"
        return f"found by episode {self.episodes} (seed {self.seed}): {self.violation[:160]}"


def hunt(
    bugs: Sequence[Bug], *, seed: int, episodes: int, workers: int, tell: Callable[[Found], None] = lambda found: None
) -> list[Found]:
    """
    Plant each bug and play episodes until one fails.

    Args:
        episodes: how many a bug may take; workers: how many bugs are hunted at once.
    """

    def one(bug: Bug) -> Found:
        found = _hunt_one(bug, seed, episodes)
        tell(found)
        return found

    with ThreadPoolExecutor(workers) as executor:
        return list(executor.map(one, bugs))


def plant(bug: Bug, root: Path) -> None:
    """Edit the copy below `root`. Raises ValueError where the text to be replaced is not there, or not once."""
    for edit in bug.edits:
        path = root / "impact_pipeline" / edit.file
        text = path.read_text("utf-8")
        if text.count(edit.old) != 1:
            raise ValueError(
                f"{bug.name}: {edit.file} holds {edit.old!r} {text.count(edit.old)} times instead of once."
            )
        path.write_text(text.replace(edit.old, edit.new), "utf-8")


def _hunt_one(bug: Bug, seed: int, episodes: int) -> Found:
    with warehouse_folder() as memory, tempfile.TemporaryDirectory(prefix="bug_", dir=memory) as folder:
        for package in PACKAGES:
            shutil.copytree(ROOT / package, Path(folder, package), ignore=shutil.ignore_patterns("__pycache__"))
        plant(bug, Path(folder))
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "impact_pipeline_tests.proof.bugs",
                str(seed),
                str(episodes),
                "early" if bug.is_early else "",
            ],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{bug.name}: the episodes could not be played.\n{done.stderr[-2000:]}")
    return Found(bug=bug, **json.loads(done.stdout.splitlines()[-1]))


def _play_until_found(seed: int, episodes: int, *, is_early: bool) -> dict[str, object]:
    """In the copy's process: what Found takes beside the bug."""
    from impact_pipeline_tests.proof.episodes import play_all, seeds

    # A whole one takes as long as several others.
    chosen = seeds(seed, episodes // 4, only_whole=True) if is_early else seeds(seed, episodes)
    tally = play_all(chosen, failures=1)
    if not tally.failed:
        return {"episodes": tally.episodes, "seed": None}
    verdict = tally.failed[0]
    return {"episodes": tally.episodes, "seed": verdict.seed, "violation": verdict.violations[0]}


def known_bugs() -> tuple[Bug, ...]:
    """The bugs of bugs.yaml."""
    given = yaml.safe_load(Path(__file__).with_name("bugs.yaml").read_text("utf-8"))
    return tuple(
        Bug(one["name"], tuple(Edit(**edit) for edit in one["edits"]), one.get("is_early", False)) for one in given
    )


if __name__ == "__main__":
    print(json.dumps(_play_until_found(int(sys.argv[1]), int(sys.argv[2]), is_early=sys.argv[3] == "early")))
