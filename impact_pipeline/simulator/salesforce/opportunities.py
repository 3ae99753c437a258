"""How an opportunity follows its stage and its line items, and what it leaves in OpportunityHistory."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from impact_pipeline.simulator.salesforce.schema import standard_declarations
from impact_pipeline.simulator.salesforce.values import Record, Value

if TYPE_CHECKING:
    from impact_pipeline.simulator.salesforce.edits import Edit
    from impact_pipeline.simulator.salesforce.org import Org

CENT = Decimal("0.01")
HISTORY_FIELDS = ("StageName", "Amount", "Probability", "CloseDate", "ForecastCategory")


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One row of OpportunityStage, as far as it moves opportunities. `probability` in percent."""

    name: str
    probability: Decimal | None
    is_closed: bool
    is_won: bool
    forecast_category: str


def complete_opportunity(org: "Org", before: Record | None, record: Record, given: set[str], edit: "Edit") -> None:
    """Fill what the stage, the amount and the close date decide, then write the history row."""
    if before is not None and "Amount" in given and _live_lines(org, str(record["Id"])):
        # With line items the amount is their sum; Salesforce ignores a written one without an error.
        record["Amount"] = before.get("Amount")
    stage_moved = before is None or before.get("StageName") != record.get("StageName")
    if stage_moved:
        stage = org.stages().get(str(record.get("StageName")))
        if stage is not None:
            record.update(
                (name, value)
                for name, value in (
                    ("IsClosed", stage.is_closed),
                    ("IsWon", stage.is_won),
                    ("Probability", stage.probability),
                    ("ForecastCategory", stage.forecast_category),
                    ("ForecastCategoryName", forecast_label(stage.forecast_category)),
                )
                if name not in given
            )
        if "LastStageChangeDate" not in given:
            record["LastStageChangeDate"] = edit.stamp
    if "ForecastCategoryName" in given and "ForecastCategory" not in given:
        record["ForecastCategory"] = forecast_value(record.get("ForecastCategoryName"))
    record.setdefault("ForecastCategory", "Pipeline")
    if "ExpectedRevenue" not in given:
        record["ExpectedRevenue"] = expected_revenue(record.get("Amount"), record.get("Probability"))
    _set_fiscal(record)
    _write_history(org, before, record, edit)


def complete_line_item(org: "Org", before: Record | None, record: Record, given: set[str]) -> None:
    """Take product and price from the price book entry; compute the total or the unit price from the other."""
    if before is None:
        entry = org.table("PricebookEntry").rows.get(str(record.get("PricebookEntryId")), {})
        product_id = str(record.get("Product2Id") or entry.get("Product2Id"))
        product = org.table("Product2").rows.get(product_id, {})
        opportunity = org.table("Opportunity").rows.get(str(record.get("OpportunityId")), {})
        derived: Record = {
            "Product2Id": entry.get("Product2Id"),
            "ListPrice": entry.get("UnitPrice"),
            "UnitPrice": None if "TotalPrice" in given else entry.get("UnitPrice"),
            "ProductCode": product.get("ProductCode"),
            "Name": f"{opportunity.get('Name', '')} {product.get('Name', '')}".strip() or None,
        }
        record.update((name, value) for name, value in derived.items() if name not in given)
        if "CurrencyIsoCode" in record and "CurrencyIsoCode" not in given:
            record["CurrencyIsoCode"] = opportunity.get("CurrencyIsoCode")
    count, discount = _number(record.get("Quantity")), _number(record.get("Discount"))
    share = (Decimal(100) - discount) / 100
    if "TotalPrice" in given:
        if "UnitPrice" not in given and count and share:
            record["UnitPrice"] = _money(_number(record.get("TotalPrice")) / count / share)
    elif before is None or given & {"Quantity", "UnitPrice", "Discount"}:
        record["TotalPrice"] = _money(count * _number(record.get("UnitPrice")) * share)
    if "Subtotal" in org.type_named("OpportunityLineItem").fields and "Subtotal" not in given:
        record["Subtotal"] = _money(count * _number(record.get("UnitPrice")))


def roll_up(org: "Org", opportunity_id: str, edit: "Edit") -> None:
    """Bring the opportunity in line with its line items: amount, flag, quantity, stamps, history."""
    table = org.table("Opportunity")
    before = table.rows.get(opportunity_id)
    if before is None or before.get("IsDeleted"):
        return
    lines = _live_lines(org, opportunity_id)
    record = dict(before)
    record["HasOpportunityLineItem"] = bool(lines)
    record["Amount"] = sum((_number(line.get("TotalPrice")) for line in lines), Decimal(0))
    record["TotalOpportunityQuantity"] = sum((_number(line.get("Quantity")) for line in lines), Decimal(0))
    record["ExpectedRevenue"] = expected_revenue(record["Amount"], record.get("Probability"))
    record["SystemModstamp"] = max(str(before["SystemModstamp"]), edit.stamp)
    if not edit.system_only:
        record["LastModifiedDate"], record["LastModifiedById"] = edit.stamp, edit.by
    _write_history(org, before, record, edit)
    table.put(record)


def expected_revenue(amount: Value, probability: Value) -> Decimal | None:
    """Amount x Probability / 100 in cents; null without an amount."""
    return None if amount is None else _money(_number(amount) * _number(probability) / 100)


def forecast_label(category: str) -> str:
    """`Commit` for the API value `Forecast`, and so on."""
    labels: dict[str, str] = standard_declarations()["forecast_categories"]
    return labels.get(category, category)


def forecast_value(label: Value) -> str:
    """`Forecast` for the label `Commit`, and so on."""
    values = {name: value for value, name in standard_declarations()["forecast_categories"].items()}
    return str(values.get(label, label))


def _write_history(org: "Org", before: Record | None, record: Record, edit: "Edit") -> None:
    """A row with the values now in force, whenever one of them moved; the first at creation."""
    moved = {name for name in HISTORY_FIELDS if before is None or before.get(name) != record.get(name)}
    if not moved:
        return
    row_id = org.new_id("OpportunityHistory")
    row: Record = {name: record.get(name) for name in (*HISTORY_FIELDS, "ExpectedRevenue")}
    if "CurrencyIsoCode" in record:
        row["CurrencyIsoCode"] = record["CurrencyIsoCode"]
    audit: Record = {"CreatedDate": edit.stamp, "CreatedById": edit.by, "SystemModstamp": edit.stamp}
    org.table("OpportunityHistory").put({"Id": row_id, "OpportunityId": record["Id"], "IsDeleted": False} | row | audit)
    for name in ("Amount", "CloseDate"):
        if name in moved:
            record[f"Last{name}ChangedHistoryId"] = row_id


def _set_fiscal(record: Record) -> None:
    close_date = record.get("CloseDate")
    if isinstance(close_date, str):
        year, quarter = int(close_date[:4]), (int(close_date[5:7]) + 2) // 3
        record.update({"FiscalYear": year, "FiscalQuarter": quarter, "Fiscal": f"{year} {quarter}"})


def _live_lines(org: "Org", opportunity_id: str) -> list[Record]:
    lines = org.table("OpportunityLineItem").with_values("OpportunityId", [opportunity_id])
    return [line for line in lines if not line.get("IsDeleted")]


def _number(value: Value) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(int(value or 0))


def _money(number: Decimal) -> Decimal:
    return number.quantize(CENT, rounding=ROUND_HALF_UP)
