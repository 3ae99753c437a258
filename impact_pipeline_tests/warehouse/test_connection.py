import os
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from impact_pipeline.warehouse.connection import SCHEMAS, Warehouse, WarehouseError, WarehouseLocked, WarehouseMissing
from impact_pipeline_tests.warehouse.conftest import one
from impact_pipeline_tests.warehouse.processes import (
    HOLDS_FOR_READING,
    HOLDS_FOR_WRITING,
    IN_A_TRANSACTION,
    process,
)

HOLDER = "select run_id from outbox.lease where lane = 'submit'"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# what a transaction is ----------------------------------------------------------------------------------------------


def test_the_first_transaction_makes_the_file_with_its_tables(tmp_path: Path) -> None:
    warehouse = Warehouse(path=tmp_path / "new.duckdb")

    with warehouse.transaction() as con:
        schemas = {name for (name,) in con.execute("select distinct schema_name from duckdb_tables()").fetchall()}

    assert set(SCHEMAS) <= schemas
    assert names(tmp_path) == ["new.duckdb"]


def test_an_error_inside_undoes_everything_and_leaves_nothing_open(warehouse: Warehouse) -> None:
    def fails() -> None:
        with warehouse.transaction() as con:
            con.execute("update outbox.lease set run_id = 'half'")
            con.execute("create table outbox.half (a integer)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()

    # Another configuration would be refused, if the connection were still open.
    with duckdb.connect(str(warehouse.path)) as con:
        assert one(con, HOLDER) is None
        assert one(con, "select count(*) from duckdb_tables() where table_name = 'half'") == 0


def test_a_rehearsal_leaves_no_trace_whether_it_ends_well_or_not(warehouse: Warehouse, tmp_path: Path) -> None:
    with warehouse.rehearsal() as con:
        con.execute("update outbox.lease set run_id = 'rehearsed'")
        con.execute("create table outbox.rehearsed (a integer)")
    with pytest.raises(duckdb.Error), warehouse.rehearsal() as con:
        con.execute("update outbox.lease set run_id = 'rehearsed', token = 'no number'")

    with duckdb.connect(str(warehouse.path)) as con:
        assert one(con, HOLDER) is None
        assert one(con, "select count(*) from duckdb_tables() where table_name = 'rehearsed'") == 0
    with pytest.raises(WarehouseMissing), Warehouse(path=tmp_path / "none.duckdb").rehearsal():
        pass


def test_an_error_of_duckdb_comes_out_as_it_is(warehouse: Warehouse) -> None:
    with pytest.raises(duckdb.ConversionException), warehouse.transaction() as con:
        con.execute("insert into outbox.lease (lane, token) values ('x', 'no number')")

    with warehouse.transaction() as con:
        assert one(con, "select count(*) from outbox.lease") == 4


def test_every_connection_has_the_same_settings(warehouse: Warehouse) -> None:
    settings = ("TimeZone", "autoinstall_known_extensions", "autoload_known_extensions", "temp_directory", "threads")
    found = []
    for opened in (warehouse.transaction, warehouse.reading):
        with opened() as con:
            found.append([str(one(con, f"select current_setting('{name}')")) for name in settings])

    assert found == [["UTC", "False", "False", f"{warehouse.path.resolve()}.tmp", "2"]] * 2


def test_reading_cannot_write(warehouse: Warehouse) -> None:
    with warehouse.reading() as con, pytest.raises(duckdb.InvalidInputException, match="read-only"):
        con.execute("update outbox.lease set run_id = 'x'")


def test_reading_does_not_make_the_file(tmp_path: Path) -> None:
    with pytest.raises(WarehouseMissing, match="impact-pipeline run"), Warehouse(path=tmp_path / "no.duckdb").reading():
        pass

    assert names(tmp_path) == []


def test_files_are_their_owners_alone_even_the_log_of_an_open_transaction(tmp_path: Path) -> None:
    """DuckDB writes the log with the mask of the process, and it holds whatever was captured."""
    before = os.umask(0o022)
    try:
        warehouse = Warehouse(path=tmp_path / "new.duckdb")

        with warehouse.transaction() as con:
            con.execute("insert into outbox.lease (lane, token) values ('x', 0)")
            con.commit()
            log_mode = mode(tmp_path / "new.duckdb.wal")
            con.begin()

        assert (mode(warehouse.path), log_mode) == (0o600, 0o600)
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


# other processes ----------------------------------------------------------------------------------------------------


def test_a_lock_of_another_process_is_waited_for(warehouse: Warehouse) -> None:
    with process(HOLDS_FOR_WRITING, warehouse.path) as notebook:
        notebook.wait_until_reached()
        closing = threading.Timer(0.2, notebook.go_on)
        closing.start()

        with warehouse.transaction() as con:
            holder = one(con, HOLDER)

        closing.join()
    assert holder == "notebook"


@pytest.mark.parametrize("wait_seconds", [0.0, 0.1])
def test_a_lock_that_stays_names_its_holder_and_the_remedy(warehouse: Warehouse, wait_seconds: float) -> None:
    impatient = replace(warehouse, wait_seconds=wait_seconds)

    with process(HOLDS_FOR_WRITING, warehouse.path) as notebook:
        notebook.wait_until_reached()
        with pytest.raises(WarehouseLocked) as for_writing, impatient.transaction():
            pass
        with pytest.raises(WarehouseLocked) as for_reading, warehouse.reading(wait_seconds=wait_seconds):
            pass

    for error in (for_writing, for_reading):
        assert f"process {notebook.pid} " in str(error.value)
        assert str(warehouse.path.with_name("readers.duckdb")) in str(error.value)


def test_readers_do_not_wait_for_each_other_but_a_writer_waits_for_them(warehouse: Warehouse) -> None:
    with process(HOLDS_FOR_READING, warehouse.path) as notebook:
        notebook.wait_until_reached()

        with warehouse.reading(wait_seconds=0.0) as con:
            assert one(con, "select count(*) from outbox.lease") == 4
        with pytest.raises(WarehouseLocked), replace(warehouse, wait_seconds=0.05).transaction():
            pass


def test_a_kill_inside_a_transaction_leaves_the_state_before_it(warehouse: Warehouse) -> None:
    with process(IN_A_TRANSACTION, warehouse.path) as run:
        run.wait_until_reached()
        run.kill()

    with warehouse.reading(wait_seconds=0.0) as con:
        assert one(con, HOLDER) is None
    with warehouse.transaction() as con:
        con.execute("update outbox.lease set run_id = 'next'")
    with warehouse.reading() as con:
        assert one(con, HOLDER) == "next"


def test_two_processes_may_make_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new.duckdb"
    counts = """
from impact_pipeline.warehouse.connection import Warehouse
reached()
for _ in range(5):
    with Warehouse(path=path).transaction() as con:
        con.execute("update outbox.lease set token = token + 1 where lane = 'submit'")
"""

    with process(counts, path) as one_run, process(counts, path) as other_run:
        for run in (one_run, other_run):
            run.wait_until_reached()
        for run in (one_run, other_run):
            run.go_on()
        for run in (one_run, other_run):
            run.finish()

    with Warehouse(path=path).reading() as con:
        assert one(con, "select token from outbox.lease where lane = 'submit'") == 10
    assert names(tmp_path) == ["new.duckdb"]


def test_a_kill_while_the_file_is_made_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "new.duckdb"
    dies = """
import os
from impact_pipeline.warehouse.connection import Warehouse
pathlib.Path.hardlink_to = lambda *_: os.kill(os.getpid(), 9)
with Warehouse(path=path).transaction():
    pass
"""
    with process(dies, path) as run:
        assert run.killed_itself()
        assert len(names(tmp_path)) == 1
        assert not path.exists()

    with Warehouse(path=path).transaction() as con:
        assert one(con, "select count(*) from outbox.lease") == 4
    assert names(tmp_path) == ["new.duckdb"]


# threads ------------------------------------------------------------------------------------------------------------


def test_threads_of_one_process_may_read_and_write_at_once(warehouse: Warehouse) -> None:
    def work(number: int) -> None:
        if number % 2:
            with warehouse.reading() as con:
                con.execute("select count(*) from outbox.lease").fetchall()
        else:
            with warehouse.transaction() as con:
                con.execute("update outbox.lease set token = token + 1 where lane = 'submit'")

    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(work, range(16)))

    with warehouse.reading() as con:
        assert one(con, "select token from outbox.lease where lane = 'submit'") == 8


def test_a_thread_waits_no_longer_than_it_said(warehouse: Warehouse) -> None:
    """The sensor has two seconds, whoever holds the file."""

    def look() -> None:
        with warehouse.reading(wait_seconds=0.05):
            pass

    with (
        ThreadPoolExecutor(max_workers=1) as pool,
        warehouse.transaction(),
        pytest.raises(WarehouseLocked, match="another thread"),
    ):
        pool.submit(look).result()


def test_opening_twice_in_one_thread_is_refused_rather_than_waited_for(warehouse: Warehouse) -> None:
    with warehouse.transaction(), pytest.raises(RuntimeError, match="pass that connection on"), warehouse.reading():
        pass


def test_a_connection_that_somebody_else_opened_in_this_process_is_named(warehouse: Warehouse) -> None:
    with (
        duckdb.connect(str(warehouse.path)),
        pytest.raises(WarehouseError, match="open in this very process"),
        warehouse.reading(),
    ):
        pass


# files that are no warehouse ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["raw.duckdb", "RAW.duckdb", "outbox.2026.duckdb", ".audit.duckdb", "warehouse"])
def test_a_file_named_like_a_schema_is_refused(tmp_path: Path, name: str) -> None:
    """DuckDB names the catalogue after the file; `raw.Lead` would be ambiguous."""
    with pytest.raises(WarehouseError, match="Rename the file"):
        Warehouse(path=tmp_path / name)


@pytest.mark.parametrize("name", ["impact_pipeline.duckdb", "my raw.duckdb", "main.duckdb", 'it\'s "x".duckdb'])
def test_any_other_name_will_do(tmp_path: Path, name: str) -> None:
    with Warehouse(path=tmp_path / name).transaction() as con:
        assert one(con, HOLDER) is None


def test_a_missing_folder_is_named_and_not_made(tmp_path: Path) -> None:
    with (
        pytest.raises(WarehouseError, match="Make the folder"),
        Warehouse(path=tmp_path / "no" / "x.duckdb").transaction(),
    ):
        pass

    assert names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(WarehouseError, match="can't be"), Warehouse(path=tmp_path / "x.duckdb").transaction():
            pass
    finally:
        tmp_path.chmod(0o700)


def test_what_is_no_duckdb_file_is_refused_at_once_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    path.write_text("a letter to a friend")
    began = time.monotonic()

    for opened in (Warehouse(path=path).transaction, Warehouse(path=path).reading):
        with pytest.raises(WarehouseError, match="is no DuckDB file"), opened():
            pass

    assert time.monotonic() - began < 20
    assert path.read_text() == "a letter to a friend"


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="can't be opened"), Warehouse(path=tmp_path).transaction():
        pass


def test_a_file_of_a_newer_duckdb_is_refused_with_the_remedy(warehouse: Warehouse) -> None:
    content = bytearray(warehouse.path.read_bytes())
    content[12:20] = (9999).to_bytes(8, "little")
    content[0:8] = _checksum(bytes(content[8:4096])).to_bytes(8, "little")
    warehouse.path.write_bytes(content)

    with pytest.raises(WarehouseError, match=r"newer DuckDB.*pip install"), warehouse.transaction():
        pass


def _checksum(block: bytes) -> int:
    """DuckDB's checksum of a block: 8 bytes at a time, multiplied and folded together."""
    result = 5381
    for at in range(0, len(block), 8):
        result ^= int.from_bytes(block[at : at + 8], "little") * 0xBF58476D1CE4E5B9 % 2**64
    return result


def test_a_database_of_somebody_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sales.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("create table deals (a integer)")

    for opened in (Warehouse(path=path).transaction, Warehouse(path=path).reading):
        with pytest.raises(WarehouseError, match=r"sales\.duckdb.*IMPACT_PIPELINE_WAREHOUSE"), opened():
            pass

    with duckdb.connect(str(path)) as con:
        assert con.execute("select table_name from duckdb_tables()").fetchall() == [("deals",)]


def test_the_readers_copy_is_not_written_to(warehouse: Warehouse) -> None:
    copy = Warehouse(path=warehouse.path.rename(warehouse.path.with_name("readers.duckdb")))

    with pytest.raises(WarehouseError, match="made anew at every publish"), copy.transaction():
        pass
    with copy.reading() as con:
        assert one(con, HOLDER) is None


def test_a_link_stands_for_its_file_whatever_the_link_is_called(warehouse: Warehouse, tmp_path: Path) -> None:
    link = tmp_path / "outbox.duckdb"
    link.symlink_to(warehouse.path)

    with Warehouse(path=link).transaction() as con:
        con.execute("update outbox.lease set run_id = 'through the link'")

    with warehouse.reading() as con:
        assert one(con, HOLDER) == "through the link"


def test_a_link_to_a_file_that_is_still_to_be_made_is_followed(tmp_path: Path) -> None:
    """DuckDB would name the log after the link now, after the file later, and not find it after a crash."""
    link = tmp_path / "link.duckdb"
    link.symlink_to(tmp_path / "file.duckdb")

    with Warehouse(path=link).transaction() as con:
        con.execute("update outbox.lease set run_id = 'x'")
        con.commit()
        there = names(tmp_path)
        con.begin()

    assert there == ["file.duckdb", "file.duckdb.wal", "link.duckdb"]


def test_threads_take_turns_also_where_one_of_them_uses_a_link(warehouse: Warehouse, tmp_path: Path) -> None:
    link = tmp_path / "link.duckdb"
    link.symlink_to(warehouse.path)

    with warehouse.transaction(), pytest.raises(RuntimeError, match="already open"), Warehouse(path=link).reading():
        pass


# copies -------------------------------------------------------------------------------------------------------------


def test_work_on_a_copy_leaves_the_warehouse_free_and_untouched(warehouse: Warehouse) -> None:
    """What takes minutes may not keep runs waiting for minutes."""
    with warehouse.copied() as copy:
        with copy.rehearsal() as con:
            con.execute("update outbox.lease set run_id = 'planned' where lane = 'submit'")
            with warehouse.transaction() as live:
                live.execute("update outbox.lease set run_id = 'ran' where lane = 'submit'")
            seen = one(con, HOLDER)
        copy_mode = mode(copy.path)

    with warehouse.reading() as con:
        assert (seen, one(con, HOLDER)) == ("planned", "ran")
    assert copy_mode == 0o600
    assert names(warehouse.path.parent) == [warehouse.path.name]


def test_a_copy_holds_what_is_still_in_the_log(warehouse: Warehouse) -> None:
    """A process that was killed leaves what it had committed beside the file."""
    with warehouse.transaction():
        pass
    with duckdb.connect(str(warehouse.path)) as con:
        con.execute("pragma disable_checkpoint_on_shutdown")
        con.execute("update outbox.lease set run_id = 'killed' where lane = 'submit'")
    assert warehouse.path.with_name(f"{warehouse.path.name}.wal").exists()

    with warehouse.copied() as copy, copy.reading() as con:
        assert one(con, HOLDER) == "killed"
