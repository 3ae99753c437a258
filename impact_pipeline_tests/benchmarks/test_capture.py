"""That the benchmark of capture runs and counts right. No time is looked at."""

import json
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "impact_pipeline_tests.benchmarks.capture", "--json", "--rounds", "1"]


def measured(*arguments):
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def deals():
    return measured("--opportunities", "200", "--lines", "500")


def test_every_step_reads_what_there_is_for_it(deals):
    steps = deals["steps"]

    assert {name: step["times"] for name, step in steps.items()} == dict.fromkeys(
        ("full", "floor", "idle", "increment"), 1
    )
    assert (steps["full"]["rows"], steps["floor"]["rows"], steps["idle"]["rows"]) == (700, 700, 0)
    assert steps["increment"]["edited"] == {"opportunities": 2, "lines": 5}
    assert steps["increment"]["rows"] >= 7


def test_the_pipeline_counts_the_requests_that_the_org_counts(deals):
    """Logging in is no data request; the floor makes its jobs, reads their pages and takes them away."""
    for name in ("full", "idle", "increment"):
        requests = deals["steps"][name]["requests"]
        assert deals["steps"][name]["api_calls"] == sum(requests.values()) - requests["token"]
    assert deals["steps"]["floor"]["requests"] == {
        "token": 1,
        "bulk_create": 2,
        "bulk_status": 2,
        "bulk_results": 2,
        "bulk_delete": 2,
    }


def test_aims_stand_beside_what_was_measured(deals):
    assert {aim["what"] for aim in deals["aims"]} >= {
        "share of the floor's speed, full load",
        "peak memory of the full load, MiB",
        "time of the 1 % increment, as a share of the full load's",
    }
    for aim in deals["aims"]:
        sign, bound = aim["aim"].split()
        assert (
            aim["is_met"]
            == {
                ">=": aim["is"] >= float(bound),
                "<=": aim["is"] <= float(bound),
                "<": aim["is"] < float(bound),
            }[sign]
        )


def test_the_wide_and_long_objects_come_whole():
    steps = measured("--wide", "--rows", "300", "--wide-rows", "3")["steps"]

    assert (steps["full"]["rows"], steps["floor"]["rows"]) == (303, 303)
    assert steps["full"]["bytes"] > 3 * 131_072
