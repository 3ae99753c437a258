"""Kill -9 of a real process, and run again: nothing lost, nothing twice, and what was committed is not read again."""

import os
import random
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from impact_pipeline_tests.capture.crashing import OPTIONS, WANTED
from impact_pipeline_tests.capture.world import World

RECORDS = 12
REST, BULK = 10_000, 1


@pytest.fixture
def stocked(salesforce: World) -> World:
    """Leads and opportunities of one minute each, and one of each in the Recycle Bin."""
    for number in range(RECORDS):
        lead = salesforce.edit("create", "Lead", LastName=f"{number}", Company=f"{number}", AnnualRevenue="12345678")
        deal = salesforce.an_opportunity(Name=f"{number}")
        salesforce.advance(minutes=1)
    salesforce.edit("delete", "Lead", lead)
    salesforce.edit("delete", "Opportunity", deal)
    salesforce.advance(hours=1)
    salesforce.faults.add("short_pages", rows=4)
    return salesforce


def killed_at(salesforce: World, boundary: str, count: int, bulk_from_rows: int) -> bool:
    """Run a cycle in a process that kills itself there; whether it came there."""
    salesforce.advance(minutes=2)
    salesforce._runs += 1
    place = (str(salesforce.warehouse.path), str(salesforce.staging), salesforce.url)
    about = (salesforce.clock.now().isoformat(), f"killed {salesforce._runs}", str(bulk_from_rows))
    finished = subprocess.run(
        [sys.executable, "-m", "impact_pipeline_tests.capture.crashing", *place, *about, boundary, str(count)],
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert finished.returncode in (0, -signal.SIGKILL), finished.stderr.decode()
    return finished.returncode == -signal.SIGKILL


def assert_whole(salesforce: World, *, lost_jobs: int = 0) -> None:
    """raw.* equals the org, each record has one version, nothing is left behind."""
    for name in WANTED:
        org = {str(row["Id"]): row["IsDeleted"] for row in salesforce.org.table(name)}
        assert dict(salesforce.query(f'select "Id", "_is_deleted" from raw."{name}"')) == org
        versions = salesforce.value(f'select count(*) from raw."{name}_version"')
        assert versions == len(org), "no version twice"
        assert salesforce.value(f'select bool_and("_is_first_load") from raw."{name}"')
    assert list(salesforce.staging.iterdir()) == []
    assert len(salesforce.site.jobs) <= lost_jobs


@pytest.mark.parametrize(
    ("boundary", "count", "bulk_from_rows"),
    [
        ("staged", 3, REST),
        ("before_commit", 4, REST),
        ("after_commit", 4, REST),
        ("job_asked", 1, BULK),
        ("page_arrived", 4, BULK),
        ("after_commit", 4, BULK),
    ],
)
def test_a_cycle_that_was_killed_is_finished_by_the_next(
    stocked: World, boundary: str, count: int, bulk_from_rows: int
) -> None:
    assert killed_at(stocked, boundary, count, bulk_from_rows)
    committed = dict(
        stocked.query("select object, sum(rows_read)::int from audit.extraction where is_first_load group by object")
    )

    stocked.capture(WANTED, options=replace(OPTIONS, bulk_from_rows=bulk_from_rows))

    # Objects are read side by side: while one asks for its job, another may have made one and not noted it yet.
    assert_whole(stocked, lost_jobs=len(WANTED) - 1 if boundary == "job_asked" else 0)
    read = dict(
        stocked.query("select object, sum(rows_read)::int from audit.extraction where is_first_load group by object")
    )
    # By REST a piece is followed by what bears its last stamp or a later one.
    repeated = 0 if bulk_from_rows == BULK else 1
    for name in WANTED:
        pieces = committed.get(name, 0) // 4
        assert RECORDS <= read[name] <= RECORDS + (repeated if pieces else 0), name
    if bulk_from_rows == BULK:
        assert stocked.requests["bulk_create"] <= 2 * len(WANTED), "a job that was begun is gone on with"


def test_after_any_number_of_kills_at_any_moment_the_next_runs_bring_everything(stocked: World) -> None:
    """IMPACT_PIPELINE_KILLS plays more of them."""
    chance = random.Random(4711)
    kills = int(os.environ.get("IMPACT_PIPELINE_KILLS", "2"))
    for _ in range(kills):
        stocked.advance(minutes=1)
        killed_at(stocked, "any", chance.randint(1, 45), chance.choice([REST, BULK]))

    stocked.capture(WANTED, options=OPTIONS)

    assert_whole(stocked, lost_jobs=kills)
