"""Real processes, real files, real HTTP, kill -9: a few of them for every day; `make proof` kills more."""

from impact_pipeline_tests.proof.kills import NAMED, kill_all

KILLS = 40


def test_after_kills_at_any_boundary_nothing_is_lost_and_nothing_is_sent_twice() -> None:
    tally = kill_all(KILLS, seed=3)

    assert not tally.failed, "\n".join(f"chain {chain.seed}: {chain.violations}" for chain in tally.failed)
    # Now and then a run has nothing to do at the boundary that was meant for it.
    assert tally.missed.total() <= KILLS // 8
    assert tally.kills.total() == KILLS
    assert tally.recovering > 0
    assert tally.subjects > 0


def test_there_are_more_than_twenty_named_boundaries() -> None:
    assert len({one.name for one in NAMED}) == len(NAMED) > 20
