from impact_pipeline.warehouse import alive
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.warehouse.processes import process

LIVES = """
from impact_pipeline.warehouse.alive import living
with living(path, "run-1"):
    reached()
"""


def test_a_living_run_is_not_over_and_a_killed_one_is(warehouse: Warehouse) -> None:
    with process(LIVES, warehouse.path) as run:
        run.wait_until_reached()
        assert not alive.is_over(warehouse.path, "run-1")

        run.kill()

        assert alive.is_over(warehouse.path, "run-1")


def test_a_run_of_which_nothing_is_known_is_not_called_over(warehouse: Warehouse) -> None:
    """It may live on another machine."""
    assert not alive.is_over(warehouse.path, "run-2")


def test_a_run_that_ended_leaves_nothing(warehouse: Warehouse) -> None:
    with alive.living(warehouse.path, "run-3"):
        pass

    assert list(warehouse.path.with_name(warehouse.path.name + ".runs").iterdir()) == []
