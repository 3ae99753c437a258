"""
What an administrator changes in an org's definition, and what the pipeline prints then: docs/drift.md to the letter.

`python -m impact_pipeline_tests.capture.test_drift` writes the page anew.
"""

import re
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from impact_pipeline.capture.health import findings
from impact_pipeline.capture.salesforce.errors import UnknownObject
from impact_pipeline.changes.compare import WatchedObject, find_changes
from impact_pipeline.config.errors import ConfigError
from impact_pipeline_tests.capture.test_formulas import capture
from impact_pipeline_tests.capture.world import World, world

PAGE = Path(__file__).parents[2] / "docs" / "drift.md"
FIELDS = {
    "Tier__c": {"type": "string", "length": 20, "label": "Tier"},
    "Score__c": {"type": "double", "precision": 18, "scale": 4, "label": "Score"},
    "Seen__c": {"type": "date", "label": "Seen"},
}
VALUES = {"Tier__c": "12.5", "Score__c": "2.3456", "Seen__c": "2026-11-01"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """
    Args:
        edits: what is changed in Setup, cycle after cycle.
        field: whose value is shown.
        fails: what the cycle fails with.
    """

    title: str
    edits: tuple[tuple[str, dict[str, Any]], ...]
    field: str = "Tier__c"
    fails: type[Exception] | None = None


CASES = (
    Case(title="A field is added that nothing is mapped from", edits=(("add_field", {"New__c": "string 80 cu"}),)),
    Case(
        title="A mapped field is added",
        edits=(("add_field", {"Later__c": {"type": "string", "length": 20}}),),
        field="Later__c",
    ),
    Case(title="A field is removed", edits=(("remove_field", {"Tier__c": None}),)),
    Case(title="A field is renamed", edits=(("rename_field", {"Tier__c": "Level__c"}),)),
    Case(title="A field is hidden from the integration user", edits=(("hide", {"Tier__c": None}),)),
    Case(title="A hidden field comes back", edits=(("hide", {"Tier__c": None}), ("show", {"Tier__c": None}))),
    Case(
        title="A text becomes a number",
        edits=(("change_field", {"Tier__c": {"type": "double", "precision": 18, "scale": 1}}),),
    ),
    Case(
        title="A number becomes a text",
        edits=(("change_field", {"Score__c": {"type": "string", "length": 255}}),),
        field="Score__c",
    ),
    Case(
        title="A date becomes a text",
        edits=(("change_field", {"Seen__c": {"type": "string", "length": 255}}),),
        field="Seen__c",
    ),
    Case(
        title="A text becomes a picklist",
        edits=(("change_field", {"Tier__c": {"type": "picklist", "picklistValues": ["gold"]}}),),
    ),
    Case(
        title="A number gets fewer digits after the point",
        edits=(("change_field", {"Score__c": {"scale": 2}}),),
        field="Score__c",
    ),
    Case(
        title="A number gets more digits after the point",
        edits=(("change_field", {"Score__c": {"scale": 6}}),),
        field="Score__c",
    ),
    Case(
        title="A number gets more digits in all",
        edits=(("change_field", {"Score__c": {"precision": 20}}),),
        field="Score__c",
    ),
    Case(title="A text is shortened", edits=(("change_field", {"Tier__c": {"length": 2}}),)),
    Case(title="A text is lengthened", edits=(("change_field", {"Tier__c": {"length": 200}}),)),
    Case(
        title="A field becomes a formula",
        edits=(("change_field", {"Tier__c": {"calculated": True, "calculatedFormula": "TEXT(1)"}}),),
    ),
    Case(title="The object is hidden from the integration user", edits=(("hide", {}),), fails=UnknownObject),
    Case(title="A hidden object comes back", edits=(("hide", {}), ("show", {}))),
)


def block(salesforce: World, case: Case) -> str:
    """The part of the page that is about a case, as it comes out."""
    wanted = {"Lead": ("Status", *FIELDS, *(["Later__c"] if case.field == "Later__c" else []))}
    salesforce.org.apply({"op": "add_field", "sobject": "Lead", "fields": FIELDS})
    lead = salesforce.edit("create", "Lead", LastName="Alexander", Company="Hatfan", Status="Open", **VALUES)
    salesforce.capture(wanted)
    with salesforce.warehouse.transaction() as con:
        find_changes(con, [WatchedObject(name="Lead")], cycle_id="before", now=salesforce.clock.now())
    failure = ""
    for op, fields in case.edits:
        salesforce.advance(days=1)
        salesforce.org.apply({"op": op, "sobject": "Lead", "fields": fields})
        try:
            salesforce.capture(wanted)
        except UnknownObject as error:
            failure = str(error)
    assert (case.fails is not None) <= bool(failure)
    before = salesforce.query("select count(*) from audit.drift")
    if case.fails is None:
        salesforce.capture(wanted)
    assert salesforce.query("select count(*) from audit.drift") == before, "told once"
    with salesforce.warehouse.transaction() as con:
        find_changes(con, [WatchedObject(name="Lead")], cycle_id="after", now=salesforce.clock.now())
        found = {
            each.check: each for each in findings(con, ["Lead"], lines={}, quota_share=0.8, now=salesforce.clock.now())
        }
    said = salesforce.query("select kind, said from audit.drift order by drift_id")
    (value,) = salesforce.query(f'select "{case.field}"::varchar from raw."Lead" where "Id" = ?', lead)[0]
    changes = salesforce.query("select kind, fields from changes.change where cycle_id = 'after'")
    full = salesforce.value("select count(*) from audit.extraction where purpose = 'full'")
    lines = [f"### {case.title}", ""]
    lines += [f"- `{kind}`: {text}" for kind, text in said]
    if failure and case.fails:
        lines += [f"- the run fails: {failure}"]
    failed = [name for name in ("drift", "fields_there") if not found[name].passed]
    lines += [f"- asset checks that warn: {', '.join(f'`{name}`' for name in failed) or 'none'}"]
    shown = "null" if value is None else f"`{value}`"
    was_full = "yes" if full else "no"
    lines += [f"- `{case.field}` of the record: {shown}; read in full: {was_full}; changes: {changes or 'none'}"]
    return "\n".join(lines)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_page_tells_what_each_change_prints(salesforce: World, case: Case) -> None:
    assert block(salesforce, case) in PAGE.read_text("utf-8")


def test_the_page_tells_nothing_else() -> None:
    assert re.findall(r"^### (.*)$", PAGE.read_text("utf-8"), re.MULTILINE) == [case.title for case in CASES]


def test_a_change_is_shown_for_a_week(salesforce: World) -> None:
    block(salesforce, CASES[2])
    now = salesforce.clock.now() + timedelta(days=8)

    with salesforce.warehouse.reading() as con:
        (drift,) = [
            each for each in findings(con, ["Lead"], lines={}, quota_share=0.8, now=now) if each.check == "drift"
        ]

    assert (drift.passed, drift.text) == (True, "Nothing has changed.")


@pytest.mark.parametrize("kind", ["location", "base64"])
def test_a_mapped_field_of_a_type_that_is_not_captured_is_refused(salesforce: World, kind: str) -> None:
    salesforce.org.apply({"op": "add_field", "sobject": "Lead", "fields": {"Score__c": {"type": kind}}})

    with pytest.raises(ConfigError) as refused:
        capture(salesforce, compared=frozenset())

    (problem,) = refused.value.problems
    assert (problem.value, problem.file) == ("Score__c", "objects/lead.yaml")
    assert kind in problem.problem
    assert salesforce.value("select count(*) from audit.extraction") == 0


def page() -> str:
    blocks = []
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as made:
            blocks.append(block(made, case))
    head = PAGE.read_text("utf-8").split("\n### ")[0].rstrip()
    return "\n\n".join([head, *blocks]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
