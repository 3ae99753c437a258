"""Backlogs as files: the bytes, the way over real SFTP, and what becomes of each conversion."""

import csv
import io
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import pytest

from impact_pipeline.outbox.impact.sftp import MaybeDeliveredError, NotDeliveredError, SftpError, SftpFolder
from impact_pipeline.outbox.upload import UploadReport, upload
from impact_pipeline.simulator.impact.sftp import SftpSite
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline_tests.outbox.conftest import SALE, Outbox, There

SETTLED = "settled/credited"
USER = "brand-4711"


@pytest.fixture(scope="module")
def private_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "impact.pem"
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(path))
    return path


@pytest.fixture
def site(impact: There, private_key: Path, tmp_path: Path) -> Iterator[SftpSite]:
    (tmp_path / "inbox").mkdir()
    public_key = asyncssh.read_private_key(str(private_key)).export_public_key().decode()
    with SftpSite(impact.program, tmp_path / "inbox", user=USER, public_key=public_key) as served:
        yield served


@pytest.fixture
def folder(site: SftpSite, private_key: Path) -> SftpFolder:
    return SftpFolder(
        host="127.0.0.1",
        port=site.port,
        user=USER,
        host_key=site.host_key,
        folder=".",
        private_key_file=private_key,
    )


def send(outbox: Outbox, folder: SftpFolder, *, max_conversions: int = 1000) -> UploadReport:
    outbox.runs += 1
    return upload(
        outbox.warehouse,
        folder,
        outbox.settings,
        max_conversions=max_conversions,
        run_id=f"run-{outbox.runs}",
        clock=outbox.clock.now,
    )


def settle(outbox: Outbox) -> None:
    outbox.passes(minutes=20)
    outbox.confirm()


def lines_of(site: SftpSite) -> list[dict[str, str]]:
    (path,) = site.folder.glob("*.csv")
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))


def file_states(outbox: Outbox) -> list[str]:
    return [state for (state,) in outbox.rows("select state from outbox.file order by file_id")]


def test_a_backlog_goes_as_one_file_and_settles_row_by_row(outbox: Outbox, impact: There, folder: SftpFolder) -> None:
    outbox.proven()
    outbox.wants_many(30)
    outbox.wants("Lead_organic", ClickId=None)
    outbox.wants("Deal_1", code=SALE, items=[("PLAN", 2, "90.00"), ("ONBOARD", 1, "10.00")])
    outbox.enqueue()

    report = send(outbox, folder)

    assert (report.conversions, report.lines, report.unfit) == (32, 33, 0)
    assert outbox.lead_states() == {"accepted"}
    settle(outbox)
    assert file_states(outbox) == ["settled"]
    states = outbox.states()
    assert states.pop("Lead_organic") == "settled/not_credited"
    assert {state for name, state in states.items() if not name.startswith("proof")} == {SETTLED}
    assert impact.received == [], "nothing of it went by request"
    assert {str(one.amount) for one in impact.program.actions if one.order_id == "Deal_1"} == {"100.00"}
    stated = (
        "select parameter, record_count from audit.disclosure where way = 'file' and parameter in ('OrderId', 'Sku')"
    )
    assert sorted(outbox.rows(stated)) == [("OrderId", 32), ("Sku", 1)]


def test_the_bytes_are_those_of_the_bodies_with_the_lines_of_an_order_together(
    outbox: Outbox, site: SftpSite, folder: SftpFolder
) -> None:
    site.takes_at_once = False
    outbox.proven()
    outbox.wants("Deal_1", code=SALE, items=[("A,1", 2, "90.00"), ('B "x"', 1, "10.00")])
    outbox.wants("Lead_é", amount="12.50", ClickId="a:b-%41+c")
    outbox.enqueue()

    report = send(outbox, folder)

    (path,) = site.folder.iterdir()
    text = path.read_text("utf-8")
    assert report.name == path.name
    assert re.fullmatch(r"conversions_4711_\d{8}T\d{6}Z_1\.csv", path.name)
    assert (
        text.splitlines()[0]
        .replace('"', "")
        .startswith(
            "CampaignId,ActionTrackerId,EventDate,OrderId,ClickId,CustomerId,CurrencyCode,Amount,Category,Sku,Quantity"
        )
    )
    lines = lines_of(site)
    assert [one["OrderId"] for one in lines] in (["Deal_1", "Deal_1", "Lead_é"], ["Lead_é", "Deal_1", "Deal_1"])
    deal = [one for one in lines if one["OrderId"] == "Deal_1"]
    assert [(one["Sku"], one["Quantity"], one["Amount"], one["Name"]) for one in deal] == [
        ("A,1", "2", "90.00", "Plan & more"),
        ('B "x"', "1", "10.00", "Plan & more"),
    ]
    (lead,) = (one for one in lines if one["OrderId"] == "Lead_é")
    assert (lead["ClickId"], lead["ActionTrackerId"], lead["Sku"]) == ("a:b-%41+c", "8180", "")
    assert lead["OrderSubTotalPostDiscount"] == "12.50"


@pytest.mark.parametrize("customer", ["=1+1", "+1", "@home", "-1", "two\nlines"])
def test_what_a_spreadsheet_could_run_is_neither_changed_nor_written(
    outbox: Outbox, impact: There, site: SftpSite, folder: SftpFolder, customer: str
) -> None:
    """A leading quote would make it another value; by request it goes as it is."""
    site.takes_at_once = False
    outbox.proven()
    outbox.wants("Lead_formula", CustomerId=customer)
    outbox.wants("Lead_plain")
    outbox.enqueue()

    report = send(outbox, folder)

    assert (report.conversions, report.unfit) == (1, 1)
    assert [one["OrderId"] for one in lines_of(site)] == ["Lead_plain"]
    outbox.submit()
    assert len(impact.received) == 1
    assert "OrderId=Lead_formula" in impact.received[0]


def test_errors_of_the_file_are_the_reasons_of_its_rows(outbox: Outbox, impact: There, folder: SftpFolder) -> None:
    outbox.proven()
    outbox.wants_many(2)
    outbox.wants("Deal_none", code=SALE)
    outbox.enqueue()

    send(outbox, folder)
    settle(outbox)

    assert outbox.states()["Deal_none"] == "settled/rejected"
    assert outbox.rows("select reason from outbox.request where OrderId = 'Deal_none'") == [("NO_ITEM",)]
    assert outbox.states()["Lead_00"] == SETTLED
    assert outbox.rows("select TotalErrors, unmatched_errors from outbox.file") == [(1, 0)]


def test_what_is_in_a_file_is_not_sent_by_request_and_the_other_way_round(
    outbox: Outbox, impact: There, site: SftpSite, folder: SftpFolder
) -> None:
    site.takes_at_once = False
    outbox.proven()
    outbox.wants_many(6)
    outbox.enqueue()

    assert send(outbox, folder, max_conversions=3).conversions == 3
    outbox.submit()
    assert send(outbox, folder).name is None

    in_file = {one["OrderId"] for one in lines_of(site)}
    by_request = set(impact.recorded())
    assert len(in_file) == len(by_request) == 3
    assert not in_file & by_request


def test_an_upload_whose_answer_is_lost_is_found_and_not_repeated(
    outbox: Outbox, impact: There, site: SftpSite, folder: SftpFolder
) -> None:
    outbox.proven()
    outbox.wants_many(3)
    outbox.enqueue()
    site.cut_after_rename = True

    with pytest.raises(MaybeDeliveredError):
        send(outbox, folder)
    outbox.submit()
    assert outbox.lead_states() == {"in_doubt"}
    settle(outbox)

    assert outbox.lead_states() == {SETTLED}
    assert len(impact.program.files) == 1
    assert impact.received == []


def test_an_upload_that_lies_in_the_folder_is_found_there(
    outbox: Outbox, impact: There, site: SftpSite, folder: SftpFolder
) -> None:
    """impact.com has not taken it yet, so its list can't tell."""
    lose_the_answer(outbox, site, folder)
    outbox.passes(hours=1)
    outbox.confirm()
    assert outbox.lead_states() == {"intended"}, "nobody has looked into the folder yet"

    report = send(outbox, folder)

    assert (report.name, report.found, report.missing) == (None, 1, 0)
    assert outbox.lead_states() == {"accepted"}
    site.collect()
    settle(outbox)
    assert outbox.lead_states() == {SETTLED}


def test_that_no_list_of_requests_has_it_proves_nothing_of_what_is_in_a_file(
    outbox: Outbox, impact: There, site: SftpSite, folder: SftpFolder
) -> None:
    lose_the_answer(outbox, site, folder)
    impact.fault("timeout")
    outbox.wants("Alone_1")
    outbox.enqueue()
    outbox.submit()
    assert outbox.states()["Alone_1"] == "in_doubt", "so that the list of requests is read"

    outbox.passes(hours=1)
    outbox.confirm()

    assert (outbox.states()["Alone_1"], outbox.lead_states()) == ("ready", {"in_doubt"})


def test_an_upload_that_was_cut_off_is_not_there_and_its_rows_are_ready_again(
    outbox: Outbox, impact: There, site: SftpSite, folder: SftpFolder
) -> None:
    outbox.proven()
    outbox.wants_many(3)
    outbox.enqueue()
    site.cut_at = 1

    with pytest.raises(NotDeliveredError):
        send(outbox, folder)

    assert outbox.lead_states() == {"ready"}
    assert file_states(outbox) == ["absent"]
    assert not list(site.folder.glob("*.csv"))
    assert send(outbox, folder).conversions == 3
    settle(outbox)
    assert outbox.lead_states() == {SETTLED}


def test_another_host_or_another_key_gets_nothing(
    outbox: Outbox, site: SftpSite, folder: SftpFolder, tmp_path: Path
) -> None:
    outbox.proven()
    outbox.wants_many(1)
    outbox.enqueue()
    other = asyncssh.generate_private_key("ssh-ed25519")
    other.write_private_key(str(tmp_path / "other.pem"))
    given = vars(folder)

    with pytest.raises(NotDeliveredError, match="is not the host"):
        send(outbox, SftpFolder(**given | {"host_key": other.export_public_key().decode().strip()}))
    with pytest.raises(NotDeliveredError, match="does not let brand-4711 in"):
        send(outbox, SftpFolder(**given | {"private_key_file": tmp_path / "other.pem"}))
    with pytest.raises(SftpError):
        send(outbox, SftpFolder(**given | {"port": 1}))

    assert outbox.lead_states() == {"ready"}
    assert site.logins == 0


def test_a_file_that_never_arrived_is_proven_by_the_folder_and_by_a_later_list(
    outbox: Outbox, impact: There, folder: SftpFolder
) -> None:
    killed_file(outbox)
    outbox.passes(minutes=41)

    assert send(outbox, folder).missing == 1
    outbox.confirm()
    assert outbox.lead_states() == {"in_doubt"}, "the list was begun too soon after the look"
    outbox.passes(minutes=11)
    outbox.confirm()

    assert outbox.lead_states() == {"ready"}
    assert file_states(outbox) == ["absent"]
    assert send(outbox, folder).conversions == 1
    settle(outbox)
    assert outbox.lead_states() == {SETTLED}


def test_a_look_while_an_upload_may_still_take_effect_proves_nothing(
    outbox: Outbox, impact: There, site: SftpSite, folder: SftpFolder
) -> None:
    site.takes_at_once = False
    killed_file(outbox)
    assert send(outbox, folder).missing == 1
    (site.folder / "lost.csv").write_text("1")

    outbox.passes(minutes=11)
    outbox.confirm()
    assert outbox.lead_states() == {"in_doubt"}

    outbox.passes(minutes=30)
    assert send(outbox, folder).found == 1
    assert outbox.lead_states() == {"accepted"}


def test_a_run_that_slept_until_its_lane_was_taken_over_puts_nothing_there(
    outbox: Outbox, site: SftpSite, folder: SftpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.proven()
    outbox.wants_many(3)
    outbox.enqueue()
    late = time.monotonic() + 1800

    class SleepingFolder(SftpFolder):
        def put(self, file: Path, name: str, may_deliver: Callable[[], bool]) -> None:
            monkeypatch.setattr(time, "monotonic", lambda: late)
            super().put(file, name, may_deliver)

    with pytest.raises(NotDeliveredError, match="got no name"):
        send(outbox, SleepingFolder(**vars(folder)))

    assert not list(site.folder.glob("*.csv"))
    assert (outbox.lead_states(), file_states(outbox)) == ({"ready"}, ["absent"])


def test_a_file_that_nobody_looks_for_needs_a_person_after_a_day(outbox: Outbox, folder: SftpFolder) -> None:
    killed_file(outbox)
    outbox.passes(hours=25)
    outbox.submit()
    outbox.confirm()
    outbox.passes(hours=25)
    outbox.confirm()

    assert outbox.rows("select needs_person from outbox.request where OrderId like 'Lead%'") == [(True,)]
    send(outbox, folder)
    outbox.passes(minutes=11)
    outbox.confirm()
    assert outbox.lead_states() == {"ready"}


def lose_the_answer(outbox: Outbox, site: SftpSite, folder: SftpFolder) -> None:
    """Three leads lie in the folder, of which impact.com has taken nothing yet, and nobody knows it."""
    outbox.proven()
    outbox.wants_many(3)
    outbox.enqueue()
    site.takes_at_once, site.cut_after_rename = False, True
    with pytest.raises(MaybeDeliveredError):
        send(outbox, folder)


def killed_file(outbox: Outbox) -> None:
    """The intent of a file is committed, and nothing more."""
    outbox.proven()
    outbox.wants("Lead_1")
    outbox.enqueue()
    with outbox.warehouse.transaction() as con:
        con.execute(
            "insert into outbox.file "
            "(name, state, sha256, byte_count, line_count, conversion_count, run_id, created_at) "
            "values ('lost.csv', 'intended', '', 1, 1, 1, 'killed', $now)",
            {"now": outbox.clock.now()},
        )
        con.execute(
            "update outbox.request set state = 'intended', group_id = 'lost.csv', lease_token = 0, "
            "intended_at = $now, run_id = 'killed' where state = 'ready'",
            {"now": outbox.clock.now()},
        )
        con.execute(
            "insert into audit.transition (request_id, from_state, to_state, run_id, moved_at) "
            "select request_id, 'ready', 'intended', 'killed', $now from outbox.request where state = 'intended'",
            {"now": outbox.clock.now()},
        )


class TestKilled:
    """A real process, killed at a named boundary."""

    @pytest.fixture
    def warehouse(self, tmp_path: Path, empty_warehouse: Path) -> Warehouse:
        return Warehouse(path=shutil.copy(empty_warehouse, tmp_path / "impact_pipeline.duckdb"))

    @pytest.mark.parametrize("boundary", ["after_intent", "after_upload"])
    def test_a_kill_between_upload_and_mark_sends_nothing_twice_and_loses_nothing(
        self, outbox: Outbox, impact: There, folder: SftpFolder, boundary: str
    ) -> None:
        outbox.proven()
        outbox.wants_many(5)
        outbox.enqueue()
        finished = subprocess.run(
            [
                *(sys.executable, "-m", "impact_pipeline_tests.outbox.crashing_upload"),
                *(str(outbox.warehouse.path), str(folder.port), folder.host_key, str(folder.private_key_file)),
                *(outbox.clock.now().isoformat(), boundary),
            ],
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert finished.returncode == -signal.SIGKILL, finished.stderr.decode()

        for _ in range(4):
            send(outbox, folder)
            outbox.passes(minutes=41)
            outbox.confirm()

        assert outbox.lead_states() == {SETTLED}
        assert set(impact.live().values()) == {1}
        assert len(impact.program.files) == 1
        assert impact.received == []
