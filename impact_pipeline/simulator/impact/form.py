"""What the door looks at: required parameters and the form of each value; nothing about meaning."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal

ATTRIBUTION_KEYS = [
    "ClickId",
    "CustomerId",
    "CustomProfileId",
    "CustomClickId",
    "PromoCode",
    "OrderPromoCode",
    "MediaId",
    "MediaPartnerId",
    "UniqueUrl",
    "CallerId",
    "GoogAId",
    "AndroidId",
    "AppleIfa",
    "AppleIfv",
]
EVENT_TYPE_KEYS = ("EventTypeId", "ActionTrackerId", "EventTypeCode")
LARGEST_8_DIGITS = Decimal("999999.99")
LARGEST_14_DIGITS = Decimal("999999999999.99")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The form of one parameter; `size` is a number of characters or digits, `largest` an amount."""

    kind: Literal["string", "integer", "decimal", "datetime", "currency", "boolean"] = "string"
    size: int = 255
    largest: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class FieldError:
    field: str
    message: str
    level: Literal["ERROR", "WARNING"] = "ERROR"


_TEXT, _NUMBER, _TIME = Rule(), Rule(kind="decimal"), Rule(kind="datetime")
_INTEGER = Rule(kind="integer", size=16)
_MONEY_14 = Rule(kind="decimal", largest=LARGEST_14_DIGITS)
_MONEY_8 = Rule(kind="decimal", largest=LARGEST_8_DIGITS)

PARAMETERS: Mapping[str, Rule] = {
    "CampaignId": Rule(kind="integer", size=10),
    "EventTypeId": Rule(kind="integer", size=10),
    "ActionTrackerId": Rule(kind="integer", size=10),
    "EventTypeCode": Rule(size=64),
    "EventDate": _TIME,
    "OrderId": Rule(size=64),
    "Oid": Rule(size=64),
    "ClickId": Rule(size=64),
    "CustomerId": _TEXT,
    "CustomProfileId": Rule(size=70),
    "CustomClickId": _TEXT,
    "OrderPromoCode": _TEXT,
    "PromoCode": _TEXT,
    "UniqueUrl": _TEXT,
    "MediaId": _INTEGER,
    "MediaPartnerId": _INTEGER,
    **dict.fromkeys(["SubId1", "SubId2", "SubId3", "SharedId"], _TEXT),
    "CustomerEmail": Rule(size=64),
    "CustomerStatus": _TEXT,
    **dict.fromkeys(["CustomerCity", "CustomerRegion", "CustomerCountry", "CustomerArea"], _TEXT),
    "CustomerPostCode": Rule(size=64),
    **dict.fromkeys(["CurrencyCode", "Currency"], Rule(kind="currency", size=3)),
    **dict.fromkeys(["Amount", "OrderSubTotalPostDiscount"], _MONEY_8),
    "OrderDiscount": _MONEY_14,
    "OrderDiscountRate": _NUMBER,
    "OrderShipping": _MONEY_14,
    "OrderTax": _MONEY_14,
    "OrderMargin": _NUMBER,
    "PaymentType": Rule(size=32),
    "GiftPurchase": Rule(kind="boolean"),
    "TrackingConsent": Rule(kind="boolean"),
    "Note": _TEXT,
    "DispositionCode": Rule(size=64),
    **dict.fromkeys(
        [
            "IpAddress",
            "UserAgent",
            "LocationId",
            "LocationName",
            "LocationType",
            "PhoneNumber",
            "CallerId",
            "CountryCode",
            "GoogAId",
            "AndroidId",
            "AppleIfa",
            "AppleIfv",
            "DeviceMfr",
            "DeviceModel",
            "PropertyId",
            "AppPackage",
            "AppInstallRef",
            "AppVer",
        ],
        _TEXT,
    ),
}

# Names with a number in them: custom fields, and the fields of item {i}.
PATTERNS: tuple[tuple[re.Pattern[str], Rule], ...] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in [
        (r"Text([1-9]|[1-4]\d|50)", Rule(size=64)),
        (r"Numeric([1-9]|10)|Money[1-3]", _NUMBER),
        (r"Date([1-9]|1[0-5])", _TIME),
        (r"Item(Sku|Name|Category|SubCategory|Brand|Mpn|PromoCode|DeliveryType)[1-9]\d*", _TEXT),
        (r"ItemQuantity[1-9]\d*", _INTEGER),
        (r"Item(SubTotal|TotalDiscount)[1-9]\d*", _MONEY_14),
        (r"Item(Price|Discount|DiscountRate)[1-9]\d*", _NUMBER),
        (r"ItemText[1-9]\d*_([1-9]|[1-4]\d|50)", Rule(size=64)),
        (r"ItemNumeric[1-9]\d*_([1-9]|10)|ItemMoney[1-9]\d*_[1-3]", _NUMBER),
        (r"ItemDate[1-9]\d*_([1-9]|10)", _TIME),
    ]
)
_DECIMAL = re.compile(r"-?\d+(\.\d+)?")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@lru_cache(maxsize=4096)
def rule_for(name: str) -> Rule | None:
    if rule := PARAMETERS.get(name):
        return rule
    return next((rule for pattern, rule in PATTERNS if pattern.fullmatch(name)), None)


def check_conversion(
    parameters: Mapping[str, str],
    money_over_8_digits: Literal["accept", "reject", "truncate"],
    unknown_parameters: Literal["ignore", "warn", "reject"],
) -> list[FieldError]:
    """Every fault of form in a conversion's parameters; those of level WARNING don't refuse it."""
    found = [
        FieldError(field=name, message=f"{name} is required")
        for name in ("CampaignId", "EventDate")
        if not parameters.get(name)
    ]
    if not (parameters.get("OrderId") or parameters.get("Oid")):
        found.append(FieldError(field="OrderId", message="OrderId is required"))
    if not any(parameters.get(name) for name in EVENT_TYPE_KEYS):
        found.append(FieldError(field="ActionTrackerId", message=f"one of {', '.join(EVENT_TYPE_KEYS)} is required"))
    if not any(parameters.get(name) for name in ATTRIBUTION_KEYS):
        found.append(FieldError(field="ClickId", message=f"at least one of {', '.join(ATTRIBUTION_KEYS)} is required"))
    for name, value in parameters.items():
        rule = rule_for(name)
        if rule is None:
            if unknown_parameters != "ignore":
                level: Literal["ERROR", "WARNING"] = "WARNING" if unknown_parameters == "warn" else "ERROR"
                found.append(FieldError(field=name, message="Unknown parameter", level=level))
        elif value and (message := fault_of(rule, value, money_over_8_digits)):
            found.append(FieldError(field=name, message=message))
    return found


def fault_of(rule: Rule, value: str, money_over_8_digits: str = "reject") -> str:
    """Why `value` has not the form of `rule`; empty where it has."""
    match rule.kind:
        case "string":
            return f"Longer than {rule.size} characters" if len(value) > rule.size else ""
        case "integer":
            if not (value.isascii() and value.isdigit()):
                return "Not a numeric value"
            return f"More than {rule.size} digits" if len(value) > rule.size else ""
        case "decimal":
            return _fault_of_decimal(rule, value, money_over_8_digits)
        case "datetime":
            return "" if parse_time(value) is not None or value == "NOW" else "Not a date in ISO 8601 with an offset"
        case "currency":
            return "" if len(value) == 3 and value.isalpha() and value.isupper() else "Not an ISO 4217 code"
        case "boolean":
            return "" if value in ("true", "false") else "Not a boolean value"


def _fault_of_decimal(rule: Rule, value: str, money_over_8_digits: str) -> str:
    number = parse_decimal(value)
    if number is None:
        return "Not a numeric value"
    if "." in value and len(value.rpartition(".")[2]) > 2:
        return "More than 2 decimal places"
    if rule.largest is LARGEST_8_DIGITS and money_over_8_digits != "reject":
        return ""
    return "Too many digits" if rule.largest is not None and abs(number) > rule.largest else ""


def parse_decimal(value: str) -> Decimal | None:
    if _DECIMAL.fullmatch(value) is None:
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def parse_time(value: str) -> datetime | None:
    """An ISO 8601 time with an offset, in UTC; None for everything else, also for a time without an offset."""
    if _DATETIME.fullmatch(value) is None:
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except ValueError:
        return None
