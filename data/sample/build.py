"""
Makes the sample org from the public source files, and again the same bytes from the same files.

    python data/sample/build.py FOLDER [--out data/sample]

FOLDER holds accounts.csv, products.csv, sales_pipeline.csv, sales_teams.csv, aw_DimReseller.csv and
aw_ProspectiveBuyer.csv; README.md says where they come from. The edits of source.py are played in the simulated
Salesforce up to the baseline, whose records become salesforce/<Object>.csv.gz; what follows, together with the planned
edits, becomes timeline.jsonl.gz.
"""

import argparse
import csv
import gzip
import io
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from planned import planned_edits
from source import Edit, Past

from impact_pipeline.simulator.clock import Clock
from impact_pipeline.simulator.salesforce import Org
from impact_pipeline.simulator.timeline import Timeline

HERE = Path(__file__).parent
RECYCLE_BIN = timedelta(days=15)
COUNTED_BY_AN_ORG, COUNTED_BY_THE_SAMPLE = "008am1", "008am0"
SETUP_STAMP = "2024-08-29T15:00:00.000Z"
ADMINISTRATOR = "005am00000000z1AAA"
# What every org has from its first day, in the columns of the setup objects.
SETUP: Mapping[str, tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]] = {
    "Organization": (
        ("Id", "Name", "IsSandbox", "OrganizationType", "InstanceName", "TimeZoneSidKey", "DefaultLocaleSidKey",
         "LanguageLocaleKey", "FiscalYearStartMonth"),
        (("00Dam0000000001EAA", "Maventech", "false", "Enterprise Edition", "USA1", "America/New_York", "en_US",
          "en_US", "1"),),
    ),
    "OpportunityStage": (
        ("Id", "ApiName", "MasterLabel", "IsActive", "SortOrder", "IsClosed", "IsWon", "ForecastCategory",
         "ForecastCategoryName", "DefaultProbability"),
        (
            ("01Jam0000000001AAA", "Prospecting", "Prospecting", "true", "1", "false", "false", "Pipeline",
             "Pipeline", "10"),
            ("01Jam0000000002AAA", "Negotiation", "Negotiation", "true", "2", "false", "false", "Pipeline",
             "Pipeline", "40"),
            ("01Jam0000000003AAA", "Closed Won", "Closed Won", "true", "3", "true", "true", "Closed", "Closed", "100"),
            ("01Jam0000000004AAA", "Closed Lost", "Closed Lost", "true", "4", "true", "false", "Omitted", "Omitted",
             "0"),
        ),
    ),
    "LeadStatus": (
        ("Id", "ApiName", "MasterLabel", "SortOrder", "IsDefault", "IsConverted"),
        (
            ("01Qam0000000001AAA", "Open - Not Contacted", "Open - Not Contacted", "1", "true", "false"),
            ("01Qam0000000002AAA", "Qualified", "Qualified", "2", "false", "false"),
            ("01Qam0000000003AAA", "Closed - Converted", "Closed - Converted", "3", "false", "true"),
            ("01Qam0000000004AAA", "Closed - Not Converted", "Closed - Not Converted", "4", "false", "false"),
        ),
    ),
}  # fmt: skip
SETUP_AUDIT = {
    "CreatedDate": SETUP_STAMP,
    "CreatedById": ADMINISTRATOR,
    "LastModifiedDate": SETUP_STAMP,
    "LastModifiedById": ADMINISTRATOR,
    "SystemModstamp": SETUP_STAMP,
}
EXPORTED = (
    *("Organization", "OpportunityStage", "LeadStatus", "User", "Pricebook2", "Product2", "PricebookEntry", "Account"),
    *("Contact", "Opportunity", "OpportunityContactRole", "OpportunityLineItem", "OpportunityHistory", "Lead"),
    "Partner_Referral__c",
)


@dataclass(frozen=True, kw_only=True)
class Program:
    """cycles.yaml: when the baseline is taken and when the last cycle runs."""

    baseline_at: datetime
    ends_at: datetime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder with the source files")
    parser.add_argument("--out", type=Path, default=HERE, help="where to write (default: beside this script)")
    arguments = parser.parse_args()
    for name, count in build(arguments.folder, arguments.out).items():
        print(f"{name:24} {count:7,}")


def build(folder: Path, out: Path) -> dict[str, int]:
    """Write the sample into `out`; gives the rows of each object and the lines of the timeline."""
    program = read_program(HERE / "cycles.yaml")
    past = Past(folder).edits()
    before = [edit for edit in past if edit.at <= program.baseline_at]
    org = org_after(before, program.baseline_at)
    records = {name: list(org.table(name)) for name in EXPORTED}
    counts = {name: write_records(out / "salesforce", org, name) for name in EXPORTED}

    everyday = [edit for edit in past if program.baseline_at < edit.at <= program.ends_at]
    planned = planned_edits(HERE / "planned_edits.yaml", records)
    lines = [edit_line(edit) for edit in sorted([*everyday, *planned], key=lambda edit: edit.at)]
    # Played once here, so that an edit that can't be carried out stops the build and not the demo.
    Timeline(lines, clock=org.clock, apply=org.apply).play_until(program.ends_at)
    write_compressed(out / "timeline.jsonl.gz", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    return counts | {"timeline": len(lines)}


def read_program(path: Path) -> Program:
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Program(baseline_at=loaded["baseline_at"], ends_at=loaded["cycles"][-1]["at"])


def org_after(edits: list[Edit], moment: datetime) -> Org:
    """A simulated org that has lived through the edits and stands at `moment`; its Recycle Bin keeps 15 days."""
    org = Org(Clock(edits[0].at))
    with tempfile.TemporaryDirectory() as folder:
        for name, (columns, rows) in SETUP.items():
            lines = [[*row, *SETUP_AUDIT.values()] for row in rows]
            write_compressed(Path(folder) / f"{name}.csv.gz", csv_text([*columns, *SETUP_AUDIT], lines))
        shutil.copy(HERE / "salesforce" / "describe.yaml", folder)
        org.load_folder(folder)
    Timeline([edit_line(edit) for edit in edits], clock=org.clock, apply=org.apply).play_until(moment)
    purged_before = f"{moment - RECYCLE_BIN:%Y-%m-%dT%H:%M:%S}"
    for name in EXPORTED:
        table = org.table(name)
        for record in [row for row in table if row.get("IsDeleted") and str(row["SystemModstamp"]) < purged_before]:
            table.remove(str(record["Id"]))
    return org


def edit_line(edit: Edit) -> dict[str, Any]:
    """An edit as a line of the timeline; keys that say nothing are left out."""
    line: dict[str, Any] = {
        "at": utc_text(edit.at),
        "op": edit.op,
        "sobject": edit.sobject,
        "id": edit.id,
        "by": edit.by,
        "system_only": edit.system_only,
        "fields": dict(edit.fields),
    }
    if edit.loser_ids:
        line["loser_ids"] = list(edit.loser_ids)
    if edit.commit_at:
        line["commit_at"] = utc_text(edit.commit_at)
    return line


def utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_records(folder: Path, org: Org, name: str) -> int:
    """One object as a CSV file in the Bulk API's shape, without the columns that are empty in every row."""
    kind, rows = org.type_named(name), list(org.table(name))
    filled = Counter(column for row in rows for column, value in row.items() if value is not None)
    columns = [column for column in kind.fields if filled[column]]
    lines = ([bulk_text(kind.fields[column].type, row.get(column)) for column in columns] for row in rows)
    write_compressed(folder / f"{name}.csv.gz", csv_text(columns, lines))
    return len(rows)


def bulk_text(type_name: str, value: str | bool | int | Decimal | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if type_name in ("id", "reference"):
        # A loaded org counts its own new Ids from the start again: they must not meet those of the sample.
        return str(value).replace(COUNTED_BY_AN_ORG, COUNTED_BY_THE_SAMPLE, 1)
    return f"{value}Z" if type_name == "datetime" else str(value)


def csv_text(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def write_compressed(path: Path, text: str) -> None:
    """Gzip without a time and a name in its header: the same text gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode("utf-8"), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
