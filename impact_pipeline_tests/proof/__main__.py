"""
Plays episodes, kills processes, plants bugs; tells what came of it, and ends with 1 where something was violated.

    python -m impact_pipeline_tests.proof --episodes 200 --kills 40 --seed 1 [--bugs] [--write docs/proof.md]

What is written is written anew after each part, so that a run that is ended early leaves what it has shown.
"""

import argparse
import os
import sys
from pathlib import Path

from impact_pipeline_tests.proof import report
from impact_pipeline_tests.proof.bugs import Found, hunt, known_bugs
from impact_pipeline_tests.proof.episodes import Tally, play_all, seeds
from impact_pipeline_tests.proof.kills import KillTally, kill_all


def main(arguments: list[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    done = report.Proof(seed=given.seed, commit=report.commit(), workers=given.workers)

    def show(said: str) -> None:
        print(said, file=sys.stderr)
        if given.write:
            given.write.write_text(report.written(done), "utf-8")

    def killed(tally: KillTally) -> None:
        done.kills = tally
        show(f"{tally.kills.total()} kills, {len(tally.failed)} chains failed, {tally.seconds:.0f} s")

    def played(tally: Tally) -> None:
        done.episodes = tally
        if tally.episodes % 20 == 0:
            show(f"{tally.episodes} episodes, {len(tally.failed)} failed, {tally.seconds:.0f} s")

    def hunted(found: Found) -> None:
        done.bugs.append(found)
        show(f"{found.bug.name}: {found.said}")

    if given.kills:
        kill_all(given.kills, seed=given.seed, seconds=given.seconds, tell=killed)
    if given.episodes:
        chosen = seeds(given.seed, given.episodes, only_whole=given.whole)
        play_all(chosen, workers=given.workers, seconds=given.seconds, tell=played)
    if given.bugs:
        bugs = known_bugs()
        done.known_bugs = len(bugs)
        hunt(bugs, seed=given.seed, episodes=given.bug_episodes, workers=given.workers, tell=hunted)
    show("done")
    if given.episodes == 1 and done.episodes.failed:
        print(*done.episodes.failed[0].story, sep="\n")
    print(report.written(done))
    return 1 if done.is_violated else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m impact_pipeline_tests.proof", description=__doc__)
    parser.add_argument("--episodes", type=int, default=0, help="how many to play (T1)")
    parser.add_argument("--kills", type=int, default=0, help="how many processes to kill (T2)")
    parser.add_argument("--seed", type=int, default=1, help="of the first episode; the next ones follow")
    parser.add_argument("--whole", action="store_true", help="only episodes that begin at Salesforce")
    parser.add_argument("--bugs", action="store_true", help="plant each known bug, and see whether episodes find it")
    parser.add_argument("--bug-episodes", type=int, default=200, help="how many episodes a planted bug may take")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, help="begin no episode, and no chain of kills, after so long")
    parser.add_argument("--write", type=Path, help="where to write the report")
    return parser


if __name__ == "__main__":
    sys.exit(main())
