"""
Field values as the org keeps them, and as its answers spell them.

Kept: text as `str`, booleans as `bool`, whole numbers as `int`, other numbers as `Decimal`, days as `2026-11-20` and
moments as `2026-11-20T10:00:00.000` in UTC without a zone. So moments sort as text, and JSON (`+0000`) and CSV (`Z`)
each add their own ending. Null is None, and an empty text is null, because Salesforce stores no empty strings.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from json.encoder import encode_basestring

Value = str | bool | int | Decimal | None
Record = dict[str, Value]

NUMBER_TYPES = frozenset({"double", "currency", "percent"})
WHOLE_TYPES = frozenset({"int", "long"})
ID_TYPES = frozenset({"id", "reference"})
COMPOUND_TYPES = frozenset({"address", "location"})

SUFFIX_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ID_FORM = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?\Z")


def full_id(text: str) -> str:
    """The 18-character spelling of an Id given with 15 or 18. Raises ValueError for anything else."""
    if not _ID_FORM.match(text):
        raise ValueError(f"{text!r} is not an Id: an Id has 15 or 18 letters and digits.")
    if len(text) == 18:
        return text
    groups = (text[0:5], text[5:10], text[10:15])
    return text + "".join(
        SUFFIX_LETTERS[sum(1 << place for place, letter in enumerate(group) if "A" <= letter <= "Z")]
        for group in groups
    )


def moment_text(moment: datetime) -> str:
    """A stamp in the kept form; parts of a second are cut off, as Salesforce's stamps have none."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000")


def moment_of(text: str) -> datetime:
    """The aware datetime of a kept stamp."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def kept_value(type_name: str, value: object) -> Value:
    """
    The kept form of a value from a file (always text), an edit or a request body (JSON's types).

    Raises:
        ValueError: the value is not one of that field type; the message says what was expected.
    """
    if value is None or value == "":
        return False if type_name == "boolean" else None
    if type_name in ("datetime", "date", "boolean"):
        return _READERS[type_name](value)
    if type_name in NUMBER_TYPES:
        return _number(value)
    if type_name in WHOLE_TYPES:
        return int(_number(value))
    if type_name in ID_TYPES:
        return full_id(str(value))
    if isinstance(value, str):
        return value
    raise ValueError(f"expected text, got {type(value).__name__}")


def _number(value: object) -> Decimal:
    if isinstance(value, bool):
        raise ValueError("expected a number, got a boolean")
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError("expected a number") from error
    if not number.is_finite():
        raise ValueError("expected a finite number")
    return number


def _moment(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a datetime such as 2026-11-20T10:00:00.000Z")
    if len(value) == 24 and value.endswith(".000Z"):
        return value[:-1]
    moment = datetime.fromisoformat(value)
    return moment_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _day(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a date such as 2026-11-20")
    return date.fromisoformat(value[:10]).isoformat()


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError("expected true or false")


_READERS: dict[str, Callable[[object], Value]] = {"datetime": _moment, "date": _day, "boolean": _boolean}


@lru_cache(maxsize=65_536)
def number_text(number: Decimal) -> str:
    """The number as Salesforce prints it: `5.0`, `1096.5`, and with an exponent from 1.0E7 up or below 0.001."""
    number = number.normalize()
    if number.is_zero():
        return "0.0"
    exponent = number.adjusted()
    if -3 <= exponent < 7:
        text = format(number, "f")
        return text if "." in text else text + ".0"
    digits = "".join(map(str, number.as_tuple().digits))
    return f"{'-' if number < 0 else ''}{digits[0]}.{digits[1:] or '0'}E{exponent}"


def json_text(type_name: str, value: Value) -> str:
    """One value as the REST API writes it."""
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, Decimal):
        return number_text(value)
    if isinstance(value, int):
        return str(value)
    return f'"{value}+0000"' if type_name == "datetime" else encode_basestring(value)


def csv_text(type_name: str, value: Value) -> str:
    """One value as the Bulk API writes it: always in quotes, null as an empty value."""
    if value is None:
        return '""'
    if isinstance(value, str):
        if type_name == "datetime":
            return f'"{value}Z"'
        return '"' + value.replace('"', '""') + '"' if '"' in value else f'"{value}"'
    return f'"{json_text(type_name, value)}"'
