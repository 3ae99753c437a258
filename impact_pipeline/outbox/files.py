"""
The CSV that impact.com's file submission takes, from the outbox's own bodies.

One line per item, the lines of one order together; a conversion without items is one line. The columns that impact.com
asks for come first, the others follow under the API's names. Each value is the very text that a request would carry, so
what a file can't carry unchanged is not written: it goes by request (file_fit.sql).
Source: impact.com's API description, file submission.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from impact_pipeline.config.parameters import catalogue
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal, sql_file

# The least that impact.com asks for, in its order.
FIRST_COLUMNS = (
    *("CampaignId", "ActionTrackerId", "EventDate", "OrderId", "ClickId", "CustomerId", "CurrencyCode", "Amount"),
    *("Category", "Sku", "Quantity"),
)
ITEM_COLUMNS = ("Amount", "Category", "Sku", "Quantity", "Name")


@dataclass(frozen=True, kw_only=True)
class WrittenFile:
    """What was written. `line_count` is without the header; `counts`: conversions that have a value in each column."""

    sha256: str
    byte_count: int
    line_count: int
    conversion_count: int
    columns: list[str]
    counts: list[int]


def list_pieces(con: duckdb.DuckDBPyConnection, max_conversions: int) -> int:
    """Fill table file_piece from the first of what is due (lane.read_due); how many of them no file can carry."""
    con.execute(sql_file(__file__, "file_fit.sql"), {"max_conversions": max_conversions})
    row = con.execute("select count(distinct request_id) from file_piece where is_unfit").fetchone()
    return int(row[0]) if row else 0


def write(con: duckdb.DuckDBPyConnection, target: Path) -> WrittenFile:
    """Write the conversions of file_piece that a file can carry: UTF-8, a header, every value in quotes."""
    found = con.execute('select distinct "column" from file_piece').fetchall()
    sql = file_sql(column for (column,) in found)
    con.execute(
        f"copy ({sql}) to {quote_literal(str(target))} "
        "(format csv, header true, delimiter ',', quote '\"', escape '\"', force_quote *)"
    )
    count = con.execute(
        "select count(distinct (request_id, item_number)) filter (where item_number is not null) "
        "+ count(distinct request_id) - count(distinct request_id) filter (where item_number is not null), "
        "count(distinct request_id) "
        "from file_piece where request_id not in (select request_id from file_piece where is_unfit)"
    ).fetchone()
    lines, conversions = count or (0, 0)
    filled = con.execute(
        'select "column", count(distinct request_id) from file_piece where value is not null '
        "and request_id not in (select request_id from file_piece where is_unfit) group by 1 order by 1"
    ).fetchall()
    with target.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return WrittenFile(
        sha256=sha256,
        byte_count=target.stat().st_size,
        line_count=int(lines),
        conversion_count=int(conversions),
        columns=[column for column, _ in filled],
        counts=[int(number) for _, number in filled],
    )


def file_sql(found: Iterable[str]) -> str:
    """The lines of the file from table file_piece, given the columns that occur in it."""
    columns = _in_order(set(found))
    of_item = [name for name in columns if name in ITEM_COLUMNS]
    items = [f'max(value) filter (where "column" = {quote_literal(name)}) as {_q(name)}' for name in of_item]
    orders = [f'max(value) filter (where "column" = {quote_literal(name)}) as {_q(name)}' for name in columns]
    shown = [
        f"coalesce(i.{_q(name)}, o.{_q(name)}) as {_q(name)}" if name in ITEM_COLUMNS else f"o.{_q(name)}"
        for name in columns
    ]
    return f"""\
with
fit as (
    select *
      from file_piece
     where request_id not in (select request_id from file_piece where is_unfit)),
item as (
    select request_id, item_number,
           {_lines(items, 11)}
      from fit
     where item_number is not null
     group by all),
conversion as (
    select request_id, place,
           {_lines([one.replace("where ", "where item_number is null and ") for one in orders], 11)}
      from fit
     group by all)
select {_lines(shown, 7)}
  from conversion as o
  left join item as i using (request_id)
 order by o.place, i.item_number
"""


def _in_order(found: set[str]) -> list[str]:
    """What impact.com asks for first, then the others in the order of the catalogue."""
    positions = {name: each.position for name, each in catalogue().by_name.items()}
    others = sorted(found - set(FIRST_COLUMNS), key=lambda name: (positions.get(name, 0), name))
    return [*FIRST_COLUMNS, *others]


def _lines(pieces: list[str], indent: int) -> str:
    return (",\n" + " " * indent).join(pieces)


_q = quote_identifier
