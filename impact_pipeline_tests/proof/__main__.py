"""
Plays episodes, plants bugs; tells what came of it, and ends with 1 where something was violated.

    python -m impact_pipeline_tests.proof --episodes 200 --seed 1 [--bugs] [--write docs/proof.md]
"""

import argparse
import os
import sys
from pathlib import Path

from impact_pipeline_tests.proof import report
from impact_pipeline_tests.proof.bugs import Found, hunt, known_bugs
from impact_pipeline_tests.proof.episodes import Tally, failure, play_all


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    done = report.Proof(seed=given.seed, commit=report.commit(), workers=given.workers)
    done.episodes = play_all(
        range(given.seed, given.seed + given.episodes), workers=given.workers, seconds=given.seconds, tell=_progress
    )
    for verdict in done.episodes.failed:
        print(failure(verdict))
    if given.episodes == 1 and done.episodes.failed:
        print(*done.episodes.failed[0].story, sep="\n")
    if given.bugs:
        done.bugs = hunt(
            known_bugs(), seed=given.seed, episodes=given.bug_episodes, workers=given.workers, tell=_bug_progress
        )
    text = report.written(done)
    print(text)
    if given.write:
        given.write.write_text(text, "utf-8")
    return 1 if done.is_violated else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m impact_pipeline_tests.proof", description=__doc__)
    parser.add_argument("--episodes", type=int, default=0, help="how many to play (T1)")
    parser.add_argument("--seed", type=int, default=1, help="of the first episode; the next ones follow")
    parser.add_argument("--bugs", action="store_true", help="plant each known bug, and see whether episodes find it")
    parser.add_argument("--bug-episodes", type=int, default=200, help="how many episodes a planted bug may take")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, help="begin no episode after so long")
    parser.add_argument("--write", type=Path, help="where to write the report")
    return parser


def _progress(tally: Tally) -> None:
    if tally.episodes % 100 == 0:
        print(f"{tally.episodes} episodes, {len(tally.failed)} failed, {tally.seconds:.0f} s", file=sys.stderr)


def _bug_progress(found: Found) -> None:
    print(f"{found.bug.name}: {found.said}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
