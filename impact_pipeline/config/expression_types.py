"""
The types in an expression, once those of its fields are known: what it gives, and what it compares that can't be.

DuckDB casts by itself where types differ: `StageName = 5` makes numbers of all stages and fails at the first that is
none. So its own plan of the expression is searched for such casts.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import duckdb

from impact_pipeline.config.expressions import Expression, ExpressionError, FieldPath
from impact_pipeline.config.sandbox import sandbox


def result_type(expression: Expression, types: Mapping[FieldPath, str]) -> str:
    """
    The DuckDB type of what the expression gives, such as DECIMAL(18,2).

    Args:
        types: the DuckDB type of each field that it reads.

    Raises:
        ExpressionError: it compares or computes what does not go together; names both types.
    """
    return _result_type(expression, tuple((path, types[path]) for path in dict.fromkeys(expression.paths())))


@lru_cache(maxsize=1024)
def _result_type(expression: Expression, fields: tuple[tuple[FieldPath, str], ...]) -> str:
    places = {path: f"c{number}" for number, (path, _) in enumerate(fields)}
    columns = ", ".join(f"null::{kind} as {places[path]}" for path, kind in fields) or "null as c"
    query = f"select {expression.render(places.__getitem__)} as given from (select {columns})"
    names = {place: str(path) for path, place in places.items()}
    with sandbox() as con:
        row = con.execute("select json_serialize_plan($query)", {"query": query}).fetchone()
        plan: dict[str, Any] = json.loads(row[0]) if row else {"error": True, "error_message": ""}
        if plan["error"]:
            raise ExpressionError(f"DuckDB refuses it ({_first_line(plan['error_message'], names)}).")
        for cast in _casts(plan["plans"]):
            _refuse_misfit(con, cast, names)
        described = con.execute(f"describe {query}").fetchone()
    return str(described[1]) if described else ""


def _casts(node: Any) -> Iterator[dict[str, Any]]:
    """The casts that DuckDB has added: those that users write are try_casts by now."""
    if isinstance(node, list):
        for each in node:
            yield from _casts(each)
    elif isinstance(node, dict):
        if node.get("expression_class") == "BOUND_CAST" and not node["try_cast"]:
            yield node
        for each in node.values():
            yield from _casts(each)


def _refuse_misfit(con: duckdb.DuckDBPyConnection, cast: dict[str, Any], names: Mapping[str, str]) -> None:
    child, target = cast["child"], str(cast["return_type"]["id"])
    is_constant = child["expression_class"] == "BOUND_CONSTANT"
    given = str((child["value"]["type"] if is_constant else child["return_type"])["id"])
    if target == "VARCHAR" or given == "NULL" or (is_constant and child["value"]["is_null"]):
        return
    if is_constant and given == "VARCHAR":
        if not _is_a(con, child["value"]["value"], target):
            raise ExpressionError(f"{child['value']['value']!r} is no {target}, which it is compared with.")
    elif given == "VARCHAR":
        subject = names.get(child.get("alias", ""), "what is compared")
        raise ExpressionError(
            f"{subject} is a text, and it is used as {target}. Put the value in quotes, or cast the text "
            f"({subject}::{_CASTS.get(target, 'decimal(18, 2)')})."
        )
    elif given.startswith(_TIMES) != target.startswith(_TIMES):
        raise ExpressionError(f"{given} is no {target}, which it is compared with.")


_TIMES = ("DATE", "TIME")
_CASTS = {"BOOLEAN": "boolean", "DATE": "date", "TIMESTAMP": "timestamp", "TIMESTAMP WITH TIME ZONE": "timestamptz"}


def _is_a(con: duckdb.DuckDBPyConnection, text: str, kind: str) -> bool:
    row = con.execute(f"select try_cast($text as {kind}) is not null", {"text": text}).fetchone()
    return bool(row and row[0])


def _first_line(message: str, names: Mapping[str, str]) -> str:
    """DuckDB's message with the fields' own names."""
    line = message.splitlines()[0] if message else "no plan"
    for place, name in names.items():
        line = line.replace(f'"{place}"', name)
    return line[:160]
