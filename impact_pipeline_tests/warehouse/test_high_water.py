import json
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from impact_pipeline.warehouse import high_water
from impact_pipeline.warehouse.connection import Warehouse

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)


def move(warehouse: Warehouse, count: int, now: datetime) -> int:
    """Moves of requests, as a run makes them; the newest move's number."""
    with warehouse.transaction() as con:
        con.execute(
            "insert into audit.transition (request_id, to_state, run_id, moved_at) "
            f"select range, 'intended', 'run', $now from range({count})",
            {"now": now},
        )
        ((newest,),) = con.execute("select max(transition_id) from audit.transition").fetchall()
    return int(newest)


def check(warehouse: Warehouse) -> None:
    with warehouse.reading() as con:
        high_water.check(con, warehouse.path)


def restore(copy: Path, warehouse: Warehouse) -> None:
    shutil.copy(copy, warehouse.path)


@pytest.fixture
def backup(warehouse: Warehouse, tmp_path: Path) -> Path:
    """A copy after ten moves; then ten more were made, and something was sent after them."""
    move(warehouse, 10, MONDAY)
    copy = Path(shutil.copy(warehouse.path, tmp_path / "backup.duckdb"))
    later = MONDAY + timedelta(hours=1)
    high_water.write(warehouse.path, move(warehouse, 10, later), later)
    return copy


def test_before_anything_was_sent_there_is_nothing_to_compare(warehouse: Warehouse) -> None:
    check(warehouse)


def test_the_current_file_passes_and_so_it_does_after_more_moves(warehouse: Warehouse, backup: Path) -> None:
    check(warehouse)

    move(warehouse, 5, MONDAY + timedelta(hours=2))

    check(warehouse)


def test_a_restored_old_copy_is_detected(warehouse: Warehouse, backup: Path) -> None:
    restore(backup, warehouse)

    with pytest.raises(high_water.RestoredOldCopy, match=r"does not hold move 20.*Put the newest copy back"):
        check(warehouse)


def test_a_restored_old_copy_is_detected_even_after_it_has_gone_on(warehouse: Warehouse, backup: Path) -> None:
    """Its own new moves take the numbers of those that it forgot."""
    restore(backup, warehouse)
    move(warehouse, 50, MONDAY + timedelta(hours=3))

    with pytest.raises(high_water.RestoredOldCopy):
        check(warehouse)


def test_a_new_file_in_place_of_the_old_one_is_detected(warehouse: Warehouse, backup: Path) -> None:
    warehouse.path.unlink()
    with warehouse.transaction():
        pass

    with pytest.raises(high_water.RestoredOldCopy):
        check(warehouse)


def test_a_restored_old_copy_that_goes_on_with_a_clock_that_was_set_back_is_detected(
    warehouse: Warehouse, backup: Path
) -> None:
    restore(backup, warehouse)
    move(warehouse, 50, MONDAY - timedelta(days=1))

    with pytest.raises(high_water.RestoredOldCopy):
        check(warehouse)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"transition_id": 1}', '{"transition_id": "x", "moved_at": 1}'])
def test_a_mark_that_can_not_be_read_stops_sending(warehouse: Warehouse, text: str) -> None:
    high_water.mark_path(warehouse.path).write_text(text)

    with pytest.raises(high_water.RestoredOldCopy, match="can't be read"):
        check(warehouse)


def test_the_mark_is_replaced_whole_and_is_its_owners_alone(warehouse: Warehouse) -> None:
    high_water.write(warehouse.path, 1, MONDAY)
    high_water.write(warehouse.path, 2, MONDAY)

    mark = high_water.mark_path(warehouse.path)
    assert json.loads(mark.read_text())["transition_id"] == 2
    assert stat.S_IMODE(mark.stat().st_mode) == 0o600
    assert sorted(path.name for path in warehouse.path.parent.iterdir()) == sorted([warehouse.path.name, mark.name])
