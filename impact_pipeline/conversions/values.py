"""
How a value becomes the text that leaves: pure functions from SQL to SQL.

Numbers in plain decimal without trailing zeros, money with two decimals, booleans true and false, times in UTC with Z,
dates without time as midnight in the program's time zone with its offset. The kinds are those of the catalogue. A value
that these forms would change (a third decimal) is found by comparing: `differs`.
"""

from impact_pipeline.conversions.relations import Typed
from impact_pipeline.warehouse.sql import quote_literal

_UTC = "'%Y-%m-%dT%H:%M:%SZ'"
_WITH_OFFSET = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})"
EMAIL = r"[^\s@]+@[^\s@]+\.[^\s@]+"


def text(value: Typed, time_zone: str) -> str:
    """SQL of the value as text, where the parameter it goes to asks for no more than text."""
    kind = value.type.upper()
    if kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")):
        return plain_number(value.sql)
    if kind == "BOOLEAN":
        return f"case when {value.sql} then 'true' when not {value.sql} then 'false' end"
    if kind == "TIMESTAMP WITH TIME ZONE":
        return instant(value.sql)
    if kind.startswith("TIMESTAMP"):
        return instant(f"({value.sql}) at time zone {quote_literal(time_zone)}")
    if kind == "DATE":
        return midnight(value.sql, time_zone)
    if kind == "VARCHAR":
        return value.sql
    return f"({value.sql})::varchar"


def plain_number(sql: str) -> str:
    """1054.00 → 1054, 0.50 → 0.5; never an exponent."""
    digits = f"try_cast({sql} as decimal(38, 10))::varchar"
    # What is too large for that is told as it is, to be held.
    return f"coalesce(regexp_replace(regexp_replace({digits}, '0+$', ''), '\\.$', ''), ({sql})::varchar)"


def money(sql: str) -> str:
    """Two decimals; null for what is no number of at most 16 digits before the point."""
    return f"try_cast(round(try_cast({sql} as decimal(38, 10)), 2) as decimal(18, 2))::varchar"


def differs(plain: str, told: str) -> str:
    """Whether a number as it was and as it is told are two; both as text."""
    return f"try_cast({plain} as decimal(38, 10)) <> try_cast({told} as decimal(38, 10))"


def has_fraction(told: str) -> str:
    """Whether money, as text, is not in whole units of its currency."""
    return f"try_cast({told} as decimal(38, 10)) % 1 <> 0"


def whole_number(sql: str) -> str:
    """A whole number, or null for what is none."""
    number = f"try_cast({sql} as decimal(38, 10))"
    return f"case when {number} = round({number}, 0) then try_cast({number} as hugeint)::varchar end"


def instant(sql: str) -> str:
    return f"strftime(({sql})::timestamptz at time zone 'UTC', {_UTC})"


def midnight(sql: str, time_zone: str) -> str:
    """Midnight of a date in the time zone, with the offset that holds on that day: 2026-11-20T00:00:00-05:00."""
    zone = quote_literal(time_zone)
    local = f"({sql})::timestamp"
    offset = f"epoch({local}) - epoch({local} at time zone {zone})"
    return (
        f"strftime({local}, '%Y-%m-%dT00:00:00') || case when {offset} < 0 then '-' else '+' end "
        f"|| printf('%02d:%02d', (abs({offset}) // 3600)::bigint, (abs({offset}) % 3600 // 60)::bigint)"
    )


def formatted(value: Typed, kind: str, time_zone: str) -> str:
    """
    SQL of the value as text in the form that a parameter of `kind` wants; null where it cannot be had.

    Args:
        kind: string, integer, decimal, money, datetime, boolean, currency or hash.
    """
    as_text = text(value, time_zone)
    if kind == "money":
        return money(value.sql)
    if kind == "decimal":
        return f"case when try_cast({value.sql} as decimal(38, 10)) is not null then {plain_number(value.sql)} end"
    if kind == "integer":
        return whole_number(value.sql)
    if kind == "boolean":
        return f"case when lower({as_text}) in ('true', 'false') then lower({as_text}) end"
    if kind == "datetime" and value.type.upper() == "VARCHAR":
        moment = instant(f"try_cast({value.sql} as timestamptz)")
        return f"case when regexp_full_match({value.sql}, '{_WITH_OFFSET}') then {moment} end"
    return as_text
