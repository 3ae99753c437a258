"""Runs the measurement and prints what came of it; see the package."""

import argparse
import io
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from impact_pipeline.cli.reconcile import command
from impact_pipeline.config.environment import WAREHOUSE
from impact_pipeline.reconciliation.reconcile import reconcile
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.publish import publish
from impact_pipeline_tests.benchmarks.reconciliation.world import World, settings

HERE = "impact_pipeline_tests.benchmarks.reconciliation"


def measure(path: Path, conversions: int, new: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Build the warehouse at `path`, and measure on the way."""
    world, steps = World(path=path), list[dict[str, Any]]()

    def take(step: str, work: Callable[[], dict[str, int]]) -> None:
        started, worked = time.monotonic(), time.process_time()
        counts = work()
        found = {
            "step": step,
            "conversions": world.made,
            "seconds": round(time.monotonic() - started, 3),
            "processor_seconds": round(time.process_time() - worked, 3),
            **counts,
        }
        steps.append(found)
        progress(" ".join(f"{name} {value}" for name, value in found.items()))

    for half in (conversions // 2, conversions - conversions // 2):
        world.add(half)
        take("all", lambda: _compared(world))
        world.add(new)
        take("few", lambda: _compared(world))
        take("none", lambda: _compared(world))
    take("command", lambda: _commanded(path))
    take("publish", lambda: _published(world))
    world.add(new)
    _compared(world)
    take("publish again", lambda: _published(world))
    return summary(steps) | {"warehouse_mib": path.stat().st_size / 2**20, "load_average": os.getloadavg()[0]}


def summary(steps: list[dict[str, Any]]) -> dict[str, Any]:
    """What was measured, and what is asked of it side by side with it."""
    half, whole = [step["seconds"] for step in steps if step["step"] == "few"]
    command_seconds = next(step["seconds"] for step in steps if step["step"] == "command")
    aims = [("seconds of a comparison with little news", whole, 1.0), ("seconds of the command", command_seconds, 1.0)]
    aims.append(("time at twice the history, by that at once", whole / half, 1.2))
    return {
        "steps": steps,
        "aims": [{"what": what, "is": value, "aim": f"< {aim:g}", "is_met": value < aim} for what, value, aim in aims],
    }


def shown(found: dict[str, Any]) -> Iterator[str]:
    """The summary as lines of text."""
    yield f"warehouse {found['warehouse_mib']:,.0f} MiB at the end, load average {found['load_average']:.1f}"
    for step in found["steps"]:
        known = ("step", "seconds", "processor_seconds")
        counts = " ".join(f"{name} {value:,}" for name, value in step.items() if name not in known)
        yield f"{step['step']:<14} {step['seconds']:>8.2f} s {step['processor_seconds']:>8.2f} processor s  {counts}"
    for aim in found["aims"]:
        yield f"{'met ' if aim['is_met'] else 'MISS'}  {aim['what']}: {aim['is']:.2f}, aim {aim['aim']}"


def _compared(world: World) -> dict[str, int]:
    with Warehouse(path=world.path).transaction() as con:
        counts = reconcile(con, settings(), now=world.now)
    return {"compared": counts.keys_compared, "changed": counts.rows_changed, "unbalanced": counts.unbalanced}


def _commanded(path: Path) -> dict[str, int]:
    os.environ[WAREHOUSE] = str(path)
    told = io.StringIO()
    with redirect_stdout(told):
        command.main(["--json"], standalone_mode=False)
    return {name: len(rows) for name, rows in json.loads(told.getvalue()).items() if isinstance(rows, list)}


def _published(world: World) -> dict[str, int]:
    return {"rows": publish(Warehouse(path=world.path), now=world.now).row_count}


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"python -m {HERE}", description="What comparing all three sides costs.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--conversions", type=int, default=1_000_000, help="conversions that are there at the end")
    parser.add_argument("--new", type=int, default=20, help="conversions that are new in a comparison")
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the warehouse is made; default: a temporary one"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=asked.folder) as folder:
        path = Path(folder) / "benchmark.duckdb"
        found = measure(path, asked.conversions, asked.new, lambda text: print(text, file=sys.stderr, flush=True))
    print(json.dumps(found) if asked.json else "\n".join(shown(found)))


if __name__ == "__main__":
    main()
