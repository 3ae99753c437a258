"""
The tables of raw.*: made and widened from what describe says. Columns are never dropped and never narrowed.

Each version of a record is kept once: the newest in raw.<Object>, the others in raw.<Object>_past. The view
raw.<Object>_version shows all of them.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

import duckdb

from impact_pipeline.capture.fields import Field
from impact_pipeline.capture.objects import ObjectPlan
from impact_pipeline.warehouse.sql import quote_identifier, quote_literal

# Of a DECIMAL in DuckDB.
MOST_DIGITS = 38
_OURS = {
    "_is_deleted": ("BOOLEAN", "Whether the record is deleted in Salesforce."),
    "_deleted_how": (
        "VARCHAR",
        "How we know: IsDeleted (the record says so), getDeleted (the log of deletions does) or set (its record no "
        "longer names it); sweep: it is missing in Salesforce without any proof, and _is_deleted is false.",
    ),
    "_captured_at": ("TIMESTAMP WITH TIME ZONE", "When it was read. UTC."),
    "_fields": ("INTEGER", "The set of fields that it was captured with, in raw._field_set."),
    "_version_id": ("BIGINT", "Number of the version, growing over all objects."),
    "_previous_version_id": ("BIGINT", "The version of the same record before it; null for the first."),
    "_cycle_id": ("VARCHAR", "The cycle that saw it, in audit.extraction."),
    "_is_first_load": ("BOOLEAN", "True for what the first load of the object found: a baseline."),
}


def table(object_name: str) -> str:
    """raw.<Object>, quoted."""
    return f"raw.{quote_identifier(object_name)}"


def past_table(object_name: str) -> str:
    """raw.<Object>_past, quoted."""
    return f"raw.{quote_identifier(object_name + '_past')}"


def version_table(object_name: str) -> str:
    """raw.<Object>_version, quoted: a view."""
    return f"raw.{quote_identifier(object_name + '_version')}"


def column_types(con: duckdb.DuckDBPyConnection, object_name: str) -> dict[str, str]:
    """The fields that raw.<Object> has columns for, with their types; empty where there is no such table."""
    try:
        # duckdb_columns() would bind every view of the warehouse.
        rows = con.execute("select cid, name, type from pragma_table_info(?)", [table(object_name)]).fetchall()
    except duckdb.CatalogException:
        return {}
    return {name: data_type for _, name, data_type in sorted(rows) if name not in _OURS}


def prepare(con: duckdb.DuckDBPyConnection, plan: ObjectPlan, *, now: datetime) -> int:
    """
    Make the two tables fit the plan and keep what describe said in raw._field; the number of the plan's set of fields.

    Writes nothing where nothing is new.
    """
    existing = column_types(con, plan.name)
    wanted = {field.name: field for field in plan.fields}
    has_new_shape = not existing
    if not existing:
        _create(con, plan)
    for name, field in wanted.items():
        if existing and name not in existing:
            _add(con, plan.name, field)
            has_new_shape = True
        elif existing and (wider := wider_type(existing[name], field.duckdb_type)) != existing[name]:
            for target in (table(plan.name), past_table(plan.name)):
                con.execute(f"alter table {target} alter column {quote_identifier(name)} set data type {wider}")
            has_new_shape = True
    if has_new_shape:
        _show_versions(con, plan)
    _describe(con, plan, now)
    return _field_set_id(con, plan)


def wider_type(existing: str, described: str) -> str:
    """
    The type that holds both the values of a column and those that a retyped field brings.

    Digits only grow; a whole number becomes a decimal one; every other pair ends as text, which can hold anything.
    """
    if existing == described:
        return existing
    shapes = [_shape(existing), _shape(described)]
    if None in shapes:
        return "VARCHAR"
    whole, scale = (max(sizes) for sizes in zip(*(shape for shape in shapes if shape is not None), strict=True))
    return f"DECIMAL({whole + scale},{scale})" if whole + scale <= MOST_DIGITS else "VARCHAR"


def growing_sets(con: duckdb.DuckDBPyConnection, plan: ObjectPlan) -> list[int]:
    """
    Numbers of the sets that lack a field of the plan, or have it in another form: a version captured with one of them
    is incomplete.
    """
    rows = con.execute("select field_set_id, forms from raw._field_set where object = ?", [plan.name]).fetchall()
    return [number for number, forms in rows if any(forms.get(field.name) != field.form for field in plan.fields)]


def newest_version(con: duckdb.DuckDBPyConnection, object_names: Iterable[str]) -> int:
    """Number of the newest version of any of these objects, whose tables exist; 0 where there is none."""
    newest = " union all ".join(
        f'select max("_version_id") as newest from {version_table(name)}' for name in object_names
    )
    rows = con.execute(f"select coalesce(max(newest), 0) from ({newest})").fetchall()
    return int(rows[0][0])


def returned_fields(con: duckdb.DuckDBPyConnection, object_name: str) -> set[str]:
    """Fields that were missing once, or had another form, and have not been read in full since."""
    rows = con.execute(
        "select field from raw._field where object = ? and missing_since is not null", [object_name]
    ).fetchall()
    return {name for (name,) in rows}


def note_present(con: duckdb.DuckDBPyConnection, object_name: str, fields: Iterable[str]) -> None:
    """Record that fields that had been missing are there again, and read."""
    if names := list(fields):
        con.execute(
            "update raw._field set missing_since = null "
            "where object = $object and list_contains($fields, field) and missing_since is not null",
            {"object": object_name, "fields": names},
        )


def _create(con: duckdb.DuckDBPyConnection, plan: ObjectPlan) -> None:
    for target, about in (
        (table(plan.name), f"{plan.name} of Salesforce: the newest version of each record."),
        (past_table(plan.name), f"The versions of {plan.name} that newer ones have superseded."),
    ):
        columns = [f"{quote_identifier(field.name)} {field.duckdb_type}" for field in plan.fields]
        columns += [f"{quote_identifier(name)} {data_type}" for name, (data_type, _) in _OURS.items()]
        con.execute(f"create table {target} ({', '.join(columns)})")
        _comment(con, f"table {target}", about)
        for field in plan.fields:
            _comment_field(con, target, plan.name, field)
        for name, (_, text) in _OURS.items():
            _comment(con, f"column {target}.{quote_identifier(name)}", text)


def _show_versions(con: duckdb.DuckDBPyConnection, plan: ObjectPlan) -> None:
    """A view over tables that got another shape has to be made anew."""
    con.execute(
        f"create or replace view {version_table(plan.name)} as "
        f"select * from {table(plan.name)} union all select * from {past_table(plan.name)}"
    )
    _comment(con, f"view {version_table(plan.name)}", f"Append-only. Every version of {plan.name} that was seen.")


def _add(con: duckdb.DuckDBPyConnection, object_name: str, field: Field) -> None:
    for target in (table(object_name), past_table(object_name)):
        con.execute(f"alter table {target} add column {quote_identifier(field.name)} {field.duckdb_type}")
        _comment_field(con, target, object_name, field)


def _comment_field(con: duckdb.DuckDBPyConnection, target: str, object_name: str, field: Field) -> None:
    _comment(con, f"column {target}.{quote_identifier(field.name)}", f"{object_name}.{field.name} ({field.type}).")


def _comment(con: duckdb.DuckDBPyConnection, what: str, text: str) -> None:
    con.execute(f"comment on {what} is {quote_literal(text)}")


def _describe(con: duckdb.DuckDBPyConnection, plan: ObjectPlan, now: datetime) -> None:
    known = {
        row[0]: row[1:]
        for row in con.execute(
            "select field, label, type, duckdb_type, length, precision, scale, is_calculated, reference_to, "
            "relationship_name, form from raw._field where object = ?",
            [plan.name],
        ).fetchall()
    }
    for field in plan.fields:
        facts = _facts(field)
        if field.name not in known:
            con.execute(
                "insert into raw._field values ($object, $field, $label, $type, $duckdb_type, $length, $precision, "
                "$scale, $is_calculated, $reference_to, $relationship_name, $form, $now, null)",
                {"object": plan.name, "field": field.name, "now": now, **facts},
            )
        elif list(known[field.name]) != list(facts.values()):
            con.execute(
                "update raw._field set label = $label, type = $type, duckdb_type = $duckdb_type, length = $length, "
                "precision = $precision, scale = $scale, is_calculated = $is_calculated, reference_to = $reference_to, "
                "relationship_name = $relationship_name, "
                # What is here has the old form; it is read in full, like a field that was missing.
                "missing_since = coalesce(missing_since, case when form <> $form then $now end), form = $form "
                "where object = $object and field = $field",
                {"object": plan.name, "field": field.name, "now": now, **facts},
            )
    if gone := sorted(known.keys() - set(plan.field_names)):
        con.execute(
            "update raw._field set missing_since = $now "
            "where object = $object and list_contains($gone, field) and missing_since is null",
            {"object": plan.name, "gone": gone, "now": now},
        )


def _facts(field: Field) -> dict[str, object]:
    return {
        "label": field.label,
        "type": field.type,
        "duckdb_type": field.duckdb_type,
        "length": field.length,
        "precision": field.precision,
        "scale": field.scale,
        "is_calculated": field.is_calculated,
        "reference_to": list(field.reference_to),
        "relationship_name": field.relationship_name,
        "form": field.form,
    }


def _field_set_id(con: duckdb.DuckDBPyConnection, plan: ObjectPlan) -> int:
    names = sorted(plan.field_names)
    forms = {field.name: field.form for field in plan.fields}
    for number, known in con.execute(
        "select field_set_id, forms from raw._field_set where object = ? and fields = ?", [plan.name, names]
    ).fetchall():
        if known == forms:
            return int(number)
    made = con.execute(
        "insert into raw._field_set select coalesce(max(field_set_id), 0) + 1, $object, $fields, "
        "map($fields, $forms) from raw._field_set returning field_set_id",
        {"object": plan.name, "fields": names, "forms": [forms[name] for name in names]},
    ).fetchall()
    return int(made[0][0])


def _shape(data_type: str) -> tuple[int, int] | None:
    """Digits before and after the point; None for what is no number."""
    if data_type == "BIGINT":
        return 19, 0
    found = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", data_type)
    return None if found is None else (int(found[1]) - int(found[2]), int(found[2]))


def typed_columns(types: Mapping[str, str], plan: ObjectPlan) -> list[tuple[Field, str]]:
    """The plan's fields with the types of their columns, which may be wider than described."""
    return [(field, types[field.name]) for field in plan.fields]
