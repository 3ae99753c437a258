"""Runs the measurement and prints what came of it; see the package."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from impact_pipeline_tests.benchmarks.submit.there import ACCOUNT_SID, AUTH_TOKEN, CAMPAIGN_ID, CODE

HERE = "impact_pipeline_tests.benchmarks.submit"
SHARE_OF_IDEAL = 0.9
_EXTERNAL = (
    "IMPACT_BASE_URL",
    "IMPACT_ACCOUNT_SID",
    "IMPACT_AUTH_TOKEN",
    "IMPACT_CAMPAIGN_ID",
    "IMPACT_EVENT_TYPE_CODE",
)


def main() -> int:
    asked = _arguments()
    document = {
        "conversions": asked.conversions,
        "connections": asked.connections,
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "runs": [_external(asked)] if asked.external else [_local(asked, latency) for latency in asked.latency_ms],
    }
    document["aims"] = [aim for run in document["runs"] for aim in _aims(run)]
    if asked.json:
        print(json.dumps(document, indent=2))
    else:
        _print(document)
    return 0 if all(aim["is_met"] for aim in document["aims"]) or asked.no_aims else 1


def _local(asked: argparse.Namespace, latency_ms: float) -> dict[str, Any]:
    """Both senders against the local service with this latency, in turn, as often as asked."""
    taken: dict[str, list[dict[str, Any]]] = {"pipeline": [], "plain": []}
    for turn in range(asked.rounds):
        # Who goes first changes, so that a machine that grows busier favours nobody.
        for name in sorted(taken, reverse=bool(turn % 2)):
            with _service(latency_ms) as (url, told):
                task = {
                    "url": url,
                    "account_sid": ACCOUNT_SID,
                    "auth_token": AUTH_TOKEN,
                    "campaign_id": CAMPAIGN_ID,
                    "code": CODE,
                    "prefix": "bench_",
                    "count": asked.conversions,
                    "connections": asked.connections,
                }
                measured = _sender(name, task)
            _must_be_whole(name, measured, told, asked.conversions)
            taken[name].append(measured | {"service_cpu_seconds": told["cpu_seconds"] - told["idle_cpu_seconds"]})
    run: dict[str, Any] = {"latency_ms": latency_ms}
    for name, measures in taken.items():
        run[name] = _middle(measures, asked.conversions)
    run["ratio_to_plain"] = round(run["pipeline"]["per_second"] / run["plain"]["per_second"], 3)
    if latency_ms:
        run["ideal_per_second"] = round(asked.connections / (latency_ms / 1000), 1)
        for name in taken:
            run[name]["share_of_ideal"] = round(run[name]["per_second"] / run["ideal_per_second"], 3)
    run["service_could_per_second"] = round(1000 / run["plain"]["service_cpu_ms"])
    return run


def _external(asked: argparse.Namespace) -> dict[str, Any]:
    missing = [name for name in _EXTERNAL if not os.environ.get(name)]
    if missing:
        sys.exit(f"--external needs {', '.join(missing)} in the environment.")
    url, account_sid, auth_token, campaign_id, code = (os.environ[name] for name in _EXTERNAL)
    run: dict[str, Any] = {"latency_ms": None}
    for name in ("pipeline", "plain"):
        task = {
            "url": url.rstrip("/"),
            "account_sid": account_sid,
            "auth_token": auth_token,
            "campaign_id": campaign_id,
            "code": code,
            "prefix": f"bench_{uuid.uuid4().hex[:12]}_",
            "count": asked.conversions,
            "connections": asked.connections,
        }
        run[name] = _middle([_sender(name, task)], asked.conversions)
    run["ratio_to_plain"] = round(run["pipeline"]["per_second"] / run["plain"]["per_second"], 3)
    return run


def _aims(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if run["latency_ms"]:
        share = run["pipeline"]["share_of_ideal"]
        yield {
            "what": f"share of the ideal at {run['latency_ms']:g} ms",
            "aim": f">= {SHARE_OF_IDEAL}",
            "is": share,
            "is_met": share >= SHARE_OF_IDEAL,
        }
    elif run["latency_ms"] == 0:
        ratio = run["ratio_to_plain"]
        yield {"what": "against the plain pool without latency", "aim": ">= 1.0", "is": ratio, "is_met": ratio >= 1}


def _must_be_whole(name: str, measured: dict[str, Any], told: dict[str, Any], count: int) -> None:
    """A figure counts only if everything arrived, once, and the ledger knows it."""
    seen = (measured["sent"], measured["accepted"], told["received"], told["orders"], measured.get("kept", count))
    if seen != (count,) * 5:
        sys.exit(f"{name}: sent, accepted, received, different orders, kept are {seen}; each should be {count}.")


def _middle(measures: list[dict[str, Any]], count: int) -> dict[str, Any]:
    seconds = statistics.median(one["seconds"] for one in measures)
    shown = {
        "seconds": round(seconds, 3),
        "per_second": round(count / seconds, 1),
        "cpu_ms": round(1000 * statistics.median(one["cpu_seconds"] for one in measures) / count, 3),
        "rounds": [round(one["seconds"], 3) for one in measures],
    }
    if "service_cpu_seconds" in measures[0]:
        used = statistics.median(one["service_cpu_seconds"] for one in measures)
        shown["service_cpu_ms"] = round(1000 * used / count, 3)
    return shown


def _sender(name: str, task: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", f"{HERE}.sender", name],
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{name} failed:\n{done.stderr}")
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


@contextmanager
def _service(latency_ms: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """The local impact.com; what it tells of itself at the end is in the dictionary after the block."""
    told: dict[str, Any] = {}
    process = subprocess.Popen(
        [sys.executable, "-m", f"{HERE}.there"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if latency_ms:
            fault = {"kind": "latency", "count": None, "parameters": {"ms": latency_ms}}
            request = urllib.request.Request(f"{url}/simulator/faults", data=json.dumps(fault).encode(), method="POST")
            urllib.request.urlopen(request, timeout=10).close()
        told["idle_cpu_seconds"] = _cpu_seconds_of(process.pid)
        yield url, told
        process.stdin.close()
        told.update(json.loads(process.stdout.read()))
        process.wait(30)
    finally:
        process.kill()
        process.wait()


def _cpu_seconds_of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _print(document: dict[str, Any]) -> None:
    print(
        f"{document['conversions']:,} conversions over {document['connections']} connections, "
        f"{document['cores']} cores, load {document['load_before']} before."
    )
    for run in document["runs"]:
        latency = "external" if run["latency_ms"] is None else f"{run['latency_ms']:g} ms"
        print(f"\n{latency}:")
        for name in ("pipeline", "plain"):
            one = run[name]
            share = f", {one['share_of_ideal']:.1%} of the ideal" if "share_of_ideal" in one else ""
            print(
                f"  {name:9} {one['per_second']:8.1f}/s  {one['cpu_ms']:.3f} ms CPU each  rounds {one['rounds']}{share}"
            )
        print(f"  pipeline / plain: {run['ratio_to_plain']:.3f}")
        if "service_could_per_second" in run:
            print(f"  the service itself could answer about {run['service_could_per_second']:,}/s on a core of its own")
    print()
    for aim in document["aims"]:
        print(f"{'met   ' if aim['is_met'] else 'MISSED'} {aim['what']}: {aim['is']} (aim {aim['aim']})")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {HERE}", description="How fast conversions leave.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--conversions", type=int, default=5000)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--latency-ms", type=float, nargs="+", default=[80.0, 0.0])
    parser.add_argument("--rounds", type=int, default=3, help="the median counts")
    parser.add_argument("--external", action="store_true", help="the host of the environment: tells real conversions")
    parser.add_argument("--no-aims", action="store_true", help="exit with 0 also where an aim is missed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
