"""People hear of a failure once, and once that it is over: from a real instance to a real webhook and mail server."""

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pytest

from impact_pipeline.alerts.delivery import NotDelivered, deliver
from impact_pipeline.alerts.news import message
from impact_pipeline.alerts.resource import AlertsResource
from impact_pipeline.alerts.sensors import alert_sensor_that_is
from impact_pipeline.config.load import RECOMMENDED
from impact_pipeline.config.resource import ConfigResource
from impact_pipeline.warehouse.connection import WarehouseLocked

STATE: dict[str, Any] = {"is_lost": False, "severity": dg.AssetCheckSeverity.ERROR, "breaks": None}


class Receiver:
    """A webhook: what it was sent, and the status that it answers with."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.status = 200
        self.url = ""


@pytest.fixture
def webhook() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.status == 200:
                receiver.taken.append(json.loads(body))
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    with _served(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        receiver.url = f"json://127.0.0.1:{port}/alerts?key=hook-secret"
        yield receiver


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    STATE.update(is_lost=False, severity=dg.AssetCheckSeverity.ERROR, breaks=None)
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@dg.asset(key=["reconciliation", "totals"])
def totals() -> None:
    if STATE["breaks"] is not None:
        raise STATE["breaks"]


@dg.asset_check(asset=totals)
def nothing_is_lost() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=not STATE["is_lost"], severity=STATE["severity"], description="1 conversion is due, such as 006A."
    )


DEFINITIONS = dg.Definitions(
    assets=[totals],
    asset_checks=[nothing_is_lost],
    jobs=[dg.define_asset_job("confirm", selection=[totals])],
    executor=dg.in_process_executor,
)


def run(instance: dg.DagsterInstance, **state: Any) -> None:
    STATE.update(state)
    DEFINITIONS.resolve_job_def("confirm").execute_in_process(instance=instance, raise_on_error=False)


def tick(instance: dg.DagsterInstance, address: str, cursor: str | None = None) -> tuple[str, str | None]:
    """What the sensor says of itself, and its cursor afterwards."""
    context = dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        repository_def=DEFINITIONS.get_repository_def(),
        resources={
            "alerts": AlertsResource(to=address),
            "config": ConfigResource(folder=str(RECOMMENDED), account_sid="sid", campaign_id="4711"),
        },
    )
    result: Any = alert_sensor_that_is(dg.DefaultSensorStatus.RUNNING, jobs=["confirm"])(context)
    if isinstance(result, dg.SkipReason):
        return str(result.skip_message), cursor
    return str(result.skip_reason.skip_message), result.cursor


def test_a_check_that_begins_to_fail_is_told_once_and_told_again_when_it_works(instance, webhook):
    run(instance, is_lost=True)
    said, cursor = tick(instance, webhook.url)
    again, cursor = tick(instance, webhook.url, cursor)
    run(instance, is_lost=True)
    still, cursor = tick(instance, webhook.url, cursor)
    run(instance, is_lost=False)
    over, cursor = tick(instance, webhook.url, cursor)

    assert said == "Told 1 address: impact_pipeline, program 4711: 1 began to fail."
    assert again == still == "Nothing new: 1 of 1 jobs and 1 checks fail, and that was told."
    assert over == "Told 1 address: impact_pipeline, program 4711: 1 work again."
    first, last = (one["message"] for one in webhook.taken)
    assert "check nothing_is_lost of reconciliation/totals\n  1 conversion is due, such as 006A." in first
    assert "Works again:\ncheck nothing_is_lost of reconciliation/totals" in last


def test_a_failing_run_is_told_without_the_text_of_an_error_that_may_quote_a_record(instance, webhook):
    run(instance, breaks=ValueError("the record of Jane Doe"))

    tick(instance, webhook.url)

    (taken,) = webhook.taken
    assert "job confirm" in taken["message"]
    assert "broke off; the run's log tells why" in taken["message"]
    assert "Jane" not in str(taken)


def test_a_failing_run_is_told_in_our_own_words_where_the_error_is_ours(instance, webhook):
    run(instance, breaks=WarehouseLocked("impact_pipeline.duckdb is held by process 4711. Close the notebook."))

    tick(instance, webhook.url)

    assert "is held by process 4711. Close the notebook." in webhook.taken[0]["message"]


def test_where_all_is_well_nobody_hears_of_it(instance, webhook):
    run(instance)

    said, _ = tick(instance, webhook.url)

    assert said == "Nothing new: none of 1 jobs and 1 checks fails."
    assert webhook.taken == []


def test_a_warning_is_not_told_unless_asked_for(instance, webhook):
    run(instance, is_lost=True, severity=dg.AssetCheckSeverity.WARN)

    said, _ = tick(instance, webhook.url)

    assert said.startswith("Nothing new")


def test_what_was_not_taken_is_told_again_and_the_error_shows_no_secret(instance, webhook):
    run(instance, is_lost=True)
    webhook.status = 500

    with pytest.raises(NotDelivered) as refused:
        tick(instance, webhook.url)
    webhook.status = 200
    tick(instance, webhook.url)

    assert "address 1 (json://) did not take it" in str(refused.value)
    assert "hook-secret" not in str(refused.value)
    assert len(webhook.taken) == 1


def test_without_an_address_the_sensor_says_so(instance):
    assert tick(instance, "")[0] == "Nobody is told: IMPACT_PIPELINE_ALERTS names no address."


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("json://hooks.acme.example/x", "would send without encryption; write jsons://"),
        ("mailto://user:pass@acme.example", "would send without encryption; write mailtos://"),
        ("carrier-pigeon://roof", "is none that Apprise understands"),
    ],
)
def test_an_address_that_can_not_be_used_is_named_by_its_place(address, problem):
    with pytest.raises(NotDelivered, match="address 1") as refused:
        deliver([address], title="t", body="b")

    assert problem in str(refused.value)
    assert "pass@" not in str(refused.value)


def test_an_e_mail_reaches_a_mail_server():
    mails: list[str] = []

    class Smtp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            is_text = False
            for line in self.rfile:
                if is_text:
                    mails.append(line.decode())
                    is_text = line != b".\r\n"
                    if is_text:
                        continue
                is_text = line.upper().startswith(b"DATA")
                self.wfile.write(b"354 go on\r\n" if is_text else b"250 ok\r\n")
                if line.upper().startswith(b"QUIT"):
                    return

    with _served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Smtp)) as port:
        address = f"mailto://127.0.0.1:{port}?from=pipeline@acme.example&to=data@acme.example"
        deliver([address], title="1 began to fail", body="check nothing_is_lost")

    text = "".join(mails)
    assert "Subject: 1 began to fail" in text
    assert "To: data@acme.example" in text
    assert "check nothing_is_lost" in text


def test_other_words_about_the_same_failure_are_no_news():
    assert message({"job run": "Run 1 failed."}, {"job run": "Run 2 failed."}, program="4711") is None


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[int]:
    """Serve in a thread; the port."""
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
