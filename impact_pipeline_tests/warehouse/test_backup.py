"""A backup is whole or refused, and a restored one can't send what was sent already."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from impact_pipeline.cli import cli
from impact_pipeline.config import environment as env
from impact_pipeline.warehouse import high_water
from impact_pipeline.warehouse.backup import BackupDamaged, backup, backups_of, manifest_path, restore, verify
from impact_pipeline.warehouse.binding import bind
from impact_pipeline.warehouse.connection import Warehouse, WarehouseError, WarehouseLocked

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOLDER = "import sys, duckdb; con = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def filled(tmp_path: Path) -> Warehouse:
    warehouse = Warehouse(path=tmp_path / "file.duckdb", wait_seconds=0.2)
    with warehouse.transaction() as con:
        bind(con, "00D000000000001EAA", False, "SID", "4711", NOW)
        con.execute("insert into conversions.config values ('h', '{}', now())")
    return warehouse


def hashes(warehouse: Warehouse) -> list[str]:
    with warehouse.reading() as con:
        return [value for (value,) in con.execute("select config_hash from conversions.config order by all").fetchall()]


def add(warehouse: Warehouse, config_hash: str) -> None:
    with warehouse.transaction() as con:
        con.execute("insert into conversions.config values (?, '{}', now())", [config_hash])


def test_a_backup_restored_holds_what_it_held(filled: Warehouse, tmp_path: Path) -> None:
    made = backup(filled, tmp_path / "copy.duckdb", now=NOW)
    add(filled, "later")

    kept = restore(filled, tmp_path / "copy.duckdb", now=NOW)

    assert hashes(filled) == ["h"]
    assert kept is not None
    assert hashes(Warehouse(path=kept)) == ["h", "later"]
    assert (made.organization_id, made.campaign_id, made.rows["conversions.config"]) == (
        "00D000000000001EAA",
        "4711",
        1,
    )
    assert verify(tmp_path / "copy.duckdb") == made
    for file in (tmp_path / "copy.duckdb", manifest_path(tmp_path / "copy.duckdb"), filled.path, kept):
        assert file.stat().st_mode & 0o777 == 0o600


def test_what_a_killed_run_left_in_the_log_is_in_the_backup(filled: Warehouse, tmp_path: Path) -> None:
    code = (
        "import duckdb, os, sys\n"
        "con = duckdb.connect(sys.argv[1], config={'checkpoint_threshold': '1GB'})\n"
        "con.execute(\"insert into conversions.config values ('in the log', '{}', now())\")\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(filled.path)], check=False)

    backup(filled, tmp_path / "copy.duckdb", now=NOW)

    assert hashes(Warehouse(path=tmp_path / "copy.duckdb")) == ["h", "in the log"]


@pytest.mark.parametrize("place", [-100, 20_000], ids=["at_its_end", "in_the_middle"])
def test_a_backup_with_one_other_byte_is_refused(filled: Warehouse, tmp_path: Path, place: int) -> None:
    backup(filled, tmp_path / "copy.duckdb", now=NOW)
    content = bytearray((tmp_path / "copy.duckdb").read_bytes())
    content[place] ^= 1
    (tmp_path / "copy.duckdb").write_bytes(content)

    with pytest.raises(BackupDamaged, match="SHA-256 differs"):
        restore(filled, tmp_path / "copy.duckdb", now=NOW)

    assert hashes(filled) == ["h"]


def test_a_backup_that_was_cut_off_or_lost_its_manifest_is_refused(filled: Warehouse, tmp_path: Path) -> None:
    backup(filled, tmp_path / "copy.duckdb", now=NOW)
    manifest_path(tmp_path / "copy.duckdb").unlink()

    with pytest.raises(BackupDamaged, match="missing or can't be read"):
        verify(tmp_path / "copy.duckdb")


def test_a_backup_whose_manifest_says_something_else_is_refused(filled: Warehouse, tmp_path: Path) -> None:
    backup(filled, tmp_path / "copy.duckdb", now=NOW)
    manifest = json.loads(manifest_path(tmp_path / "copy.duckdb").read_text())
    manifest["rows"]["conversions.config"] = 7
    manifest_path(tmp_path / "copy.duckdb").write_text(json.dumps(manifest))

    with pytest.raises(BackupDamaged, match="does not hold what its manifest says"):
        verify(tmp_path / "copy.duckdb")


def test_a_backup_never_replaces_a_file(filled: Warehouse, tmp_path: Path) -> None:
    (tmp_path / "copy.duckdb").write_text("something")

    with pytest.raises(WarehouseError, match="exists already"):
        backup(filled, tmp_path / "copy.duckdb", now=NOW)


def test_nothing_is_replaced_while_somebody_works_with_it(filled: Warehouse, tmp_path: Path) -> None:
    backup(filled, tmp_path / "copy.duckdb", now=NOW)
    holding = [sys.executable, "-c", HOLDER, str(filled.path)]
    with subprocess.Popen(holding, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()

        with pytest.raises(WarehouseLocked):
            restore(filled, tmp_path / "copy.duckdb", now=NOW)

        assert holder.stdin is not None
        holder.stdin.close()
    assert hashes(filled) == ["h"]


def test_nothing_is_sent_from_a_restored_copy_before_it_is_recovered(filled: Warehouse, tmp_path: Path) -> None:
    backup(filled, tmp_path / "copy.duckdb", now=NOW)
    with filled.transaction() as con:
        con.execute(
            "insert into audit.transition (transition_id, request_id, to_state, run_id, moved_at) "
            "values (7, 1, 'intended', 'run', ?)",
            [NOW],
        )
    high_water.write(filled.path, 7, NOW)

    restore(filled, tmp_path / "copy.duckdb", now=NOW)

    with filled.reading() as con, pytest.raises(high_water.RestoredOldCopy):
        high_water.check(con, filled.path)


def test_the_commands_back_up_and_restore(filled: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {env.WAREHOUSE: str(filled.path), env.ACCOUNT_SID: "SID", env.CAMPAIGN_ID: "4711"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    made = json.loads(CliRunner().invoke(cli, ["backup", "--json"]).stdout)
    checked = CliRunner().invoke(cli, ["restore", made["path"], "--check"])
    restored = json.loads(CliRunner().invoke(cli, ["restore", made["path"], "--json"]).stdout)
    monkeypatch.setenv(env.CAMPAIGN_ID, "9")
    refused = CliRunner().invoke(cli, ["restore", made["path"]])

    assert backups_of(filled.path) == [Path(made["path"])]
    assert checked.exit_code == 0
    assert "is whole" in checked.output
    assert Path(restored["kept"]).exists()
    assert refused.exit_code == 2
    assert "another org or program" in refused.output


def test_an_environment_has_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (env.WAREHOUSE, env.CAMPAIGN_ID):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    Path("staging.env").write_text(f"{env.WAREHOUSE}={tmp_path}/staging/file.duckdb\n")
    Path(".env").write_text(f"{env.WAREHOUSE}={tmp_path}/production/file.duckdb\n")

    told = CliRunner().invoke(cli, ["--env", "staging.env", "publish"])

    assert "staging/file.duckdb does not exist" in told.output.replace("\n", "")
