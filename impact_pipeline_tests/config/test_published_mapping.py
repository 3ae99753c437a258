"""The pack impact_com against the 27 rows of impact.com's published Salesforce mapping."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from impact_pipeline.config import environment as env
from impact_pipeline.config.expressions import FieldPath
from impact_pipeline.config.load import PACKS, Config, EventConfig, load_config
from impact_pipeline.config.templates import FirstOf, Template, parse
from impact_pipeline.simulator.impact import EventType
from impact_pipeline_tests.flow import PROGRAM, flow_in

# Object of the configuration, what the mapping calls the field, its template here, and impact.com's parameter.
PUBLISHED = [
    ("Lead", "Lead_$STATUS", "Lead_{Status}", "EventTypeCode"),
    ("Lead", "ID", "{Id}", "CustomerId"),
    ("Lead", "Lead_$STATUS_ID", "Lead_{Status}_{Id}", "OrderId"),
    ("Lead", "LastModifiedDate", "{LastModifiedDate}", "EventDate"),
    ("Lead", "Company", "{Company}", "Text3"),
    ("Lead", "City", "{City}", "CustomerCity"),
    ("Lead", "Country", "{Country}", "CustomerCountry"),
    ("Lead", "PostalCode", "{PostalCode}", "CustomerPostCode"),
    ("Opportunity", "Opportunity_$STAGE", "Opportunity_{StageName}", "EventTypeCode"),
    ("Opportunity", "ID", "{Id}", "CustomerId"),
    ("Opportunity", "Opportunity_$STAGE_ID", "Opportunity_{StageName}_{Id}", "OrderId"),
    ("Opportunity", "LastModifiedDate", "{LastModifiedDate}", "EventDate"),
    ("Opportunity", "CloseDate", "{CloseDate}", "Date3"),
    ("Opportunity", "Probability", "{Probability}", "Text2"),
    ("Opportunity", "Amount", "{Amount}", "OrderSubTotalPostDiscount"),
    ("Opportunity", "Product_Name", "{Product2.Name}", "ItemName1"),
    ("Opportunity", "Product_ProductCode", "{Product2.ProductCode}", "ItemSku1"),
    ("Opportunity", "Product_Quantity", "{Quantity}", "ItemQuantity1"),
    ("Opportunity", "Product_UnitPrice", "{UnitPrice}", "ItemPrice1"),
    ("Opportunity", "Product_Description", "{Product2.Description}", "ItemCategory1"),
    ("Opportunity", "Product_TotalPrice", "{TotalPrice}", "ItemSubTotal1"),
    ("Contact", "LeadSource", "{LeadSource}", "EventTypeCode"),
    ("Contact", "Contact ID", "{Id}", "CustomerId"),
    ("Contact", "Contact_[Contact ID]", "Contact_{Id}", "OrderId"),
    ("Contact", "LastModifiedDate", "{LastModifiedDate}", "EventDate"),
    ("Account", "Id", "{Id}", "OrderId"),
    ("Account", "CreatedDate", "{CreatedDate}", "EventDate"),
]


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config(PACKS / "impact_com")


def test_the_published_mapping_has_27_rows() -> None:
    assert len(PUBLISHED) == len({(name, field, parameter) for name, field, _, parameter in PUBLISHED}) == 27


@pytest.mark.parametrize(("name", "field", "template", "parameter"), PUBLISHED)
def test_each_row_is_followed_or_named_with_the_reason(
    config: Config, name: str, field: str, template: str, parameter: str
) -> None:
    for event in config.objects[name].events.values():
        if parameter.startswith("Item") and event.items is None:
            continue
        given = parameters_of(config, name, event).get(parameter)
        assert follows(given, template) or f"{field} → {parameter}" in event.declared.deviations, event.name


@pytest.mark.parametrize(("name", "field", "template", "parameter"), PUBLISHED)
def test_only_the_unit_price_is_sent_nowhere(
    config: Config, name: str, field: str, template: str, parameter: str
) -> None:
    """impact.com takes a price or a subtotal per item; all other rows are followed by at least one event."""
    events = config.objects[name].events.values()

    is_followed = any(follows(parameters_of(config, name, event).get(parameter), template) for event in events)

    assert is_followed == (parameter != "ItemPrice1")


def test_what_is_sent_beyond_the_published_rows_is_named_too(config: Config) -> None:
    for name, about in config.objects.items():
        published = {parameter for row, _, _, parameter in PUBLISHED if row == name}
        for event in about.events.values():
            said = " ".join(event.declared.deviations.values())
            for parameter in set(parameters_of(config, name, event)) - published:
                assert said.count(parameter), f"{name}.{event.name}.{parameter}"


def test_every_deviation_is_a_warning_of_loading(config: Config) -> None:
    for about in config.objects.values():
        for event in about.events.values():
            for row, reason in event.declared.deviations.items():
                said = f"{about.file}: events.{event.name}: published mapping, {row}: {reason}"
                assert said in config.warnings


def test_each_object_of_the_mapping_arrives_at_impact_com(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    types = tuple(
        EventType(id=about.id, code=code, kind=about.kind) for code, about in config.pipeline.event_types.items()
    )
    with flow_in(tmp_path, declaration=replace(PROGRAM, event_types=types)) as flow:
        flow.environment[env.CONFIG] = str(config.folder)
        for name, value in flow.environment.items():
            monkeypatch.setenv(name, value)
        lead, deal = flow.a_lead(City="Boston", Country="US", PostalCode="02108"), flow.a_deal()
        flow.advance(minutes=5)
        flow.run("conversion_cycle")
        flow.edit("update", "Lead", lead, Status="Qualified")
        flow.edit("update", "Opportunity", deal, StageName="Negotiation")
        flow.advance(minutes=1)
        flow.a_won_deal(deal)
        contact = flow.edit("create", "Contact", LastName="Alexander", LeadSource="Web")
        account = flow.edit("create", "Account", Name="Hatfan")
        flow.advance(minutes=5)
        flow.run("conversion_cycle", "submit_conversions")

    told = {
        body["EventTypeCode"]: body for one in flow.program.received if (body := dict(parse_qsl(one.body.decode())))
    }
    order = {"CampaignId": "4711", "EventDate": "2026-11-20T10:06:00Z"}
    deals = {"CustomerId": deal, "CurrencyCode": "USD", "Date3": "2026-12-24T00:00:00-05:00"}
    assert {
        code: {name: body[name] for name in body if body[name] != order.get(name)} for code, body in told.items()
    } == {
        "Lead_Qualified": {
            "EventTypeCode": "Lead_Qualified",
            "EventDate": "2026-11-20T10:05:00Z",
            "OrderId": f"Lead_Qualified_{lead}",
            "CustomerId": lead,
            "CustomerCity": "Boston",
            "CustomerCountry": "US",
            "CustomerPostCode": "02108",
            "Text3": "Hatfan",
        },
        "Opportunity_Negotiation": deals
        | {
            "EventTypeCode": "Opportunity_Negotiation",
            "OrderId": f"Opportunity_Negotiation_{deal}",
            "OrderSubTotalPostDiscount": "100.00",
            "Text2": "10",
        },
        "Opportunity_Closed Won": deals
        | {
            "EventTypeCode": "Opportunity_Closed Won",
            "OrderId": f"Opportunity_Closed Won_{deal}",
            "Text2": "100",
            "ItemSku1": "GTX-PRO",
            "ItemName1": "GTX Pro",
            "ItemCategory1": "Uncategorized",
            "ItemQuantity1": "1",
            "ItemSubTotal1": "550.00",
        },
        "Web": {"EventTypeCode": "Web", "OrderId": f"Contact_{contact}", "CustomerId": contact},
        "Account_Created": {"EventTypeCode": "Account_Created", "OrderId": account, "CustomerId": account},
    }


def parameters_of(config: Config, name: str, event: EventConfig) -> dict[str, Template]:
    """All that the event maps, items as those of the first line."""
    items = event.items.parameters if event.items is not None else {}
    return {
        "CustomerId": FirstOf(options=config.objects[name].customer_id),
        **event.conversion,
        **{f"{parameter}1": template for parameter, template in items.items()},
    }


def follows(given: Template | None, template: str) -> bool:
    """Whether the template is what is sent wherever it is not null: further options are for null only."""
    first = given.options[0] if isinstance(given, FirstOf) else given
    return first == parse(template) and not (isinstance(first, FieldPath) and first.optional)
