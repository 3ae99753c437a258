"""
Runs the measurement and prints what came of it; see the package.

It imports little: what it needs in memory would count as its children's.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

HERE = "impact_pipeline_tests.benchmarks.capture"
REST_PAGE_ROWS = 2_000
MILLION = 1_000_000
SHOWN_OF_THE_LAST = ("windows", "requests", "answer_seconds", "edited", "download_seconds", "bytes")
# 25 and 16 fields, with those that capture reads by itself: identity, stamps, flags.
DEALS = {
    "Opportunity": [
        "AccountId", "Amount", "CampaignId", "CloseDate", "Description", "ExpectedRevenue", "FiscalYear",
        "ForecastCategoryName", "IsClosed", "IsWon", "LeadSource", "Name", "NextStep", "OwnerId", "Probability",
        "StageName", "TotalOpportunityQuantity", "Type",
    ],
    "OpportunityLineItem": [
        "Description", "ListPrice", "Name", "Product2Id", "ProductCode", "Quantity", "ServiceDate", "TotalPrice",
        "UnitPrice",
    ],
}  # fmt: skip


@dataclass(kw_only=True)
class Run:
    """
    One benchmark: its steps' measures in the order in which they were taken.

    Args:
        environment: of the org, for the children.
        wanted: object → fields to capture.
        org: the simulated one; None where a real one is measured.
        edits: whether one per cent of it is changed for a last step.
    """

    environment: Mapping[str, str]
    wanted: Mapping[str, list[str]]
    org: "SimulatedOrg | None" = None
    edits: bool = False
    taken: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def round(self, folder: Path) -> None:
        """A fresh warehouse: full load and floor in turn, then a cycle without news, then one per cent of news."""
        if self.org is not None:
            # Nobody looks at this one: the simulated org prints what was edited, the machine reads its files.
            _child("cycle", _fresh(folder), {"wanted": self.wanted}, self.environment)
        _fresh(folder)
        full = self._take("full", "cycle", folder, {"wanted": self.wanted})
        self._take("floor", "floor", folder, {"tables": full["tables"], "until": full["until"]}, like=full)
        if self.org is not None:
            self.org.let_pass(seconds=3600)
        self._take("idle", "cycle", folder, {"wanted": self.wanted})
        if self.org is not None and self.edits:
            edited = self.org.edit()
            self._take("increment", "cycle", folder, {"wanted": self.wanted})["edited"] = edited

    def _take(
        self, name: str, step: str, folder: Path, asked: Mapping[str, Any], like: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        before = self.org.worked() if self.org is not None else {}
        measured = _child(step, folder, asked, self.environment)
        if self.org is not None:
            after = self.org.worked()
            measured |= {what: _difference(after[what], before[what]) for what in after}
        expected = {name: table["rows"] for name, table in like["tables"].items()} if like is not None else None
        # In an org outside a record may go between the two; their rows are told.
        if expected is not None and self.org is not None and measured["rows_by_object"] != expected:
            raise SystemExit(f"the floor read {measured['rows_by_object']}, the pipeline {expected}: no comparison.")
        self.taken.setdefault(name, []).append(measured)
        return measured


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _difference(after: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}


def _child(step: str, folder: Path, asked: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"{HERE}.measured", step, str(folder)],
        input=json.dumps(asked),
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the step {step!r} failed; its own message is above.")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


class SimulatedOrg:
    """The org's process: `environment` points a client at it."""

    def __init__(self, process: "subprocess.Popen[str]", output: IO[str], commands: IO[str]) -> None:
        self._output = output
        self._commands = commands
        self._process = process
        ready = json.loads(output.readline() or "{}")
        if "url" not in ready:
            raise SystemExit("the simulated org did not start; its own message is above.")
        self.url, self.seconds = str(ready["url"]), float(ready["seconds"])
        self.environment: dict[str, str] = ready["environment"]
        self.custom_fields: dict[str, list[str]] = ready["custom_fields"]

    def edit(self) -> dict[str, int]:
        self._commands.write("edit\n")
        self._commands.flush()
        edited: dict[str, int] = json.loads(self._output.readline())
        return edited

    def let_pass(self, seconds: int) -> None:
        """Move the org's clock, which stands still otherwise."""
        request = urllib.request.Request(
            f"{self.url}/simulator/clock", data=json.dumps({"advance_seconds": seconds}).encode(), method="POST"
        )
        urllib.request.urlopen(request, timeout=60).close()

    def worked(self) -> dict[str, dict[str, float]]:
        """How often each endpoint has been asked, and how long its answers took the org."""
        with urllib.request.urlopen(f"{self.url}/simulator/state", timeout=60) as answer:
            state = json.load(answer)
        return {
            what: {name: value for name, value in state[what].items() if not name.startswith("simulator")}
            for what in ("requests", "answer_seconds")
        }


@contextmanager
def simulated(options: Mapping[str, int]) -> Iterator[SimulatedOrg]:
    """An org made with those options of `org.py`."""
    arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    with subprocess.Popen(
        [sys.executable, "-m", f"{HERE}.org", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise SystemExit("the simulated org has no pipes.")
        yield SimulatedOrg(process, process.stdout, process.stdin)
        process.stdin.close()


def summary(run: Run) -> dict[str, Any]:
    """Medians and spreads of each step, and what is aimed at side by side with it."""
    steps = {name: _step(taken) for name, taken in run.taken.items()}
    full, fixed = steps["full"], steps["idle"]["api_calls"]
    floor_seconds, full_seconds = steps["floor"]["seconds"]["median"], full["seconds"]["median"]
    ratio = floor_seconds / full_seconds
    aims = [_aim("share of the floor's speed, full load", ratio, ">=", 0.8)]
    aims.append(_aim("peak memory of the full load, MiB", full["peak_mib"], "<", 1024))
    if full["bulk_rows"]:
        millions = max(1.0, full["bulk_rows"] / MILLION)
        aims.append(_aim("calls by Bulk for each million rows begun", full["bulk_calls"] / millions, "<=", 20))
    if "increment" in steps:
        new = steps["increment"]
        share = new["seconds"]["median"] / full_seconds
        pages = max(1.0, new["rows"] / REST_PAGE_ROWS)
        aims.append(_aim("time of the 1 % increment, as a share of the full load's", share, "<", 0.1))
        aims.append(
            _aim(
                "calls per 2,000 rows of the increment, beyond a cycle's own",
                (new["api_calls"] - fixed) / pages,
                "<=",
                1,
            )
        )
    found = {"steps": steps, "calls_of_a_cycle": fixed, "ratio_to_floor": ratio, "aims": aims}
    # On a machine that is busy otherwise, processor time is the steadier measure.
    found["ratio_of_cpu"] = steps["floor"]["cpu_seconds"]["median"] / full["cpu_seconds"]["median"]
    jobs = full["jobs_seconds"]
    if jobs is not None:
        # The floor's jobs are made beforehand, and how long a simulator takes for them says nothing of Salesforce.
        found |= {"jobs_seconds": jobs, "ratio_without_jobs": floor_seconds / (full_seconds - jobs)}
    return found


def _step(taken: list[dict[str, Any]]) -> dict[str, Any]:
    last = taken[-1]
    bulk = [window for window in last.get("windows", ()) if window["method"] == "bulk"]
    seconds = [measured["seconds"] for measured in taken]
    jobs = [measured["answer_seconds"].get("bulk_create", 0.0) for measured in taken if "answer_seconds" in measured]
    return {
        "times": len(taken),
        "rows": last["rows"],
        "seconds": _spread(seconds),
        "cpu_seconds": _spread([measured["cpu_seconds"] for measured in taken]),
        "rows_per_second": last["rows"] / statistics.median(seconds),
        "peak_mib": max(measured["peak_mib"] for measured in taken),
        "api_calls": last.get("api_calls"),
        "bulk_rows": sum(window["rows"] for window in bulk),
        "bulk_calls": sum(window["api_calls"] for window in bulk),
        "jobs_seconds": statistics.median(jobs) if jobs else None,
        **{name: last[name] for name in SHOWN_OF_THE_LAST if name in last},
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def _aim(what: str, value: float, sign: str, bound: float) -> dict[str, Any]:
    is_met = {">=": value >= bound, "<=": value <= bound, "<": value < bound}[sign]
    return {"what": what, "is": value, "aim": f"{sign} {bound:g}", "is_met": is_met}


def shown(found: Mapping[str, Any]) -> Iterator[str]:
    """The summary as lines of text."""
    yield f"{'step':<10} {'rows':>9} {'seconds (least to most)':>26} {'rows/s':>9} {'cpu s':>7} {'MiB':>6} {'calls':>6}"
    for name, step in found["steps"].items():
        seconds = step["seconds"]
        spread = f"{seconds['median']:.2f} ({seconds['least']:.2f} to {seconds['most']:.2f})"
        calls = "-" if step["api_calls"] is None else step["api_calls"]
        yield (
            f"{name:<10} {step['rows']:>9,} {spread:>26} {step['rows_per_second']:>9,.0f} "
            f"{step['cpu_seconds']['median']:>7.2f} {step['peak_mib']:>6.0f} {calls:>6}"
        )
    yield ""
    for name, step in found["steps"].items():
        for window in step.get("windows", ()):
            about = f"{window['rows']:,} rows in {window['api_calls']} calls"
            yield f"{name}: {window['object']} by {window['method']}, {about}"
        if "download_seconds" in step:
            yield f"{name}: {step['download_seconds']:.2f} s of the last one were download"
        if "requests" in step:
            counts = ", ".join(f"{endpoint} {count}" for endpoint, count in sorted(step["requests"].items()))
            yield f"{name}: the org counted {counts}; it worked {sum(step['answer_seconds'].values()):.2f} s"
    yield ""
    yield f"a cycle without news makes {found['calls_of_a_cycle']} calls"
    yield f"in processor time the floor takes {found['ratio_of_cpu']:.3f} of a full load"
    if "jobs_seconds" in found:
        yield (
            f"the simulated org takes {found['jobs_seconds']:.2f} s of a full load to make the jobs; without them the "
            f"share of the floor's speed is {found['ratio_without_jobs']:.3f}"
        )
    for aim in found["aims"]:
        yield f"{'met ' if aim['is_met'] else 'MISS'}  {aim['what']}: {aim['is']:.3f}, aim {aim['aim']}"


def measure(asked: argparse.Namespace, progress: Any) -> dict[str, Any]:
    """Everything that the command line asks for."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        if asked.external:
            run = Run(environment={}, wanted=DEALS)
            _rounds(run, asked.rounds, Path(name), progress)
            return summary(run) | {"org": "external"}
        if asked.wide:
            options = {"rows": asked.rows, "wide-rows": asked.wide_rows}
        else:
            options = {"opportunities": asked.opportunities, "lines": asked.lines}
        with simulated(options) as org:
            progress(f"the org was made and loaded in {org.seconds:.1f} s")
            wanted = org.custom_fields if asked.wide else DEALS
            run = Run(environment=org.environment, wanted=wanted, org=org, edits=not asked.wide)
            _rounds(run, asked.rounds, Path(name), progress)
        return summary(run) | {"org": options}


def _rounds(run: Run, rounds: int, folder: Path, progress: Any) -> None:
    for number in range(rounds):
        run.round(folder / "round")
        times = ", ".join(f"{name} {taken[-1]['seconds']:.2f} s" for name, taken in run.taken.items())
        progress(f"round {number + 1} of {rounds}: {times}")


def main() -> None:
    parser = argparse.ArgumentParser(prog=f"python -m {HERE}", description="How fast capture is; see the package.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--opportunities", type=int, default=100_000)
    parser.add_argument("--lines", type=int, default=250_000)
    parser.add_argument("--rounds", type=int, default=None, help="default: 3, with --wide 1")
    parser.add_argument("--external", action="store_true", help="the org that SALESFORCE_* names; nothing is edited")
    parser.add_argument("--wide", action="store_true", help="an object of 800 fields and one of many records instead")
    parser.add_argument("--rows", type=int, default=MILLION, help="records of the long object, with --wide")
    parser.add_argument("--wide-rows", type=int, default=2_000, help="records of the wide object, with --wide")
    asked = parser.parse_args()
    asked.rounds = asked.rounds or (1 if asked.wide else 3)
    found = measure(asked, lambda text: print(text, file=sys.stderr, flush=True))
    print(json.dumps(found) if asked.json else "\n".join(shown(found)))


if __name__ == "__main__":
    main()
