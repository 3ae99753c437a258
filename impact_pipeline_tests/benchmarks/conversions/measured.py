"""One measured step, in a process of its own so that its memory is its own; prints what it found as JSON."""

import io
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from impact_pipeline.changes.compare import find_changes
from impact_pipeline.changes.watched import watched_objects
from impact_pipeline.cli.explain import command
from impact_pipeline.config.environment import WAREHOUSE
from impact_pipeline.conversions.decide import decide
from impact_pipeline.warehouse.cycles import binding, newest_cycle
from impact_pipeline.warehouse.sql import sql_file
from impact_pipeline_tests.benchmarks.conversions.world import at, bounded, config


@dataclass(frozen=True, kw_only=True)
class Measured:
    """
    What a step took.

    Args:
        parts: seconds of its parts, by name.
        cpu_seconds: of all threads.
        peak_mib: largest resident memory of the process.
        counts: what it wrote or saw.
    """

    seconds: float
    parts: dict[str, float]
    cpu_seconds: float
    peak_mib: float
    counts: dict[str, int]


class _Watch:
    def __init__(self) -> None:
        self.used_before = _used()
        self.started = self.last = time.monotonic()
        self.parts: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.monotonic()
        self.parts[name] = round(now - self.last, 3)
        self.last = now

    def measured(self, counts: dict[str, int]) -> Measured:
        return Measured(
            seconds=round(self.last - self.started, 3),
            parts=self.parts,
            cpu_seconds=round(_used() - self.used_before, 3),
            peak_mib=_peak_mib(),
            counts=counts,
        )


def _peak_mib() -> float:
    """Largest resident memory of this process; ru_maxrss alone would count what its parent held before, too."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(
            int(line.split()[1]) / 2**10 for line in status.read_text("utf-8").splitlines() if line.startswith("VmHWM:")
        )
    # macOS counts in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _used() -> float:
    """Seconds of all threads since the process began."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def cycle(path: Path, number: int) -> Measured:
    """Changes and conversions of what was captured since, each with opening and closing the warehouse, as in a run."""
    asked, watch = config(), _Watch()
    with bounded(path).transaction() as con:
        changes = find_changes(con, watched_objects(asked), cycle_id=newest_cycle(con), now=at(number))
    watch.lap("changes")
    with bounded(path).transaction() as con:
        bound, newest = binding(con), newest_cycle(con)
        decisions = decide(
            con,
            asked,
            cycle_id=newest,
            run_id=f"round {number}",
            now=at(number),
            campaign_id=bound.campaign_id,
            organization_id=bound.organization_id,
            is_lasting=True,
        )
    watch.lap("conversions")
    counts = {"changes": changes.total, "decisions": decisions.total}
    for (_, _, decision, _), count in decisions.by_answer.items():
        counts[decision] = counts.get(decision, 0) + count
    return watch.measured(counts)


def floor(path: Path, after: int) -> Measured:
    """One scan and join of the same tables: all current records, the versions after `after`, lines, history rows."""
    watch, rows = _Watch(), 0
    with bounded(path).reading() as con:
        watch.lap("open")
        for name in ("lead", "opportunity"):
            rows += con.execute(sql_file(__file__, f"floor_{name}.sql"), {"after": after}).fetchall()[0][0]
            watch.lap(name)
    return watch.measured({"rows": rows})


def explain(path: Path, _: int) -> Measured:
    """The story of a record with an action, as the command line tells it."""
    with bounded(path).reading() as con:
        order_id = con.execute("select any_value(Oid) from audit.action").fetchall()[0][0]
    os.environ[WAREHOUSE] = str(path)
    watch, told = _Watch(), io.StringIO()
    with redirect_stdout(told):
        command.main([order_id, "--json"], standalone_mode=False)
    watch.lap("told")
    story = json.loads(told.getvalue())[0]
    return watch.measured({chapter: len(rows) for chapter, rows in story.items() if isinstance(rows, list)})


STEPS: dict[str, Callable[[Path, int], Measured]] = {"cycle": cycle, "floor": floor, "explain": explain}

if __name__ == "__main__":
    # DuckDB imports pandas with the first value that is bound; starting up is not what is measured.
    duckdb.execute("select ?", [1])
    step, warehouse, number = sys.argv[1:]
    print(json.dumps(asdict(STEPS[step](Path(warehouse), int(number)))))
