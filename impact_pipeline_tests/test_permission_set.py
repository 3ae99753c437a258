"""`impact-pipeline permission-set`: reading of what is captured, and of nothing else."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from impact_pipeline.capture.permissions import NAMESPACE
from impact_pipeline.cli import cli
from impact_pipeline_tests.flow import Flow, flow_in

IN = {"": NAMESPACE}


def granted(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> ElementTree.Element:
    for name, value in flow.environment.items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(cli, ["permission-set"], prog_name="impact-pipeline")
    assert result.exit_code == 0, result.output
    return ElementTree.fromstring(result.stdout)  # noqa: S314


def texts(root: ElementTree.Element, path: str) -> list[str | None]:
    return [found.text for found in root.iterfind(path, IN)]


def test_what_is_captured_may_be_read_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with flow_in(tmp_path) as flow:
        root = granted(flow, monkeypatch)

    objects = texts(root, "objectPermissions/object")
    fields = texts(root, "fieldPermissions/field")
    assert {"Lead", "Opportunity", "Product2"} <= set(objects)
    assert not {"OpportunityLineItem", "OpportunityHistory", "OpportunityStage"} & set(objects)
    assert {"Opportunity.Amount", "Opportunity.Impact_Click_Id__c"} <= set(fields)
    assert not {"Opportunity.Id", "Opportunity.StageName", "Opportunity.Description"} & set(fields)
    for right in ("allowCreate", "allowEdit", "allowDelete", "modifyAllRecords"):
        assert set(texts(root, f"objectPermissions/{right}")) == {"false"}
    assert set(texts(root, "fieldPermissions/editable")) == {"false"}
    assert texts(root, "userPermissions/name") == ["ApiEnabled", "ViewSetup"]


def test_what_the_user_does_not_see_is_granted_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with flow_in(tmp_path) as flow:
        flow.org.hide("Opportunity.Impact_Click_Id__c")
        root = granted(flow, monkeypatch)

    assert "Opportunity.Impact_Click_Id__c" in texts(root, "fieldPermissions/field")
