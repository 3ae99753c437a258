"""The benchmark of reconciliation runs, and what it measures is what it says."""

from pathlib import Path

from impact_pipeline_tests.benchmarks.reconciliation.__main__ import measure, shown


def test_a_small_warehouse_is_compared_and_little_of_it_anew(tmp_path: Path) -> None:
    found = measure(tmp_path / "org.duckdb", 400, 5, lambda line: None)

    compared = [(step["step"], step["compared"], step["unbalanced"]) for step in found["steps"] if "compared" in step]
    # A key, and the row that its event would have without one.
    assert [count for name, count, _ in compared if name == "few"] == [10, 10]
    assert [count for name, count, _ in compared if name == "none"] == [0, 0]
    assert all(unbalanced == 0 for _, _, unbalanced in compared)
    assert found["steps"][-1]["rows"] > 400 * 10
    assert any(line.startswith(("met", "MISS")) for line in shown(found))
