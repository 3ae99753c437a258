"""The proof in small, for every day: some episodes, and a bug that they must find."""

import shutil
from pathlib import Path

import pytest

from impact_pipeline_tests.proof import bugs
from impact_pipeline_tests.proof.episode import play
from impact_pipeline_tests.proof.episodes import failure, play_all
from impact_pipeline_tests.proof.warehouses import Warehouses

EPISODES, PARTS = 72, 4


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_goes_wrong_nothing_is_lost_and_nothing_is_sent_twice(part: int) -> None:
    """`make proof` plays more of them."""
    each = EPISODES // PARTS

    tally = play_all(range(1 + part * each, 1 + (part + 1) * each))

    assert not tally.failed, "\n".join(map(failure, tally.failed))
    assert tally.trouble.total() > each, "nothing went wrong"
    assert tally.subjects > tally.excused.total() > 0


def test_a_seed_gives_one_episode(tmp_path: Path) -> None:
    warehouses = Warehouses(tmp_path)

    assert play(7, warehouses) == play(7, warehouses)


def test_each_known_bug_can_be_planted(tmp_path: Path) -> None:
    """A text that is gone from the pipeline would make a bug of nothing."""
    known = bugs.known_bugs()
    originals = {edit.file: (bugs.ROOT / "impact_pipeline" / edit.file) for bug in known for edit in bug.edits}

    for bug in known:
        for file, original in originals.items():
            copy = tmp_path / "impact_pipeline" / file
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(original, copy)
        bugs.plant(bug, tmp_path)

    assert len({bug.name for bug in known}) == len(known) >= 30


def test_episodes_find_a_planted_bug() -> None:
    name = "what was intended counts as sent (mark before send)"
    (bug,) = [one for one in bugs.known_bugs() if one.name == name]

    (found,) = bugs.hunt([bug], seed=1, episodes=30, workers=1)

    assert found.seed is not None
