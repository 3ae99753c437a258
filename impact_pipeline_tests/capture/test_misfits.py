"""A configuration that does not go with the types of the org's fields is refused before anything is read with it."""

import shutil
from pathlib import Path

import pytest

from impact_pipeline.capture.cycle import capture_cycle
from impact_pipeline.config.errors import ConfigError
from impact_pipeline.config.load import RECOMMENDED, load_config
from impact_pipeline_tests.capture.world import World

CONDITION = "when: StageName = 'Closed Won'"


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("when: StageName = 5", "StageName is a text"),
        ("when: Amount = 'many'", "'many' is no DECIMAL"),
        ("when: Account.Name > 10.5", "VARCHAR and type DECIMAL"),
        ("when: CloseDate > 20261120", "type DATE"),
        ("when: Amount", "not true or false"),
    ],
)
def test_a_comparison_that_can_not_be_is_refused_before_anything_is_read(
    salesforce: World, tmp_path: Path, written: str, says: str
) -> None:
    shutil.copytree(RECOMMENDED, tmp_path / "config")
    file = tmp_path / "config/objects/opportunity.yaml"
    file.write_text(file.read_text("utf-8").replace(CONDITION, written, 1), "utf-8")
    salesforce.an_opportunity()
    salesforce.advance(minutes=5)

    with pytest.raises(ConfigError) as refused:
        captured(salesforce, tmp_path / "config")

    (problem,) = refused.value.problems
    assert (problem.file, problem.key) == ("objects/opportunity.yaml", "events.won.when")
    assert says in problem.problem
    assert salesforce.value("select count(*) from audit.extraction") == 0


def test_a_comparison_of_what_goes_together_is_read_with(salesforce: World, tmp_path: Path) -> None:
    shutil.copytree(RECOMMENDED, tmp_path / "config")
    file = tmp_path / "config/objects/opportunity.yaml"
    written = "when: Amount > 10 and Account.Name <> '5' and CloseDate > '2026-11-20' and StageName = '5'"
    file.write_text(file.read_text("utf-8").replace(CONDITION, written, 1), "utf-8")
    salesforce.an_opportunity()
    salesforce.advance(minutes=5)

    captured(salesforce, tmp_path / "config")

    assert salesforce.value("select count(*) from raw.Opportunity") == 1


def captured(salesforce: World, folder: Path) -> None:
    capture_cycle(
        salesforce.warehouse,
        salesforce.client(),
        load_config(folder),
        run_id="run",
        staging=salesforce.staging,
        clock=salesforce.clock.now,
        account_sid="sid",
        campaign_id="4711",
    )
