"""The benchmark of conversions runs, and what it measures is what it says."""

from pathlib import Path

from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.benchmarks.conversions.__main__ import measure, shown
from impact_pipeline_tests.benchmarks.conversions.world import Size


def test_a_small_org_is_measured_and_every_change_in_it_is_answered(tmp_path: Path) -> None:
    size = Size(new=200, records=1000, lines=600)

    found = measure(tmp_path / "org.duckdb", size, 1.2, lambda line: None)

    assert {name: len(steps) for name, steps in found["steps"].items()} == {
        "first load": 1, "floor": 2, "cycle": 2, "few": 1, "idle": 1, "explain": 1,
    }  # fmt: skip
    assert found["steps"]["idle"][0]["counts"] == {"changes": 0, "decisions": 0}
    assert found["steps"]["explain"][0]["counts"]["actions"] == 2
    assert any(line.startswith(("met", "MISS")) for line in shown(found))
    with Warehouse(path=tmp_path / "org.duckdb").reading() as con:
        # One event of leads, two of opportunities.
        assert con.execute(
            "select count(*) from changes.change as c "
            "left join (select change_id, count(distinct event) as answered, count(*) as told "
            "from conversions.current_decision group by change_id) as d using (change_id) "
            "where (d.answered, d.told) is distinct from (if(c.object = 'Lead', 1, 2), if(c.object = 'Lead', 1, 2))"
        ).fetchall() == [(0,)]
        versions = con.execute(
            'select _cycle_id, count(*) from (select _cycle_id from raw."Lead_version" '
            'union all select _cycle_id from raw."Opportunity_version") group by all order by all'
        ).fetchall()
    assert versions[0][1] == size.records
    assert all(abs(count - size.new) < size.new / 4 for _, count in versions[1:3])
