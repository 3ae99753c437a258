"""
Field values as the org keeps them, and as its answers spell them.

Kept: text as `str`, booleans as `bool`, whole numbers as `int`, other numbers as `Decimal`, days as `2026-11-20` and
moments as `2026-11-20T10:00:00.000` in UTC without a zone. So moments sort as text, and JSON (`+0000`) and CSV (`Z`)
each add their own ending. Null is None, and an empty text is null, because Salesforce stores no empty strings.
"""

import re
from collections.abc import Callable, Mapping, Sequence
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
    return text + _suffix_letter(text[0:5]) + _suffix_letter(text[5:10]) + _suffix_letter(text[10:15])


@lru_cache(maxsize=65_536)
def _suffix_letter(group: str) -> str:
    """What stands for the capitals among five characters of an Id."""
    return SUFFIX_LETTERS[sum(1 << place for place, letter in enumerate(group) if "A" <= letter <= "Z")]


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
    return reader_of(type_name)(value)


def reader_of(type_name: str) -> Callable[[object], Value]:
    """`kept_value` of one type, for columns of many values."""
    return _READERS.get(type_name, _text)


def _text(value: object) -> Value:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    raise ValueError(f"expected text, got {type(value).__name__}")


def _id(value: object) -> Value:
    return None if value is None or value == "" else full_id(str(value))


def _decimal(value: object) -> Value:
    return None if value is None or value == "" else _number(value)


def _whole(value: object) -> Value:
    return None if value is None or value == "" else int(_number(value))


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


def _moment(value: object) -> Value:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("expected a datetime such as 2026-11-20T10:00:00.000Z")
    if len(value) == 24 and value.endswith(".000Z"):
        return value[:-1]
    moment = datetime.fromisoformat(value)
    return moment_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _day(value: object) -> Value:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("expected a date such as 2026-11-20")
    return date.fromisoformat(value[:10]).isoformat()


def _boolean(value: object) -> Value:
    if value is None or value == "":
        return False
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError("expected true or false")


_READERS: Mapping[str, Callable[[object], Value]] = {
    "datetime": _moment,
    "date": _day,
    "boolean": _boolean,
    **dict.fromkeys(NUMBER_TYPES, _decimal),
    **dict.fromkeys(WHOLE_TYPES, _whole),
    **dict.fromkeys(ID_TYPES, _id),
}


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


def csv_texts(type_name: str, values: Sequence[Value]) -> list[str]:
    """`csv_text` of a whole column."""
    if type_name == "datetime":
        return ['""' if value is None else f'"{value}Z"' for value in values]
    if type_name in _READERS and type_name not in ID_TYPES and type_name != "date":
        return [csv_text(type_name, value) for value in values]
    return [
        '""' if value is None else f'"{value}"' if isinstance(value, str) and '"' not in value else csv_text("", value)
        for value in values
    ]


def json_texts(type_name: str, values: Sequence[Value]) -> list[str]:
    """`json_text` of a whole column."""
    if type_name == "datetime":
        return ["null" if value is None else f'"{value}+0000"' for value in values]
    if type_name in _READERS:
        return [json_text(type_name, value) for value in values]
    return [encode_basestring(value) if isinstance(value, str) else json_text("", value) for value in values]
