"""What a proof came to, as a page."""

import platform
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from impact_pipeline_tests.proof.bugs import Found
from impact_pipeline_tests.proof.episodes import Tally, failure


@dataclass(kw_only=True)
class Proof:
    """Everything that was played with one seed, of one commit."""

    seed: int
    commit: str
    workers: int
    episodes: Tally = field(default_factory=Tally)
    bugs: Sequence[Found] = ()

    @property
    def is_violated(self) -> bool:
        return bool(self.episodes.failed) or any(found.seed is None for found in self.bugs)


def commit() -> str:
    """The commit that is checked out, marked where files differ from it; `unknown` outside of a repository."""
    given = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return given.stdout.strip() or "unknown"


def written(proof: Proof) -> str:
    """The page, in Markdown."""
    return "\n".join([*_head(proof), *_episodes(proof), *_bugs(proof.bugs)]).rstrip() + "\n"


def _head(proof: Proof) -> list[str]:
    return [
        "# Proof",
        "",
        "Written by `make proof` (`python -m impact_pipeline_tests.proof`); the figures are those of one run.",
        "",
        f"- commit `{proof.commit}`, seed {proof.seed}, {proof.workers} processes",
        f"- Python {platform.python_version()}, DuckDB {duckdb.__version__}, {platform.system()} {platform.machine()}",
        f"- violations: **{len(proof.episodes.failed)}**",
        "",
    ]


def _episodes(proof: Proof) -> list[str]:
    tally = proof.episodes
    if not tally.episodes:
        return []
    left_out = f" {tally.skipped} more were asked for and not reached in the time." if tally.skipped else ""
    page = [
        "## T1: episodes",
        "",
        f"{tally.episodes} episodes of {tally.steps / tally.episodes:.0f} steps on average, seeds from {proof.seed}, "
        f"in {tally.seconds:.0f} s.{left_out}",
        f"{len(tally.failed)} violate something.",
        "",
        f"In the end impact.com showed {tally.subjects} leads and deals as the brand had them; {tally.excused.total()} "
        "differed, each because of something that impact.com or a person there had done:",
        "",
        *_table("what stood in the way", tally.excused),
        "What went wrong on the way:",
        "",
        *_table("trouble", tally.trouble),
    ]
    for verdict in tally.failed:
        page += ["```", failure(verdict), "```", ""]
    return page


def _bugs(bugs: Sequence[Found]) -> list[str]:
    if not bugs:
        return []
    found = [one for one in bugs if one.seed is not None]
    return [
        "## Planted bugs",
        "",
        f"Each is planted alone into a copy of the pipeline, and episodes are played until one fails: {len(found)} of "
        f"{len(bugs)} found.",
        "",
        "| bug | file | found by | episodes | seed |",
        "|---|---|---|---:|---:|",
        *(f"| {one.bug.name} | `{one.bug.file}` | {one.invariant} | {one.episodes} | {one.seed} |" for one in bugs),
        "",
    ]


def _table(what: str, counted: Counter[str]) -> list[str]:
    rows = [f"| {name} | {count} |" for name, count in sorted(counted.items(), key=lambda one: (-one[1], one[0]))]
    return [f"| {what} | count |", "|---|---:|", *rows, ""]
