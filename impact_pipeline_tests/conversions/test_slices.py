"""Many changes are answered a slice at a time, which nobody may see."""

from pathlib import Path
from typing import Any

from impact_pipeline.changes.compare import find_changes
from impact_pipeline.changes.watched import watched_objects
from impact_pipeline.conversions.decide import decide
from impact_pipeline.warehouse.cycles import binding, newest_cycle
from impact_pipeline_tests.benchmarks.conversions import world

SIZE = world.Size(new=150, records=400, lines=200)


def answered(path: Path, number: int, slice_size: int) -> list[list[Any]]:
    """What a cycle decides and maps, without the numbers of decisions."""
    with world.bounded(path).transaction() as con:
        bound, cycle_id, config = binding(con), newest_cycle(con), world.config()
        find_changes(con, watched_objects(config), cycle_id=cycle_id, now=world.at(number))
        decide(
            con,
            config,
            cycle_id=cycle_id,
            run_id="run",
            now=world.at(number),
            campaign_id=bound.campaign_id,
            organization_id=bound.organization_id,
            slice_size=slice_size,
        )
        return [
            con.execute(f"select * exclude ({left_out}) from conversions.{table} order by all").fetchall()
            for table, left_out in {
                "current_decision": "decision_id, previous_decision_id",
                "open_decision": "decision_id",
                "conversion": "mapped_at",
                "item": "amount",
                "wanted": "wanted_at",
                "customer": "pinned_at",
                "cursor": "object",
            }.items()
        ]


def test_slices_answer_as_all_changes_at_once_do(tmp_path: Path) -> None:
    found = []
    for slice_size in (1_000_000, 150):
        path = tmp_path / f"by_{slice_size}.duckdb"
        world.first_load(path, SIZE)
        answers = [answered(path, 0, slice_size)]
        world.tell_sent(path, 0)
        world.edit(path, SIZE, 1)
        answers.append(answered(path, 1, slice_size))
        found.append(answers)

    assert found[0] == found[1]
    assert len(found[0][1][2]) > 20, "conversions"
