"""A record is forgotten: its values are in no file of ours any more, and it isn't sent twice because of that."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from impact_pipeline.cli import cli
from impact_pipeline.config import environment as env
from impact_pipeline.config.load import RECOMMENDED, load_config
from impact_pipeline.reconciliation.forget import ForgetRefused, NothingToForget, forget
from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.salesforce import OrgFeatures
from impact_pipeline.simulator.salesforce.schema import Field
from impact_pipeline.warehouse.backup import backup, backups_of, folder_of, verify
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.publish import publish
from impact_pipeline_tests.flow import Flow, flow_in

# Words that nobody else writes; each stands for a value of the record.
LEAD = {
    "LastName": "Zqlastname",
    "Company": "Zqcompany",
    "City": "Zqcity",
    "PostalCode": "Zqpost",
    "Country": "Zqcountry",
    "Phone": "Zqphone",
    "Customer_Id__c": "Zqcustomer",
    "Impact_Click_Id__c": "Zqclick" + "0" * 31,
}
LATER = {"LastName": "Zqmarried", "City": "Zqmoved"}
DEAL = {"Name": "Zqdeal", "Customer_Id__c": "Zqbuyer", "Impact_Click_Id__c": "Zqtouch" + "0" * 31}
STAYS = {"LastName": "Zqneighbour", "City": "Zqelsewhere"}
LEADS_WORDS = {value.rstrip("0") for value in (*LEAD.values(), *LATER.values())} | {"Zqwhy"}
WORDS = LEADS_WORDS | {value.rstrip("0") for value in DEAL.values()}
KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from impact_pipeline.config.load import load_config
from impact_pipeline.reconciliation import forget as module
from impact_pipeline.warehouse.connection import Warehouse

path, config, record, moment = sys.argv[1:]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
if moment == "manifest":
    module.rewrite_manifest = die
on_step = lambda step: die() if step.startswith(moment) else None
module.forget(Warehouse(path=Path(path)), load_config(Path(config)), record, reason="r", said_by="Ada", run_id="killed",
              clock=lambda: datetime.now(UTC), on_step=on_step)
"""


@dataclass
class Planted:
    """A warehouse with backups, in which a lead and a deal were told to impact.com."""

    flow: Flow
    lead: str
    deal: str
    other: str
    files: Path
    made_at: datetime


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    folder = tmp_path_factory.mktemp("forget")
    with flow_in(folder, clock=Clock(datetime(2026, 11, 20, 10, tzinfo=UTC)), features=_tracking()) as flow:
        environment = flow.environment | {env.CONFIG: str(_personal_config(folder))}
        flow.environment = environment
        for name in ("Lead", "Opportunity"):
            for field in ("Customer_Id__c", "Impact_Click_Id__c"):
                flow.org.add_field(name, Field(name=field, type="string", length=40))
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            lead, deal = flow.a_lead(**LEAD), flow.a_deal(**DEAL)
            other = flow.a_lead(**STAYS)
            flow.cycle()
            flow.advance(hours=1)
            flow.edit("update", "Lead", lead, Status="Qualified")
            flow.edit("update", "Lead", other, Status="Qualified")
            flow.a_won_deal(deal)
            flow.cycle()
            flow.edit("update", "Lead", lead, **LATER)
            flow.cycle()
            with flow.warehouse.transaction() as con:
                con.execute(
                    "insert into conversions.word (word, object, Id, reason, said_by, said_at) "
                    "values ('hold', 'Lead', ?, 'Zqwhy', 'Ada', now())",
                    [lead],
                )
            folder_of(flow.warehouse.path).mkdir()
            backup(flow.warehouse, folder_of(flow.warehouse.path) / "one.duckdb", now=flow.clock.now())
            shutil.copy(flow.warehouse.path, flow.warehouse.path.with_name("file.before-20261101T000000.duckdb"))
            publish(flow.warehouse, now=flow.clock.now())
            staged = Path(f"{flow.warehouse.path}.staging") / "capture-killed"
            staged.mkdir(parents=True)
            (staged / "page-1.ndjson").write_text('{"LastName": "Zqlastname"}')
            files = shutil.copytree(folder, tmp_path_factory.mktemp("kept") / "files")
            yield Planted(flow, lead, deal, other, files, flow.clock.now())


@pytest.fixture
def copied(planted: Planted, tmp_path: Path) -> Warehouse:
    """The planted files, in a folder of the test's own."""
    shutil.copytree(planted.files, tmp_path / "copy")
    return Warehouse(path=tmp_path / "copy" / "file.duckdb", wait_seconds=5)


@pytest.fixture
def alone(planted: Planted, tmp_path: Path) -> Warehouse:
    """The planted warehouse without its copies."""
    return Warehouse(path=Path(shutil.copy(planted.files / "file.duckdb", tmp_path)), wait_seconds=5)


def _tracking() -> OrgFeatures:
    return OrgFeatures(tracked_fields={"Lead": ("Status", "LastName")})


def _personal_config(folder: Path) -> Path:
    """The recommended pack, with a mapping that tells much about the person."""
    config = folder / "config"
    shutil.copytree(RECOMMENDED, config)
    for name, lines in {
        "lead": 'CustomerCity: "{City}"\n      PhoneNumber: "{Phone}"\n      Text1: "{LastName} at {Company}"',
        "opportunity": 'Text1: "{Name}"',
    }.items():
        file = config / "objects" / f"{name}.yaml"
        text = file.read_text().replace('EventDate: "{_event_at}"', f'EventDate: "{{_event_at}}"\n      {lines}')
        file.write_text(text.replace("    once_per: [Id]\n", "    once_per: [Id]\n    history: fields\n"))
    return config


def found_in_tables(file: Path) -> set[str]:
    """The planted words that some row of some table of the file holds, read as text."""
    found = set()
    with duckdb.connect(str(file), read_only=True) as con:
        tables = con.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = current_database()"
        ).fetchall()
        for schema, table in tables:
            words = (
                f'select distinct unnest(regexp_extract_all(t::varchar, \'Zq[a-z]+\')) from "{schema}"."{table}" as t'
            )
            found |= {word for (word,) in con.execute(words).fetchall()}
    return found


def found_in_bytes(folder: Path, words: set[str]) -> set[str]:
    """`file word` for each word that the bytes of a file hold, whatever DuckDB thinks of them."""
    return {
        f"{file.name} {word}"
        for file in folder.rglob("*")
        if file.is_file() and "config" not in file.parts
        for word in words
        if word.encode() in file.read_bytes()
    }


def forget_it(warehouse: Warehouse, planted: Planted, record: str):
    return forget(
        warehouse,
        load_config(Path(planted.flow.environment[env.CONFIG])),
        record,
        reason="asked by letter",
        said_by="Ada",
        run_id="forgetting",
        clock=lambda: planted.flow.clock.now(),
    )


def files_of(warehouse: Warehouse) -> list[Path]:
    return sorted(warehouse.path.parent.rglob("*.duckdb"))


def test_no_file_holds_a_value_of_a_forgotten_record(planted, copied):
    """Bytes are searched, because DuckDB keeps overwritten text; and tables, because it compresses what it keeps."""
    for file in files_of(copied):
        missing = WORDS - found_in_tables(file)
        assert file.name == "readers.duckdb" or not missing, "each word was planted"
    assert len(found_in_bytes(copied.path.parent, WORDS)) > len(WORDS), "the search finds what is there"

    receipts = [forget_it(copied, planted, record) for record in (planted.lead, planted.deal)]

    for file in files_of(copied):
        assert found_in_tables(file) == (set(STAYS.values()) if file.name != "readers.duckdb" else set()), file
    assert found_in_bytes(copied.path.parent, WORDS) == set()
    assert [verify(path).made_at for path in backups_of(copied.path)] == [planted.made_at.isoformat()]
    assert receipts[0].rows["raw.Lead"] > 2
    assert set(receipts[0].files) == {
        "file.duckdb",
        "readers.duckdb",
        "one.duckdb",
        "file.before-20261101T000000.duckdb",
        "file.duckdb.staging/capture-killed",
    }
    for file in files_of(copied):
        assert file.stat().st_mode & 0o777 == 0o600


def test_what_keeps_us_from_sending_twice_stays(planted, alone):
    kept = (
        "select request_id, Type, event_id, object, Id, OrderId, EventTypeCode, amount, payload_sha256, state, outcome "
        "from outbox.request order by all"
    )
    with alone.reading() as con:
        before = con.execute(kept).fetchall()

    forget_it(alone, planted, planted.lead)

    with alone.reading() as con:
        assert con.execute(kept).fetchall() == before
        receipt = con.execute("select object, Id, said_by, finished_at is not null from audit.erasure").fetchall()
    with alone.transaction() as con:
        grown = con.execute(
            "select nextval('audit.attempt_id') > (select max(attempt_id) from audit.attempt)"
        ).fetchall()
    assert receipt == [("Lead", planted.lead, "Ada", True)]
    assert grown == [(True,)]


def test_the_next_cycles_neither_capture_values_nor_send_or_correct(planted, tmp_path, monkeypatch):
    """The record is still in Salesforce, is edited, its lines change, and it is deleted; nobody is told."""
    flow = planted.flow
    for name, value in flow.environment.items():
        monkeypatch.setenv(name, value)
    forget_it(flow.warehouse, planted, planted.lead)
    forget_it(flow.warehouse, planted, planted.deal)
    told = flow.reported()
    changes = flow.rows("select count(*) from changes.change")

    flow.advance(hours=2)
    flow.edit("update", "Lead", planted.lead, LastName="Zqlastname", Status="Working")
    flow.advance(minutes=1)
    flow.edit("update", "Lead", planted.lead, Status="Qualified", City="Zqcity")
    flow.edit("update", "Opportunity", planted.deal, Amount="9.00", Name="Zqdeal")
    flow.cycle()
    flow.edit("delete", "Opportunity", planted.deal)
    flow.cycle()

    assert found_in_tables(flow.warehouse.path) == set(STAYS.values())
    assert flow.reported() == told
    assert flow.rows("select count(*) from changes.change") == changes
    assert flow.rows(
        "select class, OrderId like '%Lead%' or OrderId like '%Opp%' as is_plain, Id, count(*) "
        "from reconciliation.conversion_status group by all order by all"
    ) == [("erased", False, None, 2), (flow.rows(_CLASS_OF_OTHER.format(planted.other))[0][0], True, planted.other, 1)]
    assert flow.rows(
        "select sum(abs(expected_balance_count) + abs(sent_balance_count)), sum(abs(sent_balance_amount)) "
        "from reconciliation.totals"
    ) == [(0, 0)]


_CLASS_OF_OTHER = "select class from reconciliation.conversion_status where Id = '{}'"


@pytest.mark.parametrize("moment", ["writing the warehouse", "manifest"])
def test_a_forgetting_that_was_killed_goes_on_when_it_is_asked_for_again(planted, copied, moment):
    config = planted.flow.environment[env.CONFIG]
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(copied.path), config, planted.lead, moment], check=False, capture_output=True
    )

    receipt = forget_it(copied, planted, planted.lead)

    assert killed.returncode == -9, killed.stderr.decode()
    assert receipt.finished_at is not None
    assert receipt.damaged == ()
    assert found_in_bytes(copied.path.parent, LEADS_WORDS) == set()
    assert [verify(path).sha256 != "" for path in backups_of(copied.path)] == [True]


def test_a_backup_that_nobody_can_read_is_named_and_the_receipt_stays_open(planted, copied):
    (found,) = backups_of(copied.path)
    found.write_bytes(found.read_bytes()[:-5000] + os.urandom(5000))

    receipt = forget_it(copied, planted, planted.lead)

    assert receipt.damaged == ("one.duckdb",)
    assert receipt.finished_at is None


def test_a_conversion_whose_answer_was_lost_is_waited_for(planted, alone):
    with alone.transaction() as con:
        con.execute("update outbox.request set state = 'in_doubt' where Id = ?", [planted.lead])

    with pytest.raises(ForgetRefused, match="answer was lost"):
        forget_it(alone, planted, planted.lead)

    assert "Zqlastname" in found_in_tables(alone.path)


def test_what_waits_to_be_sent_is_withdrawn_and_never_comes_back(planted, alone):
    with alone.transaction() as con:
        con.execute(
            "update outbox.request set state = 'ready', outcome = null, intended_at = null where Id = ?", [planted.lead]
        )

    forget_it(alone, planted, planted.lead)

    with alone.reading() as con:
        requests = con.execute("select state, reason, payload from outbox.request where Id = ?", [planted.lead])
        assert requests.fetchall() == [("withdrawn", "forgotten", None)]
        current = "select decision, reason from conversions.current_decision where Id = ? and carries"
        assert con.execute(current, [planted.lead]).fetchall() == [("skip", "dismissed")]


def test_a_forgetting_waits_for_no_run(planted, alone):
    with alone.transaction() as con:
        con.execute(
            "update outbox.lease set run_id = 'other', expires_at = now() + interval 9 days where lane = 'submit'"
        )

    with pytest.raises(ForgetRefused, match="A run is at work"):
        forget_it(alone, planted, planted.lead)


def test_an_id_that_nobody_knows_is_an_error(planted, alone):
    with pytest.raises(NothingToForget, match="No record"):
        forget_it(alone, planted, "00Q000000000000AAA")


def test_the_command_shows_what_it_would_do_asks_and_prints_the_receipt(planted, alone, monkeypatch):
    monkeypatch.setenv(env.WAREHOUSE, str(alone.path))
    monkeypatch.setenv(env.CONFIG, planted.flow.environment[env.CONFIG])

    shown = json.loads(CliRunner().invoke(cli, ["forget", planted.lead, "--dry-run", "--json"]).stdout)
    declined = CliRunner().invoke(cli, ["forget", planted.lead, "--reason", "asked"], input="n\n")
    assert "Zqlastname" in found_in_tables(alone.path)
    done = CliRunner().invoke(cli, ["forget", planted.lead[:15], "--reason", "asked", "--yes", "--json"])

    receipt = json.loads(done.stdout)
    assert (shown["object"], declined.exit_code) == ("Lead", 1)
    assert receipt["rows"] == shown["rows"]
    assert receipt["Id"] == planted.lead
    assert found_in_bytes(alone.path.parent, LEADS_WORDS) == set()
