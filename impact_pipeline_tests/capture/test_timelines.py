"""Whatever happens in Salesforce, whenever we look: in the end raw.* equals the org, and no cursor lies on the way."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from impact_pipeline.capture.extraction import CaptureOptions
from impact_pipeline.simulator.salesforce import EditError
from impact_pipeline_tests.capture.world import World, world

LATEST_COMMIT = timedelta(minutes=20)
OPTIONS = CaptureOptions(overlap=LATEST_COMMIT + timedelta(minutes=5), rows_per_piece=3, poll_seconds=0.01)
WANTED = {"Lead": ("Status", "Company", "AnnualRevenue")}
FAULTS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("session_dies", "", {}),
    ("session_dies", "", {"form": "object"}),
    ("server_error", "", {}),
    ("truncated_body", "", {}),
    ("truncated_body", "", {"quiet": True}),
    ("short_pages", "", {"rows": 2}),
    ("repeated_rows", "^query_more", {"repeat": 1}),
    ("reordered_rows", "", {}),
    ("dead_locator", "^query_more", {}),
    ("lost_next_link", "", {}),
    ("bulk_failed", "^bulk_status", {}),
    ("bulk_in_progress", "^bulk_status", {}),
)


@dataclass
class Play:
    """One timeline: the leads it made so far, by number."""

    salesforce: World
    leads: list[str] = field(default_factory=list)

    def lead(self, number: int) -> str:
        """One of the leads that no open transaction holds."""
        free = [lead for lead in self.leads if self.salesforce.org.locked_until(lead) is None]
        if not free:
            raise EditError("there is none")
        return free[number % len(free)]

    def create(self, number: int, commit_at: datetime | None) -> None:
        values = {"LastName": f"Lead {number}", "Company": f"Company {number}", "Status": "Open - Not Contacted"}
        options = {} if commit_at is None else {"commit_at": commit_at.isoformat()}
        self.leads.append(self.salesforce.edit("create", "Lead", **values, **options))

    def update(self, number: int, commit_at: datetime | None) -> None:
        options = {} if commit_at is None else {"commit_at": commit_at.isoformat()}
        self.salesforce.edit("update", "Lead", self.lead(number), AnnualRevenue=f"{number}0000000", **options)

    def delete(self, number: int, commit_at: datetime | None) -> None:
        self.salesforce.edit("delete", "Lead", self.lead(number))

    def undelete(self, number: int, commit_at: datetime | None) -> None:
        self.salesforce.edit("undelete", "Lead", self.lead(number))

    def hard_delete(self, number: int, commit_at: datetime | None) -> None:
        self.salesforce.edit("hard_delete", "Lead", self.lead(number))

    def merge(self, number: int, commit_at: datetime | None) -> None:
        self.salesforce.edit("merge", "Lead", self.lead(number), loser_ids=(self.lead(number + 1),))

    def touch(self, number: int, commit_at: datetime | None) -> None:
        self.salesforce.org.touch_all("Lead")

    def fault(self, number: int, commit_at: datetime | None) -> None:
        name, match, parameters = FAULTS[number % len(FAULTS)]
        self.salesforce.faults.add(name, **({"match": match} if match else {}), count=1, **parameters)


ACTIONS: tuple[Callable[[Play, int, datetime | None], None], ...] = (
    Play.create,
    Play.create,
    Play.update,
    Play.update,
    Play.delete,
    Play.undelete,
    Play.hard_delete,
    Play.merge,
    Play.touch,
    Play.fault,
)
steps = st.tuples(
    st.sampled_from(range(len(ACTIONS))),
    st.integers(0, 9),
    st.sampled_from([0, 0, 1, 7, 60, 400, 3000]),
    st.one_of(st.none(), st.timedeltas(timedelta(seconds=1), LATEST_COMMIT)),
)
polls = st.lists(st.lists(steps, max_size=12), min_size=1, max_size=4)


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)
@given(polls, st.booleans())
def test_raw_equals_the_org_in_the_end(
    timeline: list[list[tuple[int, int, int, timedelta | None]]], bulk: bool
) -> None:
    options = CaptureOptions(**{**vars(OPTIONS), "bulk_from_rows": 4 if bulk else 10_000})
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as salesforce:
        play = Play(salesforce)
        for edits in timeline:
            for action, number, seconds, late in edits:
                commit_at = None if late is None else salesforce.clock.now() + late
                try:
                    ACTIONS[action](play, number, commit_at)
                except EditError:
                    continue  # an edit that Salesforce refuses is none
                salesforce.advance(seconds=seconds)
            salesforce.capture(WANTED, options=options, settle=False)
            assert_honest(salesforce, options)
        salesforce.faults.clear()
        salesforce.advance(seconds=(LATEST_COMMIT + timedelta(minutes=5)).total_seconds())
        salesforce.capture(WANTED, options=options)
        salesforce.capture(WANTED, options=options)

        assert captured(salesforce) == in_the_org(salesforce)
        assert salesforce.value('select count(*) - count(distinct "Id") from raw."Lead"') == 0
        chains = salesforce.value(
            'select count(*) from raw."Lead_version" as n left join raw."Lead_version" as p '
            'on p."_version_id" = n."_previous_version_id" '
            'where n."_previous_version_id" is not null and p."Id" is distinct from n."Id"'
        )
        assert chains == 0


def assert_honest(salesforce: World, options: CaptureOptions) -> None:
    """What is visible and was stamped before the cursor less the overlap is committed."""
    cursor = salesforce.value("select max(cursor) from audit.extraction")
    behind = salesforce.value(
        "select count(*) from (select cursor < lag(cursor) over (order by extraction_id) as back "
        "from audit.extraction) where back"
    )
    assert behind == 0
    known = dict(salesforce.query('select "Id", "SystemModstamp" from raw."Lead"'))
    for row in salesforce.org.table("Lead"):
        stamp = datetime.fromisoformat(f"{row['SystemModstamp']}+00:00")
        if stamp < cursor - options.overlap:
            assert known[str(row["Id"])] >= stamp


def captured(salesforce: World) -> dict[str, tuple[object, ...]]:
    rows = salesforce.query(
        'select "Id", "_is_deleted", "Company", "AnnualRevenue"::varchar, "MasterRecordId", "SystemModstamp" '
        'from raw."Lead"'
    )
    return {row[0]: row[1:] for row in rows if not row[1] or row[0] in salesforce.org.table("Lead").rows}


def in_the_org(salesforce: World) -> dict[str, tuple[object, ...]]:
    return {
        str(row["Id"]): (
            row["IsDeleted"],
            row["Company"],
            None if row.get("AnnualRevenue") is None else str(row["AnnualRevenue"]),
            row.get("MasterRecordId"),
            datetime.fromisoformat(f"{row['SystemModstamp']}+00:00"),
        )
        for row in salesforce.org.table("Lead")
    }
