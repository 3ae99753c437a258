import os
import stat
from pathlib import Path

import pytest

from impact_pipeline.warehouse.files import owner_only, temporary_beside


@pytest.fixture(autouse=True)
def _mask() -> object:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode_of_a_new_file(folder: Path) -> int:
    path = folder / "x"
    path.write_text("")
    mode = stat.S_IMODE(path.stat().st_mode)
    path.unlink()
    return mode


def test_blocks_that_overlap_in_any_order_end_with_the_mask_of_before(tmp_path: Path) -> None:
    first, second = owner_only(), owner_only()

    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)

    assert mode_of_a_new_file(tmp_path) == 0o600
    second.__exit__(None, None, None)
    assert mode_of_a_new_file(tmp_path) == 0o644


def test_what_a_killed_process_left_is_removed_and_all_else_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.duckdb"
    dead = 2**22 + 1
    for name in (f".a.duckdb.{dead}.7.new", f".a.duckdb.{dead}.7.new.wal", f".a.duckdb.{os.getppid()}.7.new"):
        (tmp_path / name).write_text("")
    (tmp_path / f".b.duckdb.{dead}.7.new").write_text("")

    with temporary_beside(target) as temporary:
        temporary.write_text("x")

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f".a.duckdb.{os.getppid()}.7.new",
        f".b.duckdb.{dead}.7.new",
    ]
