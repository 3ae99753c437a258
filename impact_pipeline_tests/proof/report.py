"""What a proof came to, as a page."""

import os
import platform
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from impact_pipeline_tests.proof.bugs import Found
from impact_pipeline_tests.proof.episodes import Tally, failure
from impact_pipeline_tests.proof.kills import KillTally


@dataclass(kw_only=True)
class Proof:
    """Everything that was played with one seed, of one commit."""

    seed: int
    commit: str
    workers: int
    episodes: Tally = field(default_factory=Tally)
    kills: KillTally = field(default_factory=KillTally)
    bugs: list[Found] = field(default_factory=list)
    known_bugs: int = 0

    @property
    def violations(self) -> int:
        """Episodes and chains in which something does not hold."""
        return len(self.episodes.failed) + len(self.kills.failed)

    @property
    def is_violated(self) -> bool:
        return self.violations > 0 or any(found.seed is None for found in self.bugs)


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
    return (
        "\n".join(
            [*_head(proof), *_episodes(proof), *_kills(proof.kills), *_bugs(proof.bugs, proof.known_bugs)]
        ).rstrip()
        + "\n"
    )


def _head(proof: Proof) -> list[str]:
    return [
        "# Proof",
        "",
        "Written by `make proof` (`python -m impact_pipeline_tests.proof`); the figures are those of one run.",
        "",
        f"- commit `{proof.commit}`, seed {proof.seed}, {proof.workers} processes",
        f"- Python {platform.python_version()}, DuckDB {duckdb.__version__}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores",
        f"- violations: **{proof.violations}**",
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
        f"{tally.whole} of them begin at Salesforce, with nothing in the place of any stage; in the others a feeder "
        f"stands in the place of capture, changes and decisions. impact.com took {tally.files} files in them.",
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


def _kills(tally: KillTally) -> list[str]:
    if not tally.chains:
        return []
    page = [
        "## T2: kill -9",
        "",
        f"{tally.kills.total()} kills in {tally.chains} chains, {tally.recovering} of them while they went on "
        f"from an earlier kill; real files, real HTTP; {tally.seconds:.0f} s. After each chain the runs go on until "
        "all is quiet, and the invariants are asked for.",
        f"{len(tally.failed)} chains violate something.",
        "",
        f"In the end impact.com showed {tally.subjects} leads and deals as the brand had them; {tally.excused.total()} "
        "differed, each because of something that impact.com had done:",
        "",
        *_table("what stood in the way", tally.excused),
        *_table("killed", tally.kills),
    ]
    if tally.missed:
        page += ["Boundaries that a run was to be killed at and did not come to:", "", *_table("where", tally.missed)]
    for chain in tally.failed:
        page += ["```", f"chain of seed {chain.seed} violates:", *chain.violations, "```", ""]
    return page


def _bugs(bugs: Sequence[Found], known: int) -> list[str]:
    if not bugs:
        return []
    found = [one for one in bugs if one.seed is not None]
    left_out = f" {known - len(bugs)} more are known, for which there was no time." if len(bugs) < known else ""
    return [
        "## Planted bugs",
        "",
        f"Each is planted alone into a copy of the pipeline, and episodes are played until one fails: {len(found)} of "
        f"{len(bugs)} found.{left_out}",
        "",
        "| bug | file | found by | in episodes | of seed | what it said |",
        "|---|---|---|---:|---:|---|",
        *map(_bug, sorted(bugs, key=lambda one: one.bug.name)),
        "",
    ]


def _bug(found: Found) -> str:
    said = found.violation.partition(": ")[2][:120].replace("|", "\\|").replace("\n", " ")
    seed = "not found" if found.seed is None else found.seed
    return f"| {found.bug.name} | `{found.bug.file}` | {found.invariant} | {found.episodes} | {seed} | {said} |"


def _table(what: str, counted: Counter[str]) -> list[str]:
    if not counted:
        return []
    rows = [f"| {name} | {count} |" for name, count in sorted(counted.items(), key=lambda one: (-one[1], one[0]))]
    return [f"| {what} | count |", "|---|---:|", *rows, ""]
