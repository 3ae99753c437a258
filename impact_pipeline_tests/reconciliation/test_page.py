"""The page for finance and partner managers: whole, safe, and readable where they open it."""

import functools
import http.server
import re
import shutil
import subprocess
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from impact_pipeline.readers import Readers
from impact_pipeline.reconciliation import report
from impact_pipeline.reconciliation.page import page
from impact_pipeline.reconciliation.reconcile import reconcile
from impact_pipeline.warehouse.connection import Warehouse
from impact_pipeline.warehouse.publish import publish
from impact_pipeline_tests.reconciliation.builders import CODES, NOW, SETTINGS, WON, Rows, ago

CHROMIUM = shutil.which("chromium")
HOSTILE = "<script>alert(1)</script>'\"&<img src=x onerror=alert(2)>$body"
MEASURE = """<!DOCTYPE html><body><script>
const results = [], widths = [360, 1280];
const next = () => { if (!widths.length) { document.title = results.join(" "); return; }
  const frame = document.createElement("iframe"); const width = widths.shift();
  frame.style.width = width + "px"; frame.style.border = "0"; frame.src = "page.html";
  frame.onload = () => { const root = frame.contentDocument.documentElement;
    results.push(width + ":" + (root.scrollWidth - root.clientWidth) + ":" +
      [...root.querySelectorAll("svg")].every(svg => svg.getBoundingClientRect().height > 20)); next(); };
  document.body.append(frame); };
next();
</script></body>"""


class Elements(HTMLParser):
    """The names of all elements, and every attribute that could load or run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.loading: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.loading += [(name, value) for name, value in attrs if name in ("src", "href") or name.startswith("on")]


def compared(rows: Rows) -> str:
    """The page over one matched, one held and one unknown conversion, each with texts that mean harm."""
    rows.sent("matched")
    rows.action("matched", Amount=Decimal("100.00"))
    rows.decision(HOSTILE, decision="hold", reason="personal_data")
    rows.action(f"foreign {HOSTILE}", LockingDate=NOW + timedelta(days=3))
    reconcile(rows.con, SETTINGS, now=NOW)
    return page(rows.con, now=NOW)


def test_the_page_shows_totals_open_differences_and_what_locks(rows):
    text = compared(rows)

    for heading in ("Totals", "Open differences", "Lock calendar", "What changed at impact.com", "Not sent by us"):
        assert f"<h2>{heading}" in text
    assert "Both equations hold to the cent" in text
    assert CODES[WON] in text
    assert "held (1)" in text
    assert "Mend what the reason names" in text
    assert text.count("<svg") == 4


def test_it_holds_no_script_and_loads_nothing(rows):
    elements = Elements(compared(rows))

    assert not elements.names & {"script", "img", "link", "iframe", "object", "form"}
    assert elements.loading == []


def test_every_text_of_a_record_is_escaped(rows):
    text = compared(rows)

    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#x27;&quot;&amp;&lt;img" in text
    assert "<script" not in text
    assert "$body" in text, "a value that looks like a place of the template stays a value"


def test_totals_that_do_not_balance_are_said_first(rows):
    compared(rows)
    rows.con.execute("update reconciliation.totals set sent_balance_amount = 1")

    assert "do not balance" in page(rows.con, now=NOW)


def test_an_empty_warehouse_has_a_page_too(rows):
    text = page(rows.con, now=NOW)

    assert "Nothing is open" in text
    assert "nothing yet" in text


def test_deltas_tell_what_came_and_what_was_taken_back(rows):
    action = rows.action("one", Amount=Decimal("100.00"), Payout=Decimal("10.00"), observed_at=ago(days=3))
    seen = {"action_id": action, "LockingDate": NOW + timedelta(days=20)}
    rows.action("one", Amount=Decimal("100.00"), Payout=Decimal("10.00"), observed_at=ago(days=3, hours=-1), **seen)
    rows.action("one", Amount=Decimal("80.00"), Payout=Decimal("8.00"), observed_at=ago(days=2), **seen)
    rows.action(
        "one", Amount=Decimal("80.00"), Payout=Decimal("8.00"), State="REVERSED", observed_at=ago(days=1), **seen
    )
    rows.action(
        "one", Amount=Decimal("80.00"), Payout=Decimal("9.00"), State="PENDING", observed_at=ago(hours=1), **seen
    )

    deltas = [(row["what"], row["amount_delta"], row["payout_delta"]) for row in report.deltas(rows.con).records()]

    assert deltas == [
        ("new", Decimal("100.00"), Decimal("10.00")),
        ("changed", Decimal("-20.00"), Decimal("-2.00")),
        ("reversed", Decimal("-80.00"), Decimal("-8.00")),
        ("restored", Decimal("80.00"), Decimal("9.00")),
    ]


def test_notebooks_get_the_same_tables_with_money_to_the_cent(warehouse: Warehouse) -> None:
    with warehouse.transaction() as con:
        compared(Rows(con))
    copy = publish(warehouse, now=NOW).path

    readers = Readers(copy)

    totals = readers.totals()
    assert totals["impact_amount"].map(type).unique().tolist() == [Decimal]
    assert totals["impact_amount"].sum() == Decimal("100.00")
    assert readers.open_differences()["class"].tolist() == ["unexpected_action", "held"]
    assert readers.not_ours()["impact_amount"].tolist() == [Decimal("100.00")]
    assert readers.conversion_status()["since"].dt.tz is not None
    assert len(readers.lock_calendar()) == len(readers.deltas()) + 1 == 2


def test_a_missing_copy_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="impact-pipeline publish"):
        Readers(tmp_path / "readers.duckdb").totals()


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
def test_it_fits_a_phone_and_a_desk_in_light_and_dark_and_prints(rows, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(compared(rows), "utf-8")
    (tmp_path / "measure.html").write_text(MEASURE, "utf-8")
    with _served(tmp_path) as url:
        told = _chromium(tmp_path, "--dump-dom", f"{url}/measure.html")
        _chromium(tmp_path, f"--screenshot={tmp_path / 'light.png'}", f"{url}/page.html")
        _chromium(tmp_path, "--force-dark-mode", f"--screenshot={tmp_path / 'dark.png'}", f"{url}/page.html")
        _chromium(tmp_path, f"--print-to-pdf={tmp_path / 'page.pdf'}", "--no-pdf-header-footer", f"{url}/page.html")

    title = re.search("<title>(.*)</title>", told)
    assert title is not None, told[-500:]
    assert title[1] == "360:0:true 1280:0:true"
    assert _first_pixel(tmp_path / "light.png") == (255, 255, 255)
    assert max(_first_pixel(tmp_path / "dark.png")) < 64
    pages = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", (tmp_path / "page.pdf").read_bytes())
    assert pages
    assert all(float(width) > float(height) for width, height in pages)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _chromium(folder: Path, *arguments: str) -> str:
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
    profile = f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [str(CHROMIUM), *options, profile, "--virtual-time-budget=2000", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def _first_pixel(file: Path) -> tuple[int, int, int]:
    """The upper left corner of a PNG: whatever the filter of its row, it stands there as it is."""
    data = file.read_bytes()
    parts, place = b"", 8
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == b"IDAT":
            parts += data[place + 8 : place + 8 + length]
        place += 12 + length
    red, green, blue = zlib.decompress(parts)[1:4]
    return red, green, blue
