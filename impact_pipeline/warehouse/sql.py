"""How SQL is put together: statements come from files, identifiers are quoted here, values are bound."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import duckdb

# Schema, table and name of a column, as lineage tells them.
Column = tuple[str, str, str]


def quote_identifier(name: str) -> str:
    """The name in double quotes, safe inside a statement. Raises ValueError for an empty name or one with a NUL."""
    if not name or "\x00" in name:
        raise ValueError(f"{name!r} is no identifier.")
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """A text constant of a compiled statement; only for words of the configuration, never for values of records."""
    if "\x00" in text:
        raise ValueError("a text constant can't hold a NUL.")
    return "'" + text.replace("'", "''") + "'"


@cache
def sql_file(module_file: str, name: str) -> str:
    """The statement in the file `name` beside the module."""
    return Path(module_file).with_name(name).read_text("utf-8")


def add_columns(con: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, str]) -> None:
    """Add the columns (name → type) that the table does not have yet. `table` and types are ours, not quoted here."""
    for name, kind in columns.items():
        con.execute(f"alter table {table} add column if not exists {quote_identifier(name)} {kind}")
