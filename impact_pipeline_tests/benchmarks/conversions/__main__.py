"""Runs the measurement and prints what came of it; see the package."""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from impact_pipeline_tests.benchmarks.conversions import world

HERE = "impact_pipeline_tests.benchmarks.conversions"
MIB = 2**20
FEW = 20


def measure(path: Path, size: world.Size, history_factor: float, progress: Callable[[str], None]) -> dict[str, Any]:
    """Build the org in a new warehouse at `path`, and measure each step on the way."""
    rounds = 1 + round((history_factor - 1) * size.records / size.new)
    taken: dict[str, list[dict[str, Any]]] = {}

    def take(step: str, number: int) -> None:
        found = _child("cycle" if step in ("first load", "few", "idle") else step, path, number)
        taken.setdefault(step, []).append(found)
        progress(
            f"{step} {number}: {found['seconds']:.2f} s, processor {found['cpu_seconds']:.2f} s, "
            f"{found['peak_mib']:.0f} MiB"
        )

    world.first_load(path, size)
    take("first load", 0)
    world.tell_sent(path, 0)
    for number in range(1, 1 + rounds):
        after = world.newest_version(path)
        world.edit(path, size, number)
        take("floor", after)
        take("cycle", number)
        world.tell_sent(path, number)
    world.edit(path, world.Size(new=FEW, records=size.records, lines=size.lines), rounds + 1)
    take("few", rounds + 1)
    world.tell_sent(path, rounds + 1)
    take("idle", rounds + 2)
    take("explain", 1)
    return summary(size, history_factor, taken) | {"warehouse_mib": path.stat().st_size / MIB}


def summary(size: world.Size, history_factor: float, taken: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """What was measured, and what is asked of it side by side with it."""
    cycles, floors = taken["cycle"], taken["floor"]
    ratios = [cycle["seconds"] / floor["seconds"] for cycle, floor in zip(cycles, floors, strict=True)]
    aims = [
        _aim("times the floor, median of the rounds", statistics.median(ratios), "<=", 3),
        _aim("peak memory of a round, MiB", max(cycle["peak_mib"] for cycle in cycles), "<", 2048),
        _aim("time of explain, seconds", taken["explain"][0]["seconds"], "<", 1),
    ]
    if len(cycles) > 1:
        growth = cycles[-1]["seconds"] / cycles[0]["seconds"]
        aims.insert(2, _aim(f"time at {history_factor:g} times the history, by that at once", growth, "<", 1.2))
    return {
        "size": {"new": size.new, "records": size.records, "lines": size.lines, "history_factor": history_factor},
        "rows_per_second": size.new / statistics.median(cycle["seconds"] for cycle in cycles),
        "ratio_to_floor": ratios,
        "steps": taken,
        "aims": aims,
    }


def shown(found: dict[str, Any]) -> Iterator[str]:
    """The summary as lines of text."""
    size = found["size"]
    yield (
        f"{size['new']:,} new versions, {size['records']:,} records, {size['lines']:,} lines; "
        f"warehouse {found['warehouse_mib']:,.0f} MiB at the end"
    )
    yield f"{'step':<12} {'seconds':>8} {'cpu s':>8} {'MiB':>6}  of these, and what came of it"
    for name, step in ((name, step) for name, several in found["steps"].items() for step in several):
        parts = " ".join(f"{part} {seconds:.2f}" for part, seconds in step["parts"].items())
        counts = " ".join(f"{what} {count:,}" for what, count in step["counts"].items())
        figures = f"{step['seconds']:>8.2f} {step['cpu_seconds']:>8.2f} {step['peak_mib']:>6.0f}"
        yield f"{name:<12} {figures}  {parts}; {counts}"
    yield f"{found['rows_per_second']:,.0f} new versions per second, median of the rounds"
    for aim in found["aims"]:
        yield f"{'met ' if aim['is_met'] else 'MISS'}  {aim['what']}: {aim['is']:.2f}, aim {aim['aim']}"


def _aim(what: str, value: float, sign: str, bound: float) -> dict[str, Any]:
    is_met = {"<=": value <= bound, "<": value < bound}[sign]
    return {"what": what, "is": value, "aim": f"{sign} {bound:g}", "is_met": is_met}


def _child(step: str, path: Path, number: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"{HERE}.measured", step, str(path), str(number)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"python -m {HERE}", description="How fast changes are found and answered.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--new", type=int, default=1_000_000, help="versions of leads and deals in one round")
    parser.add_argument("--records", type=int, default=5_000_000, help="leads and deals that are there")
    parser.add_argument("--lines", type=int, default=3_000_000, help="line items that they have")
    parser.add_argument("--history-factor", type=float, default=2.0, help="how large the history grows; 1: one round")
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the warehouse is made; default: a temporary one"
    )
    asked = parser.parse_args()
    size = world.Size(new=asked.new, records=asked.records, lines=asked.lines)
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=asked.folder) as folder:
        path = Path(folder) / "benchmark.duckdb"
        found = measure(path, size, asked.history_factor, lambda text: print(text, file=sys.stderr, flush=True))
    print(json.dumps(found) if asked.json else "\n".join(shown(found)))


if __name__ == "__main__":
    main()
