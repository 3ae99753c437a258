"""Whatever stands in a field leaves exactly as it came, encoded, or is held; it never alters another parameter."""

import re
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from impact_pipeline.cli.invented_org import InventedOrg
from impact_pipeline.cli.mapping_cases import NamedCase, outcomes
from impact_pipeline.config.cases import Case
from impact_pipeline.config.load import Config, load_config
from impact_pipeline.outbox.trial import Outcome

MAPPING: dict[str, Any] = yaml.safe_load(
    """
    pipeline.yaml:
      program: {currency: USD, time_zone: America/New_York, default_currency: USD}
      event_types: {Won: {id: 2, kind: sale}}
    objects/opportunity.yaml:
      object: Opportunity
      customer_id: ["{Customer__c}"]
      events:
        won:
          created: true
          when: StageName = 'Closed Won'
          conversion:
            EventTypeCode: Won
            OrderId: "{Code__c}-{Id}"
            EventDate: "2026-11-20T10:00:00Z"
            ClickId: "{Click__c}"
            CurrencyCode: "{_currency}"
            Text1: "{Note__c}"
            Text2: "{Note__c|upper}{Tail__c}"
          items:
            object: OpportunityLineItem
            ItemSku: "{Sku__c}"
            ItemName: "{Label__c}"
            ItemCategory: all
            ItemQuantity: "{Quantity}"
            ItemSubTotal: "{TotalPrice}"
    """
)
# The field that holds the value, the parameter that it goes to, and how long that is at most where it may be cut.
PLACES = {
    "Note__c": ("Text1", 64),
    "Code__c": ("OrderId", None),
    "Click__c": ("ClickId", None),
    "Customer__c": ("CustomerId", None),
    "Sku__c": ("ItemSku1", None),
    "Label__c": ("ItemName1", 255),
}
OF_LINES = ("Sku__c", "Label__c")
HELD = {"invalid_value", "item_invalid", "missing_required", "no_attribution_key", "personal_data"}
HOSTILE = [
    "a&OrderId=1&CustomerId=2",
    "a=b",
    "a;b",
    "a+b c%20d%26%3D%",
    "?x#y/../z",
    "first\r\nsecond\nthird\rOrderId: 1\r\n\r\n{}",
    "tab\tbell\x07escape\x1b[31mdelete\x7f",
    "'",
    '"',
    "`\\'\"\\",
    "'; drop table outbox.request; --",
    "' or '1'='1",
    "$1 $name ? :x",
    "{Id}",
    "{Account.Name|upper}",
    "{{7*7}} ${7*7} <%= 7*7 %> %s %(x)s #{1}",
    "sql: select 1",
    "=cmd|'/C calc'!A0",
    "@SUM(1+1)*cmd",
    "+1",
    "-1",
    "<script>alert(1)</script>",
    "<!--&amp;&#x26;]]>",
    "null",
    "NULL",
    "None",
    "NA",
    "true",
    "007",
    "1e3",
    " leading and trailing ",
    " ",
    "\u00a0",
    "\ufeffmark",
    "zero\u200bwidth\u200d",
    "\u202egnirts",
    "line\u2028separator\u0085",
    "e\u0301 \u00e9 \ufb01 \u0130 \u1e9e",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\ufffd",
    "\u5317\u4eac \u0645\u0631\u062d\u0628\u0627",
    "ada@hatfan.example",
    "x" * 63 + "&y",
    "x" * 500,
]
WRITABLE = st.characters(codec="utf-8", exclude_characters="\x00")
VALUES = st.lists(
    st.text(
        st.one_of(st.sampled_from("&=;+% \r\n\t'\"\\{}<>@-~#?\u00e9\U0001f600"), WRITABLE), min_size=1, max_size=90
    ),
    min_size=1,
    max_size=6,
    unique=True,
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("config")
    (folder / "objects").mkdir()
    for name, content in MAPPING.items():
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return load_config(folder)


def test_hostile_values_leave_as_they_came_or_are_held(config: Config) -> None:
    told = played(config, HOSTILE)

    sent = [value for (field, value), outcome in told.items() if field == "Note__c" and outcome.payload]
    assert set(HOSTILE) - set(sent) == {"ada@hatfan.example"}


@settings(max_examples=6, deadline=None)
@given(values=VALUES)
def test_no_value_alters_another_parameter(config: Config, values: list[str]) -> None:
    played(config, values)


def played(config: Config, values: list[str]) -> dict[tuple[str, str], Outcome]:
    """Each value in each place, among values that are harmless; what became of it was looked at."""
    places = [(field, value) for field in PLACES for value in values]
    cases = [case(number, field, value) for number, (field, value) in enumerate(places)]
    found = outcomes(config, an_org(config), cases)

    told = {}
    for number, ((field, value), events) in enumerate(zip(places, found, strict=True)):
        told[field, value] = events["won"]
        look_at(events["won"], number, field, value)
    return told


def look_at(outcome: Outcome, number: int, field: str, value: str) -> None:
    about = f"{field} = {value!r}: {outcome.decision} {outcome.reason}, {outcome.payload}"
    if outcome.payload is None:
        assert outcome.decision == "hold", about
        assert outcome.reason in HELD, about
        assert value not in str(outcome.detail) or len(value) < 3, about
        return
    assert re.fullmatch(r"[A-Za-z0-9_.~%&=-]*", outcome.payload), about
    pairs = parse_qsl(outcome.payload, keep_blank_values=True, strict_parsing=True, errors="strict")
    sent = dict(pairs)
    assert len(sent) == len(pairs), about
    name, longest = PLACES[field]
    expected = harmless(number)
    whole = f"{value}-{record_id(number)}" if name == "OrderId" else value
    if sent.get(name) is None:
        assert not value.strip(), about
        expected.pop(name)
    elif sent[name] != whole:
        assert longest is not None, about
        assert sent[name] == whole[:longest], about
        assert name.rstrip("1") in "".join(outcome.cut), about
    if name == "Text1":
        # Two fields in one parameter: the one has to end where the other begins.
        assert sent.pop("Text2").endswith("tail") or len(value.upper()) > 60, about
        expected.pop("Text2")
    assert {**sent, name: None} == {**expected, name: None}, about


def harmless(number: int) -> dict[str, str]:
    """What leaves of a record whose values are harmless."""
    return {
        "CampaignId": "1",
        "EventTypeCode": "Won",
        "EventDate": "2026-11-20T10:00:00Z",
        "OrderId": f"code-{record_id(number)}",
        "CustomerId": "customer",
        "ClickId": "click",
        "CurrencyCode": "USD",
        "Text1": "note",
        "Text2": "NOTEtail",
        "ItemSku1": "sku",
        "ItemName1": "label",
        "ItemCategory1": "all",
        "ItemQuantity1": "1",
        "ItemSubTotal1": "3.00",
    }


def record_id(number: int) -> str:
    return f"006{number:012}AAA"


def case(number: int, field: str, value: str) -> NamedCase:
    record = {"Id": record_id(number), "StageName": "Closed Won", "Amount": 3, "Note__c": "note", "Tail__c": "tail"}
    record |= {"Code__c": "code", "Click__c": "click", "Customer__c": "customer"}
    line = {"Quantity": 1, "TotalPrice": 3, "Sku__c": "sku", "Label__c": "label"}
    (line if field in OF_LINES else record)[field] = value
    made = Case.model_validate({"record": record, "lines": [line], "then": {}})
    return NamedCase(file="", name=str(number), object="Opportunity", case=made)


def an_org(config: Config) -> InventedOrg:
    org = InventedOrg()
    texts = dict.fromkeys(("Note__c", "Tail__c", "Code__c", "Click__c", "Customer__c"), "textarea 32768")
    problems = [
        *org.declare("", {"Opportunity": texts, "OpportunityLineItem": dict.fromkeys(OF_LINES, "textarea 32768")})
    ]
    assert not problems
    org.learn_paths(config)
    return org
